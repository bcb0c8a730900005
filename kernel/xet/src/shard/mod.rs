//! A shard: what a client says of files and of xorbs, and what a server answers about deduplication.
//!
//! Everything in it is a row of 48 bytes: a header of 48 bytes, the files with their terms, a row that ends them, the
//! xorbs with their chunks, a row that ends those; then, unless a client sends it, tables for looking up and a footer.

mod check;
mod error;
mod parse;
mod write;

use ballast_types::{Sha256, XetHash};

pub use check::{FileCheck, InvalidFile, check_file, check_xorb};
pub use error::{InvalidShard, ShardFault};
pub use write::{Answer, AnswerWriter};

use crate::{HmacKey, Term};

/// The header's first bytes, by which a shard is known.
const TAG: [u8; 32] = *b"HFRepoMetaData\0\x55\x69\x67\x45\x6a\x7b\x81\x57\x83\xa5\xbd\xd9\x5c\xcd\xd1\x4a\xa9";
const VERSION: u64 = 2;
const FOOTER_VERSION: u64 = 1;
/// The length of every row.
const ROW: usize = 48;
const FOOTER: usize = 200;
/// Ends a section, in the place of a name.
const END: XetHash = XetHash([0xff; 32]);
/// Flags of a file: what follows its terms.
const WITH_HASHES: u32 = 1 << 31;
const WITH_SHA256: u32 = 1 << 30;
/// Flag of a chunk: others may be told of it by its hash.
const ELIGIBLE: u32 = 1 << 31;

/// A shard that has been read. Nothing in it is true yet: `check_file` and `check_xorb` hold it against what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    pub files: Vec<ShardFile>,
    pub xorbs: Vec<ShardXorb>,
    /// Clients send none.
    pub footer: Option<Footer>,
}

/// What a client says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFile {
    pub file: XetHash,
    pub terms: Vec<Term>,
    /// For each term, the hash of its chunks' hashes; empty where the client sent none.
    pub term_hashes: Vec<XetHash>,
    /// Claimed, and to be verified before it counts for anything.
    pub sha256: Option<Sha256>,
}

impl ShardFile {
    /// The length of the file, as its terms claim it.
    pub fn size(&self) -> u64 {
        self.terms.iter().map(|term| u64::from(term.length)).sum()
    }

    /// How many chunks its terms name: what checking it costs, at some 300 ns each.
    pub fn chunks(&self) -> u64 {
        self.terms.iter().map(|term| term.chunks.len() as u64).sum()
    }
}

/// What a client says of a xorb that it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardXorb {
    pub xorb: XetHash,
    pub chunks: Vec<ShardChunk>,
    /// Bytes before compression.
    pub raw: u32,
    /// Bytes as stored; 0 where the client does not know.
    pub stored: u32,
}

/// A chunk of it. In an answer the hash is a keyed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardChunk {
    pub hash: XetHash,
    /// Where it begins, before compression.
    pub start: u32,
    pub length: u32,
    /// Whether clients may ask for it by its hash, because a file begins with it.
    pub eligible: bool,
}

/// What stands at the end of a shard that a server gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    pub key: HmacKey,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970, from which on the shard must not be used.
    pub expires: u64,
}
