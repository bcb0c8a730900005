//! What revert, reset, merge and squash have in common: a commit made of other commits, by the protocol of a write.

use ballast_contract::versioning::{Committed, Rewrite, Rewritten};
use ballast_types::CommitId;

use crate::create_commit::check_message;
use crate::operation::Remaking;
use crate::{CommitOutcome, Committing, Failure, Result};

/// What a caller may say of a commit that is made of others.
#[derive(Clone, Debug, Default)]
pub struct Remake {
    /// Instead of what the hub says.
    pub message: Option<String>,
    /// Where the branch must stand.
    pub parent: Option<CommitId>,
}

impl Committing {
    /// Makes the commit. `what` is said where it cannot be made for conflicts, `usual` where the caller has no message
    /// of its own, and `merges` is the pull request that is merged with it.
    pub(crate) async fn rewrite(
        &self,
        rewrite: Rewrite,
        remake: Remake,
        usual: String,
        what: &str,
        merges: Option<u32>,
    ) -> Result<CommitOutcome> {
        self.hub.rewriting()?;
        self.tip_on(&self.revision, remake.parent).await?;
        let known = self.caller.known()?;
        let author = known.signature(&self.hub);
        let own = remake.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let message = format!("{}\n", own.unwrap_or(usual.trim()));
        check_message(&message)?;
        let write = self.hub.begin(self.key(), "rewrite", Some(known.user.key), merges).await?;
        let (expected_parent, time) = (remake.parent, self.hub.now());
        let remaking = Remaking { branch: self.name.clone(), expected_parent, author, time, message, rewrite };
        match write.rewrite(remaking).await {
            Ok(Rewritten::Done(done)) => {
                Ok(CommitOutcome { id: done.tip(), created: matches!(done, Committed::New(_)) })
            }
            Ok(Rewritten::Conflicts(paths)) => Err(Failure::MergeConflict { what: what.to_owned(), paths }),
            Err(Failure::Conflict(_)) if expected_parent.is_some() => Err(Failure::BranchMoved),
            // The commits are there: it is the branch that somebody deleted meanwhile, or that has no commit yet.
            Err(Failure::NotFound(_)) => Err(Failure::RevisionNotFound { revision: self.revision.clone() }),
            Err(failure) => Err(failure),
        }
    }
}
