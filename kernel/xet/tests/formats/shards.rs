//! Shards: what clients send, what they are answered, and what is refused.

use std::collections::HashMap;

use ballast_types::{Sha256, XetHash};
use ballast_xet::shard::{
    AnswerWriter, FileCheck, Footer, InvalidFile, InvalidShard, Shard, ShardChunk, ShardFault, ShardFile, ShardXorb,
    check_file, check_xorb,
};
use ballast_xet::xorb::Record;
use ballast_xet::{HmacKey, MAX_SHARD, Term, chunk_hash, file_id, keyed, term_hash};
use proptest::prelude::*;

use crate::content::{content, vector, xorb};

const FOOTER: Footer = Footer { key: HmacKey([7; 32]), created: 1_800_000_000, expires: 1_801_000_000 };

/// A file in two terms of two xorbs, with everything right.
struct World {
    records: HashMap<XetHash, Record>,
    file: ShardFile,
}

impl World {
    fn new() -> Self {
        let (mut records, mut terms, mut term_hashes, mut leaves) = (HashMap::new(), vec![], vec![], vec![]);
        for (seed, run) in [(1, 1..4), (20, 0..2)] {
            let chunks: Vec<_> = (seed..seed + 5).map(|seed| content("random", seed, 10 * seed as usize)).collect();
            let (_, written) = xorb(chunks.iter().map(Vec::as_slice));
            let length = written.record.raw_len(run.start as usize..run.end as usize);
            let some = run.clone().map(|chunk| chunk_hash(&chunks[chunk as usize]));
            leaves.extend(some.clone().zip(chunks[run.start as usize..].iter().map(|chunk| chunk.len() as u64)));
            term_hashes.push(term_hash(some));
            terms.push(Term { xorb: written.xorb, chunks: run, length });
            records.insert(written.xorb, written.record);
        }
        let file = ShardFile { file: file_id(leaves), terms, term_hashes, sha256: Some(Sha256([3; 32])) };
        Self { records, file }
    }

    fn check(&self, file: &ShardFile) -> Result<u64, InvalidFile> {
        check_file(file, |xorb| self.records.get(xorb)).map(|terms| terms.size())
    }
}

/// A shard as a client sends it.
fn written(files: &[ShardFile], xorbs: &[ShardXorb]) -> Vec<u8> {
    let mut bytes = b"HFRepoMetaData\0\x55\x69\x67\x45\x6a\x7b\x81\x57\x83\xa5\xbd\xd9\x5c\xcd\xd1\x4a\xa9".to_vec();
    bytes.extend([2_u64.to_le_bytes(), [0; 8]].concat());
    let mut row = |hash: &[u8; 32], numbers: [u32; 4]| {
        bytes.extend(hash);
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    for file in files {
        let hashed = if file.term_hashes.is_empty() { 0 } else { 1 << 31 };
        let summed = if file.sha256.is_some() { 1 << 30 } else { 0 };
        row(&file.file.0, [hashed | summed, file.terms.len() as u32, 0, 0]);
        for term in &file.terms {
            row(&term.xorb.0, [0, term.length, term.chunks.start, term.chunks.end]);
        }
        file.term_hashes.iter().for_each(|hash| row(&hash.0, [0; 4]));
        if let Some(Sha256(mut sha256)) = file.sha256 {
            sha256.chunks_mut(8).for_each(<[u8]>::reverse);
            row(&sha256, [0; 4]);
        }
    }
    row(&[255; 32], [0; 4]);
    for xorb in xorbs {
        row(&xorb.xorb.0, [0, xorb.chunks.len() as u32, xorb.raw, xorb.stored]);
        for chunk in &xorb.chunks {
            row(&chunk.hash.0, [chunk.start, chunk.length, u32::from(chunk.eligible) << 31, 0]);
        }
    }
    row(&[255; 32], [0; 4]);
    bytes
}

fn said(xorb: XetHash, record: &Record) -> ShardXorb {
    let chunk = |number| ShardChunk {
        hash: record.hash(number),
        start: record.raw_start(number),
        length: record.raw_len(number..number + 1),
        eligible: number % 2 == 1,
    };
    let (raw, stored) = (record.raw_start(record.len()), record.stored_start(record.len()));
    ShardXorb { xorb, chunks: (0..record.len()).map(chunk).collect(), raw, stored }
}

fn sample() -> (Shard, Vec<u8>) {
    let world = World::new();
    let xorbs: Vec<_> = world.records.iter().map(|(xorb, record)| said(*xorb, record)).collect();
    let bare = ShardFile { term_hashes: vec![], sha256: None, ..world.file.clone() };
    let shard = Shard { files: vec![world.file, bare], xorbs, footer: None };
    let bytes = written(&shard.files, &shard.xorbs);
    (shard, bytes)
}

#[test]
fn a_shard_is_read_as_it_was_written() {
    let (shard, bytes) = sample();
    assert_eq!(Shard::parse(&bytes), Ok(shard));
    assert_eq!(Shard::parse(&written(&[], &[])), Ok(Shard::default()));
}

#[test]
fn a_shard_that_ends_early_is_refused_at_every_byte() {
    let (_, bytes) = sample();
    let mut answer = AnswerWriter::new(FOOTER);
    World::new().records.iter().for_each(|(xorb, record)| answer.push(*xorb, record, |_| false));
    for bytes in [bytes, answer.finish().bytes, vector("several-0.shard")] {
        assert!(Shard::parse(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(Shard::parse(&bytes[..end]).is_err(), "{end} bytes of {}", bytes.len());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Shard::parse(&longer).is_err());
    }
    let error = Shard::parse(&[sample().1, vec![0]].concat()).unwrap_err();
    assert_eq!(error.fault, ShardFault::Trailing);
}

#[test]
fn a_count_that_the_bytes_do_not_bear_out_allocates_nothing() {
    let (shard, bytes) = sample();
    let most = u32::MAX;
    for (flags, rows) in [(0, 0), (1_u32 << 31, 1), (3 << 30, 2)] {
        let mut other = bytes.clone();
        other[80..84].copy_from_slice(&flags.to_le_bytes());
        other[84..88].copy_from_slice(&most.to_le_bytes());
        let error = Shard::parse(&other).unwrap_err();
        assert!(
            matches!(error.fault, ShardFault::Truncated { rows } if rows > 4_000_000_000),
            "{flags:x} {rows} {error}"
        );
    }
    let xorbs = written(&shard.files, &[]).len() - 48;
    for count in [0, 8193, most] {
        let mut other = bytes.clone();
        other[xorbs + 36..][..4].copy_from_slice(&count.to_le_bytes());
        assert_eq!(Shard::parse(&other), Err(InvalidShard { at: xorbs, fault: ShardFault::Chunks(count) }));
    }
    let long = vec![0; MAX_SHARD + 1];
    assert_eq!(Shard::parse(&long).unwrap_err().fault, ShardFault::TooLong { length: long.len() });
}

#[test]
fn every_row_that_cannot_be_true_is_named_with_its_place() {
    let (shard, bytes) = sample();
    let fault = |at: usize, with: &[u8]| {
        let mut other = bytes.clone();
        other[at..at + with.len()].copy_from_slice(with);
        Shard::parse(&other).unwrap_err()
    };
    let number = |number: u32| number.to_le_bytes();
    assert_eq!(fault(3, b"x"), InvalidShard { at: 0, fault: ShardFault::NotAShard });
    assert_eq!(fault(32, &[3]), InvalidShard { at: 0, fault: ShardFault::Version(3) });
    assert_eq!(fault(40, &[199]), InvalidShard { at: 0, fault: ShardFault::FooterLength(199) });
    let flags = 3 << 30 | 1;
    assert_eq!(fault(80, &number(flags)), InvalidShard { at: 48, fault: ShardFault::Flags(flags) });
    let Term { chunks, length, .. } = &shard.files[0].terms[0];
    for (at, value, term) in [
        (36, 0, (chunks.start, chunks.end, 0)),
        (36, u32::MAX, (chunks.start, chunks.end, u32::MAX)),
        (40, 4, (4, chunks.end, *length)),
        (44, 8193, (chunks.start, 8193, *length)),
    ] {
        let (start, end, length) = term;
        let expected = InvalidShard { at: 96, fault: ShardFault::Term { start, end, length } };
        assert_eq!(fault(96 + at, &number(value)), expected);
    }
    let xorbs = written(&shard.files, &[]).len() - 48;
    let raw = shard.xorbs[0].raw;
    let second = shard.xorbs[0].chunks[1];
    let expected = ShardFault::XorbLength { found: raw, said: 1 };
    assert_eq!(fault(xorbs + 40, &number(1)), InvalidShard { at: xorbs, fault: expected });
    let at = xorbs + 2 * 48;
    let expected = ShardFault::ChunkStart { start: second.start + 1, expected: second.start };
    assert_eq!(fault(at + 32, &number(second.start + 1)), InvalidShard { at, fault: expected });
    for length in [0, 131_073, u32::MAX] {
        assert_eq!(fault(at + 36, &number(length)), InvalidShard { at, fault: ShardFault::ChunkLength(length) });
    }
    let error = fault(at + 36, &number(0)).to_string();
    assert_eq!(error, format!("the shard is refused at byte {at}: a chunk has 1 to 131072 bytes, not 0"));
}

#[test]
fn an_answer_names_the_chunks_by_keyed_hashes_and_is_read_again() {
    let (key, world) = (FOOTER.key, World::new());
    let mut answer = AnswerWriter::new(FOOTER);
    for (xorb, record) in &world.records {
        answer.push(*xorb, record, |chunk| chunk % 2 == 1);
    }
    let length = answer.length();
    let answer = answer.finish();
    assert_eq!((answer.bytes.len(), answer.xorbs), (length, 2));
    let read = Shard::parse(&answer.bytes).unwrap();
    assert_eq!((read.files, read.footer), (vec![], Some(FOOTER)));
    for mut xorb in read.xorbs {
        let record = &world.records[&xorb.xorb];
        let mut expected = said(xorb.xorb, record);
        expected.chunks.iter_mut().for_each(|chunk| chunk.hash = keyed(chunk.hash, &key));
        assert_eq!(xorb, expected);
        assert!(check_xorb(&xorb, record).is_err(), "keyed hashes are not those of the xorb");
        xorb.chunks.iter_mut().enumerate().for_each(|(number, chunk)| chunk.hash = record.hash(number));
        assert_eq!(check_xorb(&xorb, record), Ok(()));
    }
}

#[test]
fn a_footer_that_belongs_to_another_shard_is_refused() {
    let bytes = AnswerWriter::new(FOOTER).finish().bytes;
    let footer = bytes.len() - 200;
    assert!(Shard::parse(&bytes).is_ok());
    let with = |place: usize, value: u64| {
        let mut other = bytes.clone();
        other[footer + place..][..8].copy_from_slice(&value.to_le_bytes());
        Shard::parse(&other)
    };
    let (sections, tables, counts, end) = ([8, 16], [24, 40, 56], [32, 48, 64], 192);
    for place in sections.into_iter().chain(counts).chain([end]) {
        for value in [1_u64, u64::MAX] {
            let expected = InvalidShard { at: footer, fault: ShardFault::Footer };
            assert_eq!(with(place, value), Err(expected), "{value} at {place}");
        }
    }
    for place in tables {
        assert!(with(place, 0).is_ok(), "a table without rows is nowhere");
    }
    let full = vector("several-0.full.shard");
    for place in tables.into_iter().chain(counts) {
        let at = full.len() - 200 + place;
        let mut other = full.clone();
        other[at] ^= 1;
        let expected = InvalidShard { at: full.len() - 200, fault: ShardFault::Footer };
        assert_eq!(Shard::parse(&other), Err(expected), "a table with rows, at {place}");
    }
    let mut other = bytes;
    other[footer] = 2;
    assert_eq!(Shard::parse(&other), Err(InvalidShard { at: footer, fault: ShardFault::FooterVersion(2) }));
}

#[test]
fn a_file_is_accepted_only_when_all_of_it_is_right() {
    let world = World::new();
    let right = &world.file;
    assert_eq!(world.check(right), Ok(right.size()));
    assert_eq!(right.chunks(), 5);
    let file = right.file;
    let with = |change: &dyn Fn(&mut ShardFile)| {
        let mut other = right.clone();
        change(&mut other);
        world.check(&other).unwrap_err()
    };
    let unknown = XetHash([9; 32]);
    assert_eq!(with(&|file| file.term_hashes.clear()), InvalidFile::NoHashes { file });
    let error = with(&|file| file.terms[1].xorb = unknown);
    assert_eq!(error, InvalidFile::NoXorb { file, term: 1, xorb: unknown });
    let error = with(&|file| file.terms[1].chunks = 0..6);
    assert_eq!(error, InvalidFile::NoChunk { file, term: 1, xorb: right.terms[1].xorb, has: 5, end: 6 });
    let found = right.terms[0].length;
    let error = with(&|file| file.terms[0].length += 1);
    assert_eq!(error, InvalidFile::Length { file, term: 0, found, said: found + 1 });
    for byte in 0..32 {
        let error = with(&|file| file.term_hashes[1].0[byte] ^= 1);
        assert_eq!(error, InvalidFile::TermHash { file, term: 1 });
    }
    let other = XetHash([1; 32]);
    assert_eq!(with(&|file| file.file = other), InvalidFile::OtherFile { file: other, found: file });
    let swapped = with(&|file| {
        file.terms.swap(0, 1);
        file.term_hashes.swap(0, 1);
    });
    assert!(matches!(swapped, InvalidFile::OtherFile { .. }), "{swapped}");
    let none = ShardFile { file: XetHash([0; 32]), terms: vec![], term_hashes: vec![], sha256: None };
    assert_eq!(world.check(&none), Ok(0), "the empty file");
}

#[test]
fn a_file_of_which_a_term_was_not_checked_is_none() {
    let world = World::new();
    let mut check = FileCheck::new(&world.file).unwrap();
    check.term(world.records.get(&world.file.terms[0].xorb)).unwrap();
    let error = check.finish().unwrap_err();
    assert_eq!(error, InvalidFile::Unchecked { file: world.file.file, count: 2, given: 1 });
}

#[test]
fn what_is_said_of_a_xorb_must_be_all_of_it_and_true() {
    let world = World::new();
    let (xorb, record) = world.records.iter().next().unwrap();
    let right = said(*xorb, record);
    assert_eq!(check_xorb(&right, record), Ok(()));
    let refused = |change: &dyn Fn(&mut ShardXorb)| {
        let mut other = right.clone();
        change(&mut other);
        check_xorb(&other, record).unwrap_err()
    };
    let at = |chunk| InvalidFile::OtherXorb { xorb: *xorb, chunk };
    assert_eq!(refused(&|xorb| xorb.chunks[2].hash.0[0] ^= 1), at(2));
    assert_eq!(refused(&|xorb| xorb.chunks[3].length += 1), at(3));
    assert_eq!(refused(&|xorb| xorb.chunks[4].start += 1), at(4));
    assert_eq!(refused(&|xorb| xorb.chunks.truncate(3)), at(3));
    assert_eq!(refused(&|xorb| xorb.chunks.push(xorb.chunks[0])), at(5));
}

proptest! {
    #[test]
    fn no_flipped_bit_panics_or_is_taken_for_the_same(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (shard, bytes) = sample();
        let mut other = bytes.clone();
        other[at.index(bytes.len())] ^= 1u8 << bit;
        if let Ok(read) = Shard::parse(&other) {
            let again = written(&read.files, &read.xorbs);
            // Fields that nobody reads are not written again.
            prop_assert!(read != shard || again == bytes);
        }
    }

    #[test]
    fn any_bytes_behind_a_header_are_refused_or_read(tail in prop::collection::vec(any::<u8>(), 0..500)) {
        let header = &written(&[], &[])[..48];
        let bytes = [header, &tail].concat();
        if let Ok(read) = Shard::parse(&bytes) {
            prop_assert!(read.files.len() + read.xorbs.len() <= tail.len() / 48);
        }
    }
}
