//! Where chunks end: a rolling hash over the last 64 bytes decides, so that an insertion moves only the ends near it.
//!
//! Every client must find the same ends, or nothing deduplicates; the numbers are therefore the protocol's.

use gearhash::Hasher;

use crate::MAX_CHUNK;

/// No chunk is shorter, but the last of a file.
const MIN_CHUNK: usize = 8 * 1024;

/// How many bytes the rolling hash remembers.
const WINDOW: usize = 64;

/// Bytes that cannot be the end of a chunk, and that no end depends on: they are not looked at.
const SKIPPED: usize = MIN_CHUNK - WINDOW - 1;

/// An end is where these bits are zero: once in 64 KiB.
const MASK: u64 = 0xffff_0000_0000_0000;

/// Finds the ends, in bytes that come in any portions.
pub struct Chunker {
    gear: Hasher<'static>,
    /// The length of the chunk under way.
    open: usize,
}

impl Default for Chunker {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunker {
    /// At the beginning of a file.
    pub fn new() -> Self {
        Self { gear: Hasher::default(), open: 0 }
    }

    /// How many bytes of the portion belong to the chunk under way, where it ends in this portion. None where it goes on
    /// behind it; then all of the portion is taken.
    pub fn cut(&mut self, portion: &[u8]) -> Option<usize> {
        let mut at = SKIPPED.saturating_sub(self.open).min(portion.len());
        let limit = (MAX_CHUNK - self.open).min(portion.len());
        while let Some(matched) = self.gear.next_match(&portion[at..limit], MASK) {
            at += matched;
            if self.open + at >= MIN_CHUNK {
                return self.end(at);
            }
        }
        if self.open + limit == MAX_CHUNK {
            return self.end(limit);
        }
        self.open += portion.len();
        None
    }

    fn end(&mut self, at: usize) -> Option<usize> {
        self.gear.set_hash(0);
        self.open = 0;
        Some(at)
    }
}

/// Cuts bytes that come in any portions into chunks. It keeps the one under way, and copies only where a chunk lies in
/// more than one portion.
#[derive(Default)]
pub struct Cutter {
    chunker: Chunker,
    open: Vec<u8>,
}

impl Cutter {
    /// At the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a portion and hands out the chunks that end in it. It stops where `each` fails; then it is of no more use.
    pub fn push<E>(&mut self, mut portion: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while let Some(end) = self.chunker.cut(portion) {
            let (now, later) = portion.split_at(end);
            if self.open.is_empty() {
                each(now)?;
            } else {
                self.open.extend_from_slice(now);
                each(&self.open)?;
                self.open.clear();
            }
            portion = later;
        }
        self.open.extend_from_slice(portion);
        Ok(())
    }

    /// The last chunk; none where the file ended with the one before, or is empty.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.open.is_empty()).then_some(self.open)
    }
}
