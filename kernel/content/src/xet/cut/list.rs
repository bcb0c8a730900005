//! The terms of a file that is being cut.

use std::ops::Range;

use ballast_types::{Sha256, XetHash};
use ballast_xet::shard::ShardFile;
use ballast_xet::{Term, TermHasher, Tree};

use super::known::At;

/// Runs of chunks, one behind the other.
#[derive(Default)]
pub(crate) struct TermList {
    runs: Vec<Run>,
    hashes: Vec<XetHash>,
    /// Of the last run.
    hasher: Option<TermHasher>,
    tree: Tree,
}

struct Run {
    at: At,
    chunks: Range<u32>,
    length: u32,
}

impl TermList {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The next chunk of the file, and where it is.
    pub(super) fn push(&mut self, chunk: XetHash, length: usize, at: At) {
        self.tree.push(chunk, length as u64);
        let (number, length) = (at.chunk(), u32::try_from(length).unwrap_or(u32::MAX));
        match self.runs.last_mut() {
            Some(run) if run.at.is_in_xorb_of(&at) && run.chunks.end == number => {
                run.chunks.end += 1;
                run.length += length;
            }
            _ => {
                self.end_run();
                self.runs.push(Run { at, chunks: number..number + 1, length });
            }
        }
        self.hasher.get_or_insert_with(TermHasher::new).push(&chunk);
    }

    fn end_run(&mut self) {
        self.hashes.extend(self.hasher.take().map(TermHasher::finish));
    }

    /// The file, when the new xorbs have these names.
    pub(super) fn finish(mut self, names: &[XetHash], sha256: Sha256) -> ShardFile {
        self.end_run();
        let term = |run: Run| Term { xorb: run.at.xorb(names), chunks: run.chunks, length: run.length };
        ShardFile {
            file: self.tree.file_id(),
            terms: self.runs.into_iter().map(term).collect(),
            term_hashes: self.hashes,
            sha256: Some(sha256),
        }
    }
}
