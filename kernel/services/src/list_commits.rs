//! History.

use ballast_contract::Page;
use ballast_contract::versioning::CommitInfo;
use ballast_types::Revision;

use crate::paging::page_size;
use crate::{Failure, Readable, Result};

impl Readable {
    /// Commits from a revision backwards, newest first; 20 at once unless asked, at most 100.
    pub async fn commits(
        &self,
        revision: &Revision,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<Page<CommitInfo>> {
        let from = self.resolve(revision).await?;
        Ok(self.hub.engine().log(self.key(), from, after, page_size(limit, 20, 100)).await?)
    }

    /// One commit, by its id or any other revision.
    pub async fn commit_info(&self, revision: &Revision) -> Result<CommitInfo> {
        let id = self.resolve(revision).await?;
        let found = self.hub.engine().commits(self.key(), &[id]).await?.into_iter().next().flatten();
        found.ok_or_else(|| Failure::RevisionNotFound { revision: revision.clone() })
    }

    /// How many commits lie behind a revision; counted to 100,000.
    pub async fn commit_count(&self, revision: &Revision) -> Result<u64> {
        let from = self.resolve(revision).await?;
        Ok(self.hub.engine().commit_count(self.key(), from, 100_000).await?)
    }
}
