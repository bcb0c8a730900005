//! Global deduplication: who asks for a chunk by its hash is told which xorbs have it, and what else stands in them.
//!
//! The chunks of an answer are named by keyed hashes, with a key of its own: whoever reads it recognises chunks that he
//! has, and learns the hash of no other. That something exists on this hub is what it does tell, and so the operator
//! says within which bounds.

use std::time::Duration;

use ballast_database::{for_both, read};
use ballast_types::{RepoKey, Timestamp, XetHash};
use ballast_xet::HmacKey;
use ballast_xet::shard::{AnswerWriter, Footer};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Result, xet_hash_of};
use crate::Content;
use crate::failure::Failure;
use crate::schema::{holdings, xet_chunks, xet_files, xet_uses};

/// How long an answer may be used: less than a xorb stays after the last file that used it is gone.
const VALID: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Xorbs in an answer, at most: 3 MB of it.
const XORBS: i64 = 64;

/// Files that are looked at to find one that may be told of.
const FILES: i64 = 256;

/// A file with the chunk that was asked for, and a repository that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHolder {
    pub file: XetHash,
    pub repository: RepoKey,
}

impl Content {
    /// Files that begin with this chunk, or have it as one of those that may be asked for: what to choose from whom
    /// an asker may be told of. Some of them where there are many.
    pub async fn holders_of_chunk(&self, chunk: XetHash) -> Result<Vec<ChunkHolder>> {
        let found: Result<Vec<(Vec<u8>, i64)>, Failure> = read!(self.database(), list_files(chunk));
        let holder = |(file, repository): (Vec<u8>, i64)| {
            Ok(ChunkHolder { file: xet_hash_of(&file)?, repository: RepoKey(repository) })
        };
        let holders: Result<Vec<ChunkHolder>, Failure> = found.and_then(|rows| rows.into_iter().map(holder).collect());
        holders.map_err(|failure| failure.during("content.chunk"))
    }

    /// A shard with the xorbs of a file, which has the chunk.
    pub async fn answer_chunk(&self, chunk: XetHash, file: XetHash) -> Result<Vec<u8>> {
        let during = |failure: Failure| failure.during("content.chunk");
        let names: Result<Vec<Vec<u8>>, Failure> = read!(self.database(), list_xorbs_with(chunk, file.0.to_vec()));
        let names: Result<Vec<XetHash>, Failure> =
            names.map_err(during)?.iter().map(|name| xet_hash_of(name)).collect();
        let names = names.map_err(during)?;
        let xorbs = self.xorbs(names.iter().copied()).await?;
        let now = Timestamp::now();
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            let context = format!("the system gives no randomness: {error}");
            ballast_contract::Error::new(ballast_contract::ErrorKind::Unavailable, "content.chunk", context)
        })?;
        let seconds = |time: Timestamp| u64::try_from(time.0 / 1000).unwrap_or_default();
        let footer = Footer { key: HmacKey(key), created: seconds(now), expires: seconds(now.after(VALID)) };
        let mut answer = AnswerWriter::new(footer);
        for name in names {
            if let Some(xorb) = xorbs.get(&name) {
                answer.push(name, &xorb.record, |number| xorb.record.hash(number) == chunk);
            }
        }
        Ok(answer.finish().bytes)
    }
}

for_both! {
    /// Files with this chunk, and who holds each.
    pub async fn list_files(c: &mut Connection, chunk: XetHash) -> Result<Vec<(Vec<u8>, i64)>, Failure> {
        let with = xet_chunks::table.filter(xet_chunks::chunk.eq(chunk.0.to_vec())).select(xet_chunks::xorb);
        let files = xet_files::table.inner_join(xet_uses::table).filter(xet_uses::xorb.eq_any(with));
        let held = files.inner_join(holdings::table.on(holdings::sha256.eq(xet_files::sha256)));
        let held = held.filter(holdings::pending.is_null()).limit(FILES);
        Ok(held.select((xet_files::file, holdings::repository)).load(c).await?)
    }

    /// The xorbs of a file, the one with the chunk first.
    pub async fn list_xorbs_with(c: &mut Connection, chunk: XetHash, file: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let of_file = xet_uses::table.filter(xet_uses::file.eq(file));
        let with = xet_chunks::table.filter(xet_chunks::chunk.eq(chunk.0.to_vec())).select(xet_chunks::xorb);
        let first = of_file.clone().filter(xet_uses::xorb.eq_any(with)).limit(XORBS).select(xet_uses::xorb);
        let mut xorbs: Vec<Vec<u8>> = first.load(c).await?;
        let others = of_file.order(xet_uses::xorb).limit(XORBS).select(xet_uses::xorb).load::<Vec<u8>>(c).await?;
        let others: Vec<Vec<u8>> = others.into_iter().filter(|xorb| !xorbs.contains(xorb)).collect();
        xorbs.extend(others);
        xorbs.truncate(XORBS as usize);
        Ok(xorbs)
    }
}
