//! Downloader: what a remote hub has, and its bytes. Jobs, their progress and the disk are the kernel's.

pub mod message;

use std::fmt;

use async_trait::async_trait;
use ballast_types::{
    ByteRange, CommitId, GitOid, Name, RefName, RepoKind, RepoPath, Revision, Secret, Sha256, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ByteStream, Component, Error, ErrorKind, Page, Result};

/// Where to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub kind: RepoKind,
    /// As the remote hub writes it: `namespace/name`, or `name` alone where it has such.
    pub repo: String,
    pub revision: Revision,
    /// The reader's own token at the remote hub, where one is used.
    pub token: Option<Secret>,
}

/// How a file's bytes can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "digest", content = "value", rename_all = "snake_case")]
pub enum Expected {
    Sha256(Sha256),
    Git(GitOid),
}

/// The digits, which are also the file's ETag and its name in a cache.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => digest.fmt(f),
            Self::Git(oid) => oid.fmt(f),
        }
    }
}

/// One file that a source says it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    pub path: RepoPath,
    /// In bytes.
    pub size: u64,
    pub expected: Expected,
    pub is_lfs: bool,
}

/// One commit of a source, as far as the remote hub tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCommit {
    pub id: CommitId,
    /// Title and rest, as git has them.
    pub message: String,
    /// The names of those who made it; perhaps none.
    pub authors: Vec<String>,
    pub time: Timestamp,
}

/// Who may have a repository's files at the remote hub, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceAccess {
    Everybody,
    /// Those who were given access there.
    Gated,
    /// Those whom it belongs to there.
    Private,
    /// Nobody at the moment: the remote hub has disabled it.
    Nobody,
    /// It does not say.
    Unsaid,
}

/// What a remote hub tells of a repository at a revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// What the repository is called there now, which is not what it was asked for by where it was renamed; none where that
    /// is not told.
    pub id: Option<String>,
    /// What the revision means now.
    pub commit: CommitId,
    pub access: SourceAccess,
    /// In the words of its card and of its tags, in lower case.
    pub licenses: Vec<String>,
    pub created_at: Option<Timestamp>,
    pub modified_at: Option<Timestamp>,
    pub downloads: u64,
    pub likes: u64,
    pub tags: Vec<String>,
    /// The metadata at the top of its README.
    pub card: Map<String, Value>,
    pub pipeline_tag: Option<String>,
    pub library_name: Option<String>,
    /// Of a space.
    pub sdk: Option<String>,
}

/// A branch, a tag or a conversion of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    pub name: RefName,
    pub commit: CommitId,
}

/// What a remote hub tells of a user or an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProfile {
    /// As the remote hub writes it.
    pub name: String,
    pub is_organization: bool,
    pub full_name: Option<String>,
    /// What they say of themselves.
    pub about: Option<String>,
    /// Of an organisation, where it is told.
    pub members: Option<u64>,
    pub created_at: Option<Timestamp>,
}

/// Bytes of one file on their way.
pub struct Fetched {
    /// Which bytes these are. They cover what was asked for; where the remote hub cannot send a part of a file, they are
    /// the whole of it.
    pub range: ByteRange,
    /// As many bytes as that, or an error behind those that arrived.
    pub bytes: ByteStream,
}

/// Reads other hubs.
///
/// A reader waits as long as the remote hub asks it to, and asks it for no more at a time than it answers: how often and
/// how many at once is decided here, for all who read from that hub. A token goes to that hub and nowhere else.
#[async_trait]
pub trait Downloader: Component {
    /// The address of the remote hub, as people know it.
    fn endpoint(&self) -> String;

    /// What the source's revision means now.
    async fn pin(&self, source: &Source) -> Result<CommitId>;

    /// The files of a source whose revision is a commit, in pages as long as the remote hub's. A path is in one page.
    async fn plan(&self, source: &Source, after: Option<String>) -> Result<Page<SourceFile>>;

    /// Bytes of one file of a source whose revision is a commit. `Conflict` where the remote hub has other content for it
    /// than it said before.
    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<Fetched>;

    /// The commits that lead to a source whose revision is a commit, which is the first: newest first, in pages as long as
    /// the remote hub's.
    async fn history(&self, source: &Source, after: Option<String>) -> Result<Page<SourceCommit>> {
        let _ = (source, after);
        let why = "this downloader does not read histories; import the latest commit alone";
        Err(Error::new(ErrorKind::Unsupported, "downloader.history", why))
    }

    /// What the remote hub tells of a source at its revision.
    async fn describe(&self, source: &Source) -> Result<SourceInfo> {
        let _ = source;
        let why = "this downloader does not tell who may read a repository, so nothing is mirrored through it";
        Err(Error::new(ErrorKind::Unsupported, "downloader.describe", why))
    }

    /// Whether whoever shows the source's token may have its files: `Denied`, `Unauthenticated` or `NotFound` where not.
    async fn check(&self, source: &Source) -> Result<()> {
        let _ = source;
        let why = "this downloader does not tell whether a token may read a repository, so nothing private or gated is mirrored";
        Err(Error::new(ErrorKind::Unsupported, "downloader.check", why))
    }

    /// The branches, tags and conversions of a source, whatever its revision.
    async fn refs(&self, source: &Source) -> Result<Vec<SourceRef>> {
        let _ = source;
        Err(Error::new(ErrorKind::Unsupported, "downloader.refs", "this downloader does not list branches"))
    }

    /// What the remote hub tells of a user or an organisation.
    async fn profile(&self, name: &Name) -> Result<SourceProfile> {
        let _ = name;
        Err(Error::new(ErrorKind::Unsupported, "downloader.profile", "this downloader tells of repositories alone"))
    }

    /// What the repository is, from headers and configs only.
    async fn analyze(&self, source: &Source) -> Result<serde_json::Value>;
}
