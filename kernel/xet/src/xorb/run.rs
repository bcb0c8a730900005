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

    /// The next stored bytes; the chunks that they complete are appended to `raw`.
    pub fn push(&mut self, portion: &[u8], raw: &mut Vec<u8>) -> Result<(), InvalidXorb> {
        let Self { record, chunks, cutting, decoder } = self;
        let each = |cut: super::cutting::Cut<'_>| {
            let number = chunks.start + cut.number;
            if !chunks.contains(&number) || number >= record.len() {
                return Err(XorbFault::TooManyChunks);
            }
            let bytes = decoder.decode(&cut.header, cut.stored)?;
            let (expected, found) = (record.hash(number), chunk_hash(bytes));
            if expected != found {
                return Err(XorbFault::OtherBytes { expected, found });
            }
            raw.extend_from_slice(bytes);
            Ok(())
        };
        cutting.push(portion, |_| false, each).map(|_| ()).map_err(|error| self.placed(error))
    }

    /// The end of the stored bytes: all chunks must have come.
    pub fn finish(self) -> Result<(), InvalidXorb> {
        self.cutting.finish().map_err(|error| self.placed(error))?;
        match self.chunks.len() - self.cutting.chunks.min(self.chunks.len()) {
            0 => Ok(()),
            asked => Err(self.placed(self.cutting.wrong(XorbFault::NoSuchChunks { asked }))),
        }
    }

    /// Counted from the beginning of the xorb, not of the run.
    fn placed(&self, error: InvalidXorb) -> InvalidXorb {
        let first = self.chunks.start.min(self.record.len());
        let at = error.at + u64::from(self.record.stored_start(first));
        InvalidXorb { chunk: self.chunks.start + error.chunk, at, fault: error.fault }
    }
}
