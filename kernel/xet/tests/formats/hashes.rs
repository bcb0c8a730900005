//! Hashes and the tree over them.

use ballast_types::XetHash;
use ballast_xet::{HmacKey, Tree, chunk_hash, file_id, is_eligible, keyed, term_hash, xorb_hash};
use proptest::prelude::*;

fn hashes(count: usize) -> Vec<(XetHash, u64)> {
    (0..count).map(|number| (chunk_hash(&number.to_le_bytes()), 1000 + number as u64)).collect()
}

/// The tree as the specification draws it: whole levels, one over the other.
fn level_by_level(mut level: Vec<(XetHash, u64)>) -> XetHash {
    const NODE: [u8; 32] = [
        1, 126, 197, 199, 165, 71, 41, 150, 253, 148, 102, 102, 180, 138, 2, 230, 93, 221, 83, 111, 55, 199, 109, 210,
        248, 99, 82, 230, 74, 83, 113, 63,
    ];
    while level.len() > 1 {
        let (mut above, mut left) = (vec![], &level[..]);
        while !left.is_empty() {
            let ends = |at: &usize| left[*at].0.0[24] & 3 == 0;
            let count = (2..left.len().min(9)).find(ends).map_or(left.len().min(9), |at| at + 1);
            let (node, rest) = left.split_at(count);
            let lines: String = node.iter().map(|(hash, length)| format!("{hash} : {length}\n")).collect();
            let length = node.iter().map(|(_, length)| length).sum();
            above.push((XetHash(blake3::keyed_hash(&NODE, lines.as_bytes()).into()), length));
            left = rest;
        }
        level = above;
    }
    level[0].0
}

#[test]
fn a_tree_that_grows_chunk_by_chunk_has_the_root_of_one_built_level_by_level() {
    for count in (1..300).chain([1000, 8192]) {
        assert_eq!(xorb_hash(hashes(count)), level_by_level(hashes(count)), "{count} chunks");
    }
}

#[test]
fn nothing_has_the_hash_of_zeros_and_one_chunk_is_its_own_root() {
    let nothing = XetHash([0; 32]);
    assert_eq!((xorb_hash([]), file_id([]), Tree::new().file_id()), (nothing, nothing, nothing));
    let [chunk] = hashes(1)[..] else { unreachable!() };
    assert_eq!(xorb_hash([chunk]), chunk.0);
    assert_ne!(file_id([chunk]), chunk.0);
}

#[test]
fn a_keyed_hash_tells_nothing_without_the_key_and_the_zero_key_is_none() {
    let hash = chunk_hash(b"chunk");
    assert_eq!(keyed(hash, &HmacKey::NONE), hash);
    let (one, other) = (keyed(hash, &HmacKey([1; 32])), keyed(hash, &HmacKey([2; 32])));
    assert!(one != hash && other != hash && one != other);
    assert_eq!(format!("{:?} {:?}", HmacKey([1; 32]), HmacKey::NONE), "a key no key");
}

#[test]
fn one_chunk_in_a_thousand_may_be_asked_for() {
    let found = hashes(20_000).iter().filter(|(hash, _)| is_eligible(hash)).count();
    assert!((5..60).contains(&found), "{found} of 20000");
    let mut hash = [0xff; 32];
    hash[24..].copy_from_slice(&2048_u64.to_le_bytes());
    assert!(is_eligible(&XetHash(hash)));
    hash[24] = 1;
    assert!(!is_eligible(&XetHash(hash)));
}

proptest! {
    #[test]
    fn every_chunk_and_every_length_changes_the_root_and_the_hash_of_the_term(count in 1usize..60, at in any::<prop::sample::Index>()) {
        let right = hashes(count);
        let at = at.index(count);
        let mut other = right.clone();
        other[at].0.0[3] ^= 1;
        prop_assert_ne!(xorb_hash(other.clone()), xorb_hash(right.clone()));
        let term = |chunks: &[(XetHash, u64)]| term_hash(chunks.iter().map(|(hash, _)| *hash));
        prop_assert_ne!(term(&other), term(&right));
        let mut longer = right.clone();
        longer[at].1 += 1;
        prop_assert!(count == 1 || xorb_hash(longer) != xorb_hash(right));
    }
}
