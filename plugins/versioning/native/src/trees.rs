//! Git's trees, derived from the map: only the folders that a commit touches are hashed again.

use std::collections::{BTreeMap, HashMap};

use ballast_contract::Result;
use ballast_types::GitOid;
use ballast_types::git::{ObjectHasher, ObjectKind, TreeItem, encode_tree_item, object_id};

use crate::draft::Edit;
use crate::edit::Edits;
use crate::key;
use crate::node::{FOLDER, NodeId, Value, tree_line};
use crate::walk::{Scan, Walk};

/// What a commit's edits come to.
pub struct Derived {
    /// Of the root.
    pub tree: GitOid,
    /// Of the map of entries, folders included.
    pub edits: Edits,
    /// Whether each path that changed, or below which something did, is still there, by key.
    pub changed: BTreeMap<Vec<u8>, bool>,
    /// The trees of all folders that were touched and are there; the root's path is empty.
    pub trees: Vec<(GitOid, String)>,
    /// Those of them that git has otherwise than the map would have them.
    pub odd: Vec<GitOid>,
}

/// Which trees folders have, where that is known: of pushed history.
pub type Pinned = HashMap<String, GitOid>;

/// One folder's changed lines by name, a folder's with `/` behind it: before and after.
type Lines = BTreeMap<Vec<u8>, (Option<Value>, Option<Value>)>;

impl Derived {
    /// Derives the trees of a map with these edits, deepest folders first.
    pub async fn new(walk: &mut Walk<'_>, base: NodeId, edits: Vec<Edit>, pinned: &Pinned) -> Result<Self> {
        let root = object_id(ObjectKind::Tree, b"");
        let (changed, trees, odd) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut derived = Self { tree: root, edits: Edits::new(), changed, trees, odd };
        let mut levels: BTreeMap<usize, BTreeMap<String, Lines>> = BTreeMap::new();
        for folder in pinned.keys().map(String::as_str).chain([""]) {
            levels.entry(depth(folder)).or_default().entry(folder.to_owned()).or_default();
        }
        for Edit { path, old, new } in edits {
            let (folder, name) = key::split(&path);
            derived.note(key::of_file(&path), old, new);
            let lines = levels.entry(depth(folder)).or_default().entry(folder.to_owned()).or_default();
            lines.insert(name.as_bytes().to_vec(), (old, new));
        }
        while let Some((depth, folders)) = levels.pop_last() {
            for (folder, lines) in folders {
                let mut tree = hash(walk, base, &folder, &lines).await?;
                if let Some(pin) =
                    pinned.get(&folder).filter(|pin| tree != Some(**pin) && (tree.is_some() || depth == 0))
                {
                    derived.odd.push(*pin);
                    tree = Some(*pin);
                }
                derived.trees.extend(tree.map(|oid| (oid, folder.clone())));
                if depth == 0 {
                    derived.tree = tree.unwrap_or(root);
                    continue;
                }
                let key = key::of_folder(&folder);
                let (old, new) = (walk.find(base, &key).await?, tree.map(Value::folder));
                derived.note(key, old, new);
                let (parent, name) = key::split(&folder);
                let above = levels.entry(depth - 1).or_default().entry(parent.to_owned()).or_default();
                above.insert(format!("{name}/").into_bytes(), (old, new));
            }
        }
        Ok(derived)
    }

    fn note(&mut self, key: Vec<u8>, old: Option<Value>, new: Option<Value>) {
        self.changed.insert(key.clone(), new.is_some());
        if old != new {
            self.edits.insert(key, new);
        }
    }
}

fn depth(folder: &str) -> usize {
    match folder {
        "" => 0,
        _ => 1 + folder.matches('/').count(),
    }
}

/// The tree of a folder as a map has it; none where nothing is in it.
pub async fn derive(walk: &mut Walk<'_>, root: NodeId, folder: &str) -> Result<Option<GitOid>> {
    hash(walk, root, folder, &Lines::new()).await
}

/// The tree of one folder; none where nothing is left in it. The object's header has its length, which the map's sums
/// give without a walk, so that a large folder is hashed as it is read.
async fn hash(walk: &mut Walk<'_>, base: NodeId, folder: &str, lines: &Lines) -> Result<Option<GitOid>> {
    let range = key::children(folder);
    let prefix = range.start.len();
    let mut length = walk.sums(base, &range).await?.tree_bytes;
    for (name, (old, new)) in lines {
        let line = |value: &Option<Value>| value.map_or(0, |v| tree_line(v.mode, key::bare(name).len()));
        length = length.wrapping_add(line(new)).wrapping_sub(line(old));
    }
    if length == 0 {
        return Ok(None);
    }
    let mut hasher = ObjectHasher::new(ObjectKind::Tree, length);
    let mut lines = lines.iter().peekable();
    let mut scan = Scan::new(walk, base, range).await?;
    let mut bytes = Vec::new();
    while let Some((leaf, found)) = scan.next(walk, usize::MAX).await? {
        bytes.clear();
        for at in found {
            let name = &leaf.key(at)[prefix..];
            while let Some((added, (_, new))) = lines.next_if(|(other, _)| other.as_slice() < name) {
                append(&mut bytes, added, new.as_ref());
            }
            match lines.next_if(|(other, _)| other.as_slice() == name) {
                Some((_, (_, new))) => append(&mut bytes, name, new.as_ref()),
                None => append(&mut bytes, name, Some(&leaf.values()[at])),
            }
        }
        hasher.update(&bytes);
    }
    bytes.clear();
    lines.for_each(|(added, (_, new))| append(&mut bytes, added, new.as_ref()));
    hasher.update(&bytes);
    Ok(Some(hasher.finish()))
}

fn append(tree: &mut Vec<u8>, name: &[u8], value: Option<&Value>) {
    if let Some(Value { mode, oid, .. }) = value {
        debug_assert_eq!(*mode == FOLDER, name.ends_with(b"/"));
        encode_tree_item(tree, &TreeItem { mode: *mode, name: key::bare(name), oid: *oid });
    }
}
