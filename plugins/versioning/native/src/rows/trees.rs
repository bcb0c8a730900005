//! Where git trees can be derived from.

use ballast_database::{Database, Result, for_both, read};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{OddTreeRow, TreeRow, native_odd_trees, native_trees};

for_both! {
    /// The first trees by oid, behind this one.
    pub async fn page(c: &mut Connection, repo: i64, after: Vec<u8>, limit: i64) -> Result<Vec<TreeRow>> {
        let ours = native_trees::table.filter(native_trees::repo.eq(repo));
        let wanted = ours.filter(native_trees::oid.gt(after)).order(native_trees::oid).limit(limit);
        Ok(wanted.select(TreeRow::as_select()).load(c).await?)
    }

    /// Those of these trees that are known.
    pub async fn find(c: &mut Connection, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<TreeRow>> {
        let wanted = native_trees::table.filter(native_trees::repo.eq(repo)).filter(native_trees::oid.eq_any(oids));
        Ok(wanted.select(TreeRow::as_select()).load(c).await?)
    }

    /// Those of these trees that are kept as they are.
    pub async fn find_odd(c: &mut Connection, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<OddTreeRow>> {
        use native_odd_trees as odd;
        let wanted = odd::table.filter(odd::repo.eq(repo)).filter(odd::oid.eq_any(oids));
        Ok(wanted.select(OddTreeRow::as_select()).load(c).await?)
    }
}

/// Those of these trees that are known.
pub async fn find(database: &Database, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<TreeRow>> {
    read!(database, find(repo, oids))
}

/// Those of these trees that are kept as they are.
pub async fn find_odd(database: &Database, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<OddTreeRow>> {
    read!(database, find_odd(repo, oids))
}

/// The first trees by oid, behind this one.
pub async fn page(database: &Database, repo: i64, after: Vec<u8>, limit: i64) -> Result<Vec<TreeRow>> {
    read!(database, page(repo, after, limit))
}
