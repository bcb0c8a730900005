//! One LZ4 frame around one chunk.
//!
//! Source: `lz4_Frame_format.md` of the LZ4 project, version 1.6. The blocks are lz4_flex's. Its own reader of frames
//! allocates what the frame announces, up to 8 MiB for a chunk of 128 KiB, and takes a frame without an end for whole.
//! This one writes into the chunk's own bytes, and accepts no frame that clients would refuse: a checksum that nobody
//! had looked at would make a xorb that is here and that nobody can read.

use lz4_flex::block;
use twox_hash::XxHash32;

use crate::read::Fields;

const MAGIC: u32 = 0x184d_2204;

/// Version 1, independent blocks, no checksums, no sizes.
const FLAGS: u8 = 0x60;
/// Blocks of up to 256 KiB, so that any chunk is one block.
const BLOCK_SIZE: u8 = 0x50;
/// In a block's length: its bytes are not compressed.
const PLAIN: u32 = 1 << 31;
/// How far back a block may refer.
const WINDOW: usize = 64 * 1024;

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    #[error("it is no LZ4 frame")]
    NotAFrame,
    #[error("the frame asks for what the format does not have")]
    Unknown,
    #[error("the frame ends too early")]
    Truncated,
    #[error("a block is damaged")]
    Block,
    #[error("a checksum is wrong")]
    Checksum,
    #[error("the frame holds more or fewer bytes than were announced")]
    Length,
    #[error("something follows the frame")]
    Trailing,
}

struct Descriptor {
    linked: bool,
    block_sums: bool,
    content_sum: bool,
    longest_block: usize,
}

fn sum(bytes: &[u8]) -> u32 {
    XxHash32::oneshot(0, bytes)
}

impl Descriptor {
    fn read(frame: &mut Fields<'_>, length: usize) -> Result<Self, FrameFault> {
        if frame.u32() != Some(MAGIC) {
            return Err(FrameFault::NotAFrame);
        }
        let mut described = frame.clone();
        let [flags, sizes] = frame.array().ok_or(FrameFault::Truncated)?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        let longest_block = match sizes {
            0x40 => 64 * 1024,
            0x50 => 256 * 1024,
            0x60 => 1024 * 1024,
            0x70 => 4 * 1024 * 1024,
            _ => return Err(FrameFault::Unknown),
        };
        // Version 1, the reserved bit clear, no dictionary.
        if flags >> 6 != 1 || has(1) || has(0) {
            return Err(FrameFault::Unknown);
        }
        if has(3) && frame.u64().ok_or(FrameFault::Truncated)? != length as u64 {
            return Err(FrameFault::Length);
        }
        let described = described.bytes(frame.at() - described.at()).ok_or(FrameFault::Truncated)?;
        match frame.u8() {
            None => Err(FrameFault::Truncated),
            Some(byte) if byte != (sum(described) >> 8) as u8 => Err(FrameFault::Checksum),
            Some(_) => Ok(Self { linked: !has(5), block_sums: has(4), content_sum: has(2), longest_block }),
        }
    }
}

/// Decompresses a frame; it must fill `raw`, and end with its own end.
pub(super) fn decompress(frame: &[u8], raw: &mut [u8]) -> Result<(), FrameFault> {
    let mut frame = Fields::new(frame);
    let described = Descriptor::read(&mut frame, raw.len())?;
    let mut filled = 0;
    loop {
        let length = frame.u32().ok_or(FrameFault::Truncated)?;
        if length == 0 {
            break;
        }
        let bytes = frame.bytes((length & !PLAIN) as usize).ok_or(FrameFault::Truncated)?;
        if bytes.len() > described.longest_block {
            return Err(FrameFault::Block);
        }
        if described.block_sums && frame.u32().ok_or(FrameFault::Truncated)? != sum(bytes) {
            return Err(FrameFault::Checksum);
        }
        let (before, room) = raw.split_at_mut(filled);
        let most = room.len().min(described.longest_block);
        let written = if length & PLAIN != 0 {
            room.get_mut(..bytes.len()).ok_or(FrameFault::Length)?.copy_from_slice(bytes);
            Ok(bytes.len())
        } else if described.linked {
            let window = &before[before.len().saturating_sub(WINDOW)..];
            block::decompress_into_with_dict(bytes, &mut room[..most], window)
        } else {
            block::decompress_into(bytes, &mut room[..most])
        };
        let written = written.map_err(|error| match error {
            block::DecompressError::OutputTooSmall { .. } => FrameFault::Length,
            _ => FrameFault::Block,
        })?;
        // Clients take a block of nothing for the end of the frame.
        if written == 0 {
            return Err(FrameFault::Block);
        }
        filled += written;
    }
    if filled != raw.len() {
        return Err(FrameFault::Length);
    }
    if described.content_sum && frame.u32().ok_or(FrameFault::Truncated)? != sum(raw) {
        return Err(FrameFault::Checksum);
    }
    if frame.left() == 0 { Ok(()) } else { Err(FrameFault::Trailing) }
}

/// What stands around the one block of a frame of ours.
const AROUND: usize = 4 + 3 + 4 + 4;

/// Compresses a chunk into a frame of one block; none where that takes as many bytes or more.
pub(super) fn compress(raw: &[u8]) -> Option<Vec<u8>> {
    let mut frame = vec![0; AROUND + block::get_maximum_output_size(raw.len())];
    let descriptor = [FLAGS, BLOCK_SIZE];
    frame[..4].copy_from_slice(&MAGIC.to_le_bytes());
    frame[4..6].copy_from_slice(&descriptor);
    frame[6] = (sum(&descriptor) >> 8) as u8;
    let length = block::compress_into(raw, &mut frame[11..]).ok()?;
    if length + AROUND >= raw.len() {
        return None;
    }
    frame[7..11].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    frame[11 + length..][..4].fill(0);
    frame.truncate(AROUND + length);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|at| b"a chunk that compresses "[at % 24] ^ u8::from(at % 1000 == 0)).collect()
    }

    fn again(frame: &[u8], length: usize) -> Result<Vec<u8>, FrameFault> {
        let mut raw = vec![0; length];
        decompress(frame, &mut raw).map(|()| raw)
    }

    #[test]
    fn a_frame_of_ours_is_read_and_is_shorter() {
        for length in [100, 65_536, 131_072] {
            let frame = compress(&text(length)).unwrap();
            assert!(frame.len() < length);
            assert_eq!(again(&frame, length), Ok(text(length)));
        }
        assert_eq!(compress(&[]), None);
        assert_eq!(compress(b"short"), None);
    }

    #[test]
    fn a_frame_is_refused_when_it_is_cut_followed_or_of_another_length() {
        let frame = compress(&text(5000)).unwrap();
        for end in 0..frame.len() {
            assert!(again(&frame[..end], 5000).is_err(), "{end} bytes");
        }
        assert_eq!(again(&[&frame[..], &[0]].concat(), 5000), Err(FrameFault::Trailing));
        assert_eq!(again(&[&frame[..], &frame].concat(), 5000), Err(FrameFault::Trailing));
        assert_eq!(again(&frame, 4999), Err(FrameFault::Length));
        assert_eq!(again(&frame, 5001), Err(FrameFault::Length));
    }

    /// A frame by hand, of blocks as they are.
    fn frame(flags: u8, sizes: u8, behind: &[u8], blocks: &[(u32, &[u8])]) -> Vec<u8> {
        let descriptor = [&[flags, sizes], behind].concat();
        let mut frame = MAGIC.to_le_bytes().to_vec();
        frame.extend(&descriptor);
        frame.push((sum(&descriptor) >> 8) as u8);
        for (mark, block) in blocks {
            frame.extend((block.len() as u32 | mark).to_le_bytes());
            frame.extend(*block);
            if flags & 0x10 != 0 {
                frame.extend(sum(block).to_le_bytes());
            }
        }
        frame.extend([0; 4]);
        frame
    }

    #[test]
    fn every_optional_part_of_a_frame_is_read_and_checked() {
        let length = 12_u64.to_le_bytes();
        let plain = frame(0x60, 0x40, &[], &[(PLAIN, b"hello "), (PLAIN, b"world!")]);
        assert_eq!(again(&plain, 12).as_deref(), Ok(&b"hello world!"[..]));
        let sized = frame(0x68, 0x40, &length, &[(PLAIN, b"hello world!")]);
        assert_eq!(again(&sized, 12).as_deref(), Ok(&b"hello world!"[..]));
        assert_eq!(again(&frame(0x68, 0x40, &[9; 8], &[(PLAIN, b"hello world!")]), 12), Err(FrameFault::Length));

        let mut summed = frame(0x70, 0x40, &[], &[(PLAIN, b"hello world!")]);
        assert_eq!(again(&summed, 12).as_deref(), Ok(&b"hello world!"[..]));
        *summed.iter_mut().nth_back(4).unwrap() ^= 1;
        assert_eq!(again(&summed, 12), Err(FrameFault::Checksum));

        let mut summed = frame(0x64, 0x40, &[], &[(PLAIN, b"hello world!")]);
        summed.extend(sum(b"hello world!").to_le_bytes());
        assert_eq!(again(&summed, 12).as_deref(), Ok(&b"hello world!"[..]));
        *summed.last_mut().unwrap() ^= 1;
        assert_eq!(again(&summed, 12), Err(FrameFault::Checksum));

        // A linked block says the first one again, from six bytes before.
        let linked =
            frame(0x40, 0x40, &[], &[(PLAIN, b"abcdef"), (0, &[0x02, 6, 0, 0x50, b'v', b'w', b'x', b'y', b'z'])]);
        assert_eq!(again(&linked, 17).as_deref(), Ok(&b"abcdefabcdefvwxyz"[..]));
        for (flags, sizes) in [(0x61, 0x40), (0x62, 0x40), (0xa0, 0x40), (0x60, 0x30), (0x60, 0x41), (0x60, 0xc0)] {
            assert_eq!(again(&frame(flags, sizes, &[0; 4], &[]), 1), Err(FrameFault::Unknown), "{flags:x} {sizes:x}");
        }
        let mut other = plain;
        other[6] ^= 1;
        assert_eq!(again(&other, 12), Err(FrameFault::Checksum));
    }

    #[test]
    fn a_block_of_nothing_at_which_clients_would_stop_is_refused() {
        // A compressed block of nothing is a single token.
        for nothing in [(PLAIN, &b""[..]), (0, &[0])] {
            let odd = frame(0x60, 0x40, &[], &[(PLAIN, b"hello "), nothing, (PLAIN, b"world!")]);
            assert_eq!(again(&odd, 12), Err(FrameFault::Block));
            let mut theirs = vec![];
            std::io::copy(&mut lz4_flex::frame::FrameDecoder::new(&odd[..]), &mut theirs).unwrap();
            assert_eq!(theirs, b"hello ");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_announced_length() {
        let bomb = compress(&vec![0; 4 << 20]).unwrap();
        assert!(bomb.len() < 20_000);
        assert_eq!(again(&bomb, 131_072), Err(FrameFault::Length));
    }
}
