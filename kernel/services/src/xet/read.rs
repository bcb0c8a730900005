//! What to fetch for a file, and the bytes that were said to be fetched.

use std::time::Duration;

use ballast_content::{Delivery, Scope};
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
pub struct WayToBytes {
    /// Of the xorb as it is stored.
    pub sha256: Sha256,
    pub ticket: String,
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
        let expires = hub.now().after(VALID);
        let ways = planned.plan.fetches.iter().map(|fetch| {
            let sha256 = planned.xorbs.get(&fetch.xorb).copied().unwrap_or(Sha256([0; 32]));
            let way = |bytes: ByteRange| {
                let purpose = Purpose::Xorb { start: bytes.start, end: bytes.end };
                let ticket = Ticket { purpose, repo: self.repository.key(), sha256, size: bytes.end, expires };
                WayToBytes { sha256, ticket: hub.0.tickets.issue(&ticket) }
            };
            fetch.ranges.iter().map(|range| way(range.bytes)).collect()
        });
        Ok(Some(ToFetch { ways: ways.collect(), plan: planned.plan }))
    }

    /// A shard that tells of a file with this chunk; none where there is none that this reader may be told of.
    pub async fn find_chunk(&self, chunk: XetHash) -> Result<Option<Vec<u8>>> {
        let hub = &self.repository.hub;
        let scope = match hub.settings().deduplication {
            Deduplication::Off => return Ok(None),
            Deduplication::Repository => Scope::Repositories([self.repository.key()].into()),
            Deduplication::Namespace => {
                let holders: Vec<RepoKey> = hub.content().holders_of_chunk(chunk).await?.into_iter().collect();
                let namespace = self.repository.repository.namespace;
                let holders = hub.catalog().find_repositories(&holders).await?;
                let ours = holders.into_iter().filter(|repository| repository.namespace == namespace);
                Scope::Repositories(ours.map(|repository| repository.key).collect())
            }
            Deduplication::Hub => Scope::Hub,
        };
        Ok(hub.content().answer_chunk(chunk, &scope).await?)
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
