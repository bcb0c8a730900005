//! What a repository holds at a commit, and how a listing of a remote hub differs from it.

use std::collections::{BTreeMap, HashMap, HashSet};

use ballast_content::Blob;
use ballast_contract::downloader::{Expected, SourceFile};
use ballast_contract::versioning::{Change, FileRef, ListRequest, Node};
use ballast_types::{CommitId, GitOid, RepoPath};

use crate::create_repository::attributes_path;
use crate::{Failure, Readable, Result};

const PAGE: usize = 1000;

/// The files of a commit; none for what is no file.
#[derive(Default)]
pub(super) struct Tree(BTreeMap<RepoPath, Option<FileRef>>);

impl Tree {
    /// Reads it; an unborn branch has none.
    pub async fn read(repository: &Readable, at: Option<CommitId>) -> Result<Self> {
        let mut tree = Self::default();
        let Some(at) = at else { return Ok(tree) };
        let mut after = None;
        loop {
            let request = ListRequest { repo: repository.key(), at, folder: None, recursive: true, after, limit: PAGE };
            let page = repository.hub.engine().list(&request).await?;
            let kept = page.items.into_iter().filter(|entry| !matches!(entry.node, Node::Directory { .. }));
            tree.0.extend(kept.map(|entry| (entry.path, entry.node.file().copied())));
            after = page.next;
            if after.is_none() {
                return Ok(tree);
            }
        }
    }

    /// The files of the source that stand otherwise here, or not at all.
    pub fn lacking<'a>(&self, files: &'a [SourceFile]) -> Vec<&'a SourceFile> {
        let is_same = |file: &&SourceFile| match self.0.get(&file.path) {
            Some(Some(FileRef::Lfs { sha256, .. })) => file.is_lfs && file.expected == Expected::Sha256(*sha256),
            Some(Some(FileRef::Regular { oid, .. })) => !file.is_lfs && file.expected == Expected::Git(*oid),
            _ => false,
        };
        files.iter().filter(|file| !is_same(file)).collect()
    }

    /// Regular files that are here already, under whichever name.
    pub fn regular(&self) -> HashMap<GitOid, Blob> {
        let regular = |file: &FileRef| match *file {
            FileRef::Regular { oid, sha256, size } => Some((oid, Blob { sha256, size, oid: Some(oid) })),
            FileRef::Lfs { .. } => None,
        };
        self.0.values().flatten().filter_map(regular).collect()
    }

    /// What makes of this tree the one that is listed, where each file that is lacking is this one. What goes comes first,
    /// so that a folder may take a file's place and a file a folder's.
    pub fn changes(&self, files: &[SourceFile], found: &[(RepoPath, FileRef)]) -> Vec<Change> {
        let listed: HashSet<&RepoPath> = files.iter().map(|file| &file.path).collect();
        let gone = self.0.keys().filter(|path| !listed.contains(path));
        let gone = gone.map(|path| Change::Delete { path: path.clone() });
        let put = found.iter().map(|(path, file)| {
            let node = Node::File { file: *file, executable: false };
            Change::Put { path: path.clone(), node }
        });
        gone.chain(put).collect()
    }

    /// The tree with these changes.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put { path, node } => drop(self.0.insert(path, node.file().copied())),
                Change::Delete { path } => drop(self.0.remove(&path)),
                Change::DeleteFolder { .. } | Change::Copy { .. } => {}
            }
        }
    }
}

/// Whether a branch is as every repository begins: nobody has put anything there.
pub(super) async fn is_untouched(repository: &Readable, tip: CommitId) -> Result<bool> {
    let engine = repository.hub.engine();
    if engine.commit_count(repository.key(), tip, 2).await? > 1 {
        return Ok(false);
    }
    let request =
        ListRequest { repo: repository.key(), at: tip, folder: None, recursive: false, after: None, limit: 2 };
    let page = engine.list(&request).await.map_err(Failure::from)?;
    Ok(page.items.iter().all(|entry| entry.path == attributes_path()))
}
