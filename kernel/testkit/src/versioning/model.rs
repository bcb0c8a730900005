//! What an engine is compared with: files in a sorted map, and git's trees computed from it anew each time.

use std::collections::BTreeMap;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Change, CommitRequest, Node};
use ballast_types::git::{Commit, ObjectKind, TreeItem, encode_tree_item, object_id};
use ballast_types::{CommitId, GitOid};

pub type Files = BTreeMap<String, Node>;

/// The git tree of these files.
pub fn tree(files: &Files) -> GitOid {
    let all: Vec<(&str, &Node)> = files.iter().map(|(path, node)| (path.as_str(), node)).collect();
    subtree(&all)
}

fn subtree(files: &[(&str, &Node)]) -> GitOid {
    let mut folders: BTreeMap<&str, Vec<(&str, &Node)>> = BTreeMap::new();
    // By the name as git compares it: a folder's with a slash.
    let mut lines: BTreeMap<String, (u32, GitOid)> = BTreeMap::new();
    for (path, node) in files {
        match path.split_once('/') {
            Some((folder, rest)) => folders.entry(folder).or_default().push((rest, node)),
            None => drop(lines.insert((*path).to_owned(), (node.mode(), node.oid()))),
        }
    }
    lines.extend(folders.into_iter().map(|(name, files)| (format!("{name}/"), (0o40000, subtree(&files)))));
    let mut bytes = Vec::new();
    for (name, (mode, oid)) in &lines {
        let name = name.trim_end_matches('/').as_bytes();
        encode_tree_item(&mut bytes, &TreeItem { mode: *mode, name, oid: *oid });
    }
    object_id(ObjectKind::Tree, &bytes)
}

/// Every folder above a path, outermost first.
pub fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether a path lies below a folder.
pub fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn put(files: &mut Files, path: &str, node: Node) -> Result<(), ErrorKind> {
    let is_folder = files.keys().any(|other| is_below(other, path));
    if is_folder || folders_above(path).any(|folder| files.contains_key(folder)) {
        return Err(ErrorKind::Invalid);
    }
    files.insert(path.to_owned(), node);
    Ok(())
}

/// Applies one step; `source` has the files of the commit that a copy names.
fn apply(files: &mut Files, change: &Change, source: &Files) -> Result<(), ErrorKind> {
    match change {
        Change::Put { path, node } => put(files, path.as_str(), *node),
        Change::Delete { path } => files.remove(path.as_str()).map(drop).ok_or(ErrorKind::NotFound),
        Change::DeleteFolder { path } => {
            let before = files.len();
            files.retain(|other, _| !is_below(other, path.as_str()));
            if files.len() < before { Ok(()) } else { Err(ErrorKind::NotFound) }
        }
        Change::Copy { from, to, .. } => {
            let from = from.as_str();
            let copied = source.iter().filter(|(path, _)| path.as_str() == from || is_below(path, from));
            let copied: Vec<_> = copied.map(|(path, node)| (format!("{to}{}", &path[from.len()..]), *node)).collect();
            if copied.is_empty() {
                return Err(ErrorKind::NotFound);
            }
            copied.into_iter().try_for_each(|(path, node)| put(files, &path, node))
        }
    }
}

/// A branch with its whole history.
#[derive(Default)]
pub struct Model {
    /// Oldest first, with what each commit holds.
    pub commits: Vec<(CommitId, Files)>,
    /// The commit that last changed each file and folder of the tip.
    pub last: BTreeMap<String, CommitId>,
}

impl Model {
    /// What the tip holds.
    pub fn files(&self) -> Files {
        self.commits.last().map(|(_, files)| files.clone()).unwrap_or_default()
    }

    /// The commit that a request must make: none where nothing changes.
    pub fn commit(&mut self, request: &CommitRequest) -> Result<Option<CommitId>, ErrorKind> {
        let before = self.files();
        let mut after = before.clone();
        for change in &request.changes {
            let source = match change {
                Change::Copy { at: Some(at), .. } => &self.commits.iter().find(|(id, _)| id == at).unwrap().1,
                _ => &before,
            };
            apply(&mut after, change, source)?;
        }
        if after == before && !self.commits.is_empty() {
            return Ok(None);
        }
        let (id, _) = Commit {
            tree: tree(&after),
            parents: self.commits.last().map(|(id, _)| *id).into_iter().collect(),
            author: request.author.clone(),
            time: request.time,
            message: request.message.clone(),
        }
        .encode();
        self.note_last(&before, &after, id);
        self.commits.push((id, after));
        Ok(Some(id))
    }

    fn note_last(&mut self, before: &Files, after: &Files, id: CommitId) {
        for path in before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)) {
            for changed in folders_above(path).chain([path.as_str()]) {
                self.last.insert(changed.to_owned(), id);
            }
        }
        let there: std::collections::BTreeSet<&str> =
            after.keys().flat_map(|path| folders_above(path).chain([path.as_str()])).collect();
        self.last.retain(|path, _| there.contains(path.as_str()));
    }
}
