//! How much is stored, and what for.

use std::collections::BTreeMap;

use ballast_contract::Error;
use ballast_database::{for_both, read};
use ballast_types::RepoKey;
use diesel::dsl::{count_star, exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double};
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::PIECE;
use crate::schema::{blobs, held, holdings, objects, xet_files, xet_uses, xorbs};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What lies in storage, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// By storage instance: objects, and their bytes. What is on its way in or out is not among them.
    pub stored: BTreeMap<String, (u64, u64)>,
    /// All blobs that are not xorbs, each once, with their own length.
    pub blobs: u64,
    pub xet: XetStats,
}

/// What lies in xorbs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XetStats {
    pub files: u64,
    /// Of the files, each with its own length.
    pub file_bytes: u64,
    pub xorbs: u64,
    /// Of the xorbs, before compression.
    pub raw: u64,
    /// Of the xorbs, as they are stored.
    pub stored: u64,
    /// Of them, the bytes that no file uses: they wait for clients that remember them.
    pub unused: u64,
}

/// What of the stored bytes is on a repository's account: what several hold is divided among them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Before compression, in bytes.
    pub raw: f64,
    /// As they are stored, in bytes.
    pub stored: f64,
}

impl Content {
    /// How much is stored.
    pub async fn stats(&self) -> Result<StorageStats> {
        let stats: Result<_, Failure> = read!(self.database(), stats());
        stats.map_err(|failure| failure.during("content.stats"))
    }

    /// How many bytes repositories hold, each of their blobs counted once in each: a page, by their keys.
    pub async fn list_levels(&self, after: Option<RepoKey>) -> Result<Vec<(RepoKey, u64)>> {
        let after = after.map_or(i64::MIN, |key| key.0);
        let levels: Result<Vec<(i64, i64)>, Failure> = read!(self.database(), list_levels(after));
        let levels = levels.map_err(|failure| failure.during("content.stats"))?;
        Ok(levels.into_iter().map(|(repo, bytes)| (RepoKey(repo), bytes.unsigned_abs())).collect())
    }
}

impl Content {
    /// How many bytes a page's worth of repositories hold; those without any are left out.
    pub async fn levels_of(&self, repos: &[RepoKey]) -> Result<Vec<(RepoKey, u64)>> {
        let keys: Vec<i64> = repos.iter().map(|repo| repo.0).collect();
        let levels: Result<Vec<(i64, i64)>, Failure> = read!(self.database(), levels_of(keys));
        let levels = levels.map_err(|failure| failure.during("content.stats"))?;
        Ok(levels.into_iter().map(|(repo, bytes)| (RepoKey(repo), bytes.unsigned_abs())).collect())
    }

    /// The repositories that hold most, each with its bytes: those behind a place in this order.
    pub async fn list_largest(&self, after: Option<(u64, RepoKey)>, limit: usize) -> Result<Vec<(RepoKey, u64)>> {
        let after =
            after.map_or((i64::MAX, i64::MIN), |(bytes, repo)| (i64::try_from(bytes).unwrap_or(i64::MAX), repo.0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let largest: Result<Vec<(i64, i64)>, Failure> = read!(self.database(), list_largest(after.0, after.1, limit));
        let largest = largest.map_err(|failure| failure.during("content.stats"))?;
        Ok(largest.into_iter().map(|(repo, bytes)| (RepoKey(repo), bytes.unsigned_abs())).collect())
    }

    /// The bytes that all repositories hold together, and how many blobs that is: each counts once in each repository.
    pub async fn held_in_all(&self) -> Result<(u64, u64)> {
        let held: Result<(i64, i64), Failure> = read!(self.database(), held_in_all());
        let (bytes, blobs) = held.map_err(|failure| failure.during("content.stats"))?;
        Ok((bytes.unsigned_abs(), blobs.unsigned_abs()))
    }

    /// A repository's share of what is stored.
    pub async fn share_of(&self, repo: RepoKey) -> Result<Share> {
        let shares: Result<Vec<ShareRow>, Failure> = read!(self.database(), share_of(repo.0));
        let shares = shares.map_err(|failure| failure.during("content.stats"))?;
        Ok(shares.into_iter().next().map_or_else(Share::default, |row| Share { raw: row.raw, stored: row.stored }))
    }

    /// Every repository's share of what is stored.
    pub async fn shares(&self) -> Result<Vec<(RepoKey, Share)>> {
        let shares: Result<Vec<ShareRow>, Failure> = read!(self.database(), shares());
        let shares = shares.map_err(|failure| failure.during("content.stats"))?;
        let share = |row: ShareRow| (RepoKey(row.repository), Share { raw: row.raw, stored: row.stored });
        Ok(shares.into_iter().map(share).collect())
    }
}

/// A blob that lies whole is divided among the repositories that hold it, and a xorb among those that hold a file in it.
const SHARES: &str = "\
    mine AS (SELECT DISTINCT repository, sha256 FROM holdings WHERE pending IS NULL), \
    whole AS (SELECT repository, sha256 FROM mine WHERE EXISTS \
        (SELECT 1 FROM locations WHERE locations.sha256 = mine.sha256 AND locations.spare IS NULL)), \
    parts AS (SELECT DISTINCT repository, xorb FROM mine \
        JOIN xet_files ON xet_files.sha256 = mine.sha256 JOIN xet_uses ON xet_uses.file = xet_files.file), \
    whole_holders AS (SELECT sha256, COUNT(*) AS holders FROM whole GROUP BY sha256), \
    part_holders AS (SELECT xorb, COUNT(*) AS holders FROM parts GROUP BY xorb) \
    SELECT repository, SUM(raw) AS raw, SUM(stored) AS stored FROM ( \
        SELECT repository, CAST(blobs.size AS DOUBLE PRECISION) / holders AS raw, \
            CAST(blobs.size AS DOUBLE PRECISION) / holders AS stored \
        FROM whole JOIN whole_holders ON whole_holders.sha256 = whole.sha256 JOIN blobs ON blobs.sha256 = whole.sha256 \
        UNION ALL \
        SELECT repository, CAST(xorbs.raw AS DOUBLE PRECISION) / holders, \
            CAST(blobs.size AS DOUBLE PRECISION) / holders \
        FROM parts JOIN part_holders ON part_holders.xorb = parts.xorb JOIN xorbs ON xorbs.xorb = parts.xorb \
            JOIN blobs ON blobs.sha256 = xorbs.sha256 \
    ) AS shares GROUP BY repository";

/// What decides about one repository's share: whoever holds what it holds, or another file in the same xorbs.
fn share_of_one(repo: i64) -> String {
    let shares =
        SHARES.replace("WHERE pending IS NULL)", "WHERE pending IS NULL AND sha256 IN (SELECT sha256 FROM near))");
    format!(
        "WITH own AS (SELECT DISTINCT sha256 FROM holdings WHERE repository = {repo} AND pending IS NULL), \
         own_xorbs AS (SELECT DISTINCT xorb FROM own JOIN xet_files ON xet_files.sha256 = own.sha256 \
             JOIN xet_uses ON xet_uses.file = xet_files.file), \
         near AS (SELECT sha256 FROM own UNION SELECT xet_files.sha256 FROM xet_files \
             JOIN xet_uses ON xet_uses.file = xet_files.file JOIN own_xorbs ON own_xorbs.xorb = xet_uses.xorb), \
         {shares} HAVING repository = {repo}"
    )
}

#[derive(QueryableByName)]
struct ShareRow {
    #[diesel(sql_type = BigInt)]
    repository: i64,
    #[diesel(sql_type = Double)]
    raw: f64,
    #[diesel(sql_type = Double)]
    stored: f64,
}

/// A count and a sum.
type Counted = (i64, i64);

for_both! {
    pub async fn stats(c: &mut Connection) -> Result<StorageStats, Failure> {
        let size = || sql::<BigInt>("CAST(COALESCE(SUM(objects.size), 0) AS BIGINT)");
        let finished = objects::table.filter(objects::lease.is_null()).filter(objects::deleting.eq(false));
        let by_store = finished.group_by(objects::storage).select((objects::storage, count_star(), size()));
        let by_store: Vec<(String, i64, i64)> = by_store.load(c).await?;
        let sum = || sql::<BigInt>("CAST(COALESCE(SUM(blobs.size), 0) AS BIGINT)");
        let all: i64 = blobs::table.select(sum()).first(c).await?;
        let files: Counted = xet_files::table.inner_join(blobs::table).select((count_star(), sum())).first(c).await?;
        let raw = sql::<BigInt>("CAST(COALESCE(SUM(xorbs.raw), 0) AS BIGINT)");
        let in_xorbs = xorbs::table.inner_join(blobs::table).select((count_star(), raw, sum()));
        let (count, raw, stored): (i64, i64, i64) = in_xorbs.first(c).await?;
        let uses = exists(xet_uses::table.filter(xet_uses::xorb.eq(xorbs::xorb)));
        let unused = xorbs::table.inner_join(blobs::table).filter(diesel::dsl::not(uses));
        let unused: i64 = unused.select(sum()).first(c).await?;
        let store = |(name, objects, bytes): (String, i64, i64)| (name, (objects.unsigned_abs(), bytes.unsigned_abs()));
        Ok(StorageStats {
            stored: by_store.into_iter().map(store).collect(),
            blobs: (all - stored).unsigned_abs(),
            xet: XetStats {
                files: files.0.unsigned_abs(),
                file_bytes: files.1.unsigned_abs(),
                xorbs: count.unsigned_abs(),
                raw: raw.unsigned_abs(),
                stored: stored.unsigned_abs(),
                unused: unused.unsigned_abs(),
            },
        })
    }

    pub async fn shares(c: &mut Connection) -> Result<Vec<ShareRow>, Failure> {
        Ok(diesel::sql_query(format!("WITH {SHARES}")).load(c).await?)
    }

    pub async fn share_of(c: &mut Connection, repo: i64) -> Result<Vec<ShareRow>, Failure> {
        Ok(diesel::sql_query(share_of_one(repo)).load(c).await?)
    }

    pub async fn levels_of(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<(i64, i64)>, Failure> {
        let found = held::table.filter(held::repository.eq_any(keys)).order(held::repository);
        Ok(found.select((held::repository, held::bytes)).load(c).await?)
    }

    pub async fn list_largest(c: &mut Connection, bytes: i64, after: i64, limit: i64) -> Result<Vec<(i64, i64)>, Failure> {
        let behind = held::bytes.lt(bytes).or(held::bytes.eq(bytes).and(held::repository.gt(after)));
        let found = held::table.filter(behind).order((held::bytes.desc(), held::repository.asc())).limit(limit);
        Ok(found.select((held::repository, held::bytes)).load(c).await?)
    }

    pub async fn held_in_all(c: &mut Connection) -> Result<Counted, Failure> {
        let sum = sql::<BigInt>("CAST(COALESCE(SUM(held.bytes), 0) AS BIGINT)");
        let bytes: i64 = held::table.select(sum).first(c).await?;
        let blobs: i64 = holdings::table.filter(holdings::pending.is_null()).count().get_result(c).await?;
        Ok((bytes, blobs))
    }

    pub async fn list_levels(c: &mut Connection, after: i64) -> Result<Vec<(i64, i64)>, Failure> {
        let query = held::table.filter(held::repository.gt(after)).order(held::repository).limit(PIECE as i64);
        Ok(query.select((held::repository, held::bytes)).load(c).await?)
    }
}
