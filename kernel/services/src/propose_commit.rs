//! A commit that is a pull request of its own.

use ballast_catalog::DiscussionStatus;
use ballast_contract::versioning::RefUpdate;
use ballast_types::{CommitId, RefName, Revision};
use futures::Stream;

use crate::open_discussion::{MAX_TITLE, check_comment};
use crate::{CommitHeader, CommitOperation, CommitOutcome, Failure, Proposing, Result};

/// A pull request that was opened with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    pub number: u32,
    pub commit: CommitOutcome,
}

impl Proposing {
    /// Makes a commit on a new pull request to a branch. It begins at the header's parent, by default where the branch
    /// stands; title and description are those of the commit. Where no commit is made there is no pull request.
    pub async fn propose_commit(
        &self,
        target: &Revision,
        header: CommitHeader,
        operations: impl Stream<Item = Result<CommitOperation>> + Send + Unpin,
    ) -> Result<Proposed> {
        let base = self.base_of(target, header.parent).await?;
        let name = RefName::writable(target).map_err(Failure::invalid)?;
        let (title, description) = (title(&header.summary), header.description.trim().to_owned());
        check_comment(&description)?;
        let prepared = self.prepare(target, None, &header, operations).await?;
        let number = match self.open(title, description, DiscussionStatus::Open, Some((name, base))).await {
            Ok(number) => number,
            Err(failure) => return Err(prepared.failed(failure).await),
        };
        match prepared.commit(RefName::proposal(number), None, self.hub.now()).await {
            Ok(commit) => Ok(Proposed { number, commit }),
            Err(failure) => {
                self.withdraw(number, base).await;
                Err(match failure {
                    Failure::NotFound(why) => Failure::PathMissing(why),
                    failure => failure,
                })
            }
        }
    }

    /// Where a pull request to a branch begins. Something else than a branch cannot be proposed to.
    async fn base_of(&self, target: &Revision, parent: Option<CommitId>) -> Result<CommitId> {
        let absent = |revision: &Revision| Failure::RevisionNotFound { revision: revision.clone() };
        let tip = self.tip(target).await?.ok_or_else(|| absent(target))?;
        if RefName::writable(target).is_ok_and(|name| name.kind() != ballast_types::RefKind::Branch) {
            return Err(absent(target));
        }
        match parent {
            Some(parent) => self.resolve(&Revision::new(parent.to_string())).await,
            None => Ok(tip),
        }
    }

    /// Takes back a pull request whose only commit came to nothing. What cannot be taken back stays as an empty one.
    async fn withdraw(&self, number: u32, base: CommitId) {
        let name = RefName::proposal(number);
        let update = RefUpdate { name, old: Some(base), new: None, annotation: None };
        let deleted = self.hub.engine().update_refs(self.key(), &[update]).await.map_err(Failure::from);
        let removed = match deleted {
            Ok(()) => self.hub.catalog().remove_discussion(self.key(), number).await.map_err(Failure::from),
            kept => kept,
        };
        if let Err(error) = removed {
            tracing::warn!(number, %error, "a pull request whose commit failed stays, without a commit");
        }
    }
}

/// The first line of what the commit says, as far as a title goes.
fn title(summary: &str) -> String {
    let line = summary.trim().lines().next().unwrap_or_default();
    let title: String = line.chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    if title.trim().is_empty() { "A pull request".to_owned() } else { title.trim().to_owned() }
}
