//! What can be wrong with a shard.

use crate::{MAX_CHUNK, MAX_SHARD, MAX_XORB_CHUNKS};

/// Bytes that are no shard: what, and in the row that begins at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shard is refused at byte {at}: {fault}")]
pub struct InvalidShard {
    pub at: usize,
    pub fault: ShardFault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardFault {
    #[error("it has {length} bytes, more than {MAX_SHARD}")]
    TooLong { length: usize },
    #[error("it does not begin as a shard does")]
    NotAShard,
    #[error("it has version {0}; only version 2 is known")]
    Version(u64),
    #[error("its footer has version {0}; only version 1 is known")]
    FooterVersion(u64),
    #[error("it announces a footer of {0} bytes; a footer has 200, and may be left out")]
    FooterLength(u64),
    #[error("its footer does not say where the sections are")]
    Footer,
    #[error("it ends here, where {rows} more rows were announced")]
    Truncated { rows: u64 },
    #[error("something follows its end")]
    Trailing,
    #[error("the file has flags {0:#x}, of which some are unknown")]
    Flags(u32),
    #[error("{length} bytes in chunks {start} to {end} are no term of a file")]
    Term { start: u32, end: u32, length: u32 },
    #[error("a xorb has 1 to {MAX_XORB_CHUNKS} chunks, not {0}")]
    Chunks(u32),
    #[error("a chunk has 1 to {MAX_CHUNK} bytes, not {0}")]
    ChunkLength(u32),
    #[error("the chunk begins at {start}, the one before ends at {expected}")]
    ChunkStart { start: u32, expected: u32 },
    #[error("the chunks have {found} bytes together, the xorb is said to have {said}")]
    XorbLength { found: u32, said: u32 },
}
