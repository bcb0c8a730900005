//! What stands where in a xorb: the side record that a server keeps, because a xorb does not say it itself.
//!
//! Layout, little-endian: version (one byte), number of chunks (u32), then three columns: hashes (32 bytes each), ends as
//! stored (u32), ends before compression (u32). The offsets are cumulative, so both searches are binary and read the
//! record as it lies; a record of an ordinary xorb has 40 kB and is never unpacked.

use std::ops::Range;

use ballast_types::{ByteRange, XetHash};

use crate::{MAX_CHUNK, MAX_XORB, MAX_XORB_CHUNKS, tree};

use super::HEADER;

const VERSION: u8 = 1;
const HEAD: usize = 5;
const HASH: usize = 32;
const END: usize = 4;

/// Bytes that are no record: damaged, or written by a later version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    #[error("the record of a xorb has version {0:?}; this hub reads version {VERSION}")]
    Version(Option<u8>),
    #[error("the record of a xorb has {length} bytes, which are no whole number of chunks from 1 to {MAX_XORB_CHUNKS}")]
    Length { length: usize },
    #[error("the record of a xorb is damaged at chunk {chunk}: its ends cannot be true")]
    Ends { chunk: usize },
}

/// The chunks of one xorb, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    count: usize,
    bytes: Box<[u8]>,
}

impl Record {
    /// Reads a record; refuses columns that no xorb can have, so that searching needs no doubt.
    pub fn parse(bytes: impl Into<Box<[u8]>>) -> Result<Self, InvalidRecord> {
        let bytes = bytes.into();
        let version = bytes.first().copied();
        if version != Some(VERSION) {
            return Err(InvalidRecord::Version(version));
        }
        let wrong = InvalidRecord::Length { length: bytes.len() };
        let Some(head) = bytes.first_chunk::<HEAD>() else { return Err(wrong) };
        let count = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if count == 0 || count > MAX_XORB_CHUNKS || bytes.len() != HEAD + count * (HASH + 2 * END) {
            return Err(wrong);
        }
        let record = Self { count, bytes };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), InvalidRecord> {
        let (mut stored, mut raw) = (0, 0);
        for (chunk, (stored_end, raw_end)) in self.stored_ends().zip(self.raw_ends()).enumerate() {
            let stored_grows = stored_end > stored + HEADER as u32 && stored_end as usize <= MAX_XORB;
            if !stored_grows || raw_end <= raw || raw_end - raw > MAX_CHUNK as u32 {
                return Err(InvalidRecord::Ends { chunk });
            }
            (stored, raw) = (stored_end, raw_end);
        }
        Ok(())
    }

    /// The record as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many chunks there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a xorb has at least one chunk")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// The xorb's name, worked out anew.
    pub fn xorb_hash(&self) -> XetHash {
        tree::xorb_hash((0..self.count).map(|chunk| (self.hash(chunk), u64::from(self.raw_len(chunk..chunk + 1)))))
    }

    /// The hash of a chunk. Like all that takes the number of a chunk, it panics past the last one, as slices do.
    pub fn hash(&self, chunk: usize) -> XetHash {
        let mut hash = [0; HASH];
        hash.copy_from_slice(&self.bytes[HEAD..][..self.count * HASH][chunk * HASH..][..HASH]);
        XetHash(hash)
    }

    /// The hashes, in order.
    pub fn hashes(&self) -> impl Iterator<Item = XetHash> {
        (0..self.count).map(|chunk| self.hash(chunk))
    }

    /// Where each chunk ends in the xorb as it is stored.
    pub fn stored_ends(&self) -> impl Iterator<Item = u32> {
        (1..=self.count).map(|chunk| self.stored_start(chunk))
    }

    /// Where each chunk ends before compression.
    pub fn raw_ends(&self) -> impl Iterator<Item = u32> {
        (1..=self.count).map(|chunk| self.raw_start(chunk))
    }

    /// Where the bytes of a chunk begin before compression; the length of all for the number after the last.
    pub fn raw_start(&self, chunk: usize) -> u32 {
        self.end(self.count * (HASH + END), chunk)
    }

    /// Where a chunk begins as it is stored, with its header; the length of all for the number after the last.
    pub fn stored_start(&self, chunk: usize) -> u32 {
        self.end(self.count * HASH, chunk)
    }

    fn end(&self, column: usize, chunk: usize) -> u32 {
        let Some(before) = chunk.checked_sub(1) else { return 0 };
        let column = &self.bytes[HEAD + column..][..self.count * END];
        let mut end = [0; END];
        end.copy_from_slice(&column[before * END..][..END]);
        u32::from_le_bytes(end)
    }

    /// The length of a run of chunks before compression.
    pub fn raw_len(&self, chunks: Range<usize>) -> u32 {
        self.raw_start(chunks.end).saturating_sub(self.raw_start(chunks.start))
    }

    /// Where a run of chunks lies in the stored xorb.
    pub fn stored(&self, chunks: Range<usize>) -> ByteRange {
        ByteRange { start: self.stored_start(chunks.start).into(), end: self.stored_start(chunks.end).into() }
    }

    /// The chunk in which a byte lies, counted before compression; the number of chunks for a byte past the end.
    pub fn chunk_at(&self, raw: u32) -> usize {
        let (mut first, mut after) = (0, self.count);
        while first < after {
            let middle = first + (after - first) / 2;
            if self.raw_start(middle + 1) <= raw { first = middle + 1 } else { after = middle }
        }
        first
    }
}

/// A record in the making.
#[derive(Default)]
pub(super) struct Recording {
    hashes: Vec<u8>,
    stored_ends: Vec<u8>,
    raw_ends: Vec<u8>,
    stored: u32,
    raw: u32,
}

impl Recording {
    pub fn push(&mut self, hash: XetHash, stored: u32, raw: u32) {
        self.stored += stored;
        self.raw += raw;
        self.hashes.extend_from_slice(hash.as_bytes());
        self.stored_ends.extend(self.stored.to_le_bytes());
        self.raw_ends.extend(self.raw.to_le_bytes());
    }

    pub fn len(&self) -> usize {
        self.hashes.len() / HASH
    }

    /// The length of the stored chunks so far.
    pub fn stored(&self) -> usize {
        self.stored as usize
    }

    /// The length before compression so far.
    pub fn raw(&self) -> u32 {
        self.raw
    }

    /// The record; there is at least one chunk.
    pub fn finish(self) -> Record {
        let count = self.len();
        let head = [&[VERSION][..], &(count as u32).to_le_bytes()].concat();
        Record { count, bytes: [head, self.hashes, self.stored_ends, self.raw_ends].concat().into() }
    }
}
