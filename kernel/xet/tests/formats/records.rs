//! The side record of a xorb.

use ballast_types::ByteRange;
use ballast_xet::xorb::{InvalidRecord, Record};
use proptest::prelude::*;

use crate::content::{content, xorb};

fn record(lengths: &[usize]) -> Record {
    let chunks: Vec<_> = (1..).zip(lengths).map(|(seed, length)| content("random", seed, *length)).collect();
    xorb(chunks.iter().map(Vec::as_slice)).1.record
}

proptest! {
    #[test]
    fn every_byte_is_found_in_its_chunk(lengths in prop::collection::vec(1usize..50, 1..40)) {
        let record = record(&lengths);
        let mut at = 0;
        for (number, length) in lengths.iter().enumerate() {
            prop_assert_eq!(record.raw_start(number), at);
            for _ in 0..*length {
                prop_assert_eq!(record.chunk_at(at), number);
                at += 1;
            }
        }
        prop_assert_eq!(record.chunk_at(at), lengths.len());
        prop_assert_eq!(record.chunk_at(u32::MAX), lengths.len());
        prop_assert_eq!(record.raw_len(0..lengths.len()), at);
        let stored = record.stored(0..lengths.len());
        prop_assert_eq!(stored, ByteRange { start: 0, end: u64::from(at) + 8 * lengths.len() as u64 });
    }

    #[test]
    fn a_record_is_read_as_it_was_written(lengths in prop::collection::vec(1usize..50, 1..40)) {
        let record = record(&lengths);
        let again = Record::parse(record.as_bytes()).unwrap();
        prop_assert_eq!(again.hashes().collect::<Vec<_>>(), record.hashes().collect::<Vec<_>>());
        prop_assert_eq!(again.xorb_hash(), record.xorb_hash());
        prop_assert_eq!(again, record);
    }
}

#[test]
fn a_record_that_is_cut_longer_or_of_another_version_is_refused() {
    let bytes = record(&[10, 20, 30]).as_bytes().to_vec();
    assert_eq!(bytes.len(), 5 + 3 * 40);
    for end in 1..bytes.len() {
        assert_eq!(Record::parse(&bytes[..end]), Err(InvalidRecord::Length { length: end }));
    }
    assert_eq!(Record::parse(&b""[..]), Err(InvalidRecord::Version(None)));
    assert!(Record::parse([&bytes[..], &[0]].concat()).is_err());
    let mut later = bytes.clone();
    later[0] = 2;
    assert_eq!(Record::parse(later), Err(InvalidRecord::Version(Some(2))));
    for count in [0, 4, 8193, u32::MAX] {
        let mut other = bytes.clone();
        other[1..5].copy_from_slice(&count.to_le_bytes());
        assert!(matches!(Record::parse(other), Err(InvalidRecord::Length { .. })), "{count}");
    }
}

#[test]
fn ends_that_do_not_grow_or_grow_too_far_are_refused() {
    let bytes = record(&[10, 20, 30]).as_bytes().to_vec();
    let (stored, raw) = (5 + 3 * 32, 5 + 3 * 36);
    for (column, chunk, end) in
        [(stored, 0, 8), (stored, 1, 18), (stored, 2, u32::MAX), (raw, 0, 0), (raw, 1, 10), (raw, 2, 200_000)]
    {
        let mut other = bytes.clone();
        other[column + 4 * chunk..][..4].copy_from_slice(&u32::to_le_bytes(end));
        assert_eq!(Record::parse(other), Err(InvalidRecord::Ends { chunk }), "{end} at {chunk}");
    }
}
