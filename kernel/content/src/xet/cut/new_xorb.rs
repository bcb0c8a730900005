//! A xorb that this hub writes itself.

use ballast_contract::storage::StorageWriter;
use ballast_contract::{Error, ErrorKind};
use ballast_types::{LeaseId, Sha256, XetHash};
use ballast_xet::MAX_XORB;
use ballast_xet::xorb::XorbWriter;
use bytes::Bytes;
use sha2::Digest;

use super::Chunk;
use crate::objects::Object;
use crate::sums::Summing;
use crate::xet::Result;
use crate::{Blob, Content, unblocked};

/// How many bytes are written at once.
const PORTION: usize = 1 << 20;

/// Its object is begun, and its name is known at the end.
pub(crate) struct NewXorb {
    object: Object,
    out: Box<dyn StorageWriter>,
    writer: XorbWriter,
    sha256: sha2::Sha256,
    sums: Summing,
    /// Compressed, and not written yet.
    ready: Vec<u8>,
}

impl NewXorb {
    pub(crate) async fn begin(content: &Content, lease: LeaseId) -> Result<Self> {
        let object = Object::new(content, false, |id| format!("xorbs/{:02x}/{id:016x}", id & 0xff))?;
        let out = content.begin_object(lease, &object).await?;
        let (writer, sha256, sums) = (XorbWriter::new(), sha2::Sha256::new(), Summing::new(MAX_XORB as u64));
        Ok(Self { object, out, writer, sha256, sums, ready: Vec::new() })
    }

    /// Adds a chunk; answers its number, or none where it is full.
    pub(super) fn push(&mut self, chunk: &Chunk) -> Option<u32> {
        let number = u32::try_from(self.writer.chunks()).ok()?;
        let before = self.ready.len();
        self.writer.push(&chunk.bytes, &mut self.ready).ok()?;
        self.sha256.update(&self.ready[before..]);
        self.sums.update(&self.ready[before..]);
        Some(number)
    }

    /// Adds chunks for which there is room.
    pub(crate) async fn take(mut self, chunks: Vec<Chunk>) -> Result<Self> {
        let mut new = unblocked("content.xorb", move || {
            let pushed = chunks.iter().all(|chunk| self.push(chunk).is_some());
            pushed.then_some(self)
        })
        .await?
        .ok_or_else(|| {
            Error::new(ErrorKind::Internal, "content.xorb", "a part of a xorb has no room in another one")
        })?;
        new.write().await?;
        Ok(new)
    }

    /// Writes what is ready, when it is worth it.
    pub(super) async fn write(&mut self) -> Result<()> {
        match self.ready.len() < PORTION {
            true => Ok(()),
            false => self.write_all().await,
        }
    }

    async fn write_all(&mut self) -> Result<()> {
        let ready = Bytes::from(std::mem::take(&mut self.ready));
        self.out.write(ready).await
    }

    /// Answers its name, and how many bytes were stored: none where it was here already.
    pub(crate) async fn finish(mut self, content: &Content, lease: LeaseId) -> Result<(XetHash, u64)> {
        let last = self.write_all().await;
        let empty = || Error::new(ErrorKind::Internal, "content.cut", "a xorb without a chunk");
        let arrived = last.and_then(|()| self.writer.finish().ok_or_else(empty));
        let size = arrived.as_ref().map_or(0, |arrived| arrived.stored);
        let arrived = content.finish(self.out, &self.object, arrived, size).await?;
        let (name, sha256) = (arrived.xorb, Sha256(self.sha256.finalize().into()));
        let blob = Blob { sha256, size, oid: None };
        let inserted = content.keep_xorb(lease, &self.object, blob, self.sums.finish(), arrived).await?;
        Ok((name, if inserted { size } else { 0 }))
    }

    pub(crate) async fn abort(self, content: &Content) {
        let why = Error::new(ErrorKind::Unavailable, "content.cut", "the blob could not be read to its end");
        let _: Result<()> = content.finish(self.out, &self.object, Err(why), 0).await;
    }
}
