//! What the git wire needs of an engine: which objects somebody lacks, their bytes, and taking what was pushed.
//!
//! These calls are not part of what a shared library can offer: their answers are streams and handles.

use std::collections::HashMap;

use async_trait::async_trait;
use ballast_types::git::ObjectKind;
use ballast_types::{CommitId, GitOid, OperationId, RefName, RepoKey, RepoPath, Sha256, Timestamp};
use bytes::Bytes;
use futures::stream::BoxStream;

use super::FileRef;
use crate::Result;

/// A git object and where the engine finds it. Blobs go by reference: their bytes are content's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitObject {
    Commit {
        id: CommitId,
    },
    /// An annotated tag.
    Tag {
        oid: GitOid,
    },
    Tree {
        oid: GitOid,
        /// A commit that has it.
        at: CommitId,
        /// Where that commit has it; none at its root.
        folder: Option<RepoPath>,
        /// The same folder of an earlier commit.
        base: Option<TreeBase>,
    },
    Blob {
        oid: GitOid,
        file: FileRef,
        /// What stood at the same path in an earlier commit.
        base: Option<FileRef>,
    },
}

/// A tree of which another one may be told as what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeBase {
    pub oid: GitOid,
    /// The commit that has it, in the same folder.
    pub at: CommitId,
}

impl GitObject {
    /// Its id.
    pub fn oid(&self) -> GitOid {
        match self {
            Self::Commit { id } => (*id).into(),
            Self::Tag { oid } | Self::Tree { oid, .. } | Self::Blob { oid, .. } => *oid,
        }
    }

    /// What sort of object it is.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Commit { .. } => ObjectKind::Commit,
            Self::Tag { .. } => ObjectKind::Tag,
            Self::Tree { .. } => ObjectKind::Tree,
            Self::Blob { .. } => ObjectKind::Blob,
        }
    }
}

/// The bytes of an object that is no blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoded {
    Whole(Vec<u8>),
    /// In git's delta format (`gitformat-pack`), against the tree's [`TreeBase`].
    Delta(Vec<u8>),
}

/// What a fetch leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Blobs of so many bytes and more, as git holds them; none leaves no blob out.
    pub blobs_from: Option<u64>,
    /// All trees, and with them all blobs.
    pub trees: bool,
}

/// What somebody wants, and what they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchRequest {
    /// Objects of the repository. Those that are named here come whatever the filter says.
    pub wants: Vec<GitOid>,
    /// Commits that the reader has, with all that lies behind them down to `shallow`.
    pub haves: Vec<CommitId>,
    /// Commits that the reader has without their parents.
    pub shallow: Vec<CommitId>,
    /// Commits that are to be sent without their parents.
    pub cut: Vec<CommitId>,
    /// Annotated tags of commits that are sent come along.
    pub tags: bool,
    pub filter: Filter,
}

/// Where a history is to be cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// So many commits from the wanted ones, which are the first.
    Depth(u32),
    /// Commits from this moment on, and not those that these lead to.
    Until { since: Option<Timestamp>, not: Vec<CommitId> },
}

/// What two sides have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Those that were asked about and are the repository's.
    pub known: Vec<CommitId>,
    /// Whether every want leads to one of them, so that asking on finds little more.
    pub enough: bool,
}

/// One ref's move, by objects: a tag's `new` may be an annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRef {
    pub name: RefName,
    /// None: it must not exist yet.
    pub old: Option<GitOid>,
    /// None: it is deleted.
    pub new: Option<GitOid>,
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub operation: OperationId,
    pub repo: RepoKey,
    pub refs: Vec<PushedRef>,
}

/// The objects that a push brought. Each has the id under which it is asked for and is well-formed by itself; whether
/// all are there that they name is the engine's to see.
#[async_trait]
pub trait PushedObjects: Send + Sync {
    /// A commit, a tree or an annotated tag; none where the push brought none of this id.
    async fn read(&self, oid: GitOid) -> Result<Option<(ObjectKind, Bytes)>>;

    /// What a blob is; none where the push brought none of this id.
    fn file(&self, oid: GitOid) -> Option<FileRef>;
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All refs moved.
    Moved,
    /// None did: this one could not, for this reason.
    Refused { name: RefName, why: String },
    /// None did: a sweep ran beside it and took away what nothing led to yet. Read again, it may go through.
    Swept,
}

/// What was pushed, read and checked, and not visible to anybody.
#[async_trait]
pub trait Receipt: Send + Sync {
    /// The large files of the new commits, each with the first of its paths.
    fn large(&self) -> &HashMap<Sha256, RepoPath>;

    /// The commit that each ref will lead to, in the order of the push; none where it is deleted.
    fn targets(&self) -> &[Option<CommitId>];

    /// The refs whose old commit the new one does not lead to.
    fn forced(&self) -> &[RefName];

    /// Moves the refs, all or none, and makes the commits part of the repository. The same promises as
    /// [`Versioning::commit`](super::Versioning::commit): `Conflict` where the operation was concluded.
    async fn publish(self: Box<Self>) -> Result<Outcome>;
}

/// Git's own objects.
#[async_trait]
pub trait GitObjects: Send + Sync {
    /// What these objects of the repository are; none where it has no such object.
    async fn find(&self, repo: RepoKey, oids: &[GitOid]) -> Result<Vec<Option<GitObject>>>;

    /// Which of these commits the repository has, and whether that is enough to know what `wants` lack.
    async fn common(&self, repo: RepoKey, wants: &[GitOid], haves: &[CommitId]) -> Result<Common>;

    /// The commits behind which a history ends that is cut off like this. A commit without parents is none of them.
    async fn ends(&self, repo: RepoKey, wants: &[GitOid], cut: &Cut) -> Result<Vec<CommitId>>;

    /// What the wants lead to and the reader lacks, each object once, parents before their children and an object's base
    /// before the object. A base is something that the reader has by then.
    fn missing(&self, repo: RepoKey, request: FetchRequest) -> BoxStream<'_, Result<Vec<GitObject>>>;

    /// The bytes of the first of these objects, at least of one, until some MiB have come together; no blobs. A tree
    /// comes as a delta where that is asked for and it has a base, unless the whole is shorter.
    async fn encode(&self, repo: RepoKey, objects: &[(&GitObject, bool)]) -> Result<Vec<Encoded>>;

    /// Taking what git pushes, where the engine does that.
    fn pushes(&self) -> Option<&dyn GitPushes> {
        None
    }
}

/// Taking what git pushes.
#[async_trait]
pub trait GitPushes: Send + Sync {
    /// Reads what was pushed. `Invalid` says what is wrong with it.
    async fn receive<'a>(&'a self, push: Push, objects: &dyn PushedObjects) -> Result<Box<dyn Receipt + 'a>>;
}
