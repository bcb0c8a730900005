//! The formats of Xet, as a server needs them: hashes, chunk boundaries, xorbs, shards, and what a reader has to fetch.
//!
//! Pure: bytes in, values out; nothing here waits or does I/O. What a client sends is believed in nothing: lengths are
//! held against limits before anything is allocated, and each hash is worked out again.
//!
//! Written from the protocol's specification, version 1.1 (`huggingface.co/docs/xet`), and from what hf_xet 1.8 sends.

mod chunker;
mod hash;
mod plan;
mod read;
pub mod shard;
mod terms;
mod tree;
pub mod xorb;

pub use chunker::{Chunker, Cutter};
pub use hash::{HmacKey, TermHasher, chunk_hash, is_eligible, keyed, term_hash};
pub use plan::{Fetch, FetchRange, Plan, PlannedTerm, Unplannable, plan};
pub use terms::{FileTerms, InvalidTerms, Term};
pub use tree::{Tree, file_id, xorb_hash};

/// The longest chunk, in bytes before compression.
pub const MAX_CHUNK: usize = 128 * 1024;

/// The most chunks of a xorb.
pub const MAX_XORB_CHUNKS: usize = 8192;

/// The largest xorb as it is stored, in bytes. The specification says 64 MiB and its client counts those before
/// compression, so what does not compress comes with the headers of its chunks on top.
pub const MAX_XORB: usize = 64 * 1024 * 1024 + xorb::HEADER * MAX_XORB_CHUNKS;

/// The largest body that a client may send for a xorb: an older one puts a footer behind the chunks.
pub const MAX_XORB_BODY: usize = MAX_XORB + xorb::MAX_FOOTER;

/// The largest shard that a client may send, in bytes: clients begin another one at this size.
pub const MAX_SHARD: usize = 64 * 1024 * 1024;
