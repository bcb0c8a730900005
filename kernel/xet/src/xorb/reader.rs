//! A xorb as a client sends it: every chunk decompressed and hashed as it comes, and nothing of it kept.

use ballast_types::XetHash;

use super::cutting::Cutting;
use super::record::Recording;
use super::{ChunkHeader, Decoder, InvalidXorb, Record, XorbFault, footer};
use crate::{MAX_XORB, MAX_XORB_CHUNKS, Tree, chunk_hash};

/// A xorb that has arrived and is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its name, worked out from its chunks: what the address must say.
    pub xorb: XetHash,
    /// What stands where.
    pub record: Record,
    /// How many bytes to store: the chunks. A footer that followed them is not part of it.
    pub stored: u64,
}

/// Reads a body in any portions. It keeps one chunk, and 40 bytes for each that was seen.
#[derive(Default)]
pub struct XorbReader {
    cutting: Cutting,
    decoder: Decoder,
    recording: Recording,
    tree: Tree,
    /// What follows the chunks.
    footer: Option<Vec<u8>>,
    received: u64,
}

impl XorbReader {
    /// At the beginning of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes. After an error the reader is of no more use.
    pub fn push(&mut self, portion: &[u8]) -> Result<(), InvalidXorb> {
        self.received += portion.len() as u64;
        let Self { cutting, decoder, recording, tree, footer, .. } = self;
        let mut rest = portion;
        while footer.is_none()
            && let Some(cut) = cutting.next(&mut rest, footer::begins)?
        {
            let room = Room { chunks: recording.len(), stored: recording.stored() };
            let admitted = room.admits(&cut.header).and_then(|()| decoder.decode(&cut.header, cut.stored));
            let hash = admitted.map(chunk_hash).map_err(|fault| cut.wrong(fault))?;
            recording.push(hash, cut.header.whole() as u32, cut.header.raw);
            tree.push(hash, cut.header.raw.into());
        }
        if !rest.is_empty() {
            let kept = footer.get_or_insert_default();
            if kept.len() + rest.len() > footer::MAX_FOOTER {
                return Err(cutting.wrong(XorbFault::Footer));
            }
            kept.extend_from_slice(rest);
        }
        Ok(())
    }

    /// How many of the bytes that have come so far are to be stored: all, until a footer begins.
    pub fn to_store(&self) -> u64 {
        if self.footer.is_some() { self.cutting.at } else { self.received }
    }

    /// The end of the body.
    pub fn finish(self) -> Result<Arrived, InvalidXorb> {
        self.cutting.finish()?;
        if self.recording.len() == 0 {
            return Err(self.cutting.wrong(XorbFault::Empty));
        }
        let (xorb, record, stored) = (self.tree.xorb_hash(), self.recording.finish(), self.cutting.at);
        match self.footer {
            Some(footer) if !footer::belongs(&footer, xorb, &record) => Err(self.cutting.wrong(XorbFault::Footer)),
            _ => Ok(Arrived { xorb, record, stored }),
        }
    }
}

/// What a xorb has room for.
pub(super) struct Room {
    pub chunks: usize,
    pub stored: usize,
}

impl Room {
    /// Whether another chunk may follow.
    pub fn admits(&self, header: &ChunkHeader) -> Result<(), XorbFault> {
        if self.chunks == MAX_XORB_CHUNKS {
            return Err(XorbFault::TooManyChunks);
        }
        if self.stored + header.whole() > MAX_XORB {
            return Err(XorbFault::TooLong);
        }
        Ok(())
    }
}
