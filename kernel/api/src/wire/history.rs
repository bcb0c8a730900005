use std::collections::BTreeMap;

use ballast_contract::versioning::{CommitInfo, FileRef, Node, Strategy};
use ballast_services::{CommitOutcome, FileChange, Remake};
use ballast_types::CommitId;
use poem_openapi::{Enum, Object};
use serde::Deserialize;

/// One commit.
#[derive(Object)]
pub struct CommitDetail {
    pub id: String,
    /// The same.
    pub oid: String,
    /// The first line of the message.
    pub title: String,
    /// The whole message.
    pub message: String,
    pub date: String,
    pub parents: Vec<String>,
    pub author: String,
    /// The message without its first line.
    pub description: String,
    pub metadata: BTreeMap<String, String>,
}

impl CommitDetail {
    pub fn new(commit: CommitInfo) -> Self {
        let (title, rest) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
        let (title, description) = (title.trim_end().to_owned(), rest.trim().to_owned());
        let (id, oid) = (commit.id.to_string(), commit.id.to_string());
        let parents = commit.parents.iter().map(CommitId::to_string).collect();
        let (message, date) = (commit.message.trim_end().to_owned(), commit.time.to_string());
        let (author, metadata) = (commit.author.name, BTreeMap::new());
        Self { id, oid, title, message, date, parents, author, description, metadata }
    }
}

/// What a commit changed against its first parent.
#[derive(Object)]
pub struct CommitDiff {
    pub commit_id: String,
    /// None for a commit without parents, which is compared with nothing.
    pub parent_commit: Option<String>,
    pub message: String,
    pub author: String,
    pub date: String,
    pub files: Vec<ChangedFile>,
}

impl CommitDiff {
    pub fn new(commit: CommitInfo, files: Vec<FileChange>) -> Self {
        Self {
            commit_id: commit.id.to_string(),
            parent_commit: commit.parents.first().map(CommitId::to_string),
            message: commit.message.trim_end().to_owned(),
            author: commit.author.name,
            date: commit.time.to_string(),
            files: files.into_iter().map(ChangedFile::new).collect(),
        }
    }
}

/// One file that a commit changed.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ChangedFile {
    pub path: String,
    #[oai(rename = "type")]
    pub kind: ChangeKind,
    /// In bytes; 0 where it is gone.
    pub size_bytes: u64,
    /// Whether git holds a pointer, now or, where it is gone, before.
    pub is_lfs: bool,
    pub sha256: Option<String>,
    pub previous_size: Option<u64>,
    pub previous_sha256: Option<String>,
    /// The changed lines of a regular file under 1 MB, as git writes them.
    pub diff: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

impl ChangedFile {
    fn new(change: FileChange) -> Self {
        let kind = match (&change.before, &change.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let before = change.before.as_ref().and_then(Node::file);
        let after = change.after.as_ref().and_then(Node::file);
        let sha256 = |file: Option<&FileRef>| file.map(|file| file.sha256().to_string());
        Self {
            path: change.path.to_string(),
            kind,
            size_bytes: after.map_or(0, FileRef::size),
            is_lfs: after.or(before).is_some_and(FileRef::is_lfs),
            sha256: sha256(after),
            previous_size: before.map(FileRef::size),
            previous_sha256: sha256(before),
            diff: change.hunks,
        }
    }
}

/// A commit to be undone.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Revert {
    /// The commit; any revision.
    #[serde(rename = "ref")]
    #[oai(rename = "ref")]
    pub commit: String,
    /// Against which of its parents, counted from 1, which is the default.
    pub parent_number: Option<u32>,
    pub message: Option<String>,
    /// Where the branch must stand.
    #[serde(rename = "parentCommit")]
    #[oai(rename = "parentCommit")]
    pub parent_commit: Option<String>,
}

/// An old state to be brought back.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The state; any revision.
    #[serde(rename = "ref")]
    #[oai(rename = "ref")]
    pub commit: String,
    pub message: Option<String>,
    /// The default branch is reset only with it.
    pub force: Option<bool>,
    /// Where the branch must stand.
    #[serde(rename = "parentCommit")]
    #[oai(rename = "parentCommit")]
    pub parent_commit: Option<String>,
}

/// How two lines of history are brought together.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    pub message: Option<String>,
    /// Which side wins where both changed a path; without one that is refused.
    pub strategy: Option<MergeStrategy>,
    /// As one commit with one parent.
    pub squash_merge: Option<bool>,
    /// Where the branch must stand.
    #[serde(rename = "parentCommit")]
    #[oai(rename = "parentCommit")]
    pub parent_commit: Option<String>,
}

/// Which side wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Enum)]
#[serde(rename_all = "kebab-case")]
#[oai(rename_all = "kebab-case")]
pub enum MergeStrategy {
    /// The branch that is merged into.
    DestWins,
    /// What is merged.
    SourceWins,
}

impl MergeStrategy {
    pub fn of(said: Option<Self>) -> Strategy {
        match said {
            None => Strategy::Stop,
            Some(Self::DestWins) => Strategy::Destination,
            Some(Self::SourceWins) => Strategy::Source,
        }
    }
}

/// What the one commit says.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SuperSquash {
    pub message: Option<String>,
    /// Where the branch must stand.
    #[serde(rename = "parentCommit")]
    #[oai(rename = "parentCommit")]
    pub parent_commit: Option<String>,
}

/// What a caller says of a commit that is made of others.
pub fn remake(message: Option<String>, parent: Option<String>) -> Result<Remake, crate::error::ApiError> {
    let parent = parent.map(|text| text.parse()).transpose();
    let place = || vec!["body".to_owned(), "parentCommit".to_owned()];
    let parent =
        parent.map_err(|why: ballast_types::InvalidDigest| crate::error::ApiError::unreadable(place(), why))?;
    Ok(Remake { message, parent })
}

/// A commit was undone.
#[derive(Object)]
pub struct Reverted {
    pub success: bool,
    pub message: String,
    /// The branch's tip.
    pub new_commit_id: String,
}

/// An old state is back.
#[derive(Object)]
pub struct WasReset {
    pub success: bool,
    pub message: String,
    /// The branch's tip.
    pub commit_id: String,
}

/// Two lines of history are one.
#[derive(Object)]
pub struct Merged {
    pub success: bool,
    pub message: String,
    pub result: MergeResult,
}

/// Where the branch stands after a merge.
#[derive(Object)]
pub struct MergeResult {
    /// The branch's tip.
    pub reference: String,
    /// False where there was nothing to bring.
    pub created: bool,
}

impl MergeResult {
    pub fn new(outcome: CommitOutcome) -> Self {
        Self { reference: outcome.id.to_string(), created: outcome.created }
    }
}

/// A history is one commit.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Squashed {
    pub success: bool,
    pub message: String,
    /// The branch's tip.
    pub commit_oid: String,
}
