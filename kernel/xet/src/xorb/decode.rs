//! The bytes of a chunk out of its stored ones.

use super::{ChunkHeader, Scheme, XorbFault};

/// Decodes one chunk after the other in the same memory: at most two chunks' worth.
#[derive(Default)]
pub struct Decoder {
    raw: Vec<u8>,
    grouped: Vec<u8>,
}

impl Decoder {
    /// With no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The chunk's bytes, exactly as many as its header announces. `stored` is what follows the header.
    pub fn decode<'a>(&'a mut self, header: &ChunkHeader, stored: &'a [u8]) -> Result<&'a [u8], XorbFault> {
        if stored.len() != header.stored as usize {
            return Err(XorbFault::Truncated);
        }
        if header.scheme == Scheme::None {
            return Ok(stored);
        }
        self.raw.resize(header.raw as usize, 0);
        header.scheme.decompress(stored, &mut self.raw, &mut self.grouped)?;
        Ok(&self.raw)
    }
}
