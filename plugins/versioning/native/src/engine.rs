//! The role, as this engine fills it.

use async_trait::async_trait;
use ballast_contract::versioning::{
    CommitInfo, CommitRequest, Committed, Difference, Entry, GitObjects, ListRequest, Node, Ref, RefUpdate, Relocation,
    Rewriting, Upkeep, Versioning,
};
use ballast_contract::{ErrorKind, Page, Result};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256};

use crate::Native;
use crate::error::{conflict, corrupt, stored};
use crate::rows::repositories;

const OPERATION: &str = "versioning.repository";

impl Native {
    /// Who reads while the repository is deleted finds rows missing: they are not damaged, they are gone.
    pub(crate) async fn unless_gone<T>(&self, repo: RepoKey, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && error.is(ErrorKind::Corrupt)
        {
            self.history.check(repo).await?;
        }
        result
    }
}

#[async_trait]
impl Versioning for Native {
    async fn create(&self, repo: RepoKey, default_branch: &RefName) -> Result<()> {
        let made = repositories::create(&self.database, repo.0, default_branch.to_string()).await;
        match made.map_err(stored(OPERATION))? {
            true => Ok(()),
            false => Err(conflict(OPERATION, format!("repository {repo} was deleted; its key is not used again"))),
        }
    }

    async fn delete(&self, repo: RepoKey) -> Result<()> {
        let database = self.database.outdating(self.resolved.all());
        repositories::delete(&database, repo.0).await.map_err(stored(OPERATION))?;
        self.forget_repositories();
        Ok(())
    }

    async fn resolve(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId> {
        self.resolve_revision(repo, revision).await
    }

    async fn refs(&self, repo: RepoKey, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<Ref>> {
        self.list_refs(repo, prefix, after, limit).await
    }

    async fn update_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()> {
        self.move_refs(repo, updates).await
    }

    async fn entries(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<Node>>> {
        self.unless_gone(repo, self.find_entries(repo, at, paths).await).await
    }

    async fn list(&self, request: &ListRequest) -> Result<Page<Entry>> {
        self.unless_gone(request.repo, self.list_folder(request).await).await
    }

    async fn folder_sizes(&self, repo: RepoKey, at: CommitId, folders: &[RepoPath]) -> Result<Vec<Option<u64>>> {
        self.unless_gone(repo, self.sum_folders(repo, at, folders).await).await
    }

    async fn log(
        &self,
        repo: RepoKey,
        from: CommitId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        self.unless_gone(repo, self.history.log(repo, from, after.as_deref(), limit.max(1)).await).await
    }

    async fn commit_count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64> {
        self.history.count(repo, from, up_to).await
    }

    async fn commits(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<CommitInfo>>> {
        let found = self.history.find(repo, ids).await?;
        if found.is_empty() {
            self.history.check(repo).await?;
        }
        Ok(ids.iter().map(|id| found.get(id).map(|commit| commit.info.clone())).collect())
    }

    async fn last_commits(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<CommitId>>> {
        self.unless_gone(repo, self.find_last_commits(repo, at, paths).await).await
    }

    async fn diff(
        &self,
        repo: RepoKey,
        before: Option<CommitId>,
        after: CommitId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Difference>> {
        self.unless_gone(repo, self.list_differences(repo, before, after, cursor, limit).await).await
    }

    async fn commit(&self, request: CommitRequest) -> Result<Committed> {
        let repo = request.repo;
        self.unless_gone(repo, self.make_commit(request).await).await
    }

    async fn conclude(&self, repo: RepoKey, operation: OperationId) -> Result<Option<CommitId>> {
        let concluded = repositories::conclude(&self.database, repo.0, operation.0).await;
        let read =
            |id: Vec<u8>| CommitId::from_slice(&id).ok_or_else(|| corrupt(OPERATION, "a commit id has a wrong length"));
        concluded.map_err(stored(OPERATION))?.map(read).transpose()
    }

    async fn contents(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Sha256>> {
        let (items, next) = self.files.blobs(repo, after.as_deref(), limit.max(1)).await?;
        if items.is_empty() {
            self.history.check(repo).await?;
        }
        Ok(Page { items, next })
    }

    fn git(&self) -> Option<&dyn GitObjects> {
        Some(self)
    }

    fn rewriting(&self) -> Option<&dyn Rewriting> {
        Some(self)
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }

    fn relocation(&self) -> Option<&dyn Relocation> {
        Some(self)
    }
}
