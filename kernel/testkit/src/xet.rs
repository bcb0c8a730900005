//! A large file as a client has it that is about to send it by Xet.

use std::ops::Range;

use ballast_types::{Sha256, XetHash};
use ballast_xet::shard::ShardFile;
use ballast_xet::xorb::XorbWriter;
use ballast_xet::{Cutter, Term, file_id, term_hash};
use bytes::Bytes;
use sha2::Digest;

/// A file, and the xorb that has all of its chunks.
#[derive(Clone, Debug)]
pub struct XetUpload {
    pub bytes: Bytes,
    pub xorb: XetHash,
    /// The xorb as it is sent.
    pub stored: Bytes,
    /// What the shard says of the file.
    pub file: ShardFile,
    /// The chunks of the xorb, in order.
    pub chunks: Vec<XetHash>,
    /// Where each of them ends in the bytes that the xorb was made of.
    ends: Vec<usize>,
    /// These bytes.
    source: Bytes,
}

impl XetUpload {
    /// Cuts a file in chunks, as every client does, and puts all of them in one xorb. 64 MiB at most.
    pub fn of(bytes: &Bytes) -> Self {
        let (mut writer, mut stored, mut chunks, mut ends) = (XorbWriter::new(), vec![], vec![], vec![]);
        let mut push = |chunk: &[u8]| {
            chunks.push(writer.push(chunk, &mut stored)?);
            ends.push(ends.last().copied().unwrap_or_default() + chunk.len());
            Ok::<(), ballast_xet::xorb::NotAdded>(())
        };
        let mut cutter = Cutter::new();
        cutter.push(bytes, &mut push).expect("the file fits one xorb");
        if let Some(last) = cutter.finish() {
            push(&last).expect("the file fits one xorb");
        }
        let xorb = writer.finish().expect("the file is not empty").xorb;
        let whole = 0..u32::try_from(chunks.len()).expect("a xorb has few chunks");
        let file = ShardFile { file: xorb, terms: vec![], term_hashes: vec![], sha256: None };
        let upload =
            Self { bytes: bytes.clone(), xorb, stored: stored.into(), file, chunks, ends, source: bytes.clone() };
        upload.rearranged(&[whole])
    }

    /// Another file of the same xorb: these runs of its chunks, in this order.
    pub fn rearranged(&self, runs: &[Range<u32>]) -> Self {
        let (mut terms, mut term_hashes, mut chunks, mut bytes) = (vec![], vec![], vec![], vec![]);
        for run in runs {
            let numbers = run.start as usize..run.end as usize;
            let piece = &self.source[self.start(numbers.start)..self.start(numbers.end)];
            let length = u32::try_from(piece.len()).expect("a term is short");
            terms.push(Term { xorb: self.xorb, chunks: run.clone(), length });
            term_hashes.push(term_hash(self.chunks[numbers.clone()].iter().copied()));
            chunks.extend(numbers.map(|chunk| (self.chunks[chunk], (self.ends[chunk] - self.start(chunk)) as u64)));
            bytes.extend_from_slice(piece);
        }
        let sha256 = Some(Sha256(sha2::Sha256::digest(&bytes).into()));
        let file = ShardFile { file: file_id(chunks), terms, term_hashes, sha256 };
        Self { bytes: bytes.into(), file, ..self.clone() }
    }

    /// The shard's words for a file that is all of these, one behind the other, in the xorbs of all of them.
    pub fn joined(uploads: &[Self]) -> ShardFile {
        let (mut terms, mut term_hashes, mut chunks, mut digest) = (vec![], vec![], vec![], sha2::Sha256::new());
        for upload in uploads {
            terms.extend(upload.file.terms.iter().cloned());
            term_hashes.extend(&upload.file.term_hashes);
            digest.update(&upload.bytes);
            let numbers =
                upload.file.terms.iter().flat_map(|term| term.chunks.start as usize..term.chunks.end as usize);
            chunks
                .extend(numbers.map(|chunk| (upload.chunks[chunk], (upload.ends[chunk] - upload.start(chunk)) as u64)));
        }
        ShardFile { file: file_id(chunks), terms, term_hashes, sha256: Some(Sha256(digest.finalize().into())) }
    }

    /// A shard that says of this file what the client does, and nothing of xorbs.
    pub fn shard(&self) -> Vec<u8> {
        Self::shard_of([&self.file])
    }

    fn start(&self, chunk: usize) -> usize {
        chunk.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The same of any files.
    pub fn shard_of<'a>(files: impl IntoIterator<Item = &'a ShardFile>) -> Vec<u8> {
        const TAG: &[u8; 32] = b"HFRepoMetaData\0\x55\x69\x67\x45\x6a\x7b\x81\x57\x83\xa5\xbd\xd9\x5c\xcd\xd1\x4a\xa9";
        const WITH_HASHES: u32 = 1 << 31;
        const WITH_SHA256: u32 = 1 << 30;
        let mut shard = Vec::new();
        shard.extend(TAG);
        shard.extend(2_u64.to_le_bytes());
        shard.extend(0_u64.to_le_bytes());
        let mut row = |name: &[u8; 32], numbers: [u32; 4]| {
            shard.extend(name);
            shard.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        };
        let flag = |there: bool, flag: u32| if there { flag } else { 0 };
        for file in files {
            let flags = flag(!file.term_hashes.is_empty(), WITH_HASHES) | flag(file.sha256.is_some(), WITH_SHA256);
            row(&file.file.0, [flags, file.terms.len() as u32, 0, 0]);
            for term in &file.terms {
                row(&term.xorb.0, [0, term.length, term.chunks.start, term.chunks.end]);
            }
            for hash in &file.term_hashes {
                row(&hash.0, [0; 4]);
            }
            if let Some(sha256) = &file.sha256 {
                // As every hash of the protocol: each group of eight bytes the other way round.
                let mut turned = sha256.0;
                turned.chunks_mut(8).for_each(<[u8]>::reverse);
                row(&turned, [0; 4]);
            }
        }
        row(&[0xff; 32], [0; 4]);
        row(&[0xff; 32], [0; 4]);
        shard
    }
}
