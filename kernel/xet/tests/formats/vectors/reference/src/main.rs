//! What xet-core writes where hf_xet writes nothing: footers of xorbs, and shards as a server gives them out.

use std::fs;
use std::io::{Cursor, Write};
use std::time::Duration;

use ballast_xet::HmacKey;
use ballast_xet::shard::{AnswerWriter, Footer};
use ballast_xet::xorb::XorbReader;
use xet_core_structures::merklehash::MerkleHash;
use xet_core_structures::metadata_shard::MDBShardInfo;
use xet_core_structures::metadata_shard::file_structs::MDBFileInfo;
use xet_core_structures::metadata_shard::shard_in_memory::MDBInMemoryShard;
use xet_core_structures::metadata_shard::streaming_shard::MDBMinimalShard;
use xet_core_structures::metadata_shard::xorb_structs::MDBXorbInfo;
use xet_core_structures::xorb_object::{XorbObject, deserialize_chunk, reconstruct_xorb_with_footer};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn write(name: &str, bytes: &[u8]) {
    fs::write(format!("{FOLDER}/{name}"), bytes).unwrap();
    println!("{name}: {} bytes", bytes.len());
}

fn main() {
    let body = fs::read(format!("{FOLDER}/several-0.xorb")).unwrap();
    let mut whole = vec![];
    let (xorb, hash) = reconstruct_xorb_with_footer(&mut whole, &body).unwrap();
    let mut footer = whole.split_off(body.len());
    assert_eq!(whole, body);
    // Some clients write a random number into the spare bytes.
    let spare = footer.len() - 20;
    footer[spare..spare + 4].copy_from_slice(b"rand");
    write("several-0.footer1", &footer);
    first_version(&xorb, &hash);
    shards(&body);
    hostile();
}

/// The fields of version 0 cannot be set from outside, so its bytes are put together here and read by xet-core.
fn first_version(xorb: &XorbObject, hash: &MerkleHash) {
    let info = &xorb.info;
    let mut footer = b"XETBLOB\0".to_vec();
    footer.write_all(hash.as_bytes()).unwrap();
    footer.write_all(&info.num_chunks.to_le_bytes()).unwrap();
    info.chunk_boundary_offsets.iter().for_each(|end| footer.extend(end.to_le_bytes()));
    info.chunk_hashes.iter().for_each(|hash| footer.extend(hash.as_bytes()));
    footer.extend([0; 16]);
    let length = footer.len() as u32;
    footer.extend(length.to_le_bytes());
    #[allow(deprecated)]
    let read = xet_core_structures::xorb_object::XorbObjectInfoV0::deserialize(&mut Cursor::new(&footer)).unwrap();
    assert_eq!((read.1, &read.0.chunk_hashes), (length, &info.chunk_hashes));
    write("several-0.footer0", &footer);
}

fn shards(body: &[u8]) {
    let sent = fs::read(format!("{FOLDER}/several-0.shard")).unwrap();
    let read = MDBMinimalShard::from_reader(&mut Cursor::new(&sent), true, true).unwrap();
    let mut memory = MDBInMemoryShard::default();
    (0..read.num_files())
        .for_each(|at| memory.add_file_reconstruction_info(MDBFileInfo::from(read.file(at).unwrap())).unwrap());
    (0..read.num_xorb()).for_each(|at| memory.add_xorb_block(MDBXorbInfo::from(read.xorb(at).unwrap())).unwrap());
    let mut full = vec![];
    let info = MDBShardInfo::serialize_from(&mut full, &memory, None).unwrap();
    write("several-0.full.shard", &full);
    for (name, tables) in [("keyed", true), ("bare", false)] {
        let (key, valid) = (MerkleHash::from([[7; 8]; 4].map(u64::from_le_bytes)), Duration::from_secs(1_000_000));
        let mut keyed = vec![];
        info.export_as_keyed_shard(&mut Cursor::new(&full), &mut keyed, key, valid, false, tables, tables).unwrap();
        write(&format!("several-0.{name}.shard"), &keyed);
    }
    ours(body, &read);
}

/// An answer of Ballast's, read by xet-core.
fn ours(body: &[u8], sent: &MDBMinimalShard) {
    let mut reader = XorbReader::new();
    reader.push(body).unwrap();
    let arrived = reader.finish().unwrap();
    let footer = Footer { key: HmacKey([7; 32]), created: 1_800_000_000, expires: 1_801_000_000 };
    let mut answer = AnswerWriter::new(footer);
    answer.push(arrived.xorb, &arrived.record, |chunk| chunk == 0);
    let bytes = answer.finish().bytes;
    let mut file = Cursor::new(&bytes);
    let info = MDBShardInfo::load_from_reader(&mut file).unwrap();
    assert_eq!(info.num_bytes(), bytes.len() as u64);
    assert_eq!(
        (info.metadata.shard_creation_timestamp, info.metadata.shard_key_expiry),
        (footer.created, footer.expires)
    );
    assert_eq!(info.metadata.chunk_hash_hmac_key.as_bytes(), &[7; 32]);
    // Without a table the client reads the section, its last row too.
    let hashes = info.read_all_truncated_hashes(&mut file).unwrap();
    let xorbs = info.read_all_xorb_blocks_full(&mut file).unwrap();
    let same = (0..sent.num_xorb()).map(|at| MDBXorbInfo::from(sent.xorb(at).unwrap()));
    let same = same.into_iter().find(|xorb| xorb.metadata.xorb_hash.to_string() == arrived.xorb.to_string()).unwrap();
    let [xorb] = &xorbs[..] else { panic!("{} xorbs", xorbs.len()) };
    assert_eq!(xorb.metadata.num_bytes_on_disk as usize, body.len());
    assert_eq!((xorb.chunks.len(), hashes.len()), (same.chunks.len(), same.chunks.len()));
    for (ours, theirs) in xorb.chunks.iter().zip(&same.chunks) {
        assert_eq!(ours.chunk_hash, theirs.chunk_hash.hmac([[7; 8]; 4].map(u64::from_le_bytes).into()));
        assert_eq!(ours.chunk_byte_range_start, theirs.chunk_byte_range_start);
        assert_eq!(ours.unpacked_segment_bytes, theirs.unpacked_segment_bytes);
    }
    println!("an answer of Ballast's is read by xet-core: {} chunks", xorb.chunks.len());
}

/// What xet-core's own readers make of a bomb: the reason why a hub does not use them.
fn hostile() {
    let raw = vec![0_u8; 48 << 20];
    let frame = xet_core_structures::xorb_object::lz4_compress_from_slice(&raw).unwrap();
    let ([a, b, c, _], [d, e, f, _]) = ((frame.len() as u32).to_le_bytes(), 131_072_u32.to_le_bytes());
    let bomb = [vec![0, a, b, c, 1, d, e, f], frame].concat();
    let mut written = Counting(0);
    let read = xet_core_structures::xorb_object::deserialize_chunk_to_writer(&mut Cursor::new(&bomb), &mut written);
    println!("a bomb of {} bytes that says 131072: {} bytes written, {read:?}", bomb.len(), written.0);
    assert!(deserialize_chunk(&mut Cursor::new(&bomb)).is_err());
}

struct Counting(usize);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
