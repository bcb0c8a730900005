//! The record of a xorb and the terms of a file are read or refused, and then every question has an answer.

use ballast_types::ByteRange;
use ballast_xet::xorb::Record;
use ballast_xet::{FileTerms, Unplannable, plan};

pub fn target(bytes: &[u8]) {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.as_bytes(), bytes);
        for chunk in 0..record.len() {
            let (start, end) = (record.raw_start(chunk), record.raw_start(chunk + 1));
            assert_eq!((record.chunk_at(start), record.chunk_at(end - 1)), (chunk, chunk));
            assert!(!record.stored(chunk..chunk + 1).is_empty());
        }
        assert_eq!(record.chunk_at(record.raw_start(record.len())), record.len());
    }
    if let Ok(terms) = FileTerms::parse(bytes) {
        assert_eq!(terms.as_bytes(), bytes);
        for term in 0..terms.len() {
            let (start, end) = (terms.start(term), terms.start(term + 1));
            assert_eq!(end - start, u64::from(terms.term(term).length));
            assert_eq!(terms.touched(ByteRange { start, end }), term..term + 1);
            let range = Some(ByteRange { start, end });
            assert_eq!(plan(&terms, range, |_| None), Err(Unplannable::NoRecord(terms.term(term).xorb)));
        }
        assert_eq!(terms.touched(ByteRange::whole(terms.size())), 0..terms.len());
    }
}
