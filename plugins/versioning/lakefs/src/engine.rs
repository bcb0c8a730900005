//! The role, as this engine fills it.

use std::ops::Bound;

use async_trait::async_trait;
use ballast_contract::versioning::{
    CommitInfo, CommitRequest, Committed, Difference, Entry, GitObjects, ListRequest, Node, Ref, RefUpdate, Relocation,
    Rewriting, Upkeep, Versioning,
};
use ballast_contract::{Page, Result};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256};

use crate::Lakefs;
use crate::difference::differences;
use crate::reading::{node, sum};

#[async_trait]
impl Versioning for Lakefs {
    async fn create(&self, repo: RepoKey, default_branch: &RefName) -> Result<()> {
        self.make_repository(repo, default_branch).await
    }

    async fn delete(&self, repo: RepoKey) -> Result<()> {
        self.delete_repository(repo).await
    }

    async fn resolve(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId> {
        self.resolve_revision(repo, revision).await
    }

    async fn refs(&self, repo: RepoKey, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<Ref>> {
        self.repository(repo).await?;
        self.records.refs(repo, prefix, after, limit.max(1)).await
    }

    async fn update_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()> {
        self.move_refs(repo, updates).await
    }

    async fn entries(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<Node>>> {
        Ok(self.find_entries(repo, at, paths).await?.into_iter().map(node).collect())
    }

    async fn list(&self, request: &ListRequest) -> Result<Page<Entry>> {
        self.list_folder(request).await
    }

    async fn folder_sizes(&self, repo: RepoKey, at: CommitId, folders: &[RepoPath]) -> Result<Vec<Option<u64>>> {
        Ok(self.find_entries(repo, at, folders).await?.into_iter().map(sum).collect())
    }

    async fn log(
        &self,
        repo: RepoKey,
        from: CommitId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        self.log_page(repo, from, after.as_deref(), limit.max(1)).await
    }

    async fn commit_count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64> {
        self.count(repo, from, up_to).await
    }

    async fn commits(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<CommitInfo>>> {
        self.repository(repo).await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push(self.find_commit(repo, *id).await?.map(|commit| commit.info.clone()));
        }
        Ok(found)
    }

    async fn last_commits(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<CommitId>>> {
        let found = self.find_entries(repo, at, paths).await?;
        Ok(found.into_iter().map(|item| item.map(|item| item.last)).collect())
    }

    async fn diff(
        &self,
        repo: RepoKey,
        before: Option<CommitId>,
        after: CommitId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Difference>> {
        let before = match before {
            Some(id) => Some(self.view_of(repo, id).await?),
            None => None,
        };
        let after = self.view_of(repo, after).await?;
        let from = cursor.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        differences([before.as_ref(), Some(&after)], from, limit.max(1)).await
    }

    async fn commit(&self, request: CommitRequest) -> Result<Committed> {
        self.make_commit(request).await
    }

    async fn conclude(&self, repo: RepoKey, operation: OperationId) -> Result<Option<CommitId>> {
        self.conclude_operation(repo, operation).await
    }

    async fn contents(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Sha256>> {
        self.blobs(repo, after.as_deref(), limit.max(1)).await
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
