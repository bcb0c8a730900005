//! Holdings: the blobs that a repository's commits name, and how many bytes they are.
//!
//! A commit holds its blobs before the engine is asked, and confirms them when the engine has said yes. In between they
//! are pending: kept like any other, and not counted.

use std::collections::{HashMap, HashSet};

use ballast_contract::Error;
use ballast_contract::quota::Held;
use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, ReservationId, Sha256, Timestamp};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::{HoldingRow, PIECE, columns, sha256_of};
use crate::schema::{blobs, held, holdings, lease_blobs, lease_reservations, leases};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What a confirmed commit leaves the repository with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub held: Held,
    /// Promised for blobs that the repository holds now: settle them with the level.
    pub reservations: Vec<ReservationId>,
}

impl Content {
    /// Holds blobs for the commit that a lease belongs to, before the engine is asked. They are pending until
    /// `confirm`; one that another commit is holding right now is confirmed at once, since either may need it.
    /// `NotFound` where the lease does not have a blob; `Conflict` where it has ended. Idempotent.
    pub async fn hold(&self, lease: LeaseId, digests: &[Sha256]) -> Result<()> {
        let (digests, now) = (columns(digests), Timestamp::now());
        let held: Result<(), Failure> = transaction!(self.database(), hold(lease, digests, now));
        held.map_err(|failure| failure.during("content.hold"))
    }

    /// Confirms what a lease holds, after the engine has said yes, and counts it. Idempotent: a second call answers the
    /// level and nothing more. `Conflict` where the lease has ended.
    pub async fn confirm(&self, lease: LeaseId) -> Result<Confirmed> {
        let now = Timestamp::now();
        let confirmed: Result<_, Failure> = transaction!(self.database(), confirm(lease, now));
        confirmed.map_err(|failure| failure.during("content.confirm"))
    }

    /// Gives up what a lease holds and has not confirmed. Idempotent.
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

    pub async fn hold(c: &mut Connection, lease: LeaseId, digests: Vec<Vec<u8>>, now: Timestamp) -> Result<(), Failure> {
        let repository = lock_lease!(c, lease);
        let level = lock_held!(c, repository);
        let mut confirmed_bytes = 0;
        let mut confirmed_any = false;
        for piece in digests.chunks(PIECE) {
            let leased = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).filter(lease_blobs::sha256.eq_any(piece));
            let leased: HashSet<Vec<u8>> = leased.select(lease_blobs::sha256).load(c).await?.into_iter().collect();
            if let Some(missing) = piece.iter().find(|sha256| !leased.contains(*sha256)) {
                return Err(Failure::Unleased(sha256_of(missing)?));
            }
            let query = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
            let query = query.filter(holdings::sha256.eq_any(piece)).select((holdings::sha256, holdings::pending, blobs::size));
            let there: Vec<(Vec<u8>, Option<i64>, i64)> = query.load(c).await?;
            let others = there.iter().filter(|(_, pending, _)| pending.is_some_and(|other| other != lease.0));
            let others: HashMap<Vec<u8>, i64> = others.map(|(sha256, _, size)| (sha256.clone(), *size)).collect();
            confirmed_any |= !others.is_empty();
            confirmed_bytes += others.values().sum::<i64>();
            // A blob that is named again is as young as a new one: a walk that began earlier may not have seen it.
            let mine = || holdings::table.filter(holdings::repository.eq(repository));
            let named = mine().filter(holdings::sha256.eq_any(piece));
            diesel::update(named).set(holdings::since.eq(now.0)).execute(c).await?;
            let others: Vec<_> = others.into_keys().collect();
            let both = mine().filter(holdings::sha256.eq_any(others));
            diesel::update(both).set(holdings::pending.eq(None::<i64>)).execute(c).await?;
            let there: HashSet<Vec<u8>> = there.into_iter().map(|(sha256, ..)| sha256).collect();
            let new = piece.iter().filter(|sha256| !there.contains(*sha256)).cloned();
            let row = |sha256| HoldingRow { repository, sha256, pending: Some(lease.0), since: now.0 };
            let rows: Vec<_> = new.map(row).collect();
            bulk_insert!(c, holdings::table, rows)?;
        }
        if confirmed_any {
            move_held!(c, repository, level, confirmed_bytes);
        }
        Ok(())
    }

    pub async fn confirm(c: &mut Connection, lease: LeaseId, now: Timestamp) -> Result<Confirmed, Failure> {
        let repository = lock_lease!(c, lease);
        let level = lock_held!(c, repository);
        let pending = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
        let sizes: Vec<i64> = pending.filter(holdings::pending.eq(lease.0)).select(blobs::size).load(c).await?;
        let named = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0)).select(lease_blobs::sha256);
        let again = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(named));
        diesel::update(again).set(holdings::since.eq(now.0)).execute(c).await?;
        let pending = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::pending.eq(lease.0));
        diesel::update(pending).set(holdings::pending.eq(None::<i64>)).execute(c).await?;
        let level = match sizes.is_empty() {
            true => level,
            false => move_held!(c, repository, level, sizes.iter().sum::<i64>()),
        };
        let reservations = kept_promises(c, repository).await?;
        Ok(Confirmed { held: held_of(level), reservations })
    }

    /// Takes out the promises for blobs that the repository now holds.
    async fn kept_promises(c: &mut Connection, repository: i64) -> Result<Vec<ReservationId>, Failure> {
        let held = holdings::table
            .filter(holdings::repository.eq(repository))
            .filter(holdings::sha256.eq(lease_reservations::sha256))
            .filter(holdings::pending.is_null());
        let ours = || leases::table.filter(leases::repository.eq(repository)).select(leases::id);
        let kept = lease_reservations::table.filter(lease_reservations::lease.eq_any(ours())).filter(exists(held));
        let reservations: Vec<i64> = kept.select(lease_reservations::reservation).distinct().load(c).await?;
        for piece in reservations.chunks(PIECE) {
            let rows = lease_reservations::table.filter(lease_reservations::reservation.eq_any(piece));
            diesel::delete(rows.filter(lease_reservations::lease.eq_any(ours()))).execute(c).await?;
        }
        Ok(reservations.into_iter().map(ReservationId).collect())
    }

    pub async fn unhold(c: &mut Connection, lease: LeaseId, now: Timestamp) -> Result<(), Failure> {
        let pending = || holdings::table.filter(holdings::pending.eq(lease.0));
        let query = pending().select(holdings::repository);
        let Some(repository) = query.first::<i64>(c).await.optional()? else { return Ok(()) };
        lock_level(c, repository).await?;
        let query = blobs::table.filter(blobs::sha256.eq_any(pending().select(holdings::sha256)));
        let given_up: Vec<Vec<u8>> = lock!(query.order(blobs::sha256).select(blobs::sha256)).load(c).await?;
        for piece in given_up.chunks(PIECE) {
            let idle = blobs::table.filter(blobs::sha256.eq_any(piece));
            diesel::update(idle).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        }
        diesel::delete(pending()).execute(c).await?;
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
        diesel::delete(held::table.find(repo.0)).execute(c).await?;
        Ok(())
    }
}
