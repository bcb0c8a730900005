//! Xorbs and shards on their way in.

use std::collections::BTreeMap;
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

/// The most files of a shard that are registered at once.
const FILES: usize = 64;

/// And the most bytes in them, but for a single file: what was checked need not be checked again when a client that was
/// cut off comes back.
const BYTES: u64 = 256 << 20;

impl XetWriter {
    /// Takes a xorb, of so many bytes where that is said; answers whether it was new. There must be room for it as it is
    /// stored, until the shard says what it is for.
    pub async fn receive_xorb(&self, xorb: XetHash, length: Option<u64>, body: ByteStream) -> Result<bool> {
        let most = MAX_XORB_BODY as u64;
        if length.is_some_and(|length| length > most) {
            return Err(Failure::TooLarge(format!("A xorb has at most {most} bytes")));
        }
        let content = self.repository.hub.content_for(self.repository.key()).await?;
        if content.has_xorb(xorb).await? {
            let received = content.receive_xorb(self.lease, xorb, body).await.map_err(over)?;
            return Ok(received.inserted);
        }
        let room = room(length.unwrap_or(most))?;
        self.reserve(&[(under(xorb), room)]).await?;
        match content.receive_xorb(self.lease, xorb, body).await {
            Ok(received) if received.inserted => Ok(true),
            other => {
                self.take_back(vec![room.id]).await?;
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
        for files in groups(&shard.files) {
            new |= self.register_files(files).await?;
            verified.fetch_add(files.len(), Ordering::Relaxed);
        }
        Ok(new)
    }

    /// All of these files or none; answers whether any of them is new to this repository.
    async fn register_files(&self, files: &[ShardFile]) -> Result<bool> {
        let content = self.repository.hub.content();
        let mut sizes = BTreeMap::new();
        for file in files {
            let without = || Failure::Invalid(format!("File {} comes without its SHA-256", file.file));
            sizes.insert(file.sha256.ok_or_else(without)?, file.size());
        }
        let digests: Vec<Sha256> = sizes.keys().copied().collect();
        for known in content.find_known(self.repository.key(), &digests).await?.into_iter().flatten() {
            sizes.remove(&known.sha256);
        }
        let expected = sizes.into_iter().map(|(sha256, size)| Ok((sha256, room(size)?))).collect::<Result<Vec<_>>>()?;
        self.reserve(&expected).await?;
        if let Err(error) = content.register_files(self.lease, files).await {
            self.take_back(expected.iter().map(|(_, room)| room.id).collect()).await?;
            return Err(over(error));
        }
        Ok(!expected.is_empty())
    }

    /// Promises room for what is expected: for all of it or none.
    pub(super) async fn reserve(&self, expected: &[(Sha256, Reservation)]) -> Result<()> {
        if expected.is_empty() {
            return Ok(());
        }
        let hub = &self.repository.hub;
        let (promises, reservations): (Vec<_>, Vec<Reservation>) =
            expected.iter().map(|&(sha256, room)| ((sha256, room.id), room)).unzip();
        hub.content().promise(self.lease, &promises).await.map_err(over)?;
        let expires = hub.now().after(hub.settings().lease);
        if let Err(error) = hub.quota().reserve(self.repository.key(), &reservations, expires).await {
            self.take_back(promises.into_iter().map(|(_, id)| id).collect()).await?;
            return Err(error.into());
        }
        Ok(())
    }

    pub(super) async fn take_back(&self, promises: Vec<ReservationId>) -> Result<()> {
        let hub = &self.repository.hub;
        hub.quota().release(&promises).await?;
        Ok(hub.content().forget_promises(self.lease, &promises).await?)
    }
}

/// Files in the order of the shard, as many at once as are registered together.
fn groups(mut files: &[ShardFile]) -> impl Iterator<Item = &[ShardFile]> {
    std::iter::from_fn(move || {
        let mut bytes = 0_u64;
        let fits = |file: &&ShardFile| {
            bytes = bytes.saturating_add(file.size());
            bytes <= BYTES
        };
        let count = files.iter().take(FILES).take_while(fits).count().max(1).min(files.len());
        let (group, rest) = files.split_at(count);
        files = rest;
        (!group.is_empty()).then_some(group)
    })
}

/// Room for so many bytes, to be reserved.
pub(super) fn room(bytes: u64) -> Result<Reservation> {
    Ok(Reservation { id: ReservationId(random_key()?), bytes })
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
