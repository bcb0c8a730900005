//! The terms of a file, as they are stored.

use ballast_types::{ByteRange, XetHash};
use ballast_xet::{FileTerms, InvalidTerms, Term};
use proptest::prelude::*;

pub fn term(xorb: u8, start: u32, end: u32, length: u32) -> Term {
    Term { xorb: XetHash([xorb; 32]), chunks: start..end, length }
}

fn terms() -> impl Strategy<Value = Vec<Term>> {
    let one = (0u8..6, 0u32..100, 1u32..100, 1u32..1000);
    let term = one.prop_map(|(xorb, start, count, each)| term(xorb, start, start + count, count * each));
    prop::collection::vec(term, 0..40)
}

proptest! {
    #[test]
    fn terms_are_read_as_they_were_written(terms in terms()) {
        let file = FileTerms::new(&terms).unwrap();
        prop_assert_eq!(file.size(), terms.iter().map(|term| u64::from(term.length)).sum::<u64>());
        let again = FileTerms::parse(file.as_bytes()).unwrap();
        prop_assert_eq!((0..again.len()).map(|number| again.term(number)).collect::<Vec<_>>(), terms.clone());
        prop_assert_eq!(&again, &file);
        let mut names: Vec<_> = file.xorbs().collect();
        names.sort();
        let mut expected: Vec<_> = terms.iter().map(|term| term.xorb).collect();
        expected.sort();
        expected.dedup();
        prop_assert_eq!(names, expected);
    }

    #[test]
    fn a_range_touches_the_terms_that_it_overlaps_and_no_other(terms in terms(), start in 0u64..200_000, length in 0u64..200_000) {
        let file = FileTerms::new(&terms).unwrap();
        let touched = file.touched(ByteRange { start, end: start + length });
        let overlaps = |number: &usize| {
            let end = file.start(*number) + u64::from(file.term(*number).length);
            length > 0 && file.start(*number) < start + length && end > start
        };
        let expected: Vec<usize> = (0..file.len()).filter(overlaps).collect();
        prop_assert_eq!(touched.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn terms_that_no_file_can_have_are_refused() {
    let good = term(1, 0, 2, 100);
    for bad in [
        term(1, 2, 2, 10),
        term(1, 3, 2, 10),
        term(1, 0, 2, 1),
        term(1, 0, 1, 131_073),
        term(1, 8192, 8193, 10),
        term(1, 0, u32::MAX, u32::MAX),
    ] {
        assert_eq!(FileTerms::new(&[good.clone(), bad.clone()]), Err(InvalidTerms::Term { term: 1 }), "{bad:?}");
    }
}

#[test]
fn damaged_terms_are_refused() {
    let bytes = FileTerms::new(&[term(1, 0, 2, 100), term(2, 5, 6, 50)]).unwrap().as_bytes().to_vec();
    assert_eq!(bytes.len(), 9 + 2 * 32 + 2 * 20);
    for end in 0..bytes.len() {
        assert!(FileTerms::parse(&bytes[..end]).is_err(), "{end} bytes");
    }
    for (at, value) in [(0, 2), (1, 3), (5, 3), (4, 255), (8, 255)] {
        let mut other = bytes.clone();
        other[at] = value;
        assert!(FileTerms::parse(other).is_err(), "byte {at}");
    }
    let row = 9 + 64 + 20;
    for (at, value) in [(0, 2_u32), (4, 6), (8, 5), (12, 99), (16, 1)] {
        let mut other = bytes.clone();
        other[row + at..][..4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(FileTerms::parse(other), Err(InvalidTerms::Term { term: 1 }), "field at {at}");
    }
}
