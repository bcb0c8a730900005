//! The changes of a commit, applied in order to what was read of a tree, before anything is written. No I/O: whoever
//! drafts has read beforehand what the changes will ask for ([`Stored`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::{Change, Node};
use ballast_types::{CommitId, GitOid, RepoPath, Sha256};

use crate::folder::{Folder, Item, Sub, What, join};
use ballast_contract::versioning::failure::{internal, invalid, missing};

const OPERATION: &str = "versioning.commit";
/// Stands for the commit that is being made, whose id is not known before its tree is.
pub const NEW: CommitId = CommitId([0; 20]);

/// Open folders of one tree, by path; the root's is empty.
#[derive(Clone, Default)]
pub struct Stored(pub HashMap<String, Arc<Folder>>);

impl Stored {
    /// A folder that was read.
    pub fn folder(&self, path: &str) -> Result<&Arc<Folder>> {
        self.0.get(path).ok_or_else(|| internal(OPERATION, format!("the folder '{path}' was not read")))
    }

    /// What stands at a path whose folder was read, or is none.
    pub fn find(&self, path: &str) -> Option<&Item> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.0.get(folder)?.find(name)
    }

    /// All files below a folder that was read to the end, by what follows the folder's path.
    pub fn files_below(&self, folder: &str) -> Result<Vec<(String, Node)>> {
        let (mut found, mut open) = (Vec::new(), vec![String::new()]);
        while let Some(inside) = open.pop() {
            let path = if inside.is_empty() { folder.to_owned() } else { join(folder, &inside) };
            for item in &self.folder(&path)?.items {
                match &item.what {
                    What::Entry(node) => found.push((join(&inside, &item.name), *node)),
                    What::Folder(_) => open.push(join(&inside, &item.name)),
                }
            }
        }
        Ok(found)
    }
}

/// One path that a commit changes; the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub path: String,
    pub old: Option<Node>,
    pub new: Option<Node>,
}

/// What a copy brings: a file, or files by what follows the folder's path.
pub enum Copied {
    Nothing,
    File(Node),
    Files(Vec<(String, Node)>),
}

/// Why a file cannot be put somewhere.
#[derive(Debug)]
pub enum Clash {
    /// This one above it is a file.
    Below(String),
    /// It is a folder, with this in it.
    Folder(String),
}

/// A folder under way.
#[derive(Default)]
struct Open {
    /// By git's key: a folder's name with a slash.
    slots: BTreeMap<String, Slot>,
    /// Its line as it was read; none for a new folder.
    item: Option<Item>,
}

enum Slot {
    /// A file, or a folder that nobody has looked into.
    Item(Item),
    Open(Open),
}

impl Open {
    fn of(folder: &Folder, item: Option<Item>) -> Self {
        Self { slots: folder.items.iter().map(|item| (item.key(), Slot::Item(item.clone()))).collect(), item }
    }

    /// The folder of this name, looked into.
    fn enter(&mut self, stored: &Stored, path: &str, name: &str) -> Result<Option<&mut Open>> {
        let Some(slot) = self.slots.get_mut(&format!("{name}/")) else { return Ok(None) };
        if let Slot::Item(item) = slot {
            *slot = Slot::Open(Open::of(stored.folder(path)?, Some(item.clone())));
        }
        Ok(match slot {
            Slot::Open(open) => Some(open),
            Slot::Item(_) => None,
        })
    }
}

/// A tree with changes laid over it.
pub struct Draft {
    stored: Stored,
    root: Open,
}

/// What a draft comes to, on the commit that is not named yet ([`NEW`]).
pub struct Sealed {
    pub root: Sub,
    /// By path.
    pub edits: Vec<Edit>,
    /// Folders whose index is new, by path.
    pub indexes: BTreeMap<String, Folder>,
    /// Folders that are gone.
    pub gone: Vec<String>,
}

impl Draft {
    /// A tree as it is.
    pub fn over(stored: Stored) -> Result<Self> {
        let root = Open::of(stored.folder("")?, None);
        Ok(Self { stored, root })
    }

    /// Applies the changes; `copied` has what each copy among them brings.
    pub fn apply(&mut self, changes: &[Change], copied: &mut HashMap<usize, Copied>) -> Result<()> {
        let mut known: HashMap<(GitOid, bool), Sha256> = HashMap::new();
        for (at, change) in changes.iter().enumerate() {
            match change {
                Change::Put { path, node } => {
                    let is_folder = matches!(node, Node::Directory { .. });
                    if is_folder || node.file().is_some_and(|file| i64::try_from(file.size()).is_err()) {
                        let context = format!(
                            "'{path}' cannot be put: it is a folder (put the files in it), or larger than 8 EiB"
                        );
                        return Err(invalid(OPERATION, context));
                    }
                    if let Some(file) = node.file() {
                        let other = known.insert((file.oid(), file.is_lfs()), file.sha256());
                        if other.is_some_and(|other| other != file.sha256()) {
                            let oid = file.oid();
                            let context = format!("'{path}' has git oid {oid} with other bytes than a file before it");
                            return Err(invalid(OPERATION, context));
                        }
                    }
                    self.put(path.as_str(), *node)?.map_err(|clash| clash.explain(path.as_str()))?;
                }
                Change::Delete { path } => {
                    if !self.take(path.as_str())? {
                        return Err(missing(OPERATION, format!("there is no file '{path}' to delete")));
                    }
                }
                Change::DeleteFolder { path } => {
                    if !self.remove(path.as_str(), true)? {
                        return Err(missing(OPERATION, format!("there is no folder '{path}' to delete")));
                    }
                }
                Change::Copy { from, to, .. } => self.copy(from, to, copied.remove(&at))?,
            }
        }
        Ok(())
    }

    fn copy(&mut self, from: &RepoPath, to: &RepoPath, copied: Option<Copied>) -> Result<()> {
        let files = match copied {
            Some(Copied::File(node)) => vec![(to.clone(), node)],
            Some(Copied::Files(files)) => {
                let below = |(inside, node): (String, Node)| {
                    let path = to.join(&inside).map_err(|error| invalid(OPERATION, error.to_string()))?;
                    Ok((path, node))
                };
                files.into_iter().map(below).collect::<Result<_>>()?
            }
            Some(Copied::Nothing) | None => {
                return Err(missing(OPERATION, format!("there is no '{from}' to copy to '{to}'")));
            }
        };
        for (path, node) in files {
            self.put(path.as_str(), node)?.map_err(|clash| clash.explain(path.as_str()))?;
        }
        Ok(())
    }

    /// Puts a file there, unless a folder is in its place or a file in that of a folder above it.
    pub fn put(&mut self, path: &str, node: Node) -> Result<std::result::Result<(), Clash>> {
        let (folders, name) = split(path);
        let (mut open, mut above) = (&mut self.root, String::new());
        for folder in folders {
            above = join(&above, folder);
            if open.slots.contains_key(folder) {
                return Ok(Err(Clash::Below(above)));
            }
            let key = format!("{folder}/");
            // A folder that is new has no file in its way further down.
            open.slots.entry(key).or_insert_with(|| Slot::Open(Open::default()));
            let unread = || internal(OPERATION, format!("the folder '{above}' was not read"));
            open = open.enter(&self.stored, &above, folder)?.ok_or_else(unread)?;
        }
        if let Some(slot) = open.slots.get(&format!("{name}/")) {
            let inside = first_inside(&self.stored, slot, path);
            return Ok(Err(Clash::Folder(inside)));
        }
        let item = Item { name: name.to_owned(), last: NEW, what: What::Entry(node) };
        open.slots.insert(name.to_owned(), Slot::Item(item));
        Ok(Ok(()))
    }

    /// Takes a file away; whether it was there.
    pub fn take(&mut self, path: &str) -> Result<bool> {
        self.remove(path, false)
    }

    /// Takes away whatever keeps a file from being put there.
    pub fn make_way(&mut self, path: &str) -> Result<()> {
        self.remove(path, true)?;
        for (at, _) in path.match_indices('/') {
            self.take(&path[..at])?;
        }
        Ok(())
    }

    /// Takes a file or a folder away, and the folders that are empty then; whether it was there.
    fn remove(&mut self, path: &str, is_folder: bool) -> Result<bool> {
        fn below(open: &mut Open, stored: &Stored, path: &str, at: usize, is_folder: bool) -> Result<bool> {
            let Some(end) = path[at..].find('/').map(|length| at + length) else {
                let name = &path[at..];
                let key = if is_folder { format!("{name}/") } else { name.to_owned() };
                return Ok(open.slots.remove(&key).is_some());
            };
            let Some(inner) = open.enter(stored, &path[..end], &path[at..end])? else { return Ok(false) };
            let removed = below(inner, stored, path, end + 1, is_folder)?;
            if inner.slots.is_empty() {
                open.slots.remove(&format!("{}/", &path[at..end]));
            }
            Ok(removed)
        }
        below(&mut self.root, &self.stored, path, 0, is_folder)
    }

    /// What the draft comes to. `all` writes every folder anew, as changed by the new commit.
    pub fn seal(self, before: Sub, all: bool) -> Result<Sealed> {
        let mut edits = Vec::new();
        let mut gone = Vec::new();
        compare(&self.stored, "", self.stored.0.get(""), Some(&self.root), &mut edits, &mut gone)?;
        edits.sort_by(|a, b| a.path.cmp(&b.path));
        let mut indexes = BTreeMap::new();
        let root = self.root.seal(&self.stored, "", Some(before), all, &mut indexes)?;
        Ok(Sealed { root, edits, indexes, gone })
    }
}

impl Open {
    fn seal(
        self,
        stored: &Stored,
        path: &str,
        before: Option<Sub>,
        all: bool,
        indexes: &mut BTreeMap<String, Folder>,
    ) -> Result<Sub> {
        let old = before.and_then(|_| stored.0.get(path));
        let mut items = Vec::with_capacity(self.slots.len());
        for (key, slot) in self.slots {
            let inner = join(path, key.trim_end_matches('/'));
            let item = match slot {
                Slot::Item(item) if all && item.is_folder() => {
                    Open::of(stored.folder(&inner)?, Some(item)).seal_line(stored, &inner, all, indexes)?
                }
                Slot::Item(item) => item,
                Slot::Open(open) => open.seal_line(stored, &inner, all, indexes)?,
            };
            let same = old.and_then(|old| old.line(&item.name, item.is_folder()));
            items.push(match same.filter(|old| !all && old.what.is_same(&item.what)) {
                Some(same) => same.clone(),
                None => Item { last: NEW, ..item },
            });
        }
        let folder = Folder { items };
        let sum = folder.sum(NEW);
        match before.filter(|before| !all && before.content == sum.content) {
            Some(same) => Ok(same),
            None => {
                indexes.insert(path.to_owned(), folder);
                Ok(sum)
            }
        }
    }

    fn seal_line(self, stored: &Stored, path: &str, all: bool, indexes: &mut BTreeMap<String, Folder>) -> Result<Item> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned();
        let before = match self.item.as_ref().map(|item| item.what) {
            Some(What::Folder(sub)) => Some(sub),
            _ => None,
        };
        let what = What::Folder(self.seal(stored, path, before, all, indexes)?);
        Ok(Item { name, last: NEW, what })
    }
}

/// What differs between a folder as it was and as it is.
fn compare(
    stored: &Stored,
    path: &str,
    old: Option<&Arc<Folder>>,
    new: Option<&Open>,
    edits: &mut Vec<Edit>,
    gone: &mut Vec<String>,
) -> Result<()> {
    for item in old.iter().flat_map(|old| &old.items) {
        let inner = join(path, &item.name);
        let slot = new.and_then(|new| new.slots.get(&item.key()));
        match (&item.what, slot) {
            (What::Entry(was), Some(Slot::Item(is))) if is.what.is_same(&What::Entry(*was)) => {}
            (What::Entry(was), slot) => {
                let new = match slot {
                    Some(Slot::Item(Item { what: What::Entry(node), .. })) => Some(*node),
                    _ => None,
                };
                edits.push(Edit { path: inner, old: Some(*was), new });
            }
            (What::Folder(_), Some(Slot::Item(_))) => {}
            (What::Folder(_), Some(Slot::Open(open))) => {
                compare(stored, &inner, Some(stored.folder(&inner)?), Some(open), edits, gone)?;
            }
            (What::Folder(_), None) => {
                compare(stored, &inner, Some(stored.folder(&inner)?), None, edits, gone)?;
                gone.push(inner);
            }
        }
    }
    for (key, slot) in new.iter().flat_map(|new| &new.slots) {
        let name = key.trim_end_matches('/');
        if old.is_some_and(|old| old.line(name, key.ends_with('/')).is_some()) {
            continue;
        }
        match slot {
            Slot::Item(Item { what: What::Entry(node), .. }) => {
                edits.push(Edit { path: join(path, name), old: None, new: Some(*node) });
            }
            Slot::Item(_) => {}
            Slot::Open(open) => compare(stored, &join(path, name), None, Some(open), edits, gone)?,
        }
    }
    Ok(())
}

impl Sealed {
    /// Names the commit. What one of these sources has in the same way was changed by whom that says.
    pub fn stamp(&mut self, id: CommitId, sources: &[Stored]) {
        if self.root.written == NEW {
            self.root.written = id;
        }
        for (path, folder) in &mut self.indexes {
            for item in &mut folder.items {
                if item.last == NEW {
                    let (name, is_folder) = (&item.name, item.is_folder());
                    let mut theirs = sources.iter().filter_map(|source| source.0.get(path)?.line(name, is_folder));
                    let same = theirs.find(|theirs| theirs.what.is_same(&item.what));
                    item.last = same.map_or(id, |same| same.last);
                }
                if let What::Folder(sub) = &mut item.what
                    && sub.written == NEW
                {
                    sub.written = id;
                }
            }
        }
    }
}

impl Clash {
    fn explain(self, path: &str) -> ballast_contract::Error {
        invalid(
            OPERATION,
            match self {
                Self::Below(file) => format!("'{path}' cannot lie below '{file}', which is a file"),
                Self::Folder(inside) => format!("'{path}' cannot be a file: it is a folder, with '{inside}' in it"),
            },
        )
    }
}

/// The folders above a path, by name, and its own name.
fn split(path: &str) -> (std::vec::IntoIter<&str>, &str) {
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    (parts.into_iter(), name)
}

/// Some file in a folder, as far as it was read.
fn first_inside(stored: &Stored, slot: &Slot, path: &str) -> String {
    match slot {
        Slot::Open(open) => match open.slots.iter().next() {
            Some((key, slot)) => first_inside(stored, slot, &join(path, key.trim_end_matches('/'))),
            None => path.to_owned(),
        },
        Slot::Item(item) if item.is_folder() => match stored.0.get(path).and_then(|folder| folder.items.first()) {
            Some(first) => first_inside(stored, &Slot::Item(first.clone()), &join(path, &first.name)),
            None => path.to_owned(),
        },
        Slot::Item(_) => path.to_owned(),
    }
}
