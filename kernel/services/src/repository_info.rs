//! What is known of a repository as a whole.

use ballast_catalog::Repository;
use ballast_contract::ErrorKind;
use ballast_contract::quota::Scope;
use ballast_types::{CommitId, RepoId, RepoKind, Revision, Timestamp, Visibility};

use crate::{Failure, Readable, Result};

/// A repository, as lists and info pages show it.
#[derive(Clone, Debug)]
pub struct RepositoryInfo {
    pub kind: RepoKind,
    pub id: RepoId,
    /// Stable through renames.
    pub key: ballast_types::RepoKey,
    pub visibility: Visibility,
    /// The commit of the revision that was asked for; in lists, of the default branch. None before the first commit.
    pub sha: Option<CommitId>,
    pub created_at: Timestamp,
    pub last_modified: Timestamp,
    pub downloads: u64,
    pub likes: u64,
    pub trending: u64,
    pub sdk: Option<String>,
    /// `auto` or `manual`.
    pub gated: Option<String>,
    pub disabled: bool,
    pub default_branch: String,
}

impl RepositoryInfo {
    pub(crate) fn new(repository: &Repository, id: RepoId, sha: Option<CommitId>) -> Self {
        Self {
            kind: repository.kind,
            id,
            key: repository.key,
            visibility: repository.visibility,
            sha,
            created_at: repository.created_at,
            last_modified: repository.updated_at,
            downloads: repository.downloads,
            likes: repository.likes,
            trending: repository.trending,
            sdk: repository.sdk.clone(),
            gated: repository.gated.map(|gated| gated.as_str().to_owned()),
            disabled: repository.disabled,
            default_branch: repository.default_branch.clone(),
        }
    }
}

impl Readable {
    /// The branch that is meant where none is named.
    pub fn default_branch(&self) -> &str {
        &self.repository.default_branch
    }

    /// The repository at a revision; none is the default branch, and then a repository without commits is no failure.
    pub async fn info(&self, revision: Option<&Revision>) -> Result<RepositoryInfo> {
        let sha = match revision {
            Some(revision) => Some(self.resolve(revision).await?),
            None => match self.hub.engine().resolve(self.key(), &Revision::new(self.default_branch())).await {
                Err(error) if error.is(ErrorKind::NotFound) => None,
                resolved => Some(resolved.map_err(Failure::from)?),
            },
        };
        Ok(RepositoryInfo::new(&self.repository, self.id.clone(), sha))
    }

    /// The bytes that the repository holds, as its quota counts them: each distinct blob once, over all its history.
    pub async fn used_storage(&self) -> Result<u64> {
        let usage = self.hub.quota().usage(&[Scope::Repository(self.key())]).await?;
        Ok(usage.first().map_or(0, |usage| usage.used))
    }
}
