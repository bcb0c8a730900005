//! Facts of files that the map does not hold.

use ballast_database::{Database, Result, for_both, read};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::schema::{FileRow, native_files};

for_both! {
    /// The facts of these oids, as far as there are any.
    pub async fn find(c: &mut Connection, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<FileRow>> {
        let wanted = native_files::table.filter(native_files::repo.eq(repo)).filter(native_files::oid.eq_any(oids));
        Ok(wanted.select(FileRow::as_select()).load(c).await?)
    }

    /// The first files by oid and sort, from this oid on.
    pub async fn page(c: &mut Connection, repo: i64, from: Vec<u8>, limit: i64) -> Result<Vec<FileRow>> {
        let wanted = native_files::table.filter(native_files::repo.eq(repo)).filter(native_files::oid.ge(from));
        let sorted = wanted.order((native_files::oid, native_files::lfs)).limit(limit);
        Ok(sorted.select(FileRow::as_select()).load(c).await?)
    }
}

/// The facts of these oids, as far as there are any.
pub async fn find(database: &Database, repo: i64, oids: Vec<Vec<u8>>) -> Result<Vec<FileRow>> {
    read!(database, find(repo, oids))
}

/// The first files by oid and sort, from this oid on.
pub async fn page(database: &Database, repo: i64, from: Vec<u8>, limit: i64) -> Result<Vec<FileRow>> {
    read!(database, page(repo, from, limit))
}
