//! Pruning: what a repository holds and its history no longer names.

use std::collections::HashSet;

use ballast_contract::Error;
use ballast_contract::quota::Held;
use ballast_database::{for_both, read, transaction};
use ballast_types::{RepoKey, Sha256, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, held, holdings, lease_blobs, leases};

type Result<T, E = Error> = std::result::Result<T, E>;

impl Content {
    /// Takes away the holdings that are not in `reachable`, a walk over all that the engine keeps, begun at
    /// `mark_began`. What the repository has leased, or named again since, stays. What is reachable and was never
    /// confirmed, because its commit was cut off and its lease has ended, is confirmed. Answers the level.
    pub async fn prune(&self, repo: RepoKey, reachable: &HashSet<Sha256>, mark_began: Timestamp) -> Result<Held> {
        let pruned = self.prune_all(repo, reachable, mark_began).await;
        pruned.map_err(|failure| failure.during("content.prune"))?;
        self.held(repo).await
    }

    async fn prune_all(
        &self,
        repo: RepoKey,
        reachable: &HashSet<Sha256>,
        mark_began: Timestamp,
    ) -> Result<(), Failure> {
        let mut after = Vec::new();
        loop {
            let page: Vec<(Vec<u8>, Option<i64>)> =
                read!(self.database(), list_before(repo.0, mark_began, after.clone()))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let (mut dead, mut unconfirmed) = (Vec::new(), Vec::new());
            for (sha256, pending) in page {
                match reachable.contains(&sha256_of(&sha256)?) {
                    false => dead.push(sha256),
                    true if pending.is_some() => unconfirmed.push(sha256),
                    true => {}
                }
            }
            if !dead.is_empty() {
                let now = Timestamp::now();
                let (): () = transaction!(self.database(), prune(repo.0, dead, mark_began, now))?;
            }
            if !unconfirmed.is_empty() {
                let (): () = transaction!(self.database(), confirm_late(repo.0, unconfirmed))?;
            }
        }
    }
}

for_both! {
    pub async fn list_before(
        c: &mut Connection,
        repository: i64,
        before: Timestamp,
        after: Vec<u8>,
    ) -> Result<Vec<(Vec<u8>, Option<i64>)>, Failure> {
        let query = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.gt(after));
        let query = query.filter(holdings::since.lt(before.0)).order(holdings::sha256).limit(PIECE as i64);
        Ok(query.select((holdings::sha256, holdings::pending)).load(c).await?)
    }

    /// Holdings of these blobs that wait for a lease that has ended.
    async fn forsaken(c: &mut Connection, repository: i64, digests: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, i64)>, Failure> {
        let live = leases::table.filter(leases::repository.eq(repository)).select(leases::id);
        let query = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
        let query = query.filter(holdings::sha256.eq_any(digests)).filter(holdings::pending.is_not_null());
        let query = query.filter(holdings::pending.assume_not_null().ne_all(live));
        Ok(query.select((holdings::sha256, blobs::size)).load(c).await?)
    }

    pub async fn prune(
        c: &mut Connection,
        repository: i64,
        dead: Vec<Vec<u8>>,
        mark_began: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let level = lock_held!(c, repository);
        let query = blobs::table.filter(blobs::sha256.eq_any(&dead)).order(blobs::sha256).select(blobs::sha256);
        lock!(query).load::<Vec<u8>>(c).await?;
        // Asked after the rows are locked: a claim that was faster has its lease by now, a slower one finds nothing.
        let leased = lease_blobs::table.inner_join(leases::table).filter(leases::repository.eq(repository));
        let leased = leased.filter(lease_blobs::sha256.eq_any(&dead)).select(lease_blobs::sha256);
        let leased: HashSet<Vec<u8>> = leased.load(c).await?.into_iter().collect();
        let dead: Vec<_> = dead.into_iter().filter(|sha256| !leased.contains(sha256)).collect();
        let chosen = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::since.lt(mark_began.0));
        let confirmed = chosen.filter(holdings::sha256.eq_any(&dead)).filter(holdings::pending.is_null());
        let confirmed: Vec<(Vec<u8>, i64)> =
            confirmed.inner_join(blobs::table).select((holdings::sha256, blobs::size)).load(c).await?;
        let forsaken = forsaken(c, repository, &dead).await?;
        let freed: i64 = confirmed.iter().map(|row| row.1).sum();
        let was_counted = !confirmed.is_empty();
        let gone: Vec<Vec<u8>> = confirmed.into_iter().chain(forsaken).map(|row| row.0).collect();
        let rows = blobs::table.filter(blobs::sha256.eq_any(&gone));
        diesel::update(rows).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        diesel::delete(chosen.filter(holdings::sha256.eq_any(&gone))).execute(c).await?;
        if was_counted {
            move_held!(c, repository, level, -freed);
        }
        Ok(())
    }

    pub async fn confirm_late(c: &mut Connection, repository: i64, digests: Vec<Vec<u8>>) -> Result<(), Failure> {
        let level = lock_held!(c, repository);
        let forsaken = forsaken(c, repository, &digests).await?;
        if forsaken.is_empty() {
            return Ok(());
        }
        let bytes: i64 = forsaken.iter().map(|row| row.1).sum();
        let found: Vec<Vec<u8>> = forsaken.into_iter().map(|row| row.0).collect();
        let rows = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(found));
        diesel::update(rows).set(holdings::pending.eq(None::<i64>)).execute(c).await?;
        move_held!(c, repository, level, bytes);
        Ok(())
    }
}
