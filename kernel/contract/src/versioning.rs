//! Versioning: paths, trees, commits and refs of repositories that are known by key alone.

pub mod failure;
mod git;
mod relocation;
pub mod selection;
mod upkeep;

use async_trait::async_trait;
use ballast_types::{
    CommitId, GitOid, OperationId, RefName, RepoKey, RepoPath, Revision, Sha256, Signature, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Component, Page, Result};

pub use git::{
    Common, Cut, Encoded, FetchRequest, Filter, GitObject, GitObjects, GitPushes, Outcome, Push, PushedObjects,
    PushedRef, Receipt, TreeBase,
};
pub use relocation::{Arrival, Relocation, WholeRef};
pub use upkeep::{Damage, Damaged, SweepRequest, Swept, Upkeep};

/// The bytes of one file. The engine keeps it and gives it back; it never looks at the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FileRef {
    /// Git holds the bytes themselves.
    Regular {
        /// The git blob id of the bytes.
        oid: GitOid,
        sha256: Sha256,
        /// In bytes.
        size: u64,
    },
    /// Git holds a pointer.
    Lfs {
        /// The git blob id of the pointer.
        oid: GitOid,
        /// Of the large blob.
        sha256: Sha256,
        /// Of the large blob, in bytes.
        size: u64,
        /// The blob that holds the pointer's own text, where pushed history has one that is not the canonical text.
        pointer: Option<Sha256>,
    },
}

impl FileRef {
    /// What git's tree holds.
    pub fn oid(&self) -> GitOid {
        match self {
            Self::Regular { oid, .. } | Self::Lfs { oid, .. } => *oid,
        }
    }

    /// The blob that a reader of the file gets.
    pub fn sha256(&self) -> Sha256 {
        match self {
            Self::Regular { sha256, .. } | Self::Lfs { sha256, .. } => *sha256,
        }
    }

    /// How long a reader finds the file, in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Regular { size, .. } | Self::Lfs { size, .. } => *size,
        }
    }

    /// Whether git holds a pointer.
    pub fn is_lfs(&self) -> bool {
        matches!(self, Self::Lfs { .. })
    }

    /// Every blob that keeping this file keeps.
    pub fn blobs(&self) -> impl Iterator<Item = Sha256> + use<> {
        let pointer = match self {
            Self::Lfs { pointer, .. } => *pointer,
            Self::Regular { .. } => None,
        };
        [Some(self.sha256()), pointer].into_iter().flatten()
    }
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    /// Mode 100644, or 100755 when executable.
    File { file: FileRef, executable: bool },
    /// Mode 120000; the bytes are the target.
    Symlink { file: FileRef },
    /// Mode 160000.
    Submodule { commit: GitOid },
    /// Mode 040000, with its real git tree id.
    Directory { oid: GitOid },
}

impl Node {
    /// Git's mode.
    pub fn mode(&self) -> u32 {
        match self {
            Self::File { executable: false, .. } => 0o100644,
            Self::File { executable: true, .. } => 0o100755,
            Self::Symlink { .. } => 0o120000,
            Self::Submodule { .. } => 0o160000,
            Self::Directory { .. } => 0o040000,
        }
    }

    /// The id that git's tree holds.
    pub fn oid(&self) -> GitOid {
        match self {
            Self::File { file, .. } | Self::Symlink { file } => file.oid(),
            Self::Submodule { commit } => *commit,
            Self::Directory { oid } => *oid,
        }
    }

    /// The bytes behind it, where it has any.
    pub fn file(&self) -> Option<&FileRef> {
        match self {
            Self::File { file, .. } | Self::Symlink { file } => Some(file),
            Self::Submodule { .. } | Self::Directory { .. } => None,
        }
    }
}

/// One path of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    pub path: RepoPath,
    pub node: Node,
}

/// One step of a commit. Steps apply in order, each to what the ones before it left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Creates or replaces. A file may not take a folder's place, nor lie below a file: `Invalid`.
    Put { path: RepoPath, node: Node },
    /// Removes a file, symlink or submodule: `NotFound` where there is none. Folders that become empty vanish.
    Delete { path: RepoPath },
    /// Removes everything below a folder: `NotFound` where there is none.
    DeleteFolder { path: RepoPath },
    /// Puts at `to` what stands at `from` in the commit `at` (by default the branch's tip before this commit).
    Copy { from: RepoPath, at: Option<CommitId>, to: RepoPath },
}

/// A commit to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRequest {
    /// The same operation twice answers the same commit.
    pub operation: OperationId,
    pub repo: RepoKey,
    /// A branch or `refs/pr/N`; it must exist, possibly unborn.
    pub branch: RefName,
    /// Given: the branch must stand there, or `Conflict`. None: the changes apply to whatever the tip is.
    pub expected_parent: Option<CommitId>,
    pub author: Signature,
    /// Of author and committer, in whole seconds. Part of the commit id.
    pub time: Timestamp,
    /// The whole message, byte for byte.
    pub message: String,
    pub changes: Vec<Change>,
}

/// What became of a commit request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "commit", rename_all = "snake_case")]
pub enum Committed {
    /// The branch moved to this new commit.
    New(CommitId),
    /// The changes change nothing; this is the tip as it was.
    Unchanged(CommitId),
}

impl Committed {
    /// The branch's tip afterwards.
    pub fn tip(self) -> CommitId {
        match self {
            Self::New(id) | Self::Unchanged(id) => id,
        }
    }
}

/// A commit as history shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    pub id: CommitId,
    pub tree: GitOid,
    pub parents: Vec<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
}

/// A ref and where it points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ref {
    pub name: RefName,
    /// The commit, through an annotated tag; none for an unborn branch.
    pub commit: Option<CommitId>,
    /// The tag object, where the ref is an annotated tag.
    pub tag: Option<GitOid>,
}

/// What makes a tag an annotated one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub tagger: Signature,
    pub time: Timestamp,
    pub message: String,
}

/// One ref's move. `old` and `new` both given: from there to there. Only `new`: it must not exist yet. Only `old`: it
/// is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefUpdate {
    pub name: RefName,
    pub old: Option<CommitId>,
    pub new: Option<CommitId>,
    pub annotation: Option<Annotation>,
}

/// Which part of a tree to list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRequest {
    pub repo: RepoKey,
    pub at: CommitId,
    /// None is the root.
    pub folder: Option<RepoPath>,
    /// Also what lies deeper: folder by folder, each folder's entries in git's own order.
    pub recursive: bool,
    pub after: Option<String>,
    pub limit: usize,
}

/// One path in which two commits differ. At least one side is given; folders are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub path: RepoPath,
    pub before: Option<Node>,
    pub after: Option<Node>,
}

/// An engine. Repositories are known by key; a rename never reaches it.
///
/// Commit ids are git's: computed from git's own encoding of what [`CommitRequest`] says, so every engine gives the
/// same id for the same history. Reads take a commit, never a branch.
#[async_trait]
pub trait Versioning: Component {
    /// Makes an empty repository whose default branch is unborn. Idempotent.
    async fn create(&self, repo: RepoKey, default_branch: &RefName) -> Result<()>;

    /// Forgets a repository. Idempotent.
    async fn delete(&self, repo: RepoKey) -> Result<()>;

    /// The only bridge from a revision to a commit. Tried in this order: a commit id of this repository, a full ref
    /// name, a branch, a tag, `refs/` and the text, and the beginning of exactly one commit id (7 digits or more).
    /// `NotFound` where nothing fits, also for an unborn branch.
    async fn resolve(&self, repo: RepoKey, revision: &Revision) -> Result<CommitId>;

    /// Refs whose full name begins with `prefix`, by name.
    async fn refs(&self, repo: RepoKey, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<Ref>>;

    /// All of these moves or none. `Conflict` where an `old` no longer holds, `AlreadyExists` where a ref to be made
    /// is there (or is a folder of one that is), `NotFound` where a `new` is no commit of this repository or a ref to
    /// be deleted is absent.
    async fn update_refs(&self, repo: RepoKey, updates: &[RefUpdate]) -> Result<()>;

    /// What stands at each path; none where nothing does. The root is no path.
    async fn entries(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<Node>>>;

    /// A page of a folder. `NotFound` where the folder is none, or is a file. Cursors hold for one commit and folder.
    async fn list(&self, request: &ListRequest) -> Result<Page<Entry>>;

    /// The sum of the file sizes below each folder (as readers find them), in bytes; none where there is no folder.
    async fn folder_sizes(&self, repo: RepoKey, at: CommitId, folders: &[RepoPath]) -> Result<Vec<Option<u64>>>;

    /// Commits from `from` backwards, newest first along the first parents and their merges; the first is `from`.
    async fn log(&self, repo: RepoKey, from: CommitId, after: Option<String>, limit: usize)
    -> Result<Page<CommitInfo>>;

    /// How many commits `log` would list, at most `up_to`.
    async fn commit_count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64>;

    /// One commit each; none where the repository has no such commit.
    async fn commits(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<CommitInfo>>>;

    /// The commit that last changed each path (for a folder: anything below it); none where nothing stands there.
    async fn last_commits(&self, repo: RepoKey, at: CommitId, paths: &[RepoPath]) -> Result<Vec<Option<CommitId>>>;

    /// What differs between two commits; `before` none stands for the empty tree.
    async fn diff(
        &self,
        repo: RepoKey,
        before: Option<CommitId>,
        after: CommitId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Difference>>;

    /// Makes a commit: all of it or nothing, visible to every reader at once.
    ///
    /// `Conflict` where `expected_parent` is no longer the tip, or the operation was concluded without a commit.
    /// Without `expected_parent`, a tip that moved meanwhile is no error: the changes apply to the new tip.
    async fn commit(&self, request: CommitRequest) -> Result<Committed>;

    /// What became of an operation: its commit, or none, and from then on it can never commit any more (the fence).
    /// Idempotent; also for an operation never heard of.
    async fn conclude(&self, repo: RepoKey, operation: OperationId) -> Result<Option<CommitId>>;

    /// Every blob that anything kept of this repository names. Repeats are allowed.
    async fn contents(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Sha256>>;

    /// Git's own objects, where the engine has them: what clone and fetch need.
    fn git(&self) -> Option<&dyn GitObjects> {
        None
    }

    /// Merge, revert and squash, where the engine does them.
    fn rewriting(&self) -> Option<&dyn Rewriting> {
        None
    }

    /// Verifying and sweeping, where the engine's storage is its own.
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
    }

    /// Moving whole histories to and from other engines, where the engine does that.
    fn relocation(&self) -> Option<&dyn Relocation> {
        None
    }
}

/// Which side wins where both changed a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Neither: the merge answers its conflicts.
    Stop,
    Destination,
    Source,
}

/// Which history a rewriting operation makes. The branch has a commit, or `NotFound`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rewrite", rename_all = "snake_case")]
pub enum Rewrite {
    /// Brings `source` into the branch, by a commit of two parents or, squashed, of one: three-way by mode and oid of
    /// each path, against the [`fork`](Rewriting::fork) of the two, or against nothing where they have none. Nothing is
    /// left to do where `source` is in the branch's history.
    Merge { source: CommitId, strategy: Strategy, squash: bool },
    /// Undoes one commit against its parent of this number, counted from 1; a commit without parents against nothing.
    /// `Invalid` where it has no such parent.
    Revert { commit: CommitId, parent: u32 },
    /// Makes the branch's tree one commit without parents. Nothing is left to do where the tip is such a commit. The
    /// commits of before stay readable by their ids.
    Squash,
    /// A new commit with the tree of an old one.
    Reset { to: CommitId },
}

/// A rewriting commit to be made; fields as in [`CommitRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteRequest {
    pub operation: OperationId,
    pub repo: RepoKey,
    pub branch: RefName,
    pub expected_parent: Option<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
    pub rewrite: Rewrite,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "value", rename_all = "snake_case")]
pub enum Rewritten {
    Done(Committed),
    /// Paths that both sides changed, sorted, at most [`MAX_CONFLICTS`]; nothing was made.
    Conflicts(Vec<RepoPath>),
}

/// More conflicts than this are not told at once.
pub const MAX_CONFLICTS: usize = 1000;

/// Commits that are computed from other commits. Each costs what differs between them, not what exists; a squash costs
/// what its tree holds.
#[async_trait]
pub trait Rewriting: Send + Sync {
    /// Makes the commit, with the same promises as [`Versioning::commit`]. A path that one side changed is as that side
    /// has it; one that both changed, and not to the same, is a conflict, which a strategy may decide. So is a file of
    /// one side where the other has a folder. In [`Versioning::last_commits`] what came from one parent was changed by
    /// the commit that changed it there.
    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten>;

    /// The conflicts that merging `source` into `into` would meet, sorted, at most [`MAX_CONFLICTS`].
    async fn conflicts(&self, repo: RepoKey, into: CommitId, source: CommitId) -> Result<Vec<RepoPath>>;

    /// The latest commit that is in the history of both; none where the two began apart.
    async fn fork(&self, repo: RepoKey, one: CommitId, other: CommitId) -> Result<Option<CommitId>>;
}
