//! A commit's lines mean the same however the body is cut, and when they are written again.

use ballast_api::read;
use ballast_services::{CommitHeader, CommitOperation, Failure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

/// Short, so that the limit is met.
const LONGEST: usize = 4096;

type Read = Result<(CommitHeader, Vec<CommitOperation>), Failure>;

pub fn target(body: &[u8]) {
    let whole = read(body, body.len().max(1));
    for length in [1, 7] {
        assert_eq!(shown(&read(body, length)), shown(&whole), "in pieces of {length}");
    }
    let Ok((header, operations)) = &whole else { return };
    let content: usize = operations.iter().map(held).sum();
    assert!(content <= body.len(), "{content} bytes out of {}", body.len());
    let again = read(written(header, operations).as_bytes(), 1 << 20);
    // Written again a line may be longer than before, and then too long.
    if !matches!(again, Err(Failure::TooLarge(_))) {
        assert_eq!(shown(&again), shown(&whole));
    }
}

fn read(body: &[u8], length: usize) -> Read {
    let pieces = body.chunks(length).map(Bytes::copy_from_slice).collect();
    futures::executor::block_on(read::commit(pieces, LONGEST))
}

fn shown(read: &Read) -> String {
    match read {
        Ok(read) => format!("{read:?}"),
        Err(failure) => failure.to_string(),
    }
}

/// How many bytes an operation keeps.
fn held(operation: &CommitOperation) -> usize {
    match operation {
        CommitOperation::AddFile { path, content } => path.len() + content.len(),
        CommitOperation::AddLfs { path, .. }
        | CommitOperation::DeleteFile { path }
        | CommitOperation::DeleteFolder { path } => path.len(),
        CommitOperation::Copy { from, revision, to } => {
            from.len() + to.len() + revision.as_ref().map_or(0, |revision| revision.as_str().len())
        }
    }
}

fn written(header: &CommitHeader, operations: &[CommitOperation]) -> String {
    let parent = header.parent.map(|parent| parent.to_string());
    let header = json!({ "summary": header.summary, "description": header.description, "parentCommit": parent });
    let header = json!({ "key": "header", "value": header });
    let lines = operations.iter().map(|operation| {
        let (key, value) = match operation {
            CommitOperation::AddFile { path, content } => {
                ("file", json!({ "path": path, "content": STANDARD.encode(content), "encoding": "base64" }))
            }
            CommitOperation::AddLfs { path, sha256, size } => {
                ("lfsFile", json!({ "path": path, "algo": "sha256", "oid": sha256.to_string(), "size": size }))
            }
            CommitOperation::DeleteFile { path } => ("deletedFile", json!({ "path": path })),
            CommitOperation::DeleteFolder { path } => ("deletedFolder", json!({ "path": path })),
            CommitOperation::Copy { from, revision, to } => {
                ("copyFile", json!({ "srcPath": from, "srcRevision": revision, "path": to }))
            }
        };
        json!({ "key": key, "value": value })
    });
    std::iter::once(header).chain(lines).map(|line| format!("{line}\n")).collect()
}
