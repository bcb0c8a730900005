//! Downloader: what a remote hub has, and its bytes. Jobs, their progress and the disk are the kernel's.

use async_trait::async_trait;
use ballast_types::{ByteRange, GitOid, RepoKind, RepoPath, Revision, Secret, Sha256};
use serde::{Deserialize, Serialize};

use crate::{ByteStream, Component, Page, Result};

/// Where to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub kind: RepoKind,
    /// As the remote hub writes it: `namespace/name`, or a bare name.
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

/// One file that a source says it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    pub path: RepoPath,
    /// In bytes.
    pub size: u64,
    pub expected: Expected,
    pub is_lfs: bool,
}

/// Reads other hubs.
#[async_trait]
pub trait Downloader: Component {
    /// The same source with its revision resolved to a commit.
    async fn pin(&self, source: &Source) -> Result<Source>;

    /// The files of a pinned source.
    async fn plan(&self, source: &Source, after: Option<String>, limit: usize) -> Result<Page<SourceFile>>;

    /// Bytes of one file.
    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<ByteStream>;

    /// What the repository is, from headers and configs only.
    async fn analyze(&self, source: &Source) -> Result<serde_json::Value>;
}
