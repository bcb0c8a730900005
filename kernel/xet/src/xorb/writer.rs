//! A xorb of our own, of what came another way: chunks in, stored bytes out.

use ballast_types::XetHash;

use super::reader::{Arrived, Room};
use super::record::Recording;
use super::{ChunkHeader, Scheme};
use crate::{MAX_CHUNK, Tree, chunk_hash};

/// How many bytes before compression go into one xorb, as clients have it.
const TARGET: usize = 64 * 1024 * 1024;

/// Why a chunk was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// Finish the xorb and begin another one with this chunk.
    #[error("the xorb has no room for another chunk")]
    Full,
    #[error("a chunk has 1 to {MAX_CHUNK} bytes, not {0}")]
    ChunkLength(usize),
}

/// Writes a xorb. The stored bytes go out as they arise; it keeps 40 bytes for each chunk.
#[derive(Default)]
pub struct XorbWriter {
    recording: Recording,
    tree: Tree,
}

impl XorbWriter {
    /// Without a chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk of 1 byte to 128 KiB: its stored form is appended to `stored`, compressed the way that pays. Answers
    /// its hash; `Full` where the next xorb must take it.
    pub fn push(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<XetHash, NotAdded> {
        if raw.is_empty() || raw.len() > MAX_CHUNK {
            return Err(NotAdded::ChunkLength(raw.len()));
        }
        if self.recording.raw() as usize + raw.len() > TARGET {
            return Err(NotAdded::Full);
        }
        let (scheme, bytes) = Scheme::pick(raw);
        let header = ChunkHeader { scheme, stored: bytes.len() as u32, raw: raw.len() as u32 };
        let room = Room { chunks: self.recording.len(), stored: self.recording.stored() };
        room.admits(&header).map_err(|_| NotAdded::Full)?;
        let hash = chunk_hash(raw);
        stored.extend_from_slice(&header.to_bytes());
        stored.extend_from_slice(&bytes);
        self.recording.push(hash, header.whole() as u32, header.raw);
        self.tree.push(hash, header.raw.into());
        Ok(hash)
    }

    /// How many chunks it has: the number of the next one.
    pub fn chunks(&self) -> usize {
        self.recording.len()
    }

    /// The xorb's name and record, as if a client had sent it; none without a chunk.
    pub fn finish(self) -> Option<Arrived> {
        let stored = self.recording.stored() as u64;
        let some = self.recording.len() > 0;
        some.then(|| Arrived { xorb: self.tree.xorb_hash(), record: self.recording.finish(), stored })
    }
}
