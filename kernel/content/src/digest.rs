//! Hashing bytes while they are written.

use ballast_contract::storage::StorageWriter;
use ballast_contract::{ByteStream, Error, ErrorKind, Result};
use ballast_types::git::{ObjectHasher, ObjectKind};
use ballast_types::{GitOid, Sha256};
use bytes::Bytes;
use futures::StreamExt;
use sha2::Digest;

use crate::sums::Summing;
use crate::unblocked;

/// How many bytes are hashed at a time: enough that a hop to the blocking pool costs nothing beside it.
const PIECE: usize = 1 << 20;

/// What a body turned out to be.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    pub(crate) sha256: Sha256,
    /// Where it was asked for.
    pub(crate) oid: Option<GitOid>,
    /// The column of `Sums`.
    pub(crate) sums: Vec<u8>,
}

struct Hashers {
    sha256: sha2::Sha256,
    git: Option<ObjectHasher>,
    sums: Summing,
}

impl Hashers {
    fn update(mut self, piece: &[Bytes]) -> Self {
        for bytes in piece {
            self.sha256.update(bytes);
            self.sums.update(bytes);
            if let Some(git) = &mut self.git {
                git.update(bytes);
            }
        }
        self
    }
}

/// Reads a body of exactly `size` bytes, writes it and hashes it. One piece arrives while the one before is hashed and
/// written at the same time; no thread waits for a slow client. `Invalid` where the body is longer or shorter.
pub(crate) async fn pour(
    mut body: ByteStream,
    size: u64,
    with_git: bool,
    mut writer: Option<&mut Box<dyn StorageWriter>>,
) -> Result<Digests> {
    let git = with_git.then(|| ObjectHasher::new(ObjectKind::Blob, size));
    let mut hashers = Hashers { sha256: sha2::Sha256::new(), git, sums: Summing::new(size) };
    let mut left = size;
    let mut piece = collect(&mut body, &mut left, size).await?;
    while !piece.is_empty() {
        let hashed = {
            let piece = piece.clone();
            unblocked("content.hash", move || hashers.update(&piece))
        };
        let (hashed, written, next) =
            futures::join!(hashed, write(&mut writer, piece), collect(&mut body, &mut left, size));
        written?;
        hashers = hashed?;
        piece = next?;
    }
    all_came(left, size)?;
    Ok(Digests {
        sha256: Sha256(hashers.sha256.finalize().into()),
        oid: hashers.git.map(ObjectHasher::finish),
        sums: hashers.sums.finish(),
    })
}

/// Reads a body of exactly `size` bytes and writes it; answers its CRC-32, which tells two bodies apart by accident and
/// proves nothing. `Invalid` where the body is longer or shorter.
pub(crate) async fn carry(mut body: ByteStream, size: u64, writer: &mut Box<dyn StorageWriter>) -> Result<u32> {
    let (mut sum, mut left) = (crc32fast::Hasher::new(), size);
    while let Some(bytes) = next(&mut body, &mut left, size).await? {
        sum.update(&bytes);
        writer.write(bytes).await?;
    }
    all_came(left, size)?;
    Ok(sum.finalize())
}

fn all_came(left: u64, size: u64) -> Result<()> {
    match left {
        0 => Ok(()),
        _ => Err(refused(format!("the body ended after {} of {size} bytes", size - left))),
    }
}

/// The next piece of a body; empty at its end.
pub(crate) async fn collect(body: &mut ByteStream, left: &mut u64, size: u64) -> Result<Vec<Bytes>> {
    let (mut piece, mut length) = (Vec::new(), 0);
    while length < PIECE {
        let Some(bytes) = next(body, left, size).await? else { break };
        length += bytes.len();
        if !bytes.is_empty() {
            piece.push(bytes);
        }
    }
    Ok(piece)
}

/// The next bytes of a body, none at its end.
async fn next(body: &mut ByteStream, left: &mut u64, size: u64) -> Result<Option<Bytes>> {
    let Some(bytes) = body.next().await.transpose()? else { return Ok(None) };
    let Some(rest) = left.checked_sub(bytes.len() as u64) else {
        return Err(refused(format!("the body is longer than the {size} bytes that were announced")));
    };
    *left = rest;
    Ok(Some(bytes))
}

async fn write(writer: &mut Option<&mut Box<dyn StorageWriter>>, piece: Vec<Bytes>) -> Result<()> {
    if let Some(writer) = writer {
        for bytes in piece {
            writer.write(bytes).await?;
        }
    }
    Ok(())
}

pub(crate) fn refused(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "content.receive", context)
}
