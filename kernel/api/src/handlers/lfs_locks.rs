use ballast_services::{LfsLock, LockQuery, Locked};
use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::types::ToJSON;

use super::Group;
use crate::call::OpenCall;
use crate::error::ApiError;
use crate::extract::LfsBody;
use crate::lfs_answer::{LfsAnswer, LfsCreated, LfsError, LfsJson};
use crate::wire::{Kinds, LfsLockRequest, LfsLocked, LfsLocks, LfsOurLocks, LfsUnlock, LfsVerifyLocks};

pub struct LfsFileLocks;

#[OpenApi(tag = "Group::Lfs")]
impl LfsFileLocks {
    /// Lock a large file
    ///
    /// Whoever has the lock works on the file alone: git-lfs keeps everybody else from pushing it. 409, with the lock that
    /// is there, where it is locked already.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/locks", method = "post", operation_id = "lfs_lock")]
    async fn lfs_lock(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        file: LfsBody<LfsLockRequest>,
    ) -> Result<LfsCreated<LfsLocked>, LfsError> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        match repository.lock_file(&file.0.path).await? {
            Locked::New(lock) => Ok(LfsCreated(LfsLocked { lock: lock.into() })),
            Locked::Before(lock) => Err(taken(lock)),
        }
    }

    /// List locks
    ///
    /// All of the repository, oldest first, 100 at a time unless asked; or those of one path, or one alone.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/locks", method = "get", operation_id = "lfs_list_locks")]
    #[allow(clippy::too_many_arguments)]
    async fn lfs_list_locks(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// Only the lock of this file.
        path: Query<Option<String>>,
        /// Only this lock.
        id: Query<Option<String>>,
        /// Where the page before ended: its `next_cursor`.
        cursor: Query<Option<String>>,
        /// How many at most; 1000 and fewer.
        limit: Query<Option<usize>>,
    ) -> LfsAnswer<LfsLocks> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let query = LockQuery { path: path.0, id: id.0, cursor: cursor.0, limit: limit.0 };
        let page = repository.list_locks(query).await?;
        let locks = page.items.into_iter().map(Into::into).collect();
        Ok(LfsJson(LfsLocks { locks, next_cursor: page.next }))
    }

    /// See which locks a push has to heed
    ///
    /// The locks of the repository, those of the caller and those of others apart: git-lfs keeps files of the latter from
    /// being pushed.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/locks/verify", method = "post", operation_id = "lfs_verify_locks")]
    async fn lfs_verify_locks(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        asked: LfsBody<LfsVerifyLocks>,
    ) -> LfsAnswer<LfsOurLocks> {
        let repository = call.hub.proposing(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let (page, is_own) = repository.verify_locks(asked.0.cursor.as_deref(), asked.0.limit).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (lock, is_own) in page.items.into_iter().zip(is_own) {
            if is_own { ours.push(lock.into()) } else { theirs.push(lock.into()) }
        }
        Ok(LfsJson(LfsOurLocks { ours, theirs, next_cursor: page.next }))
    }

    /// Take a lock away
    ///
    /// One's own; with `force`, which takes an admin, anybody's.
    #[oai(path = "/:kinds/:namespace/:name/info/lfs/locks/:id/unlock", method = "post", operation_id = "lfs_unlock")]
    async fn lfs_unlock(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// The lock's.
        id: Path<String>,
        how: LfsBody<LfsUnlock>,
    ) -> LfsAnswer<LfsLocked> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let lock = repository.unlock_file(&id, how.0.force.unwrap_or(false)).await?;
        Ok(LfsJson(LfsLocked { lock: lock.into() }))
    }
}

fn taken(lock: LfsLock) -> LfsError {
    let message = format!("'{}' is locked already, by {}", lock.path, lock.owner_name);
    let lock = crate::wire::LfsLockAbout::from(lock).to_json().unwrap_or_default();
    ApiError::new(StatusCode::CONFLICT, "Conflict", message).with("lock", lock).into()
}
