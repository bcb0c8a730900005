//! What older clients put behind the chunks.
//!
//! A footer says nothing that the chunks do not say. So it is not read: the one that belongs to the chunks is written,
//! and what came is held against it. No count in it is believed, and it is not stored.

use ballast_types::XetHash;

use super::Record;
use crate::MAX_XORB_CHUNKS;

/// What a footer begins with; no chunk's header can, its first byte is a version.
const TAG: &[u8; 7] = b"XETBLOB";
const HASHES: &[u8; 7] = b"XBLBHSH";
const BOUNDS: &[u8; 7] = b"XBLBBND";

/// Bytes that may be anything: some clients write a random number there.
const SPARE: usize = 16;

/// The longest footer, with the length behind it.
pub const MAX_FOOTER: usize = 40 + (12 + 32 * MAX_XORB_CHUNKS) + (12 + 8 * MAX_XORB_CHUNKS) + 12 + SPARE + 4;

/// Whether something that begins so can be a footer only.
pub(super) fn begins(first: u8) -> bool {
    first == TAG[0]
}

/// Whether these bytes are a footer of these chunks, of either version.
pub(super) fn belongs(footer: &[u8], xorb: XetHash, record: &Record) -> bool {
    let version = footer.get(TAG.len());
    let expected = match version {
        Some(0) => first(xorb, record),
        Some(1) => second(xorb, record),
        _ => return false,
    };
    let Some((info, length)) = footer.split_last_chunk::<4>() else { return false };
    let Some(spare) = info.len().checked_sub(SPARE) else { return false };
    u32::from_le_bytes(*length) as usize == info.len() && info[..spare] == expected
}

fn ends(column: impl Iterator<Item = u32>) -> impl Iterator<Item = u8> {
    column.flat_map(u32::to_le_bytes)
}

/// Version 0: where chunks end, and their hashes.
fn first(xorb: XetHash, record: &Record) -> Vec<u8> {
    let mut bytes = [&TAG[..], &[0], xorb.as_bytes(), &(record.len() as u32).to_le_bytes()].concat();
    bytes.extend(ends(record.stored_ends()));
    bytes.extend(record.hashes().flat_map(|hash| hash.0));
    bytes
}

/// Version 1: the hashes, then where chunks end as they are stored and before compression.
fn second(xorb: XetHash, record: &Record) -> Vec<u8> {
    let count = (record.len() as u32).to_le_bytes();
    let mut bytes = [&TAG[..], &[1], xorb.as_bytes()].concat();
    let hashes = bytes.len();
    bytes.extend([&HASHES[..], &[0], &count].concat());
    bytes.extend(record.hashes().flat_map(|hash| hash.0));
    let bounds = bytes.len();
    bytes.extend([&BOUNDS[..], &[1], &count].concat());
    bytes.extend(ends(record.stored_ends()));
    bytes.extend(ends(record.raw_ends()));
    bytes.extend(count);
    let end = bytes.len() + 8 + SPARE;
    bytes.extend(((end - hashes) as u32).to_le_bytes());
    bytes.extend(((end - bounds) as u32).to_le_bytes());
    bytes
}
