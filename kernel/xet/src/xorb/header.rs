//! The eight bytes before each chunk.

use super::{Scheme, XorbFault};
use crate::MAX_CHUNK;

/// The length of a chunk's header.
pub const HEADER: usize = 8;

/// What clients accept for the bytes of a chunk as they are stored. They store what compression would lengthen as it is,
/// so the limit is never met; it bounds what is kept of a chunk that has not arrived in full.
const MAX_STORED: u32 = 2 * MAX_CHUNK as u32;

/// What stands before a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    pub scheme: Scheme,
    /// How many bytes follow.
    pub stored: u32,
    /// How many the chunk has.
    pub raw: u32,
}

impl ChunkHeader {
    /// Reads a header and holds it against what a chunk may be.
    pub fn parse(bytes: [u8; HEADER]) -> Result<Self, XorbFault> {
        let [version, s0, s1, s2, scheme, r0, r1, r2] = bytes;
        if version != 0 {
            return Err(XorbFault::Version(version));
        }
        let scheme = Scheme::from_byte(scheme).ok_or(XorbFault::Scheme(scheme))?;
        let (stored, raw) = (u32::from_le_bytes([s0, s1, s2, 0]), u32::from_le_bytes([r0, r1, r2, 0]));
        if raw == 0 || raw > MAX_CHUNK as u32 {
            return Err(XorbFault::ChunkLength { raw });
        }
        if stored == 0 || stored > MAX_STORED || (scheme == Scheme::None && stored != raw) {
            return Err(XorbFault::StoredLength { raw, stored });
        }
        Ok(Self { scheme, stored, raw })
    }

    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let ([s0, s1, s2, _], [r0, r1, r2, _]) = (self.stored.to_le_bytes(), self.raw.to_le_bytes());
        [0, s0, s1, s2, self.scheme.to_byte(), r0, r1, r2]
    }

    /// How many bytes header and chunk take together.
    pub fn whole(&self) -> usize {
        HEADER + self.stored as usize
    }
}
