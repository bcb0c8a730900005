//! The index of a folder: what lies in it, as one object in lakeFS.
//!
//! lakeFS knows neither git's ids nor which commit last changed a path, and would have to be asked for each file. So
//! every folder that a commit touches gets an object beside its files that lists them all, in git's order, with what
//! each is. The index of the root is reached from the commit's row, every other one from its folder's line in the index
//! above it, and each line says what the index must hold: what lakeFS gives back is held against that.

use std::cmp::Ordering;
use std::io::Read as _;

use ballast_contract::Result;
use ballast_contract::versioning::{FileRef, Node};
use ballast_types::git::{ObjectKind, TreeItem, encode_tree_item, object_id};
use ballast_types::{CommitId, GitOid, Sha256};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use ballast_contract::versioning::failure::{corrupt, internal};

const OPERATION: &str = "versioning.folder";
/// The largest index that is read: some million entries.
const LARGEST: u64 = 1 << 29;

/// A folder that is not open: what it holds in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sub {
    /// Its git tree.
    pub oid: GitOid,
    /// Of all that it holds, also what git's tree does not tell.
    pub content: Sha256,
    /// The commit that last wrote its index.
    pub written: CommitId,
    /// Files below it.
    pub files: u64,
    /// What readers find in them, in bytes.
    pub bytes: u64,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A file, symlink or submodule.
    Entry(Node),
    Folder(Sub),
}

impl What {
    /// Whether the content is the same; who wrote it does not count.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Entry(one), Self::Entry(other)) => one == other,
            (Self::Folder(one), Self::Folder(other)) => one.content == other.content,
            _ => false,
        }
    }

    /// As the contract has it.
    pub fn node(&self) -> Node {
        match self {
            Self::Entry(node) => *node,
            Self::Folder(sub) => Node::Directory { oid: sub.oid },
        }
    }
}

/// One line of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    /// The commit that last changed it.
    pub last: CommitId,
    pub what: What,
}

impl Item {
    pub fn is_folder(&self) -> bool {
        matches!(self.what, What::Folder(_))
    }

    /// By what git sorts: a folder's name with a slash.
    pub fn key(&self) -> String {
        if self.is_folder() { format!("{}/", self.name) } else { self.name.clone() }
    }

    /// Writes its line of git's tree.
    pub fn append(&self, tree: &mut Vec<u8>) {
        let node = self.what.node();
        encode_tree_item(tree, &TreeItem { mode: node.mode(), name: self.name.as_bytes(), oid: node.oid() });
    }

    /// How long that line is.
    pub fn line_length(&self) -> u64 {
        let mode = if self.is_folder() { 5 } else { 6 };
        (mode + 1 + self.name.len() + 1 + size_of::<GitOid>()) as u64
    }

    /// Whether git's tree has it the same way.
    pub fn is_line(&self, other: &Self) -> bool {
        let (one, other_node) = (self.what.node(), other.what.node());
        self.name == other.name && one.mode() == other_node.mode() && one.oid() == other_node.oid()
    }

    /// Git's order.
    pub fn compare(&self, other: &Self) -> Ordering {
        by_key((&self.name, self.is_folder()), (&other.name, other.is_folder()))
    }
}

fn by_key(one: (&str, bool), other: (&str, bool)) -> Ordering {
    let bytes =
        |(name, is_folder): (&'_ str, bool)| -> Vec<u8> { name.bytes().chain(is_folder.then_some(b'/')).collect() };
    let common = one.0.len().min(other.0.len());
    match one.0.as_bytes()[..common].cmp(&other.0.as_bytes()[..common]) {
        Ordering::Equal => bytes(one)[common..].cmp(&bytes(other)[common..]),
        decided => decided,
    }
}

/// An open folder, its lines in git's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    pub items: Vec<Item>,
}

impl Folder {
    /// What stands behind a name.
    pub fn find(&self, name: &str) -> Option<&Item> {
        [false, true].into_iter().find_map(|is_folder| self.line(name, is_folder))
    }

    /// The line of a file, or of a folder, of this name.
    pub fn line(&self, name: &str, is_folder: bool) -> Option<&Item> {
        let at = self.items.binary_search_by(|item| by_key((&item.name, item.is_folder()), (name, is_folder)));
        at.ok().map(|at| &self.items[at])
    }

    /// The first line behind a key.
    pub fn position_behind(&self, key: &str) -> usize {
        self.items.partition_point(|item| item.key().as_str() <= key)
    }

    /// What it holds in sum.
    pub fn sum(&self, written: CommitId) -> Sub {
        let (mut files, mut bytes) = (0, 0_u64);
        for item in &self.items {
            match &item.what {
                What::Entry(node) => {
                    files += 1;
                    bytes = bytes.saturating_add(node.file().map_or(0, FileRef::size));
                }
                What::Folder(sub) => {
                    files += sub.files;
                    bytes = bytes.saturating_add(sub.bytes);
                }
            }
        }
        Sub { oid: object_id(ObjectKind::Tree, &self.tree()), content: self.content(), written, files, bytes }
    }

    /// How long git's tree of it is.
    pub fn tree_length(&self) -> u64 {
        self.items.iter().map(Item::line_length).sum()
    }

    /// Git's tree of it.
    pub fn tree(&self) -> Vec<u8> {
        let mut tree = Vec::with_capacity(self.tree_length() as usize);
        self.items.iter().for_each(|item| item.append(&mut tree));
        tree
    }

    /// A digest of names, modes, oids and what stands behind them.
    fn content(&self) -> Sha256 {
        let mut hasher = sha2::Sha256::new();
        for item in &self.items {
            let node = item.what.node();
            hasher.update(item.name.as_bytes());
            hasher.update([0]);
            hasher.update(node.mode().to_be_bytes());
            hasher.update(node.oid().0);
            match &item.what {
                What::Folder(sub) => hasher.update(sub.content.0),
                What::Entry(node) => {
                    if let Some(file) = node.file() {
                        hasher.update([u8::from(file.is_lfs())]);
                        hasher.update(file.sha256().0);
                        hasher.update(file.size().to_be_bytes());
                        if let FileRef::Lfs { pointer: Some(pointer), .. } = file {
                            hasher.update(pointer.0);
                        }
                    }
                }
            }
            hasher.update([0xff]);
        }
        Sha256(hasher.finalize().into())
    }

    /// The object's bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self);
        let text = text.map_err(|error| internal(OPERATION, "an index cannot be written").with_source(error))?;
        zstd::bulk::compress(&text, 3)
            .map_err(|error| internal(OPERATION, "an index cannot be compressed").with_source(error))
    }

    /// Reads them; `Corrupt` where they are no index.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let unread = || corrupt(OPERATION, "an object that should be the index of a folder is none");
        let decoder = zstd::stream::Decoder::new(bytes).map_err(|error| unread().with_source(error))?;
        let mut text = Vec::new();
        decoder.take(LARGEST).read_to_end(&mut text).map_err(|error| unread().with_source(error))?;
        let folder: Self = serde_json::from_slice(&text).map_err(|error| unread().with_source(error))?;
        let sorted = folder.items.windows(2).all(|pair| pair[0].compare(&pair[1]).is_lt());
        if sorted { Ok(folder) } else { Err(unread()) }
    }

    /// About how much memory it takes.
    pub fn weight(&self) -> u32 {
        let names: usize = self.items.iter().map(|item| item.name.len()).sum();
        u32::try_from(100 + names + self.items.len() * size_of::<Item>()).unwrap_or(u32::MAX)
    }
}

/// `folder/name`, and at the root just the name.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, what: What) -> Item {
        Item { name: name.to_owned(), last: CommitId([1; 20]), what }
    }

    fn folder() -> Folder {
        let file = |n: u8| What::Entry(Node::Submodule { commit: GitOid([n; 20]) });
        let sub = Sub { files: 2, bytes: 5, ..Folder::default().sum(CommitId([2; 20])) };
        Folder { items: vec![item("a-b", file(1)), item("a", What::Folder(sub)), item("a0", file(2))] }
    }

    #[test]
    fn an_index_survives_its_bytes_and_other_bytes_are_none() {
        let folder = folder();
        let bytes = folder.encode().unwrap();
        assert_eq!(Folder::decode(&bytes).unwrap(), folder);
        let mut swapped = folder.clone();
        swapped.items.swap(0, 1);
        for bad in [&b""[..], b"x", &bytes[..bytes.len() - 1], &swapped.encode().unwrap()] {
            assert!(Folder::decode(bad).is_err());
        }
    }

    #[test]
    fn names_are_found_and_who_changed_them_is_not_content() {
        let mut one = folder();
        assert!(one.find("a").unwrap().is_folder());
        assert!(one.find("a0").is_some() && one.find("a-").is_none() && one.line("a", false).is_none());
        assert_eq!(one.position_behind("a-b"), 1);
        let sum = one.sum(CommitId([3; 20]));
        assert_eq!((sum.files, sum.bytes), (4, 5));
        one.items[0].last = CommitId([9; 20]);
        assert_eq!(one.sum(CommitId([3; 20])), sum);
    }
}
