//! One commit in place of a branch's history.

use ballast_contract::versioning::Rewrite;
use ballast_types::Revision;

use crate::{CommitOutcome, Committing, Remake, Result, Writable};

impl Committing {
    /// Makes the files of this ref one commit without parents. Commits of before stay readable by their ids, and what
    /// they hold counts on.
    pub async fn super_squash(&self, remake: Remake) -> Result<CommitOutcome> {
        let usual = format!("Super-squash {}", self.revision);
        self.rewrite(Rewrite::Squash, remake, usual, "", None).await
    }
}

impl Writable {
    /// The same for a branch; see [`Committing::super_squash`].
    pub async fn super_squash(&self, branch: &Revision, remake: Remake) -> Result<CommitOutcome> {
        self.committing(branch).await?.super_squash(remake).await
    }
}
