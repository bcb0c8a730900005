//! Where chunks end.

use ballast_xet::{Chunker, Cutter, MAX_CHUNK};
use proptest::prelude::*;

use crate::content::{chunks, content};

/// The rule of the specification, one byte at a time.
fn by_the_byte(bytes: &[u8]) -> Vec<usize> {
    let (mut ends, mut hash, mut start) = (vec![], 0_u64, 0);
    for (at, byte) in bytes.iter().enumerate() {
        hash = (hash << 1).wrapping_add(gearhash::DEFAULT_TABLE[usize::from(*byte)]);
        let length = at + 1 - start;
        if (length >= 8192 && hash >> 48 == 0) || length == 131_072 {
            ends.push(at + 1);
            (hash, start) = (0, at + 1);
        }
    }
    ends
}

fn in_portions(bytes: &[u8], mut portion: impl FnMut() -> usize) -> Vec<usize> {
    let (mut ends, mut chunker, mut at) = (vec![], Chunker::new(), 0);
    while at < bytes.len() {
        let end = (at + portion()).min(bytes.len());
        match chunker.cut(&bytes[at..end]) {
            Some(length) => {
                at += length;
                ends.push(at);
            }
            None => at = end,
        }
    }
    ends
}

#[test]
fn ends_are_those_of_the_rule_for_every_kind_of_bytes() {
    for (kind, seed) in [("random", 1), ("random", 2), ("zeros", 3), ("text", 4), ("floats", 5)] {
        let bytes = content(kind, seed, 3_000_000);
        let ends = by_the_byte(&bytes);
        assert!(ends.len() > 20, "{kind}: {} chunks", ends.len());
        assert_eq!(in_portions(&bytes, || usize::MAX / 2), ends, "{kind}");
    }
}

#[test]
fn chunks_together_are_the_file_and_none_is_too_long_or_too_short() {
    let bytes = content("random", 7, 5_000_000);
    let chunks = chunks(&bytes);
    assert_eq!(chunks.concat(), bytes);
    let (_last, others) = chunks.split_last().unwrap();
    assert!(others.iter().all(|chunk| (8192..=MAX_CHUNK).contains(&chunk.len())));
    assert_eq!(Cutter::new().finish(), None);
}

#[test]
fn an_insertion_moves_only_the_ends_near_it() {
    let before = content("random", 8, 4_000_000);
    let after = [&before[..1_000_000], b"inserted", &before[1_000_000..]].concat();
    let known: std::collections::HashSet<Vec<u8>> = chunks(&before).into_iter().collect();
    let new = chunks(&after).iter().filter(|chunk| !known.contains(*chunk)).count();
    assert!((1..=3).contains(&new), "{new} new chunks");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn ends_do_not_depend_on_the_portions(
        kind in prop::sample::select(vec!["random", "zeros", "text"]),
        seed in 1u64..1000,
        portions in prop::collection::vec(prop_oneof![1usize..200, 8000usize..8300, 1usize..300_000], 1..20),
    ) {
        let bytes = content(kind, seed, 400_000);
        let mut next = portions.iter().cycle();
        let ends = in_portions(&bytes, || *next.next().unwrap());
        prop_assert_eq!(ends, by_the_byte(&bytes));
    }
}
