//! Which refs a commit may go to, and whose pull request is whose.

use ballast_catalog::Discussion;
use ballast_types::{RefKind, RefName, Revision};

use crate::{Committing, Failure, Proposing, Result};

impl Proposing {
    /// The right to commit to a ref. Whether there is such a branch is looked at with each commit.
    pub async fn committing(&self, revision: &Revision) -> Result<Committing> {
        let absent = || Failure::RevisionNotFound { revision: revision.clone() };
        let name = RefName::writable(revision).map_err(|_| absent())?;
        match name.kind() {
            RefKind::Proposal => {
                let number = name.proposal_number().ok_or_else(absent)?;
                self.check_proposal(revision, number).await?;
            }
            RefKind::Branch | RefKind::Conversion if self.writes => {}
            RefKind::Branch | RefKind::Conversion => {
                let why = format!("You may not write to '{}': open a pull request and commit to its ref", self.id());
                return Err(Failure::Forbidden(why));
            }
            RefKind::Tag | RefKind::Other => {
                let why = format!("'{name}' is no branch: commits go to branches and to refs/pr/N");
                return Err(Failure::Invalid(why));
            }
        }
        Ok(Committing { repository: self.clone(), revision: revision.clone(), name })
    }

    /// Refuses commits to a pull request that is not there, is another user's, or is ended.
    async fn check_proposal(&self, revision: &Revision, number: u32) -> Result<()> {
        let found = self.hub.catalog().find_discussion(self.key(), number).await?;
        let absent = || Failure::RevisionNotFound { revision: revision.clone() };
        let discussion = found.filter(|found| found.pull_request.is_some()).ok_or_else(absent)?;
        self.check_own(&discussion)?;
        if !discussion.status.is_open() {
            let again = if discussion.is_merged() { "open another one" } else { "open it again" };
            let why = format!("Pull request {number} is {} and takes no more commits: {again}", discussion.status);
            return Err(Failure::Conflict(why));
        }
        self.proposal_head(&discussion).await?;
        Ok(())
    }

    /// Refuses what only the author of a discussion may do, and those who may write to the repository.
    pub(crate) fn check_own(&self, discussion: &Discussion) -> Result<()> {
        let caller = self.caller.known()?.user.key;
        if self.writes || discussion.author.as_ref().is_some_and(|author| author.key == caller) {
            return Ok(());
        }
        Err(Failure::Forbidden(format!(
            "Discussion {} is not yours: that takes its author, or a member's role in the namespace of '{}'",
            discussion.number,
            self.id()
        )))
    }
}
