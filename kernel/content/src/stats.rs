//! How much is stored, and what for.

use std::collections::BTreeMap;

use ballast_contract::Error;
use ballast_database::{for_both, read};
use ballast_types::RepoKey;
use diesel::dsl::{count_star, exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::PIECE;
use crate::schema::{blobs, held, objects, xet_files, xet_uses, xorbs};

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

    pub async fn list_levels(c: &mut Connection, after: i64) -> Result<Vec<(i64, i64)>, Failure> {
        let query = held::table.filter(held::repository.gt(after)).order(held::repository).limit(PIECE as i64);
        Ok(query.select((held::repository, held::bytes)).load(c).await?)
    }
}
