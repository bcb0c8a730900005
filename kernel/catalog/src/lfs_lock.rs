//! Locks of git-lfs: who works on which large file alone.

use ballast_database::{Result, for_both, read, transaction};
use ballast_types::{Name, RepoKey, RepoPath, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Catalog;
use crate::rows;
use crate::tables::{lfs_locks, namespaces, users};

/// A lock's own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockKey(pub i64);

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsLock {
    pub key: LockKey,
    pub path: RepoPath,
    pub owner: UserKey,
    pub owner_name: Name,
    pub at: Timestamp,
}

/// Which locks of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFilter {
    pub key: Option<LockKey>,
    pub path: Option<RepoPath>,
    pub after: Option<LockKey>,
}

type Row = (i64, String, i64, String, i64);

macro_rules! with_owners {
    ($filtered:expr) => {
        $filtered.inner_join(users::table.inner_join(namespaces::table)).select((
            lfs_locks::id,
            lfs_locks::path,
            lfs_locks::owner,
            namespaces::name,
            lfs_locks::locked_at,
        ))
    };
}

for_both! {
    pub async fn lock(c: &mut Connection, repository: i64, path: String, owner: i64, at: i64) -> Result<(bool, Row)> {
        let row = (
            lfs_locks::repository.eq(repository), lfs_locks::path.eq(&path),
            lfs_locks::owner.eq(owner), lfs_locks::locked_at.eq(at),
        );
        let new = diesel::insert_into(lfs_locks::table).values(row).on_conflict_do_nothing().execute(c).await? > 0;
        let of_path = lfs_locks::table.filter(lfs_locks::repository.eq(repository)).filter(lfs_locks::path.eq(path));
        Ok((new, with_owners!(of_path).first(c).await?))
    }

    pub async fn unlock(c: &mut Connection, repository: i64, key: i64) -> Result<bool> {
        let one = lfs_locks::table.find(key).filter(lfs_locks::repository.eq(repository));
        Ok(diesel::delete(one).execute(c).await? > 0)
    }

    pub async fn locks(c: &mut Connection, repository: i64, filter: LockFilter, limit: i64) -> Result<Vec<Row>> {
        let mut found = with_owners!(lfs_locks::table.filter(lfs_locks::repository.eq(repository)))
            .order(lfs_locks::id).limit(limit)
            .into_boxed::<<Connection as diesel_async::AsyncConnectionCore>::Backend>();
        let LockFilter { key, path, after } = filter;
        if let Some(key) = key {
            found = found.filter(lfs_locks::id.eq(key.0));
        }
        if let Some(path) = path {
            found = found.filter(lfs_locks::path.eq(path.to_string()));
        }
        if let Some(after) = after {
            found = found.filter(lfs_locks::id.gt(after.0));
        }
        Ok(found.load(c).await?)
    }
}

fn read_row((id, path, owner, name, at): Row) -> Result<LfsLock> {
    let path = rows::parse("lfs_locks.path", id, &path)?;
    let owner_name = rows::parse("namespaces.name", owner, &name)?;
    Ok(LfsLock { key: LockKey(id), path, owner: UserKey(owner), owner_name, at: Timestamp(at) })
}

impl Catalog {
    /// Locks a file for somebody; false, with the lock that is there, where it is locked already.
    pub async fn lock_file(
        &self,
        repo: RepoKey,
        path: &RepoPath,
        owner: UserKey,
        at: Timestamp,
    ) -> Result<(bool, LfsLock)> {
        let path = path.to_string();
        let (new, row) = transaction!(self.database, lock(repo.0, path, owner.0, at.0))?;
        Ok((new, read_row(row)?))
    }

    /// Takes a lock away; false where it is not there.
    pub async fn unlock_file(&self, repo: RepoKey, key: LockKey) -> Result<bool> {
        transaction!(self.database, unlock(repo.0, key.0))
    }

    /// Locks of a repository, by their keys.
    pub async fn file_locks(&self, repo: RepoKey, filter: LockFilter, limit: usize) -> Result<Vec<LfsLock>> {
        let found = read!(self.database, locks(repo.0, filter, rows::limit(limit)))?;
        found.into_iter().map(read_row).collect()
    }
}
