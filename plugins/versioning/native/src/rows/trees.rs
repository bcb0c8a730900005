//! Where git trees can be derived from.

use ballast_database::{Database, Result, for_both, read};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{TreeRow, native_trees};

for_both! {
    /// The first trees by oid, behind this one.
    pub async fn page(c: &mut Connection, repo: i64, after: Vec<u8>, limit: i64) -> Result<Vec<TreeRow>> {
        let ours = native_trees::table.filter(native_trees::repo.eq(repo));
        let wanted = ours.filter(native_trees::oid.gt(after)).order(native_trees::oid).limit(limit);
        Ok(wanted.select(TreeRow::as_select()).load(c).await?)
    }
}

/// The first trees by oid, behind this one.
pub async fn page(database: &Database, repo: i64, after: Vec<u8>, limit: i64) -> Result<Vec<TreeRow>> {
    read!(database, page(repo, after, limit))
}
