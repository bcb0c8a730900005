//! Packs of which most is gone, rewritten without it.
//!
//! The blobs that are left are read, proven, and written as a new object under a lease of this node's own; one
//! transaction moves their locations; the old object holds nothing then, and goes as every other does. A reader that
//! has just looked the old place up finds no object there, asks again, and finds the new one. Whatever a crash leaves is
//! an object without locations, which is swept when the lease is over.

use std::time::Duration;

use ballast_contract::Error;
use ballast_contract::storage::StorageWriter;
use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::damage::{Located, Verdict};
use crate::failure::Failure;
use crate::objects::Object;
use crate::rows::{PIECE, column};
use crate::schema::{blobs, leases, locations, objects};
use crate::survey::Pack;
use crate::sweep::Swept;

type Result<T, E = Error> = std::result::Result<T, E>;

/// How long a rewriting may take. A pack is a few megabytes.
const TIME: Duration = Duration::from_secs(60 * 60);

/// No repository has this key: what is leased under it belongs to the hub itself.
pub(crate) const NOBODY: RepoKey = RepoKey(0);

/// A blob's new place: digest, where it begins, how long it is.
type Moved = (Vec<u8>, i64, i64);

impl Content {
    /// Rewrites the packs of which more than half is gone. Answers how many bytes were written.
    pub(crate) async fn compact(&self, now: Timestamp, swept: &mut Swept) -> Result<u64> {
        let (mut after, mut sum) = (i64::MIN, 0);
        loop {
            let page: Result<Vec<i64>, Failure> = read!(self.database(), list_thinned(after));
            let page = page.map_err(|failure| failure.during("content.compact"))?;
            let Some(last) = page.last() else { return Ok(sum) };
            after = *last;
            for id in page {
                match self.compact_one(id, now).await {
                    Ok(Some(written)) => {
                        swept.compacted += 1;
                        sum += written;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a pack was not rewritten without what is gone of it");
                        swept.failed += 1;
                    }
                }
            }
        }
    }

    /// Answers how many bytes were written; none where the pack is to stay as it is.
    async fn compact_one(&self, id: i64, now: Timestamp) -> Result<Option<u64>> {
        let Some(pack) = self.find_pack(id).await? else { return Ok(None) };
        let files = self.read_pack(&pack).await?;
        let mut whole = Vec::with_capacity(files.len());
        for (located, bytes, verdict) in files {
            match verdict {
                Verdict::Whole => whole.push((located, bytes)),
                // Stays where it is, for somebody to look at, until an upload heals it.
                _ => drop(self.record(&located, &verdict, None).await?),
            }
        }
        if whole.is_empty() {
            return Ok(None);
        }
        let lease = self.create_lease(NOBODY, now.after(TIME).max(Timestamp::now().after(TIME))).await?;
        let moved = self.rewrite(lease, &pack, whole).await;
        self.drop_lease(lease).await?;
        moved.map(Some)
    }

    async fn rewrite(&self, lease: LeaseId, old: &Pack, files: Vec<(Located, bytes::Bytes)>) -> Result<u64> {
        let new = Object::new(self, true, |id| format!("packs/{:02x}/{id:016x}", id & 0xff))?;
        let new = Object { storage: old.storage.clone(), ..new };
        let mut writer = self.begin_object(lease, &new).await?;
        let (written, size, moved) = write_all(&mut writer, files).await;
        self.finish(writer, &new, written, size).await?;
        let done: Result<usize, Failure> =
            transaction!(self.database(), move_locations(lease, old.id, new.id, column(size), moved.clone()));
        match done {
            Ok(0) => self.discard(&new).await,
            Ok(_) => {}
            Err(failure) => {
                self.discard(&new).await;
                return Err(failure.during("content.compact"));
            }
        }
        for (sha256, ..) in moved {
            if let Some(sha256) = ballast_types::Sha256::from_slice(&sha256) {
                self.inner.places.invalidate(&sha256);
            }
        }
        Ok(size)
    }
}

async fn write_all(
    writer: &mut Box<dyn StorageWriter>,
    files: Vec<(Located, bytes::Bytes)>,
) -> (Result<()>, u64, Vec<Moved>) {
    let (mut start, mut moved) = (0, Vec::with_capacity(files.len()));
    for (located, bytes) in files {
        moved.push((located.sha256, column(start), located.size));
        start += bytes.len() as u64;
        if bytes.is_empty() {
            continue;
        }
        if let Err(error) = writer.write(bytes).await {
            return (Err(error), start, moved);
        }
    }
    (Ok(()), start, moved)
}

for_both! {
    pub async fn list_thinned(c: &mut Connection, after: i64) -> Result<Vec<i64>, Failure> {
        let query = objects::table.filter(objects::packed.eq(true)).filter(objects::gone.gt(0));
        let query = query.filter((objects::gone * 2_i64).gt(objects::size)).filter(objects::deleting.eq(false));
        let query = query.filter(objects::id.gt(after)).order(objects::id).limit(PIECE as i64);
        Ok(query.select(objects::id).load(c).await?)
    }

    /// Answers how many locations were moved: those that are still where they were read.
    pub async fn move_locations(
        c: &mut Connection,
        lease: LeaseId,
        old: i64,
        new: i64,
        size: i64,
        moved: Vec<Moved>,
    ) -> Result<usize, Failure> {
        lock_lease!(c, lease);
        let mut digests: Vec<Vec<u8>> = moved.iter().map(|moved| moved.0.clone()).collect();
        digests.sort_unstable();
        let mut there = std::collections::HashSet::new();
        for piece in digests.chunks(PIECE) {
            let query = blobs::table.filter(blobs::sha256.eq_any(piece)).order(blobs::sha256).select(blobs::sha256);
            lock!(query).load::<Vec<u8>>(c).await?;
            let query = locations::table.filter(locations::object.eq(old)).filter(locations::sha256.eq_any(piece));
            there.extend(query.select(locations::sha256).load::<Vec<u8>>(c).await?);
        }
        let moved: Vec<Moved> = moved.into_iter().filter(|moved| there.contains(&moved.0)).collect();
        if moved.is_empty() {
            return Ok(0);
        }
        let live: i64 = moved.iter().map(|moved| moved.2).sum();
        let begun = objects::table.find(new).filter(objects::deleting.eq(false));
        let set = (objects::lease.eq(None::<i64>), objects::size.eq(size), objects::gone.eq(size - live));
        if diesel::update(begun).set(set).execute(c).await? == 0 {
            return Err(Failure::Collected);
        }
        for (sha256, start, _) in &moved {
            let row = locations::table.filter(locations::object.eq(old)).filter(locations::sha256.eq(sha256));
            let set = (locations::object.eq(new), locations::start.eq(start), locations::damaged.eq(None::<i64>));
            diesel::update(row).set(set).execute(c).await?;
        }
        thin_out!(c, [(old, live)]);
        Ok(moved.len())
    }
}
