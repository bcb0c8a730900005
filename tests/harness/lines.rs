//! The lines of a commit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub fn header(summary: &str) -> Value {
    json!({ "key": "header", "value": { "summary": summary, "description": "" } })
}

/// A header that says where the branch must stand.
pub fn header_on(summary: &str, parent: &str) -> Value {
    json!({ "key": "header", "value": { "summary": summary, "parentCommit": parent } })
}

pub fn file(path: &str, content: impl AsRef<[u8]>) -> Value {
    let content = STANDARD.encode(content);
    json!({ "key": "file", "value": { "path": path, "content": content, "encoding": "base64" } })
}

pub fn large_file(path: &str, oid: &str, size: usize) -> Value {
    json!({ "key": "lfsFile", "value": { "path": path, "algo": "sha256", "oid": oid, "size": size } })
}

pub fn deleted_file(path: &str) -> Value {
    json!({ "key": "deletedFile", "value": { "path": path } })
}

pub fn deleted_folder(path: &str) -> Value {
    json!({ "key": "deletedFolder", "value": { "path": path } })
}

pub fn copy(from: &str, to: &str) -> Value {
    json!({ "key": "copyFile", "value": { "srcPath": from, "path": to } })
}

pub fn copy_at(from: &str, revision: &str, to: &str) -> Value {
    json!({ "key": "copyFile", "value": { "srcPath": from, "srcRevision": revision, "path": to } })
}
