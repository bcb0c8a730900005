//! Pruning: what a repository holds and its history no longer names.

use std::collections::HashSet;

use ballast_contract::Error;
use ballast_database::{for_both, read, transaction};
use ballast_types::{RepoKey, Sha256, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, held, holdings, lease_blobs, leases};
use crate::{Content, Settlement};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What pruning a repository came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub settlement: Settlement,
    /// Blobs that the repository does not hold any more.
    pub blobs: u64,
    /// Theirs, in bytes.
    pub bytes: u64,
}

impl Content {
    /// Takes away the holdings that are not in `reachable`, a walk over all that the engine keeps, begun at
    /// `mark_began`. What the repository has leased, or named again since, stays. What is reachable and was never
    /// confirmed, because its commit was cut off and its lease has ended, is confirmed.
    pub async fn prune(&self, repo: RepoKey, reachable: &HashSet<Sha256>, mark_began: Timestamp) -> Result<Pruned> {
        let during = |failure: Failure| failure.during("content.prune");
        let (mut pruned, mut after) = (Pruned::default(), None);
        while let Some(page) = self.judge(repo, reachable, mark_began, after).await.map_err(during)? {
            if !page.dead.is_empty() {
                let now = Timestamp::now();
                let gone: Result<Vec<Dropped>, Failure> =
                    transaction!(self.database(), prune(repo.0, page.dead, mark_began, now));
                let gone = gone.map_err(during)?;
                pruned.blobs += gone.len() as u64;
                pruned.bytes += gone.iter().map(|row| row.1.unsigned_abs()).sum::<u64>();
            }
            if !page.unconfirmed.is_empty() {
                let confirmed: Result<(), Failure> =
                    transaction!(self.database(), confirm_late(repo.0, page.unconfirmed));
                confirmed.map_err(during)?;
            }
            after = Some(page.last);
        }
        Ok(Pruned { settlement: self.settlement(repo).await?, ..pruned })
    }

    /// What [`prune`](Self::prune) would take away now: blobs with their sizes.
    pub async fn plan_prune(
        &self,
        repo: RepoKey,
        reachable: &HashSet<Sha256>,
        mark_began: Timestamp,
    ) -> Result<Vec<(Sha256, u64)>> {
        let during = |failure: Failure| failure.during("content.plan_prune");
        let (mut planned, mut after) = (Vec::new(), None);
        while let Some(page) = self.judge(repo, reachable, mark_began, after).await.map_err(during)? {
            let gone: Result<_, Failure> = read!(self.database(), droppable(repo.0, page.dead, mark_began));
            let (confirmed, forsaken): (Vec<Dropped>, Vec<Dropped>) = gone.map_err(during)?;
            for (sha256, size) in confirmed.into_iter().chain(forsaken) {
                planned.push((sha256_of(&sha256).map_err(during)?, size.unsigned_abs()));
            }
            after = Some(page.last);
        }
        Ok(planned)
    }

    /// A page of the holdings that are older than the mark; none at their end.
    async fn judge(
        &self,
        repo: RepoKey,
        reachable: &HashSet<Sha256>,
        mark_began: Timestamp,
        after: Option<Vec<u8>>,
    ) -> Result<Option<Judged>, Failure> {
        let after = after.unwrap_or_default();
        let page: Vec<(Vec<u8>, Option<i64>)> = read!(self.database(), list_before(repo.0, mark_began, after))?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        let mut judged = Judged { last: last.clone(), dead: Vec::new(), unconfirmed: Vec::new() };
        for (sha256, pending) in page {
            match reachable.contains(&sha256_of(&sha256)?) {
                false => judged.dead.push(sha256),
                true if pending.is_some() => judged.unconfirmed.push(sha256),
                true => {}
            }
        }
        Ok(Some(judged))
    }
}

struct Judged {
    last: Vec<u8>,
    /// That nothing reaches.
    dead: Vec<Vec<u8>>,
    /// That something reaches, and whose commit was never confirmed.
    unconfirmed: Vec<Vec<u8>>,
}

/// A blob that a repository lets go of, and its size.
type Dropped = (Vec<u8>, i64);

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

    /// Those of these holdings that may go: confirmed ones, and those that wait for a lease that has ended. What the
    /// repository has leased stays.
    pub async fn droppable(
        c: &mut Connection,
        repository: i64,
        dead: Vec<Vec<u8>>,
        mark_began: Timestamp,
    ) -> Result<(Vec<Dropped>, Vec<Dropped>), Failure> {
        let leased = lease_blobs::table.inner_join(leases::table).filter(leases::repository.eq(repository));
        let leased = leased.filter(lease_blobs::sha256.eq_any(&dead)).select(lease_blobs::sha256);
        let leased: HashSet<Vec<u8>> = leased.load(c).await?.into_iter().collect();
        let dead: Vec<_> = dead.into_iter().filter(|sha256| !leased.contains(sha256)).collect();
        let chosen = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::since.lt(mark_began.0));
        let confirmed = chosen.filter(holdings::sha256.eq_any(&dead)).filter(holdings::pending.is_null());
        let confirmed = confirmed.inner_join(blobs::table).select((holdings::sha256, blobs::size)).load(c).await?;
        Ok((confirmed, forsaken(c, repository, &dead).await?))
    }

    pub async fn prune(
        c: &mut Connection,
        repository: i64,
        dead: Vec<Vec<u8>>,
        mark_began: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Dropped>, Failure> {
        let level = lock_held!(c, repository);
        let query = blobs::table.filter(blobs::sha256.eq_any(&dead)).order(blobs::sha256).select(blobs::sha256);
        lock!(query).load::<Vec<u8>>(c).await?;
        // Asked after the rows are locked: a claim that was faster has its lease by now, a slower one finds nothing.
        let (confirmed, forsaken) = droppable(c, repository, dead, mark_began).await?;
        let freed: i64 = confirmed.iter().map(|row| row.1).sum();
        let was_counted = !confirmed.is_empty();
        let gone: Vec<Dropped> = confirmed.into_iter().chain(forsaken).collect();
        let digests: Vec<&Vec<u8>> = gone.iter().map(|row| &row.0).collect();
        let rows = blobs::table.filter(blobs::sha256.eq_any(&digests));
        diesel::update(rows).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        let chosen = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::since.lt(mark_began.0));
        diesel::delete(chosen.filter(holdings::sha256.eq_any(&digests))).execute(c).await?;
        if was_counted {
            move_held!(c, repository, level, -freed);
        }
        Ok(gone)
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
