use ballast_services::Large;
use poem_openapi::Object;
use serde::{Deserialize, Serialize};

/// A large file that a repository holds.
#[derive(Debug, Object, Serialize)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct LargeFileItem {
    /// What names it when it is to be deleted: its SHA-256.
    pub file_oid: String,
    /// Its SHA-256.
    pub oid: String,
    /// Where a commit first put it.
    pub filename: String,
    /// In bytes.
    pub size: u64,
    /// When a commit last named it.
    pub pushed_at: String,
}

impl From<Large> for LargeFileItem {
    fn from(large: Large) -> Self {
        let oid = large.sha256.to_string();
        Self { file_oid: oid.clone(), oid, filename: large.path, size: large.size, pushed_at: large.since.to_string() }
    }
}

/// Large files to be deleted for good.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct DeleteLargeFiles {
    pub deletions: LargeFileDeletions,
}

/// Which ones.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct LargeFileDeletions {
    /// The `fileOid` of each, at most 1000.
    pub sha: Vec<String>,
    /// Read and left aside: commits keep their ids here, and go on naming what is gone.
    pub rewrite_history: Option<bool>,
}

/// Large files of this repository that another one is to have.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct DuplicateLargeFiles {
    pub target: DuplicateTarget,
    /// At most 1000.
    pub files: Vec<DuplicateFile>,
}

/// The repository that they are to be committed to.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct DuplicateTarget {
    /// `model` (by default), `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// `namespace/name`
    pub name: String,
}

/// One of them.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct DuplicateFile {
    pub sha256: String,
    /// Read and left aside: the SHA-256 names the same file.
    pub xet_hash: Option<String>,
    /// For messages.
    pub filename: Option<String>,
}

/// What became of them.
#[derive(Object)]
pub struct DuplicatedFiles {
    /// Those that cannot be duplicated; the others may be committed to the target now.
    pub failed: Vec<DuplicateFailure>,
}

/// Why one cannot be duplicated.
#[derive(Object)]
pub struct DuplicateFailure {
    pub sha256: String,
    pub error: String,
}
