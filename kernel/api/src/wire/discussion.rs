use ballast_services::{Discussion, DiscussionDetails, DiscussionPage, ProposalDetails, Readable};
use ballast_types::RepoPath;
use poem_openapi::Object;
use serde::Deserialize;

use super::discussion_event::EventItem;

/// A page of discussions, newest first.
#[derive(Object)]
pub struct DiscussionList {
    /// How many there are on all pages.
    pub count: u64,
    /// How many there are on the pages before.
    pub start: u64,
    pub discussions: Vec<DiscussionItem>,
}

/// A discussion or a pull request.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct DiscussionItem {
    /// Counted from 1 in each repository.
    pub num: u32,
    pub title: String,
    /// `open`, `closed`; of a pull request also `draft` or `merged`.
    pub status: String,
    /// None where the user is gone.
    pub author: Option<DiscussionAuthor>,
    pub created_at: String,
    pub is_pull_request: bool,
    pub repo: DiscussionRepository,
}

/// Who opened a discussion, or did something in it.
#[derive(Object)]
pub struct DiscussionAuthor {
    pub name: String,
    /// `user`
    #[oai(rename = "type")]
    pub kind: String,
}

/// The repository of a discussion.
#[derive(Object)]
pub struct DiscussionRepository {
    /// `namespace/name`
    pub name: String,
    #[oai(rename = "type")]
    pub kind: String,
}

/// A discussion, and all that happened in it.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct DiscussionView {
    pub num: u32,
    pub title: String,
    /// `open`, `closed`; of a pull request also `draft` or `merged`.
    pub status: String,
    /// None where the user is gone.
    pub author: Option<DiscussionAuthor>,
    pub created_at: String,
    pub is_pull_request: bool,
    pub repo: DiscussionRepository,
    /// Oldest first.
    pub events: Vec<EventItem>,
    /// Of a pull request.
    pub changes: Option<ProposedChanges>,
    /// Of a pull request: paths that its target has changed too, at most a thousand.
    pub files_with_conflicts: Option<Vec<String>>,
    /// Of a pull request, with `diff=1`: what it brings into its target, as git writes it, with pointers in place of
    /// large files.
    pub diff: Option<String>,
    /// Whether `diff` ends before all was told; `compare` tells all.
    pub diff_truncated: Option<bool>,
}

/// What a pull request is for, and what became of it.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct ProposedChanges {
    /// The ref that it is to be merged into: `refs/heads/main`
    pub base: String,
    /// The commit by which it was merged.
    pub merge_commit_id: Option<String>,
}

/// A discussion to be opened.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct NewDiscussion {
    pub title: String,
    /// The first comment.
    pub description: Option<String>,
    /// A pull request to the default branch, as a draft: commit to `refs/pr/N` next.
    pub pull_request: Option<bool>,
}

/// The discussion that was opened.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct OpenedDiscussion {
    pub num: u32,
    pub pull_request: bool,
    pub url: String,
}

/// Something to be said.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    pub comment: String,
}

/// Another title.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct NewTitle {
    pub title: String,
}

/// Another status.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ChangeStatus {
    /// `open` or `closed`.
    pub status: String,
    /// Something to be said with it.
    pub comment: Option<String>,
}

/// How a pull request is merged.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MergePullRequest")]
pub struct PullRequestMerge {
    /// Something to be said with it.
    pub comment: Option<String>,
}

impl DiscussionList {
    pub fn new(start: usize, page: DiscussionPage, repository: &Readable) -> Self {
        let discussions = page.items.into_iter().map(|found| DiscussionItem::new(found, repository)).collect();
        Self { count: page.count, start: start as u64, discussions }
    }
}

impl DiscussionAuthor {
    pub fn of(name: impl ToString) -> Self {
        Self { name: name.to_string(), kind: "user".to_owned() }
    }
}

impl DiscussionItem {
    pub fn new(discussion: Discussion, repository: &Readable) -> Self {
        Self {
            num: discussion.number,
            title: discussion.title,
            status: discussion.status.to_string(),
            author: discussion.author.map(|author| DiscussionAuthor::of(author.name)),
            created_at: discussion.created_at.to_string(),
            is_pull_request: discussion.pull_request.is_some(),
            repo: DiscussionRepository { name: repository.id().to_string(), kind: repository.kind().to_string() },
        }
    }
}

impl DiscussionView {
    /// With the difference of a pull request, and whether that is all of it, where it was asked for.
    pub fn new(details: DiscussionDetails, repository: &Readable, diff: Option<(String, bool)>) -> Self {
        let DiscussionItem { num, title, status, author, created_at, is_pull_request, repo } =
            DiscussionItem::new(details.discussion, repository);
        let (diff, is_whole) = diff.unzip();
        let changes = |proposal: &ProposalDetails| ProposedChanges {
            base: proposal.pull_request.target.to_string(),
            merge_commit_id: proposal.pull_request.merge_commit.map(|id| id.to_string()),
        };
        let conflicts = |paths: Vec<RepoPath>| paths.iter().map(RepoPath::to_string).collect();
        Self {
            num,
            title,
            status,
            author,
            created_at,
            is_pull_request,
            repo,
            events: details.steps.into_iter().map(EventItem::new).collect(),
            changes: details.proposal.as_ref().map(changes),
            files_with_conflicts: details.proposal.map(|proposal| conflicts(proposal.conflicts.unwrap_or_default())),
            diff,
            diff_truncated: is_whole.map(|is_whole| !is_whole),
        }
    }
}
