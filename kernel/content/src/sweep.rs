//! Sweeping: leases whose time is over, blobs that nobody names, objects that hold nothing.
//!
//! Rows go first, in one transaction that has the blobs locked; the object is marked in the same transaction, its bytes
//! are deleted after, for good, and its row goes last. A crash in between leaves a marked object, which the next sweep
//! deletes; what it deletes together costs storage and database little more than one.

use std::collections::HashSet;
use std::time::Duration;

use ballast_contract::Error;
use ballast_database::{for_both, read, transaction};
use ballast_types::{ReservationId, Timestamp};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::objects::Object;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, holdings, lease_blobs, leases, locations, objects, parts, xet_files, xet_uses, xorbs};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What a sweep took away, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Leases whose time was over.
    pub leases: u64,
    /// Promised under them, and not used: release them.
    pub reservations: Vec<ReservationId>,
    /// Blobs that nobody has named for the grace.
    pub blobs: u64,
    /// What they were, in bytes.
    pub bytes: u64,
    /// Pieces that went because what they are lies in xorbs as well.
    pub spares: u64,
    /// Packs and xorbs of which most was gone, rewritten without it.
    pub compacted: u64,
    /// Objects deleted from storage.
    pub objects: u64,
    /// What they took there, in bytes, less what was written anew; an object that was never finished counts nothing.
    pub freed: u64,
    /// Objects that storage did not delete, and packs that were not rewritten; the log says why, and the next sweep
    /// tries again.
    pub failed: u64,
}

impl Content {
    /// How long bytes that nobody names are kept.
    pub fn grace(&self) -> Duration {
        self.inner.options.grace
    }

    /// Ends the leases whose time is over at `now`, and removes what nobody has held or leased for the grace. Safe
    /// beside every other call, on any number of nodes. An error of the database leaves the rest to the next sweep.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept> {
        self.sweep_after(now, self.grace()).await
    }

    /// The same with another grace. What is leased or held is safe with any; with one that is shorter than an upload, a
    /// client that was told that bytes are there may have to send them again.
    pub async fn sweep_after(&self, now: Timestamp, grace: Duration) -> Result<Swept> {
        let during = |failure: Failure| failure.during("content.sweep");
        let (cutoff, mut swept) = (now.before(grace), Swept::default());
        self.sweep_leases(now, &mut swept).await.map_err(during)?;
        self.sweep_blobs(now, cutoff, &mut swept).await.map_err(during)?;
        swept.spares = self.drop_spares(cutoff).await.map_err(during)?;
        let marked: Result<(), Failure> = ballast_database::write!(self.database(), mark_unfinished(cutoff));
        marked.map_err(during)?;
        let written = self.compact(now, &mut swept).await?;
        self.compact_xorbs(now, &mut swept).await.map_err(during)?;
        self.sweep_objects(&mut swept).await.map_err(during)?;
        swept.freed = swept.freed.saturating_sub(written);
        Ok(swept)
    }

    /// Since when a xorb must have been named to stay.
    pub(crate) fn xorb_cutoff(&self, now: Timestamp) -> Timestamp {
        now.before(self.inner.options.xorb_grace)
    }

    async fn sweep_leases(&self, now: Timestamp, swept: &mut Swept) -> Result<(), Failure> {
        loop {
            let leases = self.expired_leases(now, 500).await?;
            if leases.is_empty() {
                return Ok(());
            }
            for lease in leases {
                swept.reservations.extend(self.expire_lease(lease, now).await?);
                swept.leases += 1;
            }
        }
    }

    async fn sweep_blobs(&self, now: Timestamp, cutoff: Timestamp, swept: &mut Swept) -> Result<(), Failure> {
        let mut after = Vec::new();
        loop {
            let page: Vec<Vec<u8>> = read!(self.database(), list_idle(cutoff, after.clone()))?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let gone: Vec<(Vec<u8>, i64)> =
                transaction!(self.database(), remove_idle(page, cutoff, now, self.xorb_cutoff(now)))?;
            for (sha256, size) in gone {
                self.inner.places.invalidate(&sha256_of(&sha256)?);
                swept.blobs += 1;
                swept.bytes += size.unsigned_abs();
            }
        }
    }

    async fn sweep_objects(&self, swept: &mut Swept) -> Result<(), Failure> {
        let mut after = i64::MIN;
        loop {
            let page: Vec<(Object, i64)> = read!(self.database(), list_doomed(after))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = last.id;
            let (objects, sizes): (Vec<_>, Vec<_>) = page.into_iter().unzip();
            if self.delete_objects(&objects).await.is_ok() {
                swept.objects += objects.len() as u64;
                swept.freed += sizes.into_iter().map(i64::unsigned_abs).sum::<u64>();
                continue;
            }
            // One that cannot go is no reason for the others to stay.
            for (object, size) in objects.iter().zip(sizes) {
                match self.delete_objects(std::slice::from_ref(object)).await {
                    Ok(()) => {
                        swept.objects += 1;
                        swept.freed += size.unsigned_abs();
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an object that nothing names was not deleted");
                        swept.failed += 1;
                    }
                }
            }
        }
    }
}

for_both! {
    pub async fn list_idle(c: &mut Connection, cutoff: Timestamp, after: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let query = blobs::table.filter(blobs::idle_since.le(cutoff.0)).filter(blobs::sha256.gt(after));
        Ok(query.order(blobs::sha256).limit(PIECE as i64).select(blobs::sha256).load(c).await?)
    }

    /// Removes those of these blobs that nobody names, and marks the objects that hold nothing else. Who wants to name
    /// one meanwhile waits for the rows, and then finds them gone or this transaction finds its lease.
    pub async fn remove_idle(
        c: &mut Connection,
        candidates: Vec<Vec<u8>>,
        cutoff: Timestamp,
        now: Timestamp,
        xorb_cutoff: Timestamp,
    ) -> Result<Vec<(Vec<u8>, i64)>, Failure> {
        // Also the xorbs of files that may go now: all locks in one order.
        let xorbs = xorbs_of(c, &candidates).await?;
        let query = blobs::table.filter(blobs::sha256.eq_any(candidates.iter().chain(&xorbs)));
        let query = query.order(blobs::sha256).select((blobs::sha256, blobs::size, blobs::idle_since));
        let locked: Vec<(Vec<u8>, i64, Option<i64>)> = lock!(query).load(c).await?;
        let candidates: HashSet<Vec<u8>> = candidates.into_iter().collect();
        let is_idle = |sha256: &Vec<u8>, since: Option<i64>| {
            candidates.contains(sha256) && since.is_some_and(|since| since <= cutoff.0)
        };
        let idle = locked.into_iter().filter(|(sha256, _, since)| is_idle(sha256, *since));
        let idle: Vec<(Vec<u8>, i64)> = idle.map(|(sha256, size, _)| (sha256, size)).collect();
        let candidates: Vec<Vec<u8>> = idle.iter().map(|(sha256, _)| sha256.clone()).collect();
        let held = holdings::table.filter(holdings::sha256.eq_any(&candidates)).select(holdings::sha256).distinct();
        let held: HashSet<Vec<u8>> = held.load(c).await?.into_iter().collect();
        let leased = lease_blobs::table.filter(lease_blobs::sha256.eq_any(&candidates)).select(lease_blobs::sha256);
        let leased: HashSet<Vec<u8>> = leased.distinct().load(c).await?.into_iter().collect();
        let (used, remembered) = needed_xorbs!(c, &candidates, xorb_cutoff);
        // Who takes the last holding or use away sets the mark again; who drops a lease may rely on somebody's holding.
        let is_busy = |sha256: &&Vec<u8>| held.contains(*sha256) || used.contains(*sha256);
        let busy: Vec<_> = idle.iter().map(|row| &row.0).filter(is_busy).collect();
        let rows = blobs::table.filter(blobs::sha256.eq_any(busy));
        diesel::update(rows).set(blobs::idle_since.eq(None::<i64>)).execute(c).await?;
        let named = |sha256: &Vec<u8>| {
            [&held, &leased, &used, &remembered].iter().any(|named| named.contains(sha256))
        };
        let gone: Vec<_> = idle.into_iter().filter(|row| !named(&row.0)).collect();
        let digests: Vec<_> = gone.iter().map(|row| &row.0).collect();
        forget_xet(c, &digests, now).await?;
        let freed = locations::table.inner_join(blobs::table).filter(locations::sha256.eq_any(&digests));
        let freed: Vec<(i64, i64)> = freed.select((locations::object, blobs::size)).load(c).await?;
        diesel::delete(locations::table.filter(locations::sha256.eq_any(&digests))).execute(c).await?;
        diesel::delete(blobs::table.filter(blobs::sha256.eq_any(&digests))).execute(c).await?;
        thin_out!(c, freed);
        Ok(gone)
    }

    /// The blobs of the xorbs in which these blobs lie.
    async fn xorbs_of(c: &mut Connection, digests: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Failure> {
        let uses = xet_uses::table.inner_join(xet_files::table).inner_join(xorbs::table);
        let uses = uses.filter(xet_files::sha256.eq_any(digests)).select(xorbs::sha256).distinct();
        Ok(uses.load(c).await?)
    }

    /// Takes away what is known of these blobs as Xet files or as xorbs. Xorbs that no file uses any more begin their
    /// grace.
    async fn forget_xet(c: &mut Connection, gone: &[&Vec<u8>], now: Timestamp) -> Result<(), Failure> {
        let uses = xet_uses::table.inner_join(xet_files::table).filter(xet_files::sha256.eq_any(gone));
        let used: Vec<Vec<u8>> = uses.select(xet_uses::xorb).distinct().load(c).await?;
        diesel::delete(xet_files::table.filter(xet_files::sha256.eq_any(gone))).execute(c).await?;
        for piece in used.chunks(PIECE) {
            let others = exists(xet_uses::table.filter(xet_uses::xorb.eq(xorbs::xorb)));
            let unused = xorbs::table.filter(xorbs::xorb.eq_any(piece)).filter(not(others));
            let bytes: Vec<Vec<u8>> = unused.select(xorbs::sha256).load(c).await?;
            let touched = diesel::update(xorbs::table.filter(xorbs::xorb.eq_any(piece)));
            touched.set(xorbs::thinned.eq(now.0)).execute(c).await?;
            let rows = xorbs::table.filter(xorbs::sha256.eq_any(&bytes));
            diesel::update(rows).set(xorbs::named.eq(now.0)).execute(c).await?;
            let rows = blobs::table.filter(blobs::sha256.eq_any(&bytes));
            diesel::update(rows).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        }
        diesel::delete(xorbs::table.filter(xorbs::sha256.eq_any(gone))).execute(c).await?;
        Ok(())
    }

    /// Marks the objects that were begun under a lease that has ended, and that nothing names.
    pub async fn mark_unfinished(c: &mut Connection, cutoff: Timestamp) -> Result<(), Failure> {
        let live = leases::table.select(leases::id);
        let begun = objects::table.filter(objects::lease.is_not_null()).filter(objects::created.le(cutoff.0));
        let begun = begun.filter(objects::lease.assume_not_null().ne_all(live));
        let located = exists(locations::table.filter(locations::object.eq(objects::id)));
        let joined = exists(parts::table.filter(parts::object.eq(objects::id)));
        let rows = begun.filter(not(located)).filter(not(joined));
        diesel::update(rows).set((objects::deleting.eq(true), objects::lease.eq(None::<i64>))).execute(c).await?;
        Ok(())
    }

    /// Objects to delete, and their sizes.
    pub async fn list_doomed(c: &mut Connection, after: i64) -> Result<Vec<(Object, i64)>, Failure> {
        let query = objects::table.filter(objects::deleting.eq(true)).filter(objects::id.gt(after));
        let query = query.order(objects::id).limit(PIECE as i64);
        let query = query.select((objects::id, objects::storage, objects::key, objects::packed, objects::size));
        let rows: Vec<(i64, String, String, bool, i64)> = query.load(c).await?;
        Ok(rows.into_iter().map(|(id, storage, key, packed, size)| (Object { id, storage, key, packed }, size)).collect())
    }
}
