//! Holding what a shard says against the xorbs that are stored. Only after this is a file one.

use ballast_types::XetHash;

use super::{ShardFile, ShardXorb};
use crate::xorb::Record;
use crate::{FileTerms, Term, TermHasher, Tree};

/// Why a file of a shard is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFile {
    #[error("file {file} comes without the hashes of its terms, which show that the client has its bytes")]
    NoHashes { file: XetHash },
    #[error("file {file}, term {term}: xorb {xorb} is not here; upload it before the shard")]
    NoXorb { file: XetHash, term: usize, xorb: XetHash },
    #[error("file {file}, term {term}: xorb {xorb} has {has} chunks and no chunk {end}")]
    NoChunk { file: XetHash, term: usize, xorb: XetHash, has: usize, end: u32 },
    #[error("file {file}, term {term}: the chunks have {found} bytes and not {said}")]
    Length { file: XetHash, term: usize, found: u32, said: u32 },
    #[error("file {file}, term {term}: the hash over the hashes of its chunks is wrong")]
    TermHash { file: XetHash, term: usize },
    #[error("the chunks of file {file} make file {found}")]
    OtherFile { file: XetHash, found: XetHash },
    #[error("file {file} has {count} terms and {given} of them were checked")]
    Unchecked { file: XetHash, count: usize, given: usize },
    #[error("what the shard says of xorb {xorb} is not what was stored, from chunk {chunk} on")]
    OtherXorb { xorb: XetHash, chunk: usize },
}

/// Checks a file term by term, so that the records of its xorbs need not be in memory together.
pub struct FileCheck<'a> {
    file: &'a ShardFile,
    next: usize,
    tree: Tree,
}

impl<'a> FileCheck<'a> {
    /// Refuses a file without the hashes of its terms: nothing else shows that the client has its bytes.
    pub fn new(file: &'a ShardFile) -> Result<Self, InvalidFile> {
        if file.term_hashes.len() != file.terms.len() {
            return Err(InvalidFile::NoHashes { file: file.file });
        }
        Ok(Self { file, next: 0, tree: Tree::new() })
    }

    /// The term that is to be checked next.
    pub fn next(&self) -> Option<&'a Term> {
        self.file.terms.get(self.next)
    }

    /// Checks it against the record of its xorb; none where that xorb is not here, or not for this client.
    pub fn term(&mut self, record: Option<&Record>) -> Result<(), InvalidFile> {
        let (file, term) = (self.file.file, self.next);
        let Some((said, hash)) = self.next().zip(self.file.term_hashes.get(term)) else { return self.complete() };
        let record = record.ok_or(InvalidFile::NoXorb { file, term, xorb: said.xorb })?;
        let chunks = said.chunks.start as usize..said.chunks.end as usize;
        if chunks.end > record.len() {
            let (has, end) = (record.len(), said.chunks.end);
            return Err(InvalidFile::NoChunk { file, term, xorb: said.xorb, has, end });
        }
        let found = record.raw_len(chunks.clone());
        if found != said.length {
            return Err(InvalidFile::Length { file, term, found, said: said.length });
        }
        let mut hasher = TermHasher::new();
        for chunk in chunks {
            let name = record.hash(chunk);
            hasher.push(&name);
            self.tree.push(name, record.raw_len(chunk..chunk + 1).into());
        }
        if hasher.finish() != *hash {
            return Err(InvalidFile::TermHash { file, term });
        }
        self.next += 1;
        Ok(())
    }

    fn complete(&self) -> Result<(), InvalidFile> {
        let (count, given) = (self.file.terms.len(), self.next);
        if count == given { Ok(()) } else { Err(InvalidFile::Unchecked { file: self.file.file, count, given }) }
    }

    /// The terms to keep, when all of them were right and together make the file that was named.
    pub fn finish(self) -> Result<FileTerms, InvalidFile> {
        self.complete()?;
        let (file, found) = (self.file.file, self.tree.file_id());
        if file != found {
            return Err(InvalidFile::OtherFile { file, found });
        }
        // The terms were checked one by one, so there is none that could be refused.
        FileTerms::new(&self.file.terms).map_err(|_| InvalidFile::OtherFile { file, found })
    }
}

/// Checks a file whose records are all at hand.
pub fn check_file<'a>(
    file: &ShardFile,
    record: impl Fn(&XetHash) -> Option<&'a Record>,
) -> Result<FileTerms, InvalidFile> {
    let mut check = FileCheck::new(file)?;
    while let Some(term) = check.next() {
        check.term(record(&term.xorb))?;
    }
    check.finish()
}

/// Checks what a shard says of a xorb against what was stored under that name.
pub fn check_xorb(said: &ShardXorb, record: &Record) -> Result<(), InvalidFile> {
    let differs = |(number, chunk): (usize, &super::ShardChunk)| {
        let there = number < record.len();
        let same = there
            && record.hash(number) == chunk.hash
            && record.raw_start(number) == chunk.start
            && record.raw_start(number + 1) == chunk.start + chunk.length;
        (!same).then_some(number)
    };
    let chunk = said.chunks.iter().enumerate().find_map(differs);
    match chunk.or((said.chunks.len() < record.len()).then_some(said.chunks.len())) {
        Some(chunk) => Err(InvalidFile::OtherXorb { xorb: said.xorb, chunk }),
        None => Ok(()),
    }
}
