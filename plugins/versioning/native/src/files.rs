//! Facts of files that the map does not hold, by git oid.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::{FileRef, Node};
use ballast_database::Database;
use ballast_types::{GitOid, RepoKey, Sha256};
use moka::sync::Cache;

use crate::error::{corrupt, invalid, stored};
use crate::node::{self, FOLDER, NodeId, Value};
use crate::rows::{files, schema::FileRow};

const OPERATION: &str = "versioning.files";
/// Files asked for in one statement: more than a page and the rest of its two outer leaves.
const BATCH: usize = 5000;
const EXECUTABLE: u32 = 0o100755;
const REGULAR: u32 = 0o100644;
const SYMLINK: u32 = 0o120000;
const SUBMODULE: u32 = 0o160000;

/// Whether an entry of this mode has bytes, and so facts; none where it is no mode of git's.
pub fn has_bytes(mode: u32) -> Option<bool> {
    match mode {
        EXECUTABLE | REGULAR | SYMLINK => Some(true),
        FOLDER | SUBMODULE => Some(false),
        _ => None,
    }
}

/// A git oid, and whether it is that of a pointer: the same text may also be a file of its own.
pub type FileId = (GitOid, bool);

/// What stands behind a git oid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub sha256: Sha256,
    pub size: u64,
    pub pointer: Option<Sha256>,
}

impl Facts {
    /// What the map does not hold of a file.
    pub fn of(file: &FileRef) -> Self {
        let pointer = match file {
            FileRef::Lfs { pointer, .. } => *pointer,
            FileRef::Regular { .. } => None,
        };
        Self { sha256: file.sha256(), size: file.size(), pointer }
    }
}

/// Some entries of a leaf.
pub struct Piece {
    pub id: NodeId,
    pub leaf: Arc<node::Node>,
    pub range: Range<usize>,
}

/// The facts of a leaf's entries, in their order: 32 bytes an entry, where an entry of a map of its own would be 300.
struct LeafFacts {
    /// Zeros where an entry has no bytes.
    blobs: Box<[Sha256]>,
    /// Pointers that are not canonical, which are rare, by position.
    pointers: HashMap<usize, Sha256>,
}

impl LeafFacts {
    /// None where facts are missing.
    fn new(values: &[Value], known: &HashMap<FileId, Facts>) -> Option<Self> {
        let mut facts = Self { blobs: vec![Sha256([0; 32]); values.len()].into(), pointers: HashMap::new() };
        for (at, value) in values.iter().enumerate().filter(|(_, value)| has_bytes(value.mode) == Some(true)) {
            let Facts { sha256, pointer, .. } = known.get(&(value.oid, value.lfs))?;
            facts.blobs[at] = *sha256;
            facts.pointers.extend(pointer.map(|pointer| (at, pointer)));
        }
        Some(facts)
    }
}

/// The facts of all repositories, as of single files and of whole leaves. Immutable while the repository lives.
pub struct Files {
    database: Database,
    cache: Cache<(RepoKey, FileId), Facts>,
    leaves: Cache<(RepoKey, NodeId), Arc<LeafFacts>>,
}

impl Files {
    /// Facts of which up to `cache_bytes` are kept in memory, three quarters of them for leaves.
    pub fn new(database: Database, cache_bytes: u64) -> Self {
        // An entry with its place in the cache is some 300 bytes.
        let cache = Cache::builder().max_capacity(cache_bytes / 4 / 300).build();
        let weigh = |_: &(RepoKey, NodeId), facts: &Arc<LeafFacts>| {
            u32::try_from(300 + 32 * facts.blobs.len() + 80 * facts.pointers.len()).unwrap_or(u32::MAX)
        };
        let leaves = Cache::builder().max_capacity(cache_bytes - cache_bytes / 4).weigher(weigh).build();
        Self { database, cache, leaves }
    }

    /// Empties the caches.
    pub fn forget(&self) {
        self.cache.invalidate_all();
        self.leaves.invalidate_all();
    }

    /// The facts of these files, as far as there are any.
    pub async fn find(&self, repo: RepoKey, wanted: impl Iterator<Item = FileId>) -> Result<HashMap<FileId, Facts>> {
        let mut found = HashMap::new();
        let mut absent = Vec::new();
        for id in wanted {
            match self.cache.get(&(repo, id)) {
                Some(facts) => drop(found.insert(id, facts)),
                None => absent.push(id),
            }
        }
        for (id, facts) in self.fetch(repo, absent).await? {
            self.cache.insert((repo, id), facts);
            found.insert(id, facts);
        }
        Ok(found)
    }

    /// The facts of these files from the database; perhaps of others with the same oids.
    async fn fetch(&self, repo: RepoKey, wanted: Vec<FileId>) -> Result<HashMap<FileId, Facts>> {
        let mut oids: Vec<Vec<u8>> = wanted.into_iter().map(|(oid, _)| oid.0.to_vec()).collect();
        oids.sort_unstable();
        oids.dedup();
        let mut found = HashMap::with_capacity(oids.len());
        for batch in oids.chunks(BATCH) {
            for row in files::find(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))? {
                found.extend([read_row(&row)?]);
            }
        }
        Ok(found)
    }

    /// The files of these oids, as far as the repository has any. Where a pointer's text is a file of its own as well,
    /// that one: git holds the same bytes for both.
    pub async fn refs_of(&self, repo: RepoKey, oids: &[GitOid]) -> Result<HashMap<GitOid, FileRef>> {
        let facts = self.find(repo, oids.iter().flat_map(|oid| [(*oid, true), (*oid, false)])).await?;
        let mut files = HashMap::with_capacity(oids.len());
        let mut sorted: Vec<(&FileId, &Facts)> = facts.iter().collect();
        sorted.sort_unstable_by_key(|((_, lfs), _)| !lfs);
        files.extend(
            sorted.into_iter().map(|(id, facts)| (id.0, file_ref(*id, facts.size, facts.sha256, facts.pointer))),
        );
        Ok(files)
    }

    /// What the contract calls these values.
    pub async fn nodes(&self, repo: RepoKey, values: &[Value]) -> Result<Vec<Node>> {
        let with_bytes = values.iter().filter(|value| has_bytes(value.mode) == Some(true));
        let facts = self.find(repo, with_bytes.map(|value| (value.oid, value.lfs))).await?;
        let of = |value: &Value| facts.get(&(value.oid, value.lfs)).map(|facts| (facts.sha256, facts.pointer));
        values.iter().map(|value| node(value, || of(value))).collect()
    }

    /// What the contract calls these entries of leaves. Leaves whose facts are not in memory are asked for whole, all
    /// together: the next page goes on in the last of them.
    pub async fn entries(&self, repo: RepoKey, pieces: &[Piece]) -> Result<Vec<Node>> {
        let known: Vec<Option<Arc<LeafFacts>>> =
            pieces.iter().map(|piece| self.leaves.get(&(repo, piece.id))).collect();
        let unknown = pieces.iter().zip(&known).filter(|(_, facts)| facts.is_none());
        let values = unknown.flat_map(|(piece, _)| piece.leaf.values());
        let with_bytes = values.filter(|value| has_bytes(value.mode) == Some(true));
        let fetched = self.fetch(repo, with_bytes.map(|value| (value.oid, value.lfs)).collect()).await?;
        let mut nodes = Vec::with_capacity(pieces.iter().map(|piece| piece.range.len()).sum());
        for (piece, facts) in pieces.iter().zip(known) {
            let values = piece.leaf.values();
            let facts = facts.or_else(|| {
                let facts = Arc::new(LeafFacts::new(values, &fetched)?);
                self.leaves.insert((repo, piece.id), facts.clone());
                Some(facts)
            });
            for at in piece.range.clone() {
                let value = &values[at];
                let of = || match &facts {
                    Some(facts) => Some((facts.blobs[at], facts.pointers.get(&at).copied())),
                    // Some facts of the leaf are lost; perhaps not these.
                    None => fetched.get(&(value.oid, value.lfs)).map(|facts| (facts.sha256, facts.pointer)),
                };
                nodes.push(node(value, of)?);
            }
        }
        Ok(nodes)
    }

    /// Blobs that files name, in the order of oids, and the cursor behind them.
    pub async fn blobs(
        &self,
        repo: RepoKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Sha256>, Option<String>)> {
        let after = after.map(|cursor| parse_cursor(cursor).ok_or_else(|| invalid(OPERATION, "not a cursor of this")));
        let after = after.transpose()?;
        let from = after.map_or(Vec::new(), |(oid, ..)| oid.0.to_vec());
        // Of the first oid up to two rows may be behind us already.
        let take = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(3);
        let rows = files::page(&self.database, repo.0, from, take).await.map_err(stored(OPERATION))?;
        let mut blobs = Vec::new();
        for row in rows {
            let ((oid, lfs), facts) = read_row(&row)?;
            let parts = [Some(facts.sha256), facts.pointer].into_iter().enumerate();
            blobs.extend(parts.filter_map(|(part, blob)| Some(((oid, lfs, part), blob?))));
        }
        blobs.retain(|(place, _)| after.is_none_or(|after| *place > after));
        let more = blobs.len() > limit;
        blobs.truncate(limit);
        let next =
            blobs.last().filter(|_| more).map(|((oid, lfs, part), _)| format!("{oid}.{}.{part}", u8::from(*lfs)));
        Ok((blobs.into_iter().map(|(_, blob)| blob).collect(), next))
    }
}

fn parse_cursor(text: &str) -> Option<(GitOid, bool, usize)> {
    let mut parts = text.split('.');
    let (oid, lfs, part) = (parts.next()?, parts.next()?, parts.next()?);
    Some((oid.parse().ok()?, lfs == "1", part.parse().ok()?))
}

/// Reads a row.
pub fn read_row(row: &FileRow) -> Result<(FileId, Facts)> {
    let read = || {
        let pointer = match &row.pointer {
            Some(bytes) => Some(Sha256::from_slice(bytes)?),
            None => None,
        };
        let facts = Facts { sha256: Sha256::from_slice(&row.sha256)?, size: u64::try_from(row.size).ok()?, pointer };
        Some(((GitOid::from_slice(&row.oid)?, row.lfs), facts))
    };
    read().ok_or_else(|| corrupt(OPERATION, "a row of native_files makes no sense"))
}

fn node(value: &Value, facts: impl FnOnce() -> Option<(Sha256, Option<Sha256>)>) -> Result<Node> {
    let file = || {
        let absent = || corrupt(OPERATION, format!("the facts of file {} are not in the database", value.oid));
        let (sha256, pointer) = facts().ok_or_else(absent)?;
        Ok(file_ref((value.oid, value.lfs), value.size, sha256, pointer))
    };
    Ok(match value.mode {
        FOLDER => Node::Directory { oid: value.oid },
        SUBMODULE => Node::Submodule { commit: value.oid },
        SYMLINK => Node::Symlink { file: file()? },
        EXECUTABLE => Node::File { file: file()?, executable: true },
        REGULAR => Node::File { file: file()?, executable: false },
        mode => return Err(corrupt(OPERATION, format!("an entry has mode {mode:o}"))),
    })
}

fn file_ref((oid, lfs): FileId, size: u64, sha256: Sha256, pointer: Option<Sha256>) -> FileRef {
    match lfs {
        false => FileRef::Regular { oid, sha256, size },
        true => FileRef::Lfs { oid, sha256, size, pointer },
    }
}

/// What the map holds of a node, and what it does not. None for a folder, which the map makes itself.
pub fn value(node: &Node) -> Option<(Value, Option<Facts>)> {
    let file = node.file();
    let facts = file.map(Facts::of);
    let value = Value {
        mode: node.mode(),
        lfs: file.is_some_and(FileRef::is_lfs),
        size: file.map_or(0, FileRef::size),
        oid: node.oid(),
    };
    (!value.is_folder()).then_some((value, facts))
}

/// The row of a file's facts; none where its size is beyond what a database counts.
pub fn row(repo: RepoKey, (oid, lfs): FileId, facts: &Facts) -> Option<FileRow> {
    Some(FileRow {
        repo: repo.0,
        oid: oid.0.to_vec(),
        lfs,
        sha256: facts.sha256.0.to_vec(),
        size: i64::try_from(facts.size).ok()?,
        pointer: facts.pointer.map(|blob| blob.0.to_vec()),
    })
}
