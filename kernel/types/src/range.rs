//! Byte ranges.

use serde::{Deserialize, Serialize};

/// A half-open range of bytes: `start` is in it, `end` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    pub start: u64,
    pub end: u64,
}

impl ByteRange {
    /// The whole of something that is `size` bytes long.
    pub fn whole(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    /// How many bytes it covers.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same bytes, counted from `offset` further on.
    pub fn shifted(&self, offset: u64) -> Self {
        Self { start: self.start + offset, end: self.end + offset }
    }
}
