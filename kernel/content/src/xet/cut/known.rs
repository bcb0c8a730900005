//! Which chunks are known to be somewhere, while a file is cut.

use std::collections::{BTreeSet, HashMap, VecDeque};

use ballast_database::{for_both, read};
use ballast_types::{Sha256, XetHash};
use ballast_xet::is_eligible;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Chunk;
use crate::Content;
use crate::failure::Failure;
use crate::schema::{holdings, xet_chunks, xet_files, xet_uses};
use crate::xet::{Result, xet_hash_of};

/// How many chunks are remembered: of 16 GiB or so, in some 40 MB. Then it begins anew.
const MOST: usize = 262_144;

/// How many xorbs are looked into for one reason.
const XORBS: i64 = 64;

/// Files that a look goes over.
const FILES: i64 = 16;

/// Where a chunk is.
#[derive(Clone, Copy)]
pub(crate) enum At {
    Here {
        xorb: XetHash,
        chunk: u32,
    },
    /// In the new xorb of this number.
    New {
        number: usize,
        chunk: u32,
    },
}

impl At {
    pub(super) fn chunk(&self) -> u32 {
        match self {
            Self::Here { chunk, .. } | Self::New { chunk, .. } => *chunk,
        }
    }

    pub(super) fn is_in_xorb_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here { xorb, .. }, Self::Here { xorb: other, .. }) => xorb == other,
            (Self::New { number, .. }, Self::New { number: other, .. }) => number == other,
            _ => false,
        }
    }

    /// The xorb's name, when the new ones have these.
    pub(super) fn xorb(&self, names: &[XetHash]) -> XetHash {
        match self {
            Self::Here { xorb, .. } => *xorb,
            Self::New { number, .. } => names[*number],
        }
    }
}

/// Chunks, and where they are.
#[derive(Default)]
pub(crate) struct Known(HashMap<XetHash, At>);

impl Known {
    /// Those of the files that the same repositories got last: a new version is most like the one before.
    pub(super) async fn near(content: &Content, sha256: Sha256) -> Result<Self> {
        let mut known = Self::default();
        let near: Result<Vec<Vec<u8>>, Failure> = read!(content.database(), list_near(sha256));
        known.look_into(content, near).await?;
        Ok(known)
    }

    pub(super) fn find(&self, chunk: &XetHash) -> Option<At> {
        self.0.get(chunk).copied()
    }

    pub(super) fn insert(&mut self, chunk: XetHash, at: At) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.entry(chunk).or_insert(at);
    }

    /// Asks for those of these chunks that may be asked for, and remembers what else is where they are. The first of a
    /// file may be asked for as well.
    pub(super) async fn learn(&mut self, content: &Content, chunks: &VecDeque<Chunk>, with_first: bool) -> Result<()> {
        let first = chunks.front().filter(|_| with_first).map(|chunk| chunk.hash);
        let eligible = chunks.iter().map(|chunk| chunk.hash).filter(is_eligible).chain(first);
        let asked: BTreeSet<XetHash> = eligible.filter(|hash| !self.0.contains_key(hash)).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let asked: Vec<Vec<u8>> = asked.into_iter().map(|hash| hash.0.to_vec()).collect();
        let found: Result<Vec<Vec<u8>>, Failure> = read!(content.database(), list_around(asked));
        self.look_into(content, found).await
    }

    async fn look_into(&mut self, content: &Content, names: Result<Vec<Vec<u8>>, Failure>) -> Result<()> {
        let names: Result<Vec<XetHash>, Failure> =
            names.and_then(|names| names.iter().map(|name| xet_hash_of(name)).collect());
        let names = names.map_err(|failure| failure.during("content.cut"))?;
        for (xorb, found) in content.xorbs(names).await? {
            for (chunk, hash) in found.record.hashes().enumerate() {
                self.insert(hash, At::Here { xorb, chunk: u32::try_from(chunk).unwrap_or(u32::MAX) });
            }
        }
        Ok(())
    }
}

for_both! {
    /// Xorbs of the files that were last committed to the repositories which hold a blob.
    pub async fn list_near(c: &mut Connection, sha256: Sha256) -> Result<Vec<Vec<u8>>, Failure> {
        let repositories = holdings::table.filter(holdings::sha256.eq(sha256.0.to_vec())).select(holdings::repository);
        let repositories: Vec<i64> = repositories.limit(FILES).load(c).await?;
        let files = holdings::table.inner_join(xet_files::table.on(xet_files::sha256.eq(holdings::sha256)));
        let files = files.filter(holdings::repository.eq_any(repositories)).order(holdings::since.desc()).limit(FILES);
        let files: Vec<Vec<u8>> = files.select(xet_files::file).load(c).await?;
        let xorbs = xet_uses::table.filter(xet_uses::file.eq_any(files)).select(xet_uses::xorb).distinct();
        Ok(xorbs.limit(XORBS).load(c).await?)
    }

    /// Xorbs with one of these chunks, and others of the files that use these.
    pub async fn list_around(c: &mut Connection, chunks: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Failure> {
        let with = xet_chunks::table.filter(xet_chunks::chunk.eq_any(chunks)).select(xet_chunks::xorb).distinct();
        let mut xorbs: Vec<Vec<u8>> = with.limit(XORBS).load(c).await?;
        if xorbs.is_empty() {
            return Ok(xorbs);
        }
        let files = xet_uses::table.filter(xet_uses::xorb.eq_any(&xorbs)).select(xet_uses::file).distinct();
        let files: Vec<Vec<u8>> = files.limit(FILES).load(c).await?;
        let others = xet_uses::table.filter(xet_uses::file.eq_any(files)).select(xet_uses::xorb).distinct();
        let others: Vec<Vec<u8>> = others.limit(XORBS).load(c).await?;
        xorbs.extend(others);
        Ok(xorbs)
    }
}
