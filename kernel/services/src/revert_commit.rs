//! Undoing one commit by another one.

use ballast_contract::versioning::Rewrite;
use ballast_types::Revision;

use crate::{CommitOutcome, Remake, Result, Writable};

impl Writable {
    /// Undoes on a branch what the commit changed against its parent of this number, counted from 1. `MergeConflict`
    /// where the branch changed the same paths since.
    pub async fn revert(
        &self,
        branch: &Revision,
        commit: &Revision,
        parent_number: u32,
        remake: Remake,
    ) -> Result<CommitOutcome> {
        let commit = self.commit_info(commit).await?;
        let title = commit.message.lines().next().unwrap_or_default().trim_end();
        let usual = format!("Revert \"{title}\"\n\nThis reverts commit {}.", commit.id);
        let rewrite = Rewrite::Revert { commit: commit.id, parent: parent_number };
        let what = format!("Commit {} cannot be undone on '{branch}'", commit.id);
        self.committing(branch).await?.rewrite(rewrite, remake, usual, &what, None).await
    }
}
