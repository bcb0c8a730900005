//! What can be wrong with a xorb.

use ballast_types::XetHash;

use super::FrameFault;
use crate::{MAX_CHUNK, MAX_XORB, MAX_XORB_CHUNKS};

/// Bytes that are no xorb, or not the one that was announced: what, in which chunk, and at which byte of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunk {chunk}, at byte {at}: {fault}")]
pub struct InvalidXorb {
    pub chunk: usize,
    /// Where this chunk begins.
    pub at: u64,
    pub fault: XorbFault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XorbFault {
    #[error("its header has version {0}; only version 0 is known")]
    Version(u8),
    #[error("it is compressed by scheme {0}; 0 (none), 1 (LZ4) and 2 (byte grouping and LZ4) are known")]
    Scheme(u8),
    #[error("it is said to have {raw} bytes; a chunk has 1 to {MAX_CHUNK}")]
    ChunkLength { raw: u32 },
    #[error("its {raw} bytes are said to be stored as {stored}")]
    StoredLength { raw: u32, stored: u32 },
    #[error("it does not decompress: {0}")]
    Compression(#[from] FrameFault),
    #[error("the body ends inside it")]
    Truncated,
    #[error("the body has no chunk")]
    Empty,
    #[error("the xorb has more than {MAX_XORB_CHUNKS} chunks")]
    TooManyChunks,
    #[error("the xorb is longer than {MAX_XORB} bytes")]
    TooLong,
    #[error("what follows the last chunk is not the footer of these chunks")]
    Footer,
    #[error("its bytes are {found} and should be {expected}")]
    OtherBytes { expected: XetHash, found: XetHash },
    #[error("the range has {asked} chunks from here on, the xorb ends before")]
    NoSuchChunks { asked: usize },
}
