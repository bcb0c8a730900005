//! What to fetch for a file, and the bytes that were said to be fetched.

use std::collections::HashSet;
use std::time::Duration;

use ballast_content::{ChunkHolder, Delivery};
use ballast_types::{ByteRange, RepoKey, Sha256, XetHash};
use ballast_xet::Plan;

use super::XetReader;
use crate::{Deduplication, Failure, Hub, Purpose, Result, Ticket};

/// How long an address of bytes is good for. Clients ask again when it is over.
const VALID: Duration = Duration::from_secs(3600);

/// What a reader has to fetch.
pub struct ToFetch {
    pub plan: Plan,
    /// For each range of each of the plan's fetches, the way to the bytes.
    pub ways: Vec<Vec<WayToBytes>>,
}

/// The way to some bytes of a xorb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayToBytes {
    /// Through the hub: the xorb's SHA-256 as it is stored, and the right to these bytes of it.
    Hub { sha256: Sha256, ticket: String },
    /// From the storage itself, by a URL that is good for these bytes only.
    Storage(String),
}

impl XetReader {
    /// What to fetch for a file of this repository, or for a range of it; none where the range begins behind its end.
    pub async fn reconstruct(&self, file: XetHash, range: Option<ByteRange>) -> Result<Option<ToFetch>> {
        let hub = &self.repository.hub;
        let absent = || Failure::NotFound(format!("There is no file {file} in this repository"));
        let blob = hub.content().find_xet_file(file).await?.ok_or_else(absent)?;
        let known = hub.content().find_known(self.repository.key(), &[blob.sha256]).await?;
        known.iter().flatten().next().ok_or_else(absent)?;
        let Some(planned) = hub.content().reconstruct(blob.sha256, range).await? else { return Ok(None) };
        // Where nothing is signed, nobody has to know where they lie.
        let signs = hub.content().signs();
        if signs {
            let xorbs: Vec<Sha256> = planned.xorbs.values().copied().collect();
            hub.content().locate(&xorbs).await?;
        }
        let mut ways = Vec::with_capacity(planned.plan.fetches.len());
        for fetch in &planned.plan.fetches {
            let sha256 = planned.xorbs.get(&fetch.xorb).copied().unwrap_or(Sha256([0; 32]));
            let mut of_xorb = Vec::with_capacity(fetch.ranges.len());
            for range in &fetch.ranges {
                of_xorb.push(self.way(sha256, range.bytes, signs).await?);
            }
            ways.push(of_xorb);
        }
        Ok(Some(ToFetch { ways, plan: planned.plan }))
    }

    async fn way(&self, sha256: Sha256, bytes: ByteRange, signs: bool) -> Result<WayToBytes> {
        let hub = &self.repository.hub;
        if signs && let Some(signed) = hub.content().redirect_range(sha256, bytes, VALID).await? {
            return Ok(WayToBytes::Storage(signed.url));
        }
        let purpose = Purpose::Xorb { start: bytes.start, end: bytes.end };
        let expires = hub.now().after(VALID);
        let ticket = Ticket { purpose, repo: self.repository.key(), sha256, size: bytes.end, expires };
        Ok(WayToBytes::Hub { sha256, ticket: hub.0.tickets.issue(&ticket) })
    }

    /// A shard that tells of a file with this chunk; none where there is none that this reader may be told of.
    pub async fn find_chunk(&self, chunk: XetHash) -> Result<Option<Vec<u8>>> {
        let hub = &self.repository.hub;
        if hub.settings().deduplication == Deduplication::Off {
            return Ok(None);
        }
        let holders = hub.content().holders_of_chunk(chunk).await?;
        match self.first_to_tell(&holders).await? {
            Some(file) => Ok(Some(hub.content().answer_chunk(chunk, file).await?)),
            None => Ok(None),
        }
    }

    /// The first of these files that is within the bounds of deduplication.
    async fn first_to_tell(&self, holders: &[ChunkHolder]) -> Result<Option<XetHash>> {
        let hub = &self.repository.hub;
        let told: HashSet<RepoKey> = match hub.settings().deduplication {
            Deduplication::Off => return Ok(None),
            Deduplication::Hub => return Ok(holders.first().map(|holder| holder.file)),
            Deduplication::Repository => [self.repository.key()].into(),
            Deduplication::Namespace => {
                let keys: HashSet<RepoKey> = holders.iter().map(|holder| holder.repository).collect();
                let keys: Vec<RepoKey> = keys.into_iter().collect();
                let namespace = self.repository.repository.namespace;
                let repositories = hub.catalog().find_repositories(&keys).await?.into_iter();
                repositories.filter(|repository| repository.namespace == namespace).map(|found| found.key).collect()
            }
        };
        Ok(holders.iter().find(|holder| told.contains(&holder.repository)).map(|holder| holder.file))
    }
}

impl Hub {
    /// Bytes of a xorb, as far as the ticket goes.
    pub async fn open_xorb(&self, ticket: &Ticket, range: ByteRange) -> Result<Delivery> {
        let Purpose::Xorb { start, end } = ticket.purpose else {
            return Err(Failure::Forbidden("This link is not meant for that".to_owned()));
        };
        if range.start < start || range.end > end {
            let why = format!("This link is for bytes {start} to {} only", end.saturating_sub(1));
            return Err(Failure::Forbidden(why));
        }
        Ok(self.content().open(ticket.sha256, range).await?)
    }
}
