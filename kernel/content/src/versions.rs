//! Versions of large files: what a repository holds of a path beside what its branches have there now.

use std::collections::{BTreeMap, HashSet};

use ballast_contract::Error;
use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, Sha256, Timestamp};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::prune::Pruned;
use crate::rows::{PIECE, PurgedRow, columns, sha256_of};
use crate::schema::{blobs, held, holdings, lease_blobs, leases, purged};

type Result<T, E = Error> = std::result::Result<T, E>;

/// A version of a large file that a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub sha256: Sha256,
    /// When a commit last named it.
    pub since: Timestamp,
}

/// Versions by the path at which a commit first named them, the newest first.
pub type Versions = BTreeMap<String, Vec<Version>>;

impl Content {
    /// The paths of which a repository holds more than `most` versions, and these.
    pub async fn list_versions(&self, repo: RepoKey, most: u32) -> Result<Versions> {
        let found: Result<Versions, Failure> = read!(self.database(), list_versions(repo.0, most));
        found.map_err(|failure| failure.during("content.list_versions"))
    }

    /// The leases of a repository.
    pub async fn list_leases(&self, repo: RepoKey) -> Result<HashSet<LeaseId>> {
        let found: Result<HashSet<LeaseId>, Failure> = read!(self.database(), list_leases(repo.0));
        found.map_err(|failure| failure.during("content.list_leases"))
    }

    /// Takes versions away from a repository whose history names them; each goes or stays by itself. What a commit has
    /// named since `mark_began` stays, and what a lease has that is not among `idle`: a commit that is being made may
    /// count on it. Their bytes go with a collection, if nobody else holds them.
    pub async fn prune_versions(
        &self,
        repo: RepoKey,
        digests: &[Sha256],
        mark_began: Timestamp,
        idle: &HashSet<LeaseId>,
    ) -> Result<Pruned> {
        let during = |failure: Failure| failure.during("content.prune_versions");
        let (mut pruned, now) = (Pruned::default(), Timestamp::now());
        for piece in columns(digests).chunks(PIECE) {
            let (piece, idle) = (piece.to_vec(), idle.clone());
            let gone: Result<Vec<i64>, Failure> =
                transaction!(self.database(), prune_versions(repo.0, piece, mark_began, idle, now));
            let gone = gone.map_err(during)?;
            pruned.blobs += gone.len() as u64;
            pruned.bytes += gone.iter().map(|size| size.unsigned_abs()).sum::<u64>();
        }
        Ok(Pruned { settlement: self.settlement(repo).await?, ..pruned })
    }
}

for_both! {
    pub async fn list_versions(c: &mut Connection, repository: i64, most: u32) -> Result<Versions, Failure> {
        let large = holdings::table.filter(holdings::repository.eq(repository))
            .filter(holdings::pending.is_null()).filter(holdings::path.is_not_null());
        let crowded = large.group_by(holdings::path).having(count_star().gt(i64::from(most)));
        let paths: Vec<Option<String>> = crowded.select(holdings::path).load(c).await?;
        let mut versions = Versions::new();
        for piece in paths.chunks(PIECE) {
            let query = large.filter(holdings::path.eq_any(piece)).order((holdings::since.desc(), holdings::sha256));
            let query = query.select((holdings::path.assume_not_null(), holdings::sha256, holdings::since));
            for (path, sha256, since) in query.load::<(String, Vec<u8>, i64)>(c).await? {
                let version = Version { sha256: sha256_of(&sha256)?, since: Timestamp(since) };
                versions.entry(path).or_default().push(version);
            }
        }
        Ok(versions)
    }

    pub async fn list_leases(c: &mut Connection, repository: i64) -> Result<HashSet<LeaseId>, Failure> {
        let query = leases::table.filter(leases::repository.eq(repository)).select(leases::id);
        Ok(query.load::<i64>(c).await?.into_iter().map(LeaseId).collect())
    }

    /// Answers the sizes of what went.
    pub async fn prune_versions(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
        mark_began: Timestamp,
        idle: HashSet<LeaseId>,
        now: Timestamp,
    ) -> Result<Vec<i64>, Failure> {
        let level = lock_held!(c, repository);
        let query = blobs::table.filter(blobs::sha256.eq_any(&digests)).order(blobs::sha256).select(blobs::sha256);
        lock!(query).load::<Vec<u8>>(c).await?;
        // Asked after the rows are locked: a claim that was faster has its lease by now, and a slower one holds anew.
        let leased = lease_blobs::table.inner_join(leases::table).filter(leases::repository.eq(repository));
        let leased = leased.filter(lease_blobs::sha256.eq_any(&digests)).select((leases::id, lease_blobs::sha256));
        let leased: Vec<(i64, Vec<u8>)> = leased.load(c).await?;
        let leased: HashSet<Vec<u8>> =
            leased.into_iter().filter(|(lease, _)| !idle.contains(&LeaseId(*lease))).map(|(_, sha256)| sha256).collect();
        let free: Vec<Vec<u8>> = digests.into_iter().filter(|sha256| !leased.contains(sha256)).collect();
        let ours = holdings::table.filter(holdings::repository.eq(repository));
        let chosen = ours.filter(holdings::sha256.eq_any(free)).filter(holdings::since.lt(mark_began.0));
        let chosen = chosen.filter(holdings::pending.is_null()).filter(holdings::path.is_not_null());
        let gone: Vec<(Vec<u8>, i64)> =
            chosen.inner_join(blobs::table).select((holdings::sha256, blobs::size)).load(c).await?;
        let (gone, sizes): (Vec<Vec<u8>>, Vec<i64>) = gone.into_iter().unzip();
        if gone.is_empty() {
            return Ok(sizes);
        }
        diesel::delete(ours.filter(holdings::sha256.eq_any(&gone))).execute(c).await?;
        let unheld = blobs::table.filter(blobs::sha256.eq_any(&gone));
        diesel::update(unheld).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        let row = |sha256| PurgedRow { repository, sha256, at: now.0, pruned: true };
        let rows: Vec<_> = gone.into_iter().map(row).collect();
        bulk_insert!(c, purged::table, rows, on_conflict((purged::repository, purged::sha256)).do_update().set((
            purged::at.eq(now.0),
            purged::pruned.eq(true),
        )))?;
        move_held!(c, repository, level, -sizes.iter().sum::<i64>());
        Ok(sizes)
    }
}
