//! Chunks out of a stored xorb, for readers that do not speak Xet.

use std::ops::Range;

use super::cutting::Cutting;
use super::{Decoder, InvalidXorb, Record, XorbFault};
use crate::chunk_hash;

/// Decodes a run of chunks out of their stored bytes, which come in any portions, and holds each against its hash: what
/// a disk has changed does not go out.
pub struct RunReader<'a> {
    record: &'a Record,
    chunks: Range<usize>,
    cutting: Cutting,
    decoder: Decoder,
}

impl<'a> RunReader<'a> {
    /// For chunks whose stored bytes are `record.stored(chunks)`.
    pub fn new(record: &'a Record, chunks: Range<usize>) -> Self {
        Self { record, chunks, cutting: Cutting::default(), decoder: Decoder::new() }
    }

    /// The bytes of the next chunk that is whole, out of a portion that is cut down by what was used. None where the
    /// portion is used up. One chunk at a time: 500 stored bytes may be 128 KiB.
    pub fn next<'s, 'p: 's>(&'s mut self, portion: &mut &'p [u8]) -> Result<Option<&'s [u8]>, InvalidXorb> {
        let (record, chunks) = (self.record, self.chunks.clone());
        let placed = |error| placed(record, chunks.start, error);
        let Some(cut) = self.cutting.next(portion, |_| false).map_err(placed)? else { return Ok(None) };
        let number = chunks.start + cut.number;
        if !chunks.contains(&number) || number >= record.len() {
            return Err(placed(cut.wrong(XorbFault::TooManyChunks)));
        }
        let bytes = self.decoder.decode(&cut.header, cut.stored).map_err(|fault| placed(cut.wrong(fault)))?;
        let (expected, found) = (record.hash(number), chunk_hash(bytes));
        if expected != found {
            return Err(placed(cut.wrong(XorbFault::OtherBytes { expected, found })));
        }
        Ok(Some(bytes))
    }

    /// The end of the stored bytes: all chunks must have come.
    pub fn finish(self) -> Result<(), InvalidXorb> {
        let placed = |error| placed(self.record, self.chunks.start, error);
        self.cutting.finish().map_err(placed)?;
        match self.chunks.len() - self.cutting.chunks.min(self.chunks.len()) {
            0 => Ok(()),
            asked => Err(placed(self.cutting.wrong(XorbFault::NoSuchChunks { asked }))),
        }
    }
}

/// Counted from the beginning of the xorb, not of the run that begins with chunk `first`.
fn placed(record: &Record, first: usize, error: InvalidXorb) -> InvalidXorb {
    let at = error.at + u64::from(record.stored_start(first.min(record.len())));
    InvalidXorb { chunk: first + error.chunk, at, fault: error.fault }
}
