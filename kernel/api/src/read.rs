//! The readers of what clients send, as functions that need neither a hub nor a request. Handlers reach them through
//! extractors; whoever wants to hold them against any bytes at all reaches them here.

use ballast_services::{CommitHeader, CommitOperation, Failure};
use bytes::Bytes;
use futures::TryStreamExt;

pub use crate::address::canonical;
pub use crate::range::{Selection, is_known, is_unchanged, select};

use crate::commit_lines;
use crate::extract::parse;
use crate::lines::Lines;
use crate::wire::LfsBatch;

/// A commit's header and its operations, out of a body that arrives in these pieces and has no line longer than
/// `longest` bytes.
pub async fn commit(pieces: Vec<Bytes>, longest: usize) -> Result<(CommitHeader, Vec<CommitOperation>), Failure> {
    let mut lines = Lines::new(futures::stream::iter(pieces.into_iter().map(Ok)), longest);
    let header = commit_lines::header(&mut lines).await?;
    Ok((header, commit_lines::operations(lines).try_collect().await?))
}

/// The objects that an LFS batch names, as it names them, with their sizes; or what is wrong with it.
pub fn lfs_batch(body: &[u8]) -> Result<Vec<(String, u64)>, String> {
    let batch: LfsBatch = parse(body).map_err(|error| error.message)?;
    Ok(batch.objects.into_iter().map(|object| (object.oid, object.size)).collect())
}
