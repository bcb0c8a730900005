//! How a chunk is compressed, and which way pays.

use std::borrow::Cow;

use super::{XorbFault, group, lz4};

/// The schemes of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    None,
    /// An LZ4 frame.
    Lz4,
    /// Bytes grouped by four, then an LZ4 frame.
    GroupedLz4,
}

/// How much of a chunk is tried both ways, in bytes: enough to tell numbers from text, at a tenth of the cost of
/// compressing all of it twice.
const SAMPLE: usize = 4096;

impl Scheme {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::GroupedLz4),
            _ => None,
        }
    }

    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::GroupedLz4 => 2,
        }
    }

    /// Compresses a chunk the way that a sample of it says pays; as it is where none does.
    pub(super) fn pick(raw: &[u8]) -> (Self, Cow<'_, [u8]>) {
        let start = (raw.len().saturating_sub(SAMPLE) / 2).next_multiple_of(4).min(raw.len());
        let sample = &raw[start..raw.len().min(start + SAMPLE)];
        let length = |scheme: Self| scheme.compress(sample).map_or(sample.len(), |frame| frame.len());
        let grouped = length(Self::GroupedLz4) < length(Self::Lz4);
        let scheme = if grouped { Self::GroupedLz4 } else { Self::Lz4 };
        match scheme.compress(raw) {
            Some(frame) => (scheme, frame.into()),
            None => (Self::None, raw.into()),
        }
    }

    fn compress(self, raw: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::Lz4 => lz4::compress(raw),
            Self::GroupedLz4 => lz4::compress(&group::split(raw)),
        }
    }

    /// Fills `raw` from the stored bytes; `room` is only there to be used again.
    pub(super) fn decompress(self, stored: &[u8], raw: &mut [u8], room: &mut Vec<u8>) -> Result<(), XorbFault> {
        match self {
            Self::None if stored.len() == raw.len() => raw.copy_from_slice(stored),
            Self::None => return Err(XorbFault::Truncated),
            Self::Lz4 => lz4::decompress(stored, raw)?,
            Self::GroupedLz4 => {
                room.resize(raw.len(), 0);
                lz4::decompress(stored, room)?;
                group::join(room, raw);
            }
        }
        Ok(())
    }
}
