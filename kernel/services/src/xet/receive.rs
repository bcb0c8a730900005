//! Xorbs and shards on their way in.

use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_contract::quota::Reservation;
use ballast_contract::{ByteStream, ErrorKind};
use ballast_types::{ReservationId, Sha256, XetHash};
use ballast_xet::MAX_XORB_BODY;
use ballast_xet::shard::{Shard, ShardFile};

use super::XetWriter;
use crate::operation::random_key;
use crate::{Failure, Result};

/// The most chunks that the files of a shard name: some 10 TB of ordinary ones, and a minute of work to check.
const MAX_CHUNKS: u64 = 200_000_000;

impl XetWriter {
    /// Takes a xorb, of so many bytes where that is said; answers whether it was new. There must be room for it as it is
    /// stored, until the shard says what it is for.
    pub async fn receive_xorb(&self, xorb: XetHash, length: Option<u64>, body: ByteStream) -> Result<bool> {
        let most = MAX_XORB_BODY as u64;
        if length.is_some_and(|length| length > most) {
            return Err(Failure::TooLarge(format!("A xorb has at most {most} bytes")));
        }
        let content = self.repository.hub.content();
        if content.has_xorb(xorb).await? {
            let received = content.receive_xorb(self.lease, xorb, body).await.map_err(over)?;
            return Ok(received.inserted);
        }
        let promise = self.reserve(under(xorb), length.unwrap_or(most)).await?;
        match content.receive_xorb(self.lease, xorb, body).await {
            Ok(received) if received.inserted => Ok(true),
            other => {
                self.take_back(vec![promise]).await?;
                other.map(|received| received.inserted).map_err(over)
            }
        }
    }

    /// Makes the files of a shard known, and promises room for them in the place of their xorbs; counts them in
    /// `verified` as they are. Answers whether any of them is new to this repository.
    pub async fn register_shard(&self, shard: &Shard, verified: &AtomicUsize) -> Result<bool> {
        let chunks: u64 = shard.files.iter().map(ShardFile::chunks).sum();
        if chunks > MAX_CHUNKS {
            let why = format!("The files of the shard name {chunks} chunks; at most {MAX_CHUNKS} are taken at once");
            return Err(Failure::TooLarge(why));
        }
        let content = self.repository.hub.content();
        let xorbs: Vec<Sha256> = shard.files.iter().flat_map(|file| &file.terms).map(|term| under(term.xorb)).collect();
        let promised = content.take_promises(self.lease, &xorbs).await.map_err(over)?;
        self.repository.hub.quota().release(&promised).await?;
        let mut new = false;
        for file in &shard.files {
            let without = || Failure::Invalid(format!("File {} comes without its SHA-256", file.file));
            let sha256 = file.sha256.ok_or_else(without)?;
            let known = content.find_known(self.repository.key(), &[sha256]).await?;
            let promise = match known.iter().flatten().next() {
                Some(_) => None,
                None => Some(self.reserve(sha256, file.size()).await?),
            };
            new |= promise.is_some();
            if let Err(error) = content.register_file(self.lease, file).await {
                self.take_back(promise.into_iter().collect()).await?;
                return Err(over(error));
            }
            verified.fetch_add(1, Ordering::Relaxed);
        }
        Ok(new)
    }

    pub(super) async fn reserve(&self, sha256: Sha256, bytes: u64) -> Result<ReservationId> {
        let hub = &self.repository.hub;
        let id = ReservationId(random_key()?);
        hub.content().promise(self.lease, &[(sha256, id)]).await.map_err(over)?;
        let expires = hub.now().after(hub.settings().lease);
        if let Err(error) = hub.quota().reserve(self.repository.key(), &[Reservation { id, bytes }], expires).await {
            self.take_back(vec![id]).await?;
            return Err(error.into());
        }
        Ok(id)
    }

    pub(super) async fn take_back(&self, promises: Vec<ReservationId>) -> Result<()> {
        let hub = &self.repository.hub;
        hub.quota().release(&promises).await?;
        Ok(hub.content().forget_promises(self.lease, &promises).await?)
    }
}

/// Under which name room for a xorb is promised: no commit names it, so no commit ends it.
pub(super) fn under(xorb: XetHash) -> Sha256 {
    Sha256(xorb.0)
}

/// The lease behind a token may be over: its repository deleted, or its time.
pub(super) fn over(error: ballast_contract::Error) -> Failure {
    match error.kind {
        ErrorKind::Conflict => Failure::BadCredential,
        _ => error.into(),
    }
}
