//! Large files that a repository holds, and their deletion for good.

use std::collections::{HashMap, HashSet};

use ballast_contract::Error;
use ballast_database::{for_both, read, transaction};
use ballast_types::{RepoKey, Sha256, Timestamp};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{PIECE, PurgedRow, columns, sha256_of};
use crate::schema::{blobs, held, holdings, lease_blobs, leases, purged};
use crate::{Content, Settlement};

type Result<T, E = Error> = std::result::Result<T, E>;

/// A large file that a repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Large {
    pub sha256: Sha256,
    /// In bytes.
    pub size: u64,
    /// Where a commit first put it.
    pub path: String,
    /// When a commit last named it.
    pub since: Timestamp,
}

/// Why a repository does not hold a large file any more that its history names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetGo {
    /// Somebody deleted it for good.
    Purged,
    /// Newer versions of its path are kept.
    Pruned,
}

/// What became of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All of them are gone; what the quota is to be told.
    Done(Settlement),
    /// Nothing was done: this is no large file of the repository.
    Unknown(Sha256),
}

impl Content {
    /// The large files that a repository holds, by their digests.
    pub async fn list_large(&self, repo: RepoKey, after: Option<Sha256>, limit: usize) -> Result<Vec<Large>> {
        let after = after.map(|sha256| sha256.0.to_vec()).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Result<_, Failure> = read!(self.database(), list_large(repo.0, after, limit));
        found.map_err(|failure| failure.during("content.list_large"))
    }

    /// Takes large files away from a repository whose history names them: all of them or none. Their bytes go with a
    /// collection, if nobody else holds them: what was sent for a commit that is still to come has to be sent again,
    /// and a commit that is just being made names what is gone, as those before it do. One that was purged before is
    /// done already.
    pub async fn purge(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Purge> {
        let (digests, now) = (columns(digests), Timestamp::now());
        let refused: Result<Option<Purge>, Failure> = transaction!(self.database(), purge(repo.0, digests, now));
        match refused.map_err(|failure| failure.during("content.purge"))? {
            Some(refusal) => Ok(refusal),
            None => Ok(Purge::Done(self.settlement(repo).await?)),
        }
    }

    /// Which of these digests a repository has let go of, and does not hold again.
    pub async fn let_go_among(&self, repo: RepoKey, digests: &[Sha256]) -> Result<HashMap<Sha256, LetGo>> {
        let mut found = HashMap::new();
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let some: Result<Vec<(Sha256, LetGo)>, Failure> = read!(self.database(), let_go_among(repo.0, piece));
            found.extend(some.map_err(|failure| failure.during("content.purged"))?);
        }
        Ok(found)
    }
}

for_both! {
    pub async fn list_large(
        c: &mut Connection,
        repository: i64,
        after: Vec<u8>,
        limit: i64,
    ) -> Result<Vec<Large>, Failure> {
        let found = holdings::table.inner_join(blobs::table)
            .filter(holdings::repository.eq(repository).and(holdings::sha256.gt(after)))
            .filter(holdings::pending.is_null().and(holdings::path.is_not_null()))
            .order(holdings::sha256).limit(limit)
            .select((holdings::sha256, blobs::size, holdings::path.assume_not_null(), holdings::since));
        let rows: Vec<(Vec<u8>, i64, String, i64)> = found.load(c).await?;
        let large = |(sha256, size, path, since): (Vec<u8>, i64, String, i64)| {
            Ok(Large { sha256: sha256_of(&sha256)?, size: size.unsigned_abs(), path, since: Timestamp(since) })
        };
        rows.into_iter().map(large).collect()
    }

    pub async fn purge(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Option<Purge>, Failure> {
        let level = lock_held!(c, repository);
        let mut gone: Vec<(Vec<u8>, i64)> = Vec::new();
        for piece in digests.chunks(PIECE) {
            let rows = blobs::table.filter(blobs::sha256.eq_any(piece)).order(blobs::sha256).select(blobs::sha256);
            lock!(rows).load::<Vec<u8>>(c).await?;
            let held = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
            let held = held.filter(holdings::sha256.eq_any(piece)).filter(holdings::pending.is_null());
            let large = held.filter(holdings::path.is_not_null()).select((holdings::sha256, blobs::size));
            let large: Vec<(Vec<u8>, i64)> = large.load(c).await?;
            let before = purged::table.filter(purged::repository.eq(repository)).filter(purged::sha256.eq_any(piece));
            let before: Vec<Vec<u8>> = before.select(purged::sha256).load(c).await?;
            let known: HashSet<&Vec<u8>> = large.iter().map(|(sha256, _)| sha256).chain(&before).collect();
            if let Some(unknown) = piece.iter().find(|sha256| !known.contains(sha256)) {
                return Ok(Some(Purge::Unknown(sha256_of(unknown)?)));
            }
            gone.extend(large);
        }
        let bytes: i64 = gone.iter().map(|(_, size)| size).sum();
        let gone: Vec<Vec<u8>> = gone.into_iter().map(|(sha256, _)| sha256).collect();
        for piece in gone.chunks(PIECE) {
            let held = holdings::table.filter(holdings::repository.eq(repository));
            diesel::delete(held.filter(holdings::sha256.eq_any(piece))).execute(c).await?;
            let ours = leases::table.filter(leases::repository.eq(repository)).select(leases::id);
            let leased = lease_blobs::table.filter(lease_blobs::lease.eq_any(ours));
            diesel::delete(leased.filter(lease_blobs::sha256.eq_any(piece))).execute(c).await?;
            let unheld = blobs::table.filter(blobs::sha256.eq_any(piece));
            diesel::update(unheld).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        }
        let row = |sha256| PurgedRow { repository, sha256, at: now.0, pruned: false };
        let rows: Vec<_> = gone.into_iter().map(row).collect();
        bulk_insert!(c, purged::table, rows, on_conflict((purged::repository, purged::sha256)).do_update().set((
            purged::at.eq(excluded(purged::at)),
            purged::pruned.eq(excluded(purged::pruned)),
        )))?;
        move_held!(c, repository, level, -bytes);
        Ok(None)
    }

    pub async fn let_go_among(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
    ) -> Result<Vec<(Sha256, LetGo)>, Failure> {
        let again = holdings::table.filter(holdings::repository.eq(repository))
            .filter(holdings::sha256.eq(purged::sha256)).filter(holdings::pending.is_null());
        let found = purged::table.filter(purged::repository.eq(repository)).filter(purged::sha256.eq_any(&digests));
        let found = found.filter(not(exists(again))).select((purged::sha256, purged::pruned));
        let found: Vec<(Vec<u8>, bool)> = found.load(c).await?;
        let why = |pruned| if pruned { LetGo::Pruned } else { LetGo::Purged };
        found.into_iter().map(|(sha256, pruned)| Ok((sha256_of(&sha256)?, why(pruned)))).collect()
    }
}
