use std::collections::BTreeMap;

use ballast_services::{Destination, LfsLock};
use ballast_types::Revision;
use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

/// Objects that a client wants to send or get (git-lfs, `docs/api/batch.md`).
#[derive(Debug, Deserialize, Object)]
pub struct LfsBatch {
    /// `upload` or `download`.
    pub operation: String,
    /// What the client can do, of `basic`, `multipart` and `xet`; by default `basic`.
    pub transfers: Option<Vec<String>>,
    /// Only `sha256`, the default; huggingface.js spells it `sha_256`.
    pub hash_algo: Option<String>,
    pub objects: Vec<LfsBatchObject>,
    /// Where the objects are to be committed: `{"name": "refs/pr/3"}` takes the right to that pull request, another
    /// name the right to write; without one they are for a pull request that is still to be opened.
    #[serde(rename = "ref")]
    #[oai(rename = "ref")]
    pub reference: Option<Value>,
}

impl LfsBatch {
    /// Where the objects are to be committed.
    pub fn destination(&self) -> Destination {
        let name = self.reference.as_ref().and_then(|reference| reference["name"].as_str());
        name.map_or(Destination::Proposal, |name| Destination::Ref(Revision::new(name)))
    }
}

/// One object, as the client names it.
#[derive(Debug, Deserialize, Object)]
pub struct LfsBatchObject {
    /// Its SHA-256.
    pub oid: String,
    /// In bytes.
    pub size: u64,
}

/// What to do for each object, in order.
#[derive(Object)]
pub struct LfsBatchAnswer {
    /// `basic`, `multipart` or `xet`
    pub transfer: String,
    pub objects: Vec<LfsObjectAnswer>,
    pub hash_algo: String,
}

/// What to do for one object. Without actions, nothing: it is stored.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LfsObjectAnswer {
    pub oid: String,
    pub size: u64,
    /// The links carry their own right.
    pub authenticated: Option<bool>,
    pub actions: Option<LfsActions>,
    pub error: Option<LfsObjectError>,
}

/// The requests to send for one object.
#[derive(Default, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LfsActions {
    /// PUT the bytes here; or, where `header` has `chunk_size`, PUT each part to its own URL there and then POST here.
    pub upload: Option<LfsAction>,
    pub verify: Option<LfsAction>,
    pub download: Option<LfsAction>,
}

/// One request.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LfsAction {
    pub href: String,
    pub header: Option<BTreeMap<String, String>>,
    pub expires_at: Option<String>,
}

/// Why nothing can be done for one object.
#[derive(Object)]
pub struct LfsObjectError {
    pub code: u16,
    pub message: String,
}

/// An object that the client says it has sent.
#[derive(Debug, Deserialize, Object)]
pub struct LfsVerify {
    pub oid: String,
    pub size: u64,
}

/// A sentence.
#[derive(Object)]
pub struct LfsMessage {
    pub message: String,
}

/// A file to be locked (git-lfs, `docs/api/locking.md`). Locks are of all branches.
#[derive(Debug, Deserialize, Object)]
pub struct LfsLockRequest {
    pub path: String,
}

/// A lock.
#[derive(Object)]
pub struct LfsLockAbout {
    pub id: String,
    pub path: String,
    pub locked_at: String,
    pub owner: LfsLockOwner,
}

/// Who has it.
#[derive(Object)]
pub struct LfsLockOwner {
    pub name: String,
}

impl From<LfsLock> for LfsLockAbout {
    fn from(LfsLock { key, path, owner_name, at, .. }: LfsLock) -> Self {
        let owner = LfsLockOwner { name: owner_name.to_string() };
        Self { id: key.0.to_string(), path: path.to_string(), locked_at: at.to_string(), owner }
    }
}

/// One lock.
#[derive(Object)]
pub struct LfsLocked {
    pub lock: LfsLockAbout,
}

/// Locks, oldest first.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LfsLocks {
    pub locks: Vec<LfsLockAbout>,
    pub next_cursor: Option<String>,
}

/// Which page of locks.
#[derive(Debug, Deserialize, Object)]
pub struct LfsVerifyLocks {
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// The caller's locks, and those of others.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LfsOurLocks {
    pub ours: Vec<LfsLockAbout>,
    pub theirs: Vec<LfsLockAbout>,
    pub next_cursor: Option<String>,
}

/// How a lock is to be taken away.
#[derive(Debug, Deserialize, Object)]
pub struct LfsUnlock {
    /// Also that of somebody else.
    pub force: Option<bool>,
}

/// All parts of an upload.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct CompletedUpload {
    pub oid: Option<String>,
    pub parts: Vec<CompletedPart>,
}

/// One part that was sent.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct CompletedPart {
    /// Counted from 1.
    pub part_number: u32,
    /// What the answer to the part said.
    pub etag: String,
}
