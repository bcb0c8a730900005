//! LZ4 frames, held against the reader and the writer that clients use: lz4_flex's own.

use std::io::{Read, Write};

use ballast_xet::chunk_hash;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use proptest::prelude::*;

use crate::content::{content, read_xorb, xorb};

/// A xorb of one chunk, whose frame is as it is given.
fn around(frame: &[u8], raw: usize) -> Vec<u8> {
    let ([a, b, c, _], [d, e, f, _]) = ((frame.len() as u32).to_le_bytes(), (raw as u32).to_le_bytes());
    [&[0, a, b, c, 1, d, e, f], frame].concat()
}

fn encoded(info: FrameInfo, raw: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, vec![]);
    encoder.write_all(raw).unwrap();
    encoder.finish().unwrap()
}

fn decoded(frame: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut raw = vec![];
    FrameDecoder::new(frame).read_to_end(&mut raw)?;
    Ok(raw)
}

fn info() -> impl Strategy<Value = FrameInfo> {
    let sizes = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB];
    let modes = [BlockMode::Independent, BlockMode::Linked];
    (prop::sample::select(sizes.to_vec()), prop::sample::select(modes.to_vec()), any::<bool>(), any::<bool>()).prop_map(
        |(size, mode, block_sums, content_sum)| {
            FrameInfo::new().block_size(size).block_mode(mode).block_checksums(block_sums).content_checksum(content_sum)
        },
    )
}

fn raw() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec!["text", "floats", "random", "zeros"]);
    (kinds, 1u64..1000, prop_oneof![1usize..500, 60_000usize..131_073])
        .prop_map(|(kind, seed, length)| content(kind, seed, length))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_frame_that_lz4_flex_writes_is_read(info in info(), raw in raw(), sized in any::<bool>()) {
        let info = if sized { info.content_size(Some(raw.len() as u64)) } else { info };
        let arrived = read_xorb(&around(&encoded(info, &raw), raw.len())).unwrap();
        prop_assert_eq!(arrived.record.hash(0), chunk_hash(&raw));
    }

    #[test]
    fn every_frame_that_is_ours_is_read_by_lz4_flex(raw in raw()) {
        let (stored, _) = xorb([&raw[..]]);
        if stored[4] == 1 {
            prop_assert!(decoded(&stored[8..]).unwrap() == raw);
        }
    }

    #[test]
    fn a_damaged_frame_that_is_accepted_is_read_by_lz4_flex_as_the_same(
        info in info(),
        raw in raw().prop_filter("short, so that damage meets the frame", |raw| raw.len() < 500),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        sizes in any::<bool>(),
    ) {
        let mut frame = encoded(info, &raw);
        for (at, byte) in damage {
            // The first bytes decide what the rest means.
            let range = if sizes { frame.len().min(12) } else { frame.len() };
            let at = at.index(range);
            frame[at] = byte;
        }
        for length in [raw.len(), raw.len() - 1, raw.len() + 1] {
            if let Ok(arrived) = read_xorb(&around(&frame, length)) {
                let theirs = decoded(&frame);
                prop_assert!(theirs.is_ok_and(|raw| chunk_hash(&raw) == arrived.record.hash(0)));
            }
        }
    }
}
