//! Discussions and pull requests as readers see them.

use ballast_catalog::{Discussion, DiscussionEvent, DiscussionPage, DiscussionQuery, DiscussionStatus, PullRequest};
use ballast_contract::ErrorKind;
use ballast_contract::versioning::{CommitInfo, RefUpdate};
use ballast_types::{CommitId, Name, RefName, RepoPath, Revision, Timestamp};

use crate::{Comparison, Downloadable, Failure, Readable, Result};

/// Discussions on one page.
const PAGE: usize = 50;

/// The most that can happen in one discussion.
pub(crate) const MAX_EVENTS: usize = 1000;

/// The most commits of a pull request that are shown: the newest.
const MAX_COMMITS: usize = 1000;

/// Which discussions to list.
#[derive(Clone, Debug, Default)]
pub struct DiscussionFilter {
    /// Only pull requests, or only those that are none.
    pub pull_requests: Option<bool>,
    /// Only those that are worked on, or only those that are not.
    pub open: Option<bool>,
    /// The name of who opened them, in any case.
    pub author: Option<String>,
}

/// A discussion, and all that happened in it.
pub struct DiscussionDetails {
    pub discussion: Discussion,
    /// In the order in which it happened.
    pub steps: Vec<Step>,
    /// Of a pull request.
    pub proposal: Option<ProposalDetails>,
}

/// Something that happened in a discussion.
pub enum Step {
    Event(DiscussionEvent),
    /// On the ref of the pull request.
    Commit(CommitInfo),
}

/// What a pull request would change, or has changed.
pub struct ProposalDetails {
    pub pull_request: PullRequest,
    /// Where its own ref stands.
    pub head: CommitId,
    /// Paths that its target has changed too; none where the hub's engine does not compare.
    pub conflicts: Option<Vec<RepoPath>>,
    /// What it brings into its target: [`Downloadable::proposed_changes`].
    pub(crate) changes: Comparison,
}

impl Downloadable {
    /// What a pull request brings into its target, which shows what is in files.
    pub fn proposed_changes(&self, proposal: &ProposalDetails) -> Comparison {
        proposal.changes.clone()
    }
}

impl Readable {
    /// A page of discussions, newest first, pages counted from 0; and with which one it begins.
    pub async fn list_discussions(&self, filter: &DiscussionFilter, page: u32) -> Result<(usize, DiscussionPage)> {
        let start = PAGE.saturating_mul(usize::try_from(page).unwrap_or(usize::MAX));
        let author = match &filter.author {
            Some(author) => match self.hub.user_named(author).await? {
                Some(key) => Some(key),
                None => return Ok((start, DiscussionPage::default())),
            },
            None => None,
        };
        let (pull_requests, open) = (filter.pull_requests, filter.open);
        let query = DiscussionQuery { pull_requests, open, author, start, limit: PAGE };
        Ok((start, self.hub.catalog().list_discussions(self.key(), query).await?))
    }

    /// One discussion.
    pub async fn discussion(&self, number: u32) -> Result<Discussion> {
        let found = self.hub.catalog().find_discussion(self.key(), number).await?;
        found.ok_or_else(|| self.no_discussion(number))
    }

    pub(crate) fn no_discussion(&self, number: u32) -> Failure {
        Failure::NotFound(format!("There is no discussion {number} in '{}'", self.id()))
    }

    /// One discussion, with all that happened in it.
    pub async fn discussion_details(&self, number: u32) -> Result<DiscussionDetails> {
        let discussion = self.discussion(number).await?;
        let events = self.hub.catalog().discussion_events(self.key(), number, MAX_EVENTS).await?;
        let Some(pull_request) = discussion.pull_request.clone() else {
            let steps = events.into_iter().map(Step::Event).collect();
            return Ok(DiscussionDetails { discussion, steps, proposal: None });
        };
        let head = self.proposal_head(&discussion).await?;
        let commits = self.proposal_commits(head, pull_request.base).await?;
        let steps = in_order(discussion.created_at, events, commits);
        let proposal = self.proposal_details(discussion.status, pull_request, head).await?;
        Ok(DiscussionDetails { discussion, steps, proposal: Some(proposal) })
    }

    /// Where the ref of a pull request stands. It is made here where a node died between opening the one and making the
    /// other.
    pub(crate) async fn proposal_head(&self, discussion: &Discussion) -> Result<CommitId> {
        let name = RefName::proposal(discussion.number);
        let base = discussion.pull_request.as_ref().map(|pull_request| pull_request.base);
        match (self.hub.engine().resolve(self.key(), &Revision::new(name.as_str())).await, base) {
            (Err(error), Some(base)) if error.is(ErrorKind::NotFound) => {
                self.begin_proposal(name, base).await?;
                Ok(base)
            }
            (resolved, _) => Ok(resolved?),
        }
    }

    /// Makes the ref of a pull request, unless it is there.
    pub(crate) async fn begin_proposal(&self, name: RefName, base: CommitId) -> Result<()> {
        let update = RefUpdate { name, old: None, new: Some(base), annotation: None };
        match self.hub.engine().update_refs(self.key(), &[update]).await {
            Err(error) if error.is(ErrorKind::AlreadyExists) => Ok(()),
            made => Ok(made?),
        }
    }

    /// The commits of a pull request, oldest first: what its ref has gained since it began.
    async fn proposal_commits(&self, head: CommitId, base: CommitId) -> Result<Vec<CommitInfo>> {
        if head == base {
            return Ok(vec![]);
        }
        let newest = self.hub.engine().log(self.key(), head, None, MAX_COMMITS).await?.items;
        let mut commits: Vec<CommitInfo> = newest.into_iter().take_while(|commit| commit.id != base).collect();
        commits.reverse();
        Ok(commits)
    }

    async fn proposal_details(
        &self,
        status: DiscussionStatus,
        pull_request: PullRequest,
        head: CommitId,
    ) -> Result<ProposalDetails> {
        let target = Revision::new(pull_request.target.as_str());
        let target = match self.resolve(&target).await {
            Ok(tip) => Some(tip),
            Err(Failure::RevisionNotFound { .. }) => None,
            Err(failure) => return Err(failure),
        };
        let rewriting = self.hub.engine().rewriting();
        // What is merged is in the target, and differs from it by what came later.
        let target = target.filter(|_| status != DiscussionStatus::Merged);
        let conflicts = match (rewriting, target) {
            (None, _) => None,
            (Some(_), None) => Some(vec![]),
            (Some(rewriting), Some(target)) => Some(rewriting.conflicts(self.key(), target, head).await?),
        };
        let before = match (rewriting, target) {
            (Some(rewriting), Some(target)) => rewriting.fork(self.key(), target, head).await?,
            _ => Some(pull_request.base),
        };
        let changes = self.comparison(before, head);
        Ok(ProposalDetails { pull_request, head, conflicts, changes })
    }
}

impl crate::Hub {
    async fn user_named(&self, text: &str) -> Result<Option<ballast_types::UserKey>> {
        let Ok(name) = text.parse::<Name>() else { return Ok(None) };
        Ok(self.catalog().find_user(&name).await?.map(|user| user.key))
    }
}

/// Commits among what was said. Git counts whole seconds, so what opened the discussion stays first.
fn in_order(opened: Timestamp, events: Vec<DiscussionEvent>, commits: Vec<CommitInfo>) -> Vec<Step> {
    let events = events.into_iter().map(|event| (event.at, Step::Event(event)));
    let commits = commits.into_iter().map(|commit| (commit.time.max(opened), Step::Commit(commit)));
    let mut steps: Vec<(Timestamp, Step)> = events.chain(commits).collect();
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}
