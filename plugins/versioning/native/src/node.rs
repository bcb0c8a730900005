//! A node of the map, as it is held in memory.

use std::fmt;
use std::ops::Range;

use ballast_types::GitOid;

use crate::key;

/// Git's mode of a folder.
pub const FOLDER: u32 = 0o040000;

/// The BLAKE3 of a node's encoding: its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 32]);

impl NodeId {
    /// Reads a database column; none when the length is wrong.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands at a key. In the map of last changes the oid is a commit's and all else is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Git's mode.
    pub mode: u32,
    /// Whether git holds a pointer.
    pub lfs: bool,
    /// How long a reader finds the file, in bytes; 0 for folders and submodules.
    pub size: u64,
    /// What git's tree holds.
    pub oid: GitOid,
}

impl Value {
    /// A folder's own entry.
    pub fn folder(oid: GitOid) -> Self {
        Self { mode: FOLDER, lfs: false, size: 0, oid }
    }

    /// An entry of the map of last changes.
    pub fn mark(commit: GitOid) -> Self {
        Self { mode: 0, lfs: false, size: 0, oid: commit }
    }

    /// Whether it is a folder's entry.
    pub fn is_folder(&self) -> bool {
        self.mode == FOLDER
    }

    /// What one entry adds to the sums above it.
    pub fn sums(&self, key: &[u8]) -> Sums {
        Sums {
            count: u64::from(!self.is_folder()),
            bytes: self.size,
            lfs_bytes: if self.lfs { self.size } else { 0 },
            tree_bytes: tree_line(self.mode, key::name(key).len()),
        }
    }
}

/// The length of one line of a git tree: octal mode, space, name, zero byte, id.
pub fn tree_line(mode: u32, name: usize) -> u64 {
    let digits = if mode >= 0o100000 { 6 } else { 5 };
    digits + 1 + name as u64 + 1 + 20
}

/// What an inner node knows of all that lies below a child. Arithmetic wraps, so that differences of sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Entries that are no folders.
    pub count: u64,
    /// Sizes as readers find them.
    pub bytes: u64,
    /// The part of `bytes` that git holds pointers for.
    pub lfs_bytes: u64,
    /// The length of these entries in git's trees.
    pub tree_bytes: u64,
}

impl Sums {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.wrapping_add(other.count),
            bytes: self.bytes.wrapping_add(other.bytes),
            lfs_bytes: self.lfs_bytes.wrapping_add(other.lfs_bytes),
            tree_bytes: self.tree_bytes.wrapping_add(other.tree_bytes),
        }
    }

    /// What is left without `other`.
    pub fn minus(self, other: Self) -> Self {
        Self {
            count: self.count.wrapping_sub(other.count),
            bytes: self.bytes.wrapping_sub(other.bytes),
            lfs_bytes: self.lfs_bytes.wrapping_sub(other.lfs_bytes),
            tree_bytes: self.tree_bytes.wrapping_sub(other.tree_bytes),
        }
    }
}

/// A node one level down, and what it adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    pub id: NodeId,
    pub sums: Sums,
}

/// What a key of a node leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Value(Value),
    Child(Child),
}

/// A sorted run of keys with values (a leaf, level 0) or children (above; a child's key is the last key below it).
#[derive(Debug, PartialEq, Eq)]
pub struct Node {
    level: u8,
    keys: Vec<u8>,
    /// Where each key ends in `keys`.
    ends: Vec<u32>,
    values: Vec<Value>,
    children: Vec<Child>,
}

impl Node {
    /// Without entries yet.
    pub fn new(level: u8) -> Self {
        Self { level, keys: Vec::new(), ends: Vec::new(), values: Vec::new(), children: Vec::new() }
    }

    /// 0 is a leaf.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The number of its own entries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none; only the root of an empty map has none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The key at a position below `len`.
    pub fn key(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.keys[start..self.ends[at] as usize]
    }

    /// The greatest key; none where there is no entry.
    pub fn last_key(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|at| self.key(at))
    }

    /// A leaf's values, in the order of keys.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// An inner node's children, in the order of keys.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// What stands at a position below `len`.
    pub fn item(&self, at: usize) -> Item {
        match self.level {
            0 => Item::Value(self.values[at]),
            _ => Item::Child(self.children[at]),
        }
    }

    /// Appends an entry, whose key is greater than all before it. The item is of the node's own sort.
    pub fn push(&mut self, key: &[u8], item: Item) {
        self.push_key(0, key);
        match item {
            Item::Value(value) => self.values.push(value),
            Item::Child(child) => self.children.push(child),
        }
    }

    /// Appends a key that shares its beginning with the one before. `fill` completes what keys alone began.
    pub fn push_key(&mut self, shared: usize, rest: &[u8]) {
        let start = self.ends.len().checked_sub(2).map_or(0, |at| self.ends[at] as usize);
        if !self.ends.is_empty() {
            self.keys.extend_from_within(start..start + shared);
        }
        self.keys.extend_from_slice(rest);
        self.ends.push(self.keys.len() as u32);
    }

    /// Gives the keys pushed so far their values and children.
    pub fn fill(mut self, values: Vec<Value>, children: Vec<Child>) -> Self {
        self.keys.shrink_to_fit();
        Self { values, children, ..self }
    }

    /// The first position whose key is not less than this one.
    pub fn lower(&self, key: &[u8]) -> usize {
        self.partition(|other| other < key)
    }

    /// The first position whose key is greater than this one.
    pub fn upper(&self, key: &[u8]) -> usize {
        self.partition(|other| other <= key)
    }

    fn partition(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.key(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The sums of some of its entries.
    pub fn sums(&self, range: Range<usize>) -> Sums {
        let one = |at: usize| match self.item(at) {
            Item::Value(value) => value.sums(self.key(at)),
            Item::Child(child) => child.sums,
        };
        range.map(one).fold(Sums::default(), Sums::plus)
    }

    /// Roughly what it occupies, in bytes.
    pub fn weight(&self) -> usize {
        let entries = size_of::<Value>() * self.values.len() + size_of::<Child>() * self.children.len();
        size_of::<Self>() + self.keys.len() + 4 * self.ends.len() + entries
    }
}
