//! Locks of git-lfs, for large files that cannot be merged: who has one works on that file alone, and git-lfs keeps
//! everybody else from pushing it.

use ballast_catalog::{LfsLock, LockFilter, LockKey};
use ballast_contract::Page;
use ballast_types::{RepoPath, Right};

use crate::paging::{after, page_size, paged};
use crate::{Failure, Proposing, Readable, Result, Writable};

const USUAL_PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

/// Which locks somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct LockQuery {
    pub path: Option<String>,
    pub id: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// What became of asking for a lock.
pub enum Locked {
    New(LfsLock),
    /// It is locked already, by this one.
    Before(LfsLock),
}

impl Readable {
    /// The locks of the repository, oldest first.
    pub async fn list_locks(&self, query: LockQuery) -> Result<Page<LfsLock>> {
        let LockQuery { path, id, cursor, limit } = query;
        let path = path.map(|path| path.parse::<RepoPath>().map_err(Failure::invalid)).transpose()?;
        let filter = LockFilter { key: id.as_deref().map(key).transpose()?, path, ..LockFilter::default() };
        self.page_of_locks(filter, cursor.as_deref(), limit).await
    }

    async fn page_of_locks(
        &self,
        filter: LockFilter,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<LfsLock>> {
        let limit = page_size(limit, USUAL_PAGE, LONGEST_PAGE);
        let filter = LockFilter { after: after(cursor)?.map(LockKey), ..filter };
        let found = self.hub.catalog().file_locks(self.key(), filter, limit + 1).await?;
        Ok(paged(found, limit, |lock| lock.key.0))
    }
}

impl Writable {
    /// Locks a file, which need not be there yet.
    pub async fn lock_file(&self, path: &str) -> Result<Locked> {
        let path: RepoPath = path.trim_start_matches('/').parse().map_err(Failure::invalid)?;
        let owner = self.caller.known()?.user.key;
        let (new, lock) = self.hub.catalog().lock_file(self.key(), &path, owner, self.hub.now()).await?;
        Ok(if new { Locked::New(lock) } else { Locked::Before(lock) })
    }

    /// Takes a lock away: one's own, or with `force`, which takes an admin, anybody's.
    pub async fn unlock_file(&self, id: &str, force: bool) -> Result<LfsLock> {
        let absent = || Failure::NotFound(format!("There is no lock {}", id.escape_debug()));
        let filter = LockFilter { key: Some(key(id)?), ..LockFilter::default() };
        let lock = self.hub.catalog().file_locks(self.key(), filter, 1).await?.pop().ok_or_else(absent)?;
        let is_own = lock.owner == self.caller.known()?.user.key;
        let may = is_own || (force && self.role >= Right::Admin);
        if !may {
            let why =
                format!("'{}' is locked by {}: an admin may take that away with --force", lock.path, lock.owner_name);
            return Err(Failure::Forbidden(why));
        }
        match self.hub.catalog().unlock_file(self.key(), lock.key).await? {
            true => Ok(lock),
            false => Err(absent()),
        }
    }
}

impl Proposing {
    /// What a push has to heed: a page of all locks, the caller's own and those of others.
    pub async fn verify_locks(&self, cursor: Option<&str>, limit: Option<usize>) -> Result<(Page<LfsLock>, Vec<bool>)> {
        let page = self.page_of_locks(LockFilter::default(), cursor, limit).await?;
        let caller = self.caller.known()?.user.key;
        let is_own = page.items.iter().map(|lock| lock.owner == caller).collect();
        Ok((page, is_own))
    }
}

fn key(id: &str) -> Result<LockKey> {
    let absent = || Failure::NotFound(format!("There is no lock {}", id.escape_debug()));
    id.parse().map(LockKey).map_err(|_| absent())
}
