//! What a pushed commit changes: its trees held against the map of its first parent, and opened where they differ.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::{FileRef, GitObject, PushedObjects};
use ballast_types::git::{ObjectKind, TreeItem, object_id};
use ballast_types::{CommitId, GitOid, RepoKey, RepoPath};
use bytes::Bytes;

use crate::Native;
use crate::draft::Edit;
use crate::error::{corrupt, invalid};
use crate::files::{Facts, FileId, has_bytes};
use crate::key;
use crate::node::{FOLDER, Node, NodeId, Value};
use crate::trees::Pinned;
use crate::walk::{Scan, Walk};

const OPERATION: &str = "versioning.receive";
/// The most paths that one commit may change.
const MOST: usize = 4_000_000;

/// A comparison under way.
pub struct Comparing<'a> {
    engine: &'a Native,
    objects: &'a dyn PushedObjects,
    repo: RepoKey,
    commit: CommitId,
    base: NodeId,
    changes: Vec<(String, Option<Value>, Option<Line>)>,
    pinned: Pinned,
    /// Folders to be looked at: path, the tree of before, the tree of now.
    open: Vec<(String, Option<GitOid>, GitOid)>,
}

/// What it comes to.
pub struct Compared {
    pub edits: Vec<Edit>,
    /// The trees of the folders that were opened.
    pub pinned: Pinned,
    /// Files that were put: where, which, and what the map does not hold of them.
    pub files: Vec<(RepoPath, FileId, Option<Facts>)>,
}

/// A line of a tree.
#[derive(Clone, Copy)]
enum Line {
    /// From a tree that the repository has.
    Known(Value),
    Pushed {
        mode: u32,
        oid: GitOid,
    },
}

impl Line {
    fn oid(&self) -> GitOid {
        match self {
            Self::Known(value) => value.oid,
            Self::Pushed { oid, .. } => *oid,
        }
    }

    fn mode(&self) -> u32 {
        match self {
            Self::Known(value) => value.mode,
            Self::Pushed { mode, .. } => *mode,
        }
    }
}

/// A folder's lines in git's order, with `/` behind the names of folders.
type Lines = Vec<(Vec<u8>, Line)>;

impl<'a> Comparing<'a> {
    /// Compares a commit with a map.
    pub fn new(
        engine: &'a Native,
        objects: &'a dyn PushedObjects,
        repo: RepoKey,
        commit: CommitId,
        base: NodeId,
    ) -> Self {
        Self { engine, objects, repo, commit, base, changes: Vec::new(), pinned: Pinned::new(), open: Vec::new() }
    }

    /// Whose tree was `old`, or which was empty.
    pub async fn run(mut self, walk: &mut Walk<'_>, old: Option<GitOid>, new: GitOid) -> Result<Compared> {
        self.enter(String::new(), old, new);
        while let Some((folder, old, new)) = self.open.pop() {
            self.pinned.insert(folder.clone(), new);
            let lines = self.lines(walk, &folder, new).await?;
            match old {
                Some(_) => self.compare(walk, &folder, lines).await?,
                None => {
                    for (name, line) in lines {
                        self.appear(&folder, &name, line)?;
                    }
                }
            }
            if self.changes.len() > MOST {
                return Err(invalid(OPERATION, format!("commit {} changes more than {MOST} paths", self.commit)));
            }
        }
        self.finish().await
    }

    fn enter(&mut self, folder: String, old: Option<GitOid>, new: GitOid) {
        if old != Some(new) {
            self.open.push((folder, old, new));
        }
    }

    /// Both sides are sorted alike.
    async fn compare(&mut self, walk: &mut Walk<'_>, folder: &str, lines: Lines) -> Result<()> {
        let range = key::children(folder);
        let prefix = range.start.len();
        let mut lines = lines.into_iter().peekable();
        let mut scan = Scan::new(walk, self.base, range).await?;
        let mut gone = Vec::new();
        while let Some((leaf, found)) = scan.next(walk, usize::MAX).await? {
            for at in found {
                let (name, old) = (&leaf.key(at)[prefix..], leaf.values()[at]);
                while let Some((added, line)) = lines.next_if(|(other, _)| other.as_slice() < name) {
                    self.appear(folder, &added, line)?;
                }
                let line = lines.next_if(|(other, _)| other.as_slice() == name).map(|(_, line)| line);
                self.differ(folder, name, old, line, &mut gone)?;
            }
        }
        for (added, line) in lines {
            self.appear(folder, &added, line)?;
        }
        for folder in gone {
            self.vanish(walk, &folder).await?;
        }
        Ok(())
    }

    fn differ(
        &mut self,
        folder: &str,
        name: &[u8],
        old: Value,
        line: Option<Line>,
        gone: &mut Vec<String>,
    ) -> Result<()> {
        match line {
            Some(line) if line.oid() == old.oid && line.mode() == old.mode => {}
            Some(line) if old.is_folder() => {
                let path = self.path(folder, key::bare(name))?;
                self.enter(path.into(), Some(old.oid), line.oid());
            }
            None if old.is_folder() => gone.push(self.path(folder, key::bare(name))?.into()),
            line => {
                let path = self.path(folder, name)?;
                self.changes.push((path.into(), Some(old), line));
            }
        }
        Ok(())
    }

    fn appear(&mut self, folder: &str, name: &[u8], line: Line) -> Result<()> {
        let path = self.path(folder, key::bare(name))?.into();
        match line.mode() == FOLDER {
            true => self.enter(path, None, line.oid()),
            false => self.changes.push((path, None, Some(line))),
        }
        Ok(())
    }

    /// All that lies below a folder goes.
    async fn vanish(&mut self, walk: &mut Walk<'_>, folder: &str) -> Result<()> {
        let mut scan = Scan::new(walk, self.base, key::below(folder)).await?;
        while let Some((leaf, found)) = scan.next(walk, usize::MAX).await? {
            self.vanish_leaf(&leaf, found)?;
        }
        Ok(())
    }

    fn vanish_leaf(&mut self, leaf: &Arc<Node>, found: Range<usize>) -> Result<()> {
        for at in found.filter(|at| !leaf.values()[*at].is_folder()) {
            let path = key::path(leaf.key(at)).ok_or_else(|| corrupt(OPERATION, "a key of the map is no path"))?;
            self.changes.push((path, Some(leaf.values()[at]), None));
        }
        Ok(())
    }

    fn path(&self, folder: &str, name: &[u8]) -> Result<RepoPath> {
        let why = |why: String| invalid(OPERATION, format!("commit {} has a path that cannot be: {why}", self.commit));
        let text = std::str::from_utf8(name).map_err(|_| {
            let name = String::from_utf8_lossy(name);
            why(format!("'{}' in '{folder}' is not UTF-8", name.escape_debug()))
        })?;
        key::join(folder, text).parse().map_err(|error: ballast_types::InvalidPath| why(error.to_string()))
    }

    /// What a tree holds.
    async fn lines(&self, walk: &mut Walk<'_>, folder: &str, oid: GitOid) -> Result<Lines> {
        match self.objects.read(oid).await? {
            Some((ObjectKind::Tree, bytes)) => return self.parse(oid, &bytes),
            Some((kind, _)) => {
                let context =
                    format!("commit {} has '{folder}' as a folder, and {oid} is a {}", self.commit, kind.as_str());
                return Err(invalid(OPERATION, context));
            }
            None => {}
        }
        if oid == object_id(ObjectKind::Tree, b"") {
            return Ok(Lines::new());
        }
        let absent = || {
            let context =
                format!("tree {oid}, which is '{folder}' of commit {}, is neither pushed nor there", self.commit);
            invalid(OPERATION, context)
        };
        if let Some(bytes) = self.engine.odd_trees(self.repo, &HashSet::from([oid])).await?.remove(&oid) {
            return self.parse(oid, &Bytes::from(bytes));
        }
        match self.engine.find_objects(self.repo, &[oid]).await?.into_iter().next().flatten() {
            Some(GitObject::Tree { at, folder, .. }) => {
                let root = self.engine.history.get(self.repo, at).await?.root;
                let range = key::children(folder.as_ref().map_or("", RepoPath::as_str));
                let prefix = range.start.len();
                let (mut lines, mut scan) = (Lines::new(), Scan::new(walk, root, range).await?);
                while let Some((leaf, found)) = scan.next(walk, usize::MAX).await? {
                    lines.extend(found.map(|at| (leaf.key(at)[prefix..].to_vec(), Line::Known(leaf.values()[at]))));
                }
                Ok(lines)
            }
            _ => Err(absent()),
        }
    }

    fn parse(&self, oid: GitOid, bytes: &Bytes) -> Result<Lines> {
        let broken = |why: &str| invalid(OPERATION, format!("tree {oid} of commit {}: {why}", self.commit));
        let mut lines = Lines::new();
        for item in TreeItem::parse_all(bytes) {
            let TreeItem { mode, name, oid } = item.map_err(broken)?;
            // What old programs wrote, and what it means.
            let mode = match mode {
                0o100664 | 0o100640 | 0o100600 => 0o100644,
                mode => mode,
            };
            if has_bytes(mode).is_none() {
                return Err(broken(&format!("'{}' has mode {mode:o}", String::from_utf8_lossy(name).escape_debug())));
            }
            let name = if mode == FOLDER { [name, b"/"].concat() } else { name.to_vec() };
            if lines.last().is_some_and(|(last, _)| last.as_slice().cmp(&name) != Ordering::Less) {
                return Err(broken("its entries are not sorted"));
            }
            lines.push((name, Line::Pushed { mode, oid }));
        }
        Ok(lines)
    }

    /// Finds out what the files are.
    async fn finish(self) -> Result<Compared> {
        let pushed = |line: &Option<Line>| match line {
            Some(Line::Pushed { mode, oid }) if has_bytes(*mode) == Some(true) => Some(*oid),
            _ => None,
        };
        let unknown: HashSet<GitOid> = self.changes.iter().filter_map(|(_, _, line)| pushed(line)).collect();
        let unknown: Vec<GitOid> = unknown.into_iter().filter(|oid| self.objects.file(*oid).is_none()).collect();
        let known = self.engine.files.refs_of(self.repo, &unknown).await?;
        let (mut edits, mut files) = (Vec::with_capacity(self.changes.len()), Vec::new());
        for (path, old, line) in self.changes {
            let new = match line {
                None => None,
                Some(Line::Known(value)) => Some(value),
                Some(Line::Pushed { mode, oid }) if has_bytes(mode) == Some(false) => {
                    Some(Value { mode, lfs: false, size: 0, oid })
                }
                Some(Line::Pushed { mode, oid }) => {
                    let file: FileRef = match self.objects.file(oid).or_else(|| known.get(&oid).copied()) {
                        Some(file) => file,
                        None => {
                            let context = format!(
                                "blob {oid}, which is '{path}' of commit {}, is neither pushed nor there",
                                self.commit
                            );
                            return Err(invalid(OPERATION, context));
                        }
                    };
                    let place = path.parse().map_err(|_| corrupt(OPERATION, "a path is none"))?;
                    files.push((place, (oid, file.is_lfs()), Some(Facts::of(&file))));
                    Some(Value { mode, lfs: file.is_lfs(), size: file.size(), oid })
                }
            };
            if old != new {
                edits.push(Edit { path, old, new });
            }
        }
        Ok(Compared { edits, pinned: self.pinned, files })
    }
}
