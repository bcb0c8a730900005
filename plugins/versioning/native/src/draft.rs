//! The changes of a commit, applied in order to what a map holds, before anything is written.

use std::collections::{BTreeMap, HashMap};

use ballast_contract::versioning::Change;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoPath};

use crate::error::{corrupt, internal, invalid, missing};
use crate::files::{self, Facts, FileId};
use crate::key;
use crate::node::{NodeId, Value};
use crate::walk::{Scan, Walk};

const OPERATION: &str = "versioning.commit";

/// One path that a commit changes; the two sides differ.
#[derive(Debug)]
pub struct Edit {
    pub path: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// A map with changes laid over it. Folders are not entries here: one is there while files lie below it.
pub struct Draft<'a, 's> {
    walk: &'a mut Walk<'s>,
    base: NodeId,
    /// By the keys of files.
    changed: BTreeMap<Vec<u8>, Option<Value>>,
    /// By how many files each folder has grown.
    grown: HashMap<String, i64>,
    facts: HashMap<FileId, Facts>,
}

impl<'a, 's> Draft<'a, 's> {
    /// Lays changes over a map. `elsewhere` has the maps of the commits that copies are made from.
    pub async fn new(
        walk: &'a mut Walk<'s>,
        base: NodeId,
        changes: &[Change],
        elsewhere: &HashMap<CommitId, NodeId>,
    ) -> Result<Self> {
        let mut draft = Self::over(walk, base, touched(changes)).await?;
        for change in changes {
            match change {
                Change::Put { path, node } => {
                    let put = files::value(node).filter(|(value, _)| i64::try_from(value.size).is_ok());
                    let (value, facts) = put.ok_or_else(|| no_file(path))?;
                    draft.learn(path, &value, facts)?;
                    draft.put(path.as_str(), value).await?;
                }
                Change::Delete { path } => draft.delete(path.as_str()).await?,
                Change::DeleteFolder { path } => draft.delete_folder(path.as_str()).await?,
                Change::Copy { from, at, to } => {
                    let unread = || internal(OPERATION, "a commit to copy from was not read");
                    let source = match at {
                        Some(at) => *elsewhere.get(at).ok_or_else(unread)?,
                        None => base,
                    };
                    draft.copy(source, from, to).await?;
                }
            }
        }
        Ok(draft)
    }

    /// A map as it is, of which these paths are about to be asked for or changed.
    pub async fn over(walk: &'a mut Walk<'s>, base: NodeId, paths: impl IntoIterator<Item = &str>) -> Result<Self> {
        let mut keys: Vec<Vec<u8>> = paths.into_iter().flat_map(keys_of).collect();
        keys.sort_unstable();
        keys.dedup();
        walk.prefetch(base, &keys).await?;
        Ok(Self { walk, base, changed: BTreeMap::new(), grown: HashMap::new(), facts: HashMap::new() })
    }

    /// Takes a file away, if it is there.
    pub async fn take(&mut self, path: &str) -> Result<()> {
        if self.file(path).await?.is_some() {
            self.set(path, true, None);
        }
        Ok(())
    }

    /// Puts a file there unless a folder is in its place or a file in that of a folder above it; says whether it did.
    pub async fn try_put(&mut self, path: &str, value: Value) -> Result<bool> {
        match self.put(path, value).await {
            Err(error) if error.is(ErrorKind::Invalid) => Ok(false),
            put => put.map(|()| true),
        }
    }

    /// Takes away whatever keeps a file from being put there.
    pub async fn make_way(&mut self, path: &str) -> Result<()> {
        if self.is_folder(path).await? {
            self.delete_folder(path).await?;
        }
        for folder in key::ancestors(path) {
            self.take(folder).await?;
        }
        Ok(())
    }

    /// What differs from the map, and the facts of all files that were put.
    pub async fn finish(self) -> Result<(Vec<Edit>, HashMap<FileId, Facts>)> {
        let mut edits = Vec::new();
        for (key, new) in self.changed {
            let old = self.walk.find(self.base, &key).await?;
            if old != new {
                let path = key::path(&key).ok_or_else(|| corrupt(OPERATION, "a key of the map is no path"))?;
                edits.push(Edit { path, old, new });
            }
        }
        Ok((edits, self.facts))
    }

    /// Keeps what the map does not hold. One git oid with two contents is a collision of SHA-1.
    fn learn(&mut self, path: &RepoPath, value: &Value, facts: Option<Facts>) -> Result<()> {
        let Some(facts) = facts else { return Ok(()) };
        match self.facts.insert((value.oid, value.lfs), facts) {
            Some(other) if other.sha256 != facts.sha256 => {
                let context = format!("'{path}' has git oid {} with other bytes than a file before it", value.oid);
                Err(invalid(OPERATION, context))
            }
            _ => Ok(()),
        }
    }

    async fn file(&mut self, path: &str) -> Result<Option<Value>> {
        let key = key::of_file(path);
        match self.changed.get(&key) {
            Some(value) => Ok(*value),
            None => self.walk.find(self.base, &key).await,
        }
    }

    async fn is_folder(&mut self, path: &str) -> Result<bool> {
        let grown = self.grown.get(path).copied().unwrap_or(0);
        if grown > 0 {
            return Ok(true);
        }
        let was_there = self.walk.find(self.base, &key::of_folder(path)).await?.is_some();
        if grown == 0 || !was_there {
            return Ok(was_there);
        }
        let before = self.walk.sums(self.base, &key::below(path)).await?.count;
        Ok(before > grown.unsigned_abs())
    }

    fn set(&mut self, path: &str, was_there: bool, value: Option<Value>) {
        let growth = i64::from(value.is_some()) - i64::from(was_there);
        if growth != 0 {
            for folder in key::ancestors(path) {
                match self.grown.get_mut(folder) {
                    Some(grown) => *grown += growth,
                    None => drop(self.grown.insert(folder.to_owned(), growth)),
                }
            }
        }
        self.changed.insert(key::of_file(path), value);
    }

    async fn put(&mut self, path: &str, value: Value) -> Result<()> {
        let was_there = self.file(path).await?.is_some();
        if !was_there {
            if self.is_folder(path).await? {
                let inside = self.first_below(path).await?;
                let context = format!("'{path}' cannot be a file: it is a folder, with '{inside}' in it");
                return Err(invalid(OPERATION, context));
            }
            self.check_above(path).await?;
        }
        self.set(path, was_there, Some(value));
        Ok(())
    }

    /// No folder above a path may be a file. A folder that is there has none above it.
    async fn check_above(&mut self, path: &str) -> Result<()> {
        for folder in key::ancestors(path).rev() {
            if self.is_folder(folder).await? {
                return Ok(());
            }
            if self.file(folder).await?.is_some() {
                return Err(invalid(OPERATION, format!("'{path}' cannot lie below '{folder}', which is a file")));
            }
        }
        Ok(())
    }

    async fn delete(&mut self, path: &str) -> Result<()> {
        if self.file(path).await?.is_none() {
            return Err(missing(OPERATION, format!("there is no file '{path}' to delete")));
        }
        self.set(path, true, None);
        Ok(())
    }

    async fn delete_folder(&mut self, folder: &str) -> Result<()> {
        if !self.is_folder(folder).await? {
            return Err(missing(OPERATION, format!("there is no folder '{folder}' to delete")));
        }
        let mut paths: Vec<String> = self.files_below(self.base, folder).await?.into_iter().map(|(p, _)| p).collect();
        paths.retain(|path| !self.changed.contains_key(&key::of_file(path)));
        let put = self.changed.range(key::below(folder)).filter(|(_, value)| value.is_some());
        paths.extend(put.filter_map(|(key, _)| key::path(key)));
        paths.iter().for_each(|path| self.set(path, true, None));
        Ok(())
    }

    async fn copy(&mut self, source: NodeId, from: &RepoPath, to: &RepoPath) -> Result<()> {
        if let Some(value) = self.walk.find(source, &key::of_file(from.as_str())).await? {
            return self.put(to.as_str(), value).await;
        }
        let copied = self.files_below(source, from.as_str()).await?;
        if copied.is_empty() {
            return Err(missing(OPERATION, format!("there is no '{from}' to copy to '{to}'")));
        }
        for (path, value) in copied {
            let target = to.join(path[from.as_str().len()..].trim_start_matches('/'));
            let target = target.map_err(|error| invalid(OPERATION, error.to_string()))?;
            self.put(target.as_str(), value).await?;
        }
        Ok(())
    }

    async fn files_below(&mut self, root: NodeId, folder: &str) -> Result<Vec<(String, Value)>> {
        let mut found = Vec::new();
        let mut scan = Scan::new(self.walk, root, key::below(folder)).await?;
        while let Some((leaf, range)) = scan.next(self.walk, usize::MAX).await? {
            for at in range.filter(|at| !leaf.values()[*at].is_folder()) {
                let path = key::path(leaf.key(at)).ok_or_else(|| corrupt(OPERATION, "a key of the map is no path"))?;
                found.push((path, leaf.values()[at]));
            }
        }
        Ok(found)
    }

    /// Some file below a folder that is there, for the message.
    async fn first_below(&mut self, folder: &str) -> Result<String> {
        let put = self.changed.range(key::below(folder)).find(|(_, value)| value.is_some());
        if let Some(path) = put.and_then(|(key, _)| key::path(key)) {
            return Ok(path);
        }
        let mut scan = Scan::new(self.walk, self.base, key::below(folder)).await?;
        while let Some((leaf, range)) = scan.next(self.walk, 1).await? {
            let mut left =
                range.filter(|at| !leaf.values()[*at].is_folder() && !self.changed.contains_key(leaf.key(*at)));
            if let Some(path) = left.find_map(|at| key::path(leaf.key(at))) {
                return Ok(path);
            }
        }
        Ok(folder.to_owned())
    }
}

fn no_file(path: &RepoPath) -> Error {
    invalid(OPERATION, format!("'{path}' cannot be put: it is a folder (put the files in it), or larger than 8 EiB"))
}

/// The paths that applying these changes will ask for.
fn touched(changes: &[Change]) -> impl Iterator<Item = &str> {
    changes.iter().flat_map(|change| {
        let (path, source) = match change {
            Change::Put { path, .. } | Change::Delete { path } | Change::DeleteFolder { path } => (path, None),
            Change::Copy { from, at: None, to } => (to, Some(from)),
            Change::Copy { to, .. } => (to, None),
        };
        [Some(path), source].into_iter().flatten().map(RepoPath::as_str)
    })
}

/// The keys that a change of this path will ask for.
fn keys_of(path: &str) -> impl Iterator<Item = Vec<u8>> {
    let above = key::ancestors(path).flat_map(|folder| [key::of_folder(folder), key::children(folder).start]);
    [key::of_file(path), key::of_folder(path)].into_iter().chain(above)
}
