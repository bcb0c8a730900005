//! Files out of a seed, the same as `vectors/make.py` makes.

use std::path::Path;

use ballast_types::XetHash;
use ballast_xet::xorb::{Arrived, InvalidXorb, Record, RunReader, XorbReader, XorbWriter};
use ballast_xet::{Cutter, Tree, chunk_hash};

const WORDS: [&str; 8] = ["chunk", "xorb", "shard", "term", "node", "file", "hash", "range"];

/// Xorshift, with 64 bits.
pub struct Numbers(pub u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some(self.0)
    }
}

/// The bytes of a file of this kind.
pub fn content(kind: &str, seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 64);
    let mut random = Numbers(seed);
    while bytes.len() < length {
        let mut next = || random.next().unwrap();
        match kind {
            "zeros" => bytes.resize(length, 0),
            "random" => bytes.extend(next().to_le_bytes()),
            "text" => {
                let word = WORDS[(next() >> 61) as usize];
                bytes.extend(format!("{word} is a word of the text of this file,\n").bytes());
            }
            "floats" => {
                let [a, b, c, ..] = next().to_le_bytes();
                bytes.extend([a, b, 0x80 | c & 3, 0x3c]);
            }
            other => panic!("there is no kind {other:?}"),
        }
    }
    bytes.truncate(length);
    bytes
}

/// The chunks of a file.
pub fn chunks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut cutter) = (vec![], Cutter::new());
    let each = |chunk: &[u8]| {
        found.push(chunk.to_vec());
        Ok::<_, ()>(())
    };
    cutter.push(bytes, each).unwrap();
    found.extend(cutter.finish());
    found
}

/// The name of a file.
pub fn file_id(bytes: &[u8]) -> XetHash {
    let mut tree = Tree::new();
    chunks(bytes).iter().for_each(|chunk| tree.push(chunk_hash(chunk), chunk.len() as u64));
    tree.file_id()
}

/// A xorb of these chunks, and what it is.
pub fn xorb<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Arrived) {
    let (mut writer, mut stored) = (XorbWriter::new(), vec![]);
    for chunk in chunks {
        writer.push(chunk, &mut stored).unwrap();
    }
    (stored, writer.finish().unwrap())
}

/// Reads a whole body.
pub fn read_xorb(body: &[u8]) -> Result<Arrived, InvalidXorb> {
    let mut reader = XorbReader::new();
    reader.push(body)?;
    reader.finish()
}

/// Decodes a run of chunks out of its stored bytes, in portions; what came out before a fault is in `raw`.
pub fn decode(
    record: &Record,
    run: std::ops::Range<usize>,
    stored: &[u8],
    portion: usize,
    raw: &mut Vec<u8>,
) -> Result<(), InvalidXorb> {
    let mut reader = RunReader::new(record, run);
    for mut some in stored.chunks(portion) {
        while let Some(chunk) = reader.next(&mut some)? {
            raw.extend_from_slice(chunk);
        }
    }
    reader.finish()
}

/// One of the committed vectors.
pub fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/vectors").join(name)).unwrap()
}
