//! What a file is made of: runs of chunks of xorbs, in order.
//!
//! Stored as it lies, little-endian: version (one byte), number of xorbs (u32), number of terms (u32); the xorbs' names;
//! then for each term the number of its xorb, its first chunk, the chunk after its last (u32 each), and where it ends in
//! the file (u64). Ends are cumulative, so a range is found by halving.

use std::collections::HashMap;
use std::ops::Range;

use ballast_types::{ByteRange, XetHash};

use crate::{MAX_CHUNK, MAX_XORB_CHUNKS};

const VERSION: u8 = 1;
const HEAD: usize = 9;
const NAME: usize = 32;
const TERM: usize = 20;

/// One run of chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub xorb: XetHash,
    /// Never empty.
    pub chunks: Range<u32>,
    /// How many bytes these chunks have before compression.
    pub length: u32,
}

impl Term {
    /// Whether chunks of a xorb can have this many bytes at all.
    pub(crate) fn is_possible(&self) -> bool {
        let count = self.chunks.end.saturating_sub(self.chunks.start);
        let within = self.chunks.end as usize <= MAX_XORB_CHUNKS;
        count > 0 && within && self.length >= count && u64::from(self.length) <= u64::from(count) * MAX_CHUNK as u64
    }
}

/// Terms that no file can have, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    #[error("the terms of a file have version {0:?}; this hub reads version {VERSION}")]
    Version(Option<u8>),
    #[error("the terms of a file have {length} bytes, which are not what their counts say")]
    Length { length: usize },
    #[error("term {term} of a file cannot be true")]
    Term { term: usize },
}

/// The terms of one file, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTerms {
    xorbs: usize,
    count: usize,
    bytes: Box<[u8]>,
}

impl FileTerms {
    /// Puts terms together; refuses what no chunks can be.
    pub fn new(terms: &[Term]) -> Result<Self, InvalidTerms> {
        let (mut names, mut column) = (Vec::new(), Vec::with_capacity(terms.len() * TERM));
        let mut numbers: HashMap<XetHash, u32> = HashMap::new();
        let mut end = 0_u64;
        for (number, term) in terms.iter().enumerate() {
            if !term.is_possible() || u32::try_from(number).is_err() {
                return Err(InvalidTerms::Term { term: number });
            }
            end += u64::from(term.length);
            let next = numbers.len() as u32;
            let xorb = *numbers.entry(term.xorb).or_insert_with(|| {
                names.extend_from_slice(term.xorb.as_bytes());
                next
            });
            for field in [xorb, term.chunks.start, term.chunks.end] {
                column.extend(field.to_le_bytes());
            }
            column.extend(end.to_le_bytes());
        }
        let (xorbs, count) = (numbers.len(), terms.len());
        let head = [&[VERSION][..], &(xorbs as u32).to_le_bytes(), &(count as u32).to_le_bytes()].concat();
        Ok(Self { xorbs, count, bytes: [head, names, column].concat().into() })
    }

    /// Reads what `as_bytes` gave; refuses what `new` would.
    pub fn parse(bytes: impl Into<Box<[u8]>>) -> Result<Self, InvalidTerms> {
        let bytes = bytes.into();
        let version = bytes.first().copied();
        if version != Some(VERSION) {
            return Err(InvalidTerms::Version(version));
        }
        let wrong = InvalidTerms::Length { length: bytes.len() };
        let Some([_, a, b, c, d, e, f, g, h]) = bytes.first_chunk::<HEAD>() else { return Err(wrong) };
        let (xorbs, count) = (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]));
        // Multiplied as u64, which two u32 cannot overflow.
        let expected = HEAD as u64 + u64::from(xorbs) * NAME as u64 + u64::from(count) * TERM as u64;
        if expected != bytes.len() as u64 {
            return Err(wrong);
        }
        let terms = Self { xorbs: xorbs as usize, count: count as usize, bytes };
        for term in 0..terms.count {
            let (xorb, chunks) = terms.fields(term);
            let length = terms.end(term).checked_sub(terms.start(term)).and_then(|length| u32::try_from(length).ok());
            let possible = |length| Term { xorb: XetHash([0; 32]), chunks, length }.is_possible();
            if xorb >= terms.xorbs || !length.is_some_and(possible) {
                return Err(InvalidTerms::Term { term });
            }
        }
        Ok(terms)
    }

    /// The terms as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many terms there are; none for the empty file.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it is the empty file.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The length of the file.
    pub fn size(&self) -> u64 {
        self.start(self.count)
    }

    /// The names of all xorbs, each once, in the order of their first use.
    pub fn xorbs(&self) -> impl Iterator<Item = XetHash> {
        (0..self.xorbs).map(|xorb| self.name(xorb))
    }

    /// One of the terms; it panics past the last one, as slices do.
    pub fn term(&self, term: usize) -> Term {
        let (xorb, chunks) = self.fields(term);
        let length = u32::try_from(self.end(term) - self.start(term)).unwrap_or(u32::MAX);
        Term { xorb: self.name(xorb), chunks, length }
    }

    /// Where a term begins in the file; its size for the number after the last.
    pub fn start(&self, term: usize) -> u64 {
        term.checked_sub(1).map_or(0, |before| self.end(before))
    }

    /// The terms that a range of the file touches.
    pub fn touched(&self, range: ByteRange) -> Range<usize> {
        if range.is_empty() || range.start >= self.size() {
            return 0..0;
        }
        self.first_that_ends_after(range.start)..(self.first_that_ends_after(range.end - 1) + 1).min(self.count)
    }

    fn first_that_ends_after(&self, at: u64) -> usize {
        let (mut first, mut after) = (0, self.count);
        while first < after {
            let middle = first + (after - first) / 2;
            if self.end(middle) <= at { first = middle + 1 } else { after = middle }
        }
        first
    }

    fn row(&self, term: usize) -> &[u8] {
        &self.bytes[HEAD + self.xorbs * NAME..][term * TERM..][..TERM]
    }

    fn fields(&self, term: usize) -> (usize, Range<u32>) {
        let row = self.row(term);
        let field = |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        (field(0) as usize, field(4)..field(8))
    }

    fn end(&self, term: usize) -> u64 {
        let mut end = [0; 8];
        end.copy_from_slice(&self.row(term)[12..]);
        u64::from_le_bytes(end)
    }

    fn name(&self, xorb: usize) -> XetHash {
        let mut name = [0; NAME];
        name.copy_from_slice(&self.bytes[HEAD..][..self.xorbs * NAME][xorb * NAME..][..NAME]);
        XetHash(name)
    }
}
