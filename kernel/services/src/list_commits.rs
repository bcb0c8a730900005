//! History.

use ballast_contract::Page;
use ballast_contract::versioning::CommitInfo;
use ballast_types::Revision;

use crate::paging::page_size;
use crate::{Failure, Readable, Result};

/// The most commits that are counted.
const COUNTED: u64 = 100_000;

impl Readable {
    /// Commits from a revision backwards, newest first; 20 at once unless asked, at most 100. With the first ones comes
    /// how many there are, counted to 100,000.
    pub async fn commits(
        &self,
        revision: &Revision,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<(Page<CommitInfo>, Option<u64>)> {
        let from = self.resolve(revision).await?;
        let total = match after {
            None => Some(self.hub.engine().commit_count(self.key(), from, COUNTED).await?),
            Some(_) => None,
        };
        let page = self.hub.engine().log(self.key(), from, after, page_size(limit, 20, 100)).await?;
        Ok((page, total))
    }

    /// One commit, by its id or any other revision.
    pub async fn commit_info(&self, revision: &Revision) -> Result<CommitInfo> {
        let id = self.resolve(revision).await?;
        let found = self.hub.engine().commits(self.key(), &[id]).await?.into_iter().next().flatten();
        found.ok_or_else(|| Failure::RevisionNotFound { revision: revision.clone() })
    }
}
