//! Holdings: the blobs that a repository's commits name, and how many bytes they are.
//!
//! A commit holds its blobs before the engine is asked, and confirms them when the engine has said yes. In between they
//! are pending: kept like any other, and not counted. Where several commits name a blob that nobody has confirmed yet,
//! it is pending for one of them and waits for the others, so that it counts when the first of them is done and goes
//! only when all of them are given up.
//!
//! What is counted was promised before. Which promises are in the level is recorded in the transaction that moves it,
//! so the quota is told of bytes and promises together, whoever of several commits tells it first.

use std::collections::{BTreeMap, HashMap, HashSet};

use ballast_contract::Error;
use ballast_contract::quota::Held;
use ballast_database::{fixed, for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, RepoPath, ReservationId, Sha256, Timestamp};
use diesel::dsl::{case_when, exists};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::{AlsoPendingRow, HoldingRow, KeptPromiseRow, PIECE, columns, sha256_of};
use crate::schema::{
    also_pending, blobs, held, holdings, kept_promises, lease_blobs, lease_reservations, leases, purged,
};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What the quota is to be told of a repository: how much it holds, and what of that is still promised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    pub held: Held,
    /// Promises whose bytes are in `held`. They end where `held` is recorded, or the bytes count twice.
    pub kept: Vec<ReservationId>,
}

impl Content {
    /// Holds blobs for the commit that a lease belongs to, before the engine is asked. They are pending until
    /// `confirm`. `NotFound` where the lease does not have a blob; `Conflict` where it has ended. Idempotent.
    pub async fn hold(&self, lease: LeaseId, digests: &[Sha256]) -> Result<()> {
        self.hold_named(lease, digests, HashMap::new()).await
    }

    /// The same, where some of the blobs are large files, which the commit puts at these paths.
    pub async fn hold_named(&self, lease: LeaseId, digests: &[Sha256], large: HashMap<Sha256, RepoPath>) -> Result<()> {
        let (digests, now) = (columns(digests), Timestamp::now());
        let paths: HashMap<Vec<u8>, String> =
            large.into_iter().map(|(sha256, path)| (sha256.0.to_vec(), path.to_string())).collect();
        let held: Result<(), Failure> = transaction!(self.database(), hold(lease, digests, paths, now));
        held.map_err(|failure| failure.during("content.hold"))
    }

    /// Confirms what a lease holds, after the engine has said yes, and counts it: these promises, and those made for
    /// uploads of blobs that the repository holds now, are kept. Answers what to tell the quota; whoever has told it
    /// drops the lease. Idempotent. `Conflict` where the lease has ended.
    pub async fn confirm(&self, lease: LeaseId, promises: &[ReservationId]) -> Result<Settlement> {
        let (now, promises) = (Timestamp::now(), promises.iter().map(|promise| promise.0).collect::<Vec<_>>());
        let confirmed: Result<_, Failure> = transaction!(self.database(), confirm(lease, promises, now));
        confirmed.map_err(|failure| failure.during("content.confirm"))
    }

    /// What the quota is to be told of a repository at this moment.
    pub async fn settlement(&self, repo: RepoKey) -> Result<Settlement> {
        let settlement: Result<_, Failure> = read!(self.database(), settlement(repo.0));
        settlement.map_err(|failure| failure.during("content.settlement"))
    }

    /// Gives up what a lease holds and nobody has confirmed. Where another commit names it too, it is left to that one.
    /// Idempotent.
    pub async fn unhold(&self, lease: LeaseId) -> Result<()> {
        let now = Timestamp::now();
        let undone: Result<(), Failure> = transaction!(self.database(), unhold(lease, now));
        undone.map_err(|failure| failure.during("content.unhold"))
    }

    /// How many bytes a repository holds, each blob counted once.
    pub async fn held(&self, repo: RepoKey) -> Result<Held> {
        let level: Result<_, Failure> = read!(self.database(), level(repo));
        level.map_err(|failure| failure.during("content.held"))
    }

    /// Ends all leases and holdings of a deleted repository, and its level. Idempotent.
    pub async fn forget(&self, repo: RepoKey) -> Result<()> {
        let forgotten = self.forget_all(repo).await;
        forgotten.map_err(|failure| failure.during("content.forget"))
    }

    async fn forget_all(&self, repo: RepoKey) -> Result<(), Failure> {
        loop {
            // Without a lease nobody can hold for this repository again.
            let leases = self.leases_of(repo, 100).await?;
            for lease in &leases {
                self.end_lease(*lease).await?;
            }
            let now = Timestamp::now();
            let removed: usize = transaction!(self.database(), forget_some(repo, now))?;
            if leases.is_empty() && removed == 0 {
                return ballast_database::write!(self.database(), forget_level(repo));
            }
        }
    }
}

pub(crate) fn held_of(level: (i64, i64)) -> Held {
    Held { bytes: level.0.unsigned_abs(), revision: level.1.unsigned_abs() }
}

for_both! {
    pub async fn level(c: &mut Connection, repo: RepoKey) -> Result<Held, Failure> {
        let query = held::table.find(repo.0).select((held::bytes, held::revision));
        let level: Option<(i64, i64)> = query.first(c).await.optional()?;
        Ok(held_of(level.unwrap_or_default()))
    }

    pub async fn hold(
        c: &mut Connection,
        lease: LeaseId,
        digests: Vec<Vec<u8>>,
        mut paths: HashMap<Vec<u8>, String>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let repository = lock_lease!(c, lease);
        lock_held!(c, repository);
        for piece in digests.chunks(PIECE) {
            let leased = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).filter(lease_blobs::sha256.eq_any(piece));
            let leased: HashSet<Vec<u8>> = leased.select(lease_blobs::sha256).load(c).await?.into_iter().collect();
            if let Some(missing) = piece.iter().find(|sha256| !leased.contains(*sha256)) {
                return Err(Failure::Unleased(sha256_of(missing)?));
            }
            let mine = || holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(piece));
            let there: Vec<(Vec<u8>, Option<i64>)> = mine().select((holdings::sha256, holdings::pending)).load(c).await?;
            if !there.is_empty() {
                // A blob that is named again is as young as a new one: a walk that began earlier may not have seen it.
                diesel::update(mine()).set(holdings::since.eq(now.0)).execute(c).await?;
            }
            let others = there.iter().filter(|(_, pending)| pending.is_some_and(|other| other != lease.0));
            let row = |(sha256, _): &(Vec<u8>, _)| AlsoPendingRow { lease: lease.0, repository, sha256: sha256.clone() };
            let rows: Vec<_> = others.map(row).collect();
            bulk_insert!(c, also_pending::table, rows)?;
            let there: HashSet<Vec<u8>> = there.into_iter().map(|(sha256, ..)| sha256).collect();
            let new = piece.iter().filter(|sha256| !there.contains(*sha256)).cloned();
            let row = |sha256| {
                let path = paths.remove(&sha256);
                HoldingRow { repository, sha256, pending: Some(lease.0), since: now.0, path }
            };
            let rows: Vec<_> = new.map(row).collect();
            bulk_insert!(c, holdings::table, rows)?;
        }
        Ok(())
    }

    pub async fn confirm(
        c: &mut Connection,
        lease: LeaseId,
        promises: Vec<i64>,
        now: Timestamp,
    ) -> Result<Settlement, Failure> {
        let repository = lock_lease!(c, lease);
        let level = lock_held!(c, repository);
        let shared = also_pending::table.filter(also_pending::lease.eq(lease.0)).select(also_pending::sha256);
        let others = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(shared));
        let others = others.filter(holdings::pending.is_not_null());
        fixed(diesel::update(others).set(holdings::pending.eq(lease.0))).execute(c).await?;
        let pending = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::pending.eq(lease.0));
        let sizes: Vec<i64> = pending.inner_join(blobs::table).select(blobs::size).load(c).await?;
        // All that the lease names is as young as the commit now, and nothing that was pending for it is any more.
        let named = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).select(lease_blobs::sha256);
        let named = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(named));
        let done = case_when(holdings::pending.eq(lease.0), None::<i64>.into_sql::<Nullable<BigInt>>()).otherwise(holdings::pending);
        fixed(diesel::update(named).set((holdings::since.eq(now.0), holdings::pending.eq(done)))).execute(c).await?;
        if !sizes.is_empty() {
            move_held!(c, repository, level, sizes.iter().sum::<i64>());
        }
        keep_promises(c, lease, repository, promises).await?;
        settlement(c, repository).await
    }

    /// Records that these promises are in the level, and those that were made for blobs which the repository holds now.
    async fn keep_promises(
        c: &mut Connection,
        lease: LeaseId,
        repository: i64,
        mut promises: Vec<i64>,
    ) -> Result<(), Failure> {
        let held = holdings::table
            .filter(holdings::repository.eq(repository))
            .filter(holdings::sha256.eq(lease_reservations::sha256))
            .filter(holdings::pending.is_null());
        let ours = || leases::table.filter(leases::repository.eq(repository)).select(leases::id);
        let kept = lease_reservations::table.filter(lease_reservations::lease.eq_any(ours())).filter(exists(held));
        let kept: Vec<i64> = kept.select(lease_reservations::reservation).distinct().load(c).await?;
        for piece in kept.chunks(PIECE) {
            let rows = lease_reservations::table.filter(lease_reservations::reservation.eq_any(piece));
            diesel::delete(rows.filter(lease_reservations::lease.eq_any(ours()))).execute(c).await?;
        }
        promises.extend(kept);
        let row = |reservation| KeptPromiseRow { lease: lease.0, repository, reservation };
        let rows: Vec<_> = promises.into_iter().map(row).collect();
        bulk_insert!(c, kept_promises::table, rows)?;
        Ok(())
    }

    /// One statement, so that the level is never seen without the promises that are in it.
    pub async fn settlement(c: &mut Connection, repository: i64) -> Result<Settlement, Failure> {
        let of_repository = kept_promises::table.on(kept_promises::repository.eq(held::repository));
        let query = held::table.left_join(of_repository).filter(held::repository.eq(repository));
        let query = query.select((held::bytes, held::revision, kept_promises::reservation.nullable()));
        let rows: Vec<(i64, i64, Option<i64>)> = query.load(c).await?;
        let level = rows.iter().map(|(bytes, revision, _)| (*bytes, *revision)).next().unwrap_or_default();
        let kept = rows.into_iter().filter_map(|(_, _, reservation)| reservation.map(ReservationId)).collect();
        Ok(Settlement { held: held_of(level), kept })
    }

    pub async fn unhold(c: &mut Connection, lease: LeaseId, now: Timestamp) -> Result<(), Failure> {
        let pending = || holdings::table.filter(holdings::pending.eq(lease.0));
        let waits = || also_pending::table.filter(also_pending::lease.eq(lease.0));
        let repository: Option<i64> = pending().select(holdings::repository).first(c).await.optional()?;
        let repository = match repository {
            None => waits().select(also_pending::repository).first(c).await.optional()?,
            found => found,
        };
        let Some(repository) = repository else { return Ok(()) };
        lock_level(c, repository).await?;
        diesel::delete(waits()).execute(c).await?;
        leave_to_others(c, lease, repository).await?;
        let query = blobs::table.filter(blobs::sha256.eq_any(pending().select(holdings::sha256)));
        let given_up: Vec<Vec<u8>> = lock!(query.order(blobs::sha256).select(blobs::sha256)).load(c).await?;
        for piece in given_up.chunks(PIECE) {
            let idle = blobs::table.filter(blobs::sha256.eq_any(piece));
            diesel::update(idle).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        }
        diesel::delete(pending()).execute(c).await?;
        Ok(())
    }

    /// Passes what is pending for a commit that is given up to one that names it too.
    async fn leave_to_others(c: &mut Connection, lease: LeaseId, repository: i64) -> Result<(), Failure> {
        let pending = holdings::table.filter(holdings::pending.eq(lease.0)).select(holdings::sha256);
        let waits = also_pending::table.filter(also_pending::repository.eq(repository));
        let waits = waits.filter(also_pending::sha256.eq_any(pending));
        let heirs: Vec<(Vec<u8>, i64)> = waits.select((also_pending::sha256, also_pending::lease)).load(c).await?;
        let one_each: HashMap<Vec<u8>, i64> = heirs.into_iter().collect();
        let mut by_heir = BTreeMap::<i64, Vec<Vec<u8>>>::new();
        for (sha256, heir) in one_each {
            by_heir.entry(heir).or_default().push(sha256);
        }
        for (heir, digests) in by_heir {
            for piece in digests.chunks(PIECE) {
                let left = holdings::table.filter(holdings::repository.eq(repository));
                let left = left.filter(holdings::sha256.eq_any(piece));
                diesel::update(left).set(holdings::pending.eq(heir)).execute(c).await?;
            }
        }
        Ok(())
    }

    /// Locks a repository's level where there is one. What only takes away makes none: it may come so late that the
    /// repository is forgotten, and then nobody would take it away again.
    async fn lock_level(c: &mut Connection, repository: i64) -> Result<(), Failure> {
        let level = held::table.find(repository).select(held::repository);
        lock!(level).first::<i64>(c).await.optional()?;
        Ok(())
    }

    pub async fn forget_some(c: &mut Connection, repo: RepoKey, now: Timestamp) -> Result<usize, Failure> {
        lock_level(c, repo.0).await?;
        let some = holdings::table.filter(holdings::repository.eq(repo.0)).order(holdings::sha256).limit(PIECE as i64);
        let some: Vec<Vec<u8>> = some.select(holdings::sha256).load(c).await?;
        let query = blobs::table.filter(blobs::sha256.eq_any(&some)).order(blobs::sha256).select(blobs::sha256);
        lock!(query).load::<Vec<u8>>(c).await?;
        let rows = blobs::table.filter(blobs::sha256.eq_any(&some));
        diesel::update(rows).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        let rows = holdings::table.filter(holdings::repository.eq(repo.0)).filter(holdings::sha256.eq_any(&some));
        Ok(diesel::delete(rows).execute(c).await?)
    }

    pub async fn forget_level(c: &mut Connection, repo: RepoKey) -> Result<(), Failure> {
        diesel::delete(purged::table.filter(purged::repository.eq(repo.0))).execute(c).await?;
        diesel::delete(held::table.find(repo.0)).execute(c).await?;
        Ok(())
    }
}
