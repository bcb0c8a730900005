//! Bringing one line of history into another.

use ballast_contract::versioning::{Rewrite, Strategy};
use ballast_types::Revision;

use crate::{CommitOutcome, Remake, Result, Writable};

impl Writable {
    /// Brings what `source` changed into a branch, by a commit of two parents or, squashed, of one. Where both changed
    /// the same path, `strategy` decides; without one that is `MergeConflict`, with the paths.
    pub async fn merge(
        &self,
        branch: &Revision,
        source: &Revision,
        strategy: Strategy,
        squash: bool,
        remake: Remake,
    ) -> Result<CommitOutcome> {
        let tip = self.resolve(source).await?;
        let usual = format!("Merge {source} into {branch}");
        let what = format!("'{source}' cannot be merged into '{branch}'");
        let rewrite = Rewrite::Merge { source: tip, strategy, squash };
        self.committing(branch).await?.rewrite(rewrite, remake, usual, &what, None).await
    }
}
