//! Xorbs that are as they should be.

use ballast_xet::xorb::{NotAdded, XorbReader, XorbWriter};
use ballast_xet::{MAX_CHUNK, MAX_XORB_CHUNKS, chunk_hash};
use proptest::prelude::*;

use crate::content::{chunks, content, decode, read_xorb, xorb};

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec!["random", "zeros", "text", "floats"]);
    (kinds, 1u64..10_000, prop_oneof![1usize..100, 1usize..MAX_CHUNK + 1])
        .prop_map(|(kind, seed, length)| content(kind, seed, length))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_written_is_read_again_in_any_portions(
        chunks in prop::collection::vec(chunk(), 1..8),
        portion in prop_oneof![1usize..20, 1usize..200_000],
    ) {
        let (stored, written) = xorb(chunks.iter().map(Vec::as_slice));
        let mut reader = XorbReader::new();
        for some in stored.chunks(portion) {
            reader.push(some).unwrap();
        }
        let read = reader.finish().unwrap();
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(read.stored, stored.len() as u64);
        for (number, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(read.record.hash(number), chunk_hash(chunk));
            prop_assert_eq!(read.record.raw_len(number..number + 1) as usize, chunk.len());
        }
    }

    #[test]
    fn any_run_of_chunks_is_decoded_from_its_own_bytes_in_any_portions(
        chunks in prop::collection::vec(chunk(), 1..8),
        (from, to) in any::<(prop::sample::Index, prop::sample::Index)>(),
        portion in prop_oneof![1usize..20, 1usize..200_000],
    ) {
        let (stored, written) = xorb(chunks.iter().map(Vec::as_slice));
        let (from, to) = (from.index(chunks.len()), to.index(chunks.len()));
        let run = from.min(to)..from.max(to) + 1;
        let bytes = written.record.stored(run.clone());
        let (stored, mut raw) = (&stored[bytes.start as usize..bytes.end as usize], vec![]);
        decode(&written.record, run.clone(), stored, portion, &mut raw).unwrap();
        prop_assert!(raw == chunks[run].concat());
    }
}

#[test]
fn each_kind_of_bytes_is_compressed_the_way_that_pays() {
    for (kind, scheme, most) in [("random", 0, 1.001), ("text", 1, 0.15), ("floats", 2, 0.75), ("zeros", 1, 0.01)] {
        let chunk = content(kind, 9, 100_000);
        let (stored, _) = xorb([&chunk[..]]);
        assert_eq!(stored[4], scheme, "{kind}");
        assert!((stored.len() as f64) < most * 100_000.0, "{kind}: {} bytes", stored.len());
    }
}

#[test]
fn a_xorb_is_full_at_64_mib_before_compression_and_at_8192_chunks() {
    let (mut writer, mut stored) = (XorbWriter::new(), vec![]);
    for number in 0..MAX_XORB_CHUNKS as u32 {
        writer.push(&number.to_le_bytes(), &mut stored).unwrap();
    }
    assert_eq!(writer.push(b"one more", &mut stored), Err(NotAdded::Full));
    let written = writer.finish().unwrap();
    assert_eq!((written.record.len(), written.stored), (MAX_XORB_CHUNKS, stored.len() as u64));
    assert_eq!(read_xorb(&stored), Ok(written));

    let (mut writer, mut stored) = (XorbWriter::new(), vec![]);
    let chunk = vec![0; MAX_CHUNK];
    for _ in 0..512 {
        writer.push(&chunk, &mut stored).unwrap();
    }
    assert_eq!(writer.push(b"x", &mut stored), Err(NotAdded::Full));
    assert_eq!(writer.push(b"", &mut stored), Err(NotAdded::ChunkLength(0)));
    assert_eq!(writer.push(&vec![0; MAX_CHUNK + 1], &mut stored), Err(NotAdded::ChunkLength(MAX_CHUNK + 1)));
    assert_eq!(XorbWriter::new().finish(), None);
}

#[test]
fn a_file_that_is_cut_stored_and_decoded_is_the_same_file() {
    let file = content("random", 11, 3_000_000);
    let chunks = chunks(&file);
    let (stored, written) = xorb(chunks.iter().map(Vec::as_slice));
    let mut raw = vec![];
    decode(&written.record, 0..chunks.len(), &stored, stored.len(), &mut raw).unwrap();
    assert!(raw == file);
}
