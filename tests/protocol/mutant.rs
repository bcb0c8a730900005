//! An engine that forgets its fence: the harness must notice.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::versioning::*;
use ballast_contract::{Component, Page, Result};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256};

/// Concludes nothing: says that an operation came to nothing, and lets it commit all the same.
pub struct WithoutFence(pub Arc<dyn Versioning>);

#[async_trait]
impl Component for WithoutFence {
    async fn start(&self) -> Result<()> {
        self.0.start().await
    }
}

#[async_trait]
impl Versioning for WithoutFence {
    async fn conclude(&self, _: RepoKey, _: OperationId) -> Result<Option<CommitId>> {
        Ok(None)
    }
    async fn create(&self, repo: RepoKey, default_branch: &RefName) -> Result<()> {
        self.0.create(repo, default_branch).await
    }
    async fn delete(&self, repo: RepoKey) -> Result<()> {
        self.0.delete(repo).await
    }
    async fn resolve(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId> {
        self.0.resolve(repo, revision).await
    }
    async fn refs(&self, repo: RepoKey, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<Ref>> {
        self.0.refs(repo, prefix, after, limit).await
    }
    async fn update_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()> {
        self.0.update_refs(repo, updates).await
    }
    async fn entries(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<Node>>> {
        self.0.entries(repo, at, paths).await
    }
    async fn list(&self, request: &ListRequest) -> Result<Page<Entry>> {
        self.0.list(request).await
    }
    async fn folder_sizes(&self, repo: RepoKey, at: CommitId, folders: &[RepoPath]) -> Result<Vec<Option<u64>>> {
        self.0.folder_sizes(repo, at, folders).await
    }
    async fn log(
        &self,
        repo: RepoKey,
        from: CommitId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        self.0.log(repo, from, after, limit).await
    }
    async fn commit_count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64> {
        self.0.commit_count(repo, from, up_to).await
    }
    async fn commits(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<CommitInfo>>> {
        self.0.commits(repo, ids).await
    }
    async fn last_commits(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<CommitId>>> {
        self.0.last_commits(repo, at, paths).await
    }
    async fn diff(
        &self,
        repo: RepoKey,
        before: Option<CommitId>,
        after: CommitId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Difference>> {
        self.0.diff(repo, before, after, cursor, limit).await
    }
    async fn commit(&self, request: CommitRequest) -> Result<Committed> {
        self.0.commit(request).await
    }
    async fn contents(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Sha256>> {
        self.0.contents(repo, after, limit).await
    }
}
