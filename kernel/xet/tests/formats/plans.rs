//! What a reader has to fetch.

use std::collections::HashMap;

use ballast_types::{ByteRange, XetHash};
use ballast_xet::xorb::Record;
use ballast_xet::{Fetch, FetchRange, FileTerms, Plan, Term, Unplannable, plan};
use proptest::prelude::*;

use crate::content::{content, decode, xorb};

/// Some xorbs, each with its stored bytes.
struct Stored(HashMap<XetHash, (Vec<u8>, Record)>, Vec<XetHash>);

impl Stored {
    fn new(xorbs: &[Vec<usize>]) -> Self {
        let mut stored = Self(HashMap::new(), vec![]);
        for (number, lengths) in (1..).zip(xorbs) {
            let seeds = (number * 100..).zip(lengths);
            let chunks: Vec<_> = seeds.map(|(seed, length)| content("random", seed, *length)).collect();
            let (bytes, written) = xorb(chunks.iter().map(Vec::as_slice));
            stored.1.push(written.xorb);
            stored.0.insert(written.xorb, (bytes, written.record));
        }
        stored
    }

    fn record(&self, xorb: &XetHash) -> Option<&Record> {
        self.0.get(xorb).map(|(_, record)| record)
    }

    fn term(&self, xorb: usize, start: u32, end: u32) -> Term {
        let xorb = self.1[xorb];
        let length = self.record(&xorb).unwrap().raw_len(start as usize..end as usize);
        Term { xorb, chunks: start..end, length }
    }

    fn plan(&self, file: &FileTerms, range: Option<ByteRange>) -> Result<Plan, Unplannable> {
        plan(file, range, |xorb| self.record(xorb))
    }

    /// What a client makes of a plan: it fetches the ranges and takes the terms out of them.
    fn read(&self, plan: &Plan, length: u64) -> Vec<u8> {
        let mut bytes = vec![];
        for term in &plan.terms {
            let (stored, record) = &self.0[&term.xorb];
            let fetch = plan.fetches.iter().find(|fetch| fetch.xorb == term.xorb).unwrap();
            let holds =
                |range: &&FetchRange| range.chunks.start <= term.chunks.start && range.chunks.end >= term.chunks.end;
            let range = fetch.ranges.iter().find(holds).expect("a range that holds the term");
            let run = range.chunks.start as usize..range.chunks.end as usize;
            let stored = &stored[range.bytes.start as usize..range.bytes.end as usize];
            let mut raw = vec![];
            decode(record, run.clone(), stored, 100, &mut raw).unwrap();
            let before = record.raw_len(run.start..term.chunks.start as usize) as usize;
            bytes.extend_from_slice(&raw[before..][..term.length as usize]);
        }
        let mut bytes = bytes.split_off(plan.offset_into_first_range as usize);
        bytes.truncate(length as usize);
        bytes
    }

    fn whole(&self, file: &FileTerms) -> Vec<u8> {
        self.read(&self.plan(file, None).unwrap(), file.size())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_plan_reads_the_range_that_was_asked_for_and_no_chunk_more(
        xorbs in prop::collection::vec(prop::collection::vec(1usize..60, 1..8), 1..4),
        picks in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index, prop::sample::Index)>(), 1..10),
        (from, to) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let stored = Stored::new(&xorbs);
        let terms: Vec<Term> = picks.iter().map(|(xorb, a, b)| {
            let xorb = xorb.index(xorbs.len());
            let (a, b) = (a.index(xorbs[xorb].len()) as u32, b.index(xorbs[xorb].len()) as u32);
            stored.term(xorb, a.min(b), a.max(b) + 1)
        }).collect();
        let file = FileTerms::new(&terms).unwrap();
        let whole = stored.whole(&file);
        prop_assert_eq!(whole.len() as u64, file.size());
        let (from, to) = (from.index(whole.len()) as u64, to.index(whole.len()) as u64);
        let range = ByteRange { start: from.min(to), end: from.max(to) + 1 };
        let plan = stored.plan(&file, Some(range)).unwrap();
        prop_assert!(stored.read(&plan, range.len()) == whole[range.start as usize..range.end as usize]);
        // Without its first or its last chunk the range would not be there.
        let first = &plan.terms[0];
        let record = stored.record(&first.xorb).unwrap();
        let chunk = first.chunks.start as usize;
        prop_assert!(plan.offset_into_first_range < u64::from(record.raw_len(chunk..chunk + 1)));
        let last = plan.terms.last().unwrap();
        let record = stored.record(&last.xorb).unwrap();
        let chunk = last.chunks.end as usize - 1;
        let given: u64 = plan.terms.iter().map(|term| u64::from(term.length)).sum();
        let behind = given - plan.offset_into_first_range - range.len();
        prop_assert!(behind < u64::from(record.raw_len(chunk..chunk + 1)));
        for fetch in &plan.fetches {
            for pair in fetch.ranges.windows(2) {
                prop_assert!(pair[0].chunks.end < pair[1].chunks.start, "{:?}", fetch.ranges);
                prop_assert!(pair[0].bytes.end < pair[1].bytes.start, "{:?}", fetch.ranges);
            }
        }
    }
}

#[test]
fn ranges_that_touch_or_overlap_are_fetched_once() {
    let stored = Stored::new(&[vec![10; 6], vec![10; 2]]);
    let terms = [stored.term(0, 4, 6), stored.term(1, 0, 2), stored.term(0, 0, 2), stored.term(0, 1, 3)];
    let plan = stored.plan(&FileTerms::new(&terms).unwrap(), None).unwrap();
    let range = |chunks: std::ops::Range<u32>| FetchRange {
        bytes: ByteRange { start: u64::from(chunks.start) * 18, end: u64::from(chunks.end) * 18 },
        chunks,
    };
    let expected = [
        Fetch { xorb: stored.1[0], ranges: vec![range(0..3), range(4..6)] },
        Fetch { xorb: stored.1[1], ranges: vec![range(0..2)] },
    ];
    assert_eq!(plan.fetches, expected);
    assert_eq!((plan.terms.as_slice(), plan.offset_into_first_range), (&terms[..], 0));
}

#[test]
fn a_range_within_a_chunk_gets_that_chunk_and_its_offset() {
    let stored = Stored::new(&[vec![10, 20, 30]]);
    let file = FileTerms::new(&[stored.term(0, 0, 3)]).unwrap();
    let plan = stored.plan(&file, Some(ByteRange { start: 15, end: 16 })).unwrap();
    assert_eq!((plan.offset_into_first_range, plan.terms), (5, vec![stored.term(0, 1, 2)]));
    // A range may end anywhere past the end of the file, and is cut there.
    let plan = stored.plan(&file, Some(ByteRange { start: 59, end: u64::MAX })).unwrap();
    assert_eq!((plan.offset_into_first_range, plan.terms), (29, vec![stored.term(0, 2, 3)]));
}

#[test]
fn a_range_past_the_end_has_no_plan_and_the_empty_file_an_empty_one() {
    let stored = Stored::new(&[vec![10]]);
    let file = FileTerms::new(&[stored.term(0, 0, 1)]).unwrap();
    let past = stored.plan(&file, Some(ByteRange { start: 10, end: 20 }));
    assert_eq!(past, Err(Unplannable::PastTheEnd { start: 10, size: 10 }));
    let empty = FileTerms::new(&[]).unwrap();
    for range in [None, Some(ByteRange { start: 0, end: 5 })] {
        let plan = stored.plan(&empty, range).unwrap();
        assert!(plan.terms.is_empty() && plan.fetches.is_empty());
    }
    let past = stored.plan(&empty, Some(ByteRange { start: 1, end: 5 }));
    assert_eq!(past, Err(Unplannable::PastTheEnd { start: 1, size: 0 }));
}

#[test]
fn terms_that_their_xorb_does_not_have_make_no_plan() {
    let stored = Stored::new(&[vec![10, 20]]);
    let good = stored.term(0, 0, 2);
    for bad in [Term { chunks: 0..3, ..good.clone() }, Term { length: 29, ..good.clone() }] {
        let file = FileTerms::new(&[good.clone(), bad]).unwrap();
        assert_eq!(stored.plan(&file, None), Err(Unplannable::Disagree { term: 1, xorb: stored.1[0] }));
    }
    let unknown = XetHash([9; 32]);
    let file = FileTerms::new(&[Term { xorb: unknown, ..good }]).unwrap();
    assert_eq!(stored.plan(&file, None), Err(Unplannable::NoRecord(unknown)));
}

#[test]
fn a_range_of_a_file_of_a_million_terms_asks_for_the_records_of_its_own_terms_only() {
    let stored = Stored::new(&[vec![10, 20], vec![30]]);
    let mut terms = vec![stored.term(0, 0, 2); 1_000_000];
    terms[700_000] = stored.term(1, 0, 1);
    let file = FileTerms::new(&terms).unwrap();
    let asked = std::cell::RefCell::new(vec![]);
    let start = 700_000 * 30;
    let range = ByteRange { start: start + 3, end: start + 5 };
    let plan = plan(&file, Some(range), |xorb| {
        asked.borrow_mut().push(*xorb);
        stored.record(xorb)
    });
    assert_eq!(plan.unwrap().terms, [stored.term(1, 0, 1)]);
    assert_eq!(asked.into_inner(), [stored.1[1]]);
}
