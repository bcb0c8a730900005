//! The tree over the hashes of chunks, whose root names a xorb and, with a key, a file.
//!
//! A node ends with a child whose hash says so, so that an insertion changes only the nodes near it. A file may have
//! millions of chunks: the tree is therefore built as they come and keeps one open node for each level.

use ballast_types::XetHash;

use crate::hash::last_number;

/// The protocol's key for inner nodes.
const NODE: [u8; 32] = [
    0x01, 0x7e, 0xc5, 0xc7, 0xa5, 0x47, 0x29, 0x96, 0xfd, 0x94, 0x66, 0x66, 0xb4, 0x8a, 0x02, 0xe6, 0x5d, 0xdd, 0x53,
    0x6f, 0x37, 0xc7, 0x6d, 0xd2, 0xf8, 0x63, 0x52, 0xe6, 0x4a, 0x53, 0x71, 0x3f,
];

/// From this child on a node may end with a hash that is divisible by `FACTOR`.
const FEWEST: usize = 3;
const FACTOR: u64 = 4;
/// With this child it ends in any case.
const MOST: usize = 9;

/// Names what has no chunk: the empty file.
const EMPTY: XetHash = XetHash([0; 32]);

/// A tree in the making.
#[derive(Clone, Default)]
pub struct Tree {
    /// The open nodes, leaves first.
    levels: Vec<Level>,
}

/// The last node of a level, which is still open.
#[derive(Clone, Default)]
struct Level {
    /// Whether others are closed already.
    others: bool,
    count: usize,
    /// What is hashed: a line for each child.
    lines: String,
    /// The bytes below.
    length: u64,
    /// The last child.
    last: Option<XetHash>,
}

impl Level {
    fn push(&mut self, hash: XetHash, length: u64) {
        self.lines.push_str(&String::from(hash));
        self.lines.push_str(" : ");
        self.lines.push_str(&length.to_string());
        self.lines.push('\n');
        self.count += 1;
        self.length = self.length.saturating_add(length);
        self.last = Some(hash);
    }

    fn is_complete(&self) -> bool {
        let divides = self.last.is_some_and(|last| last_number(&last).is_multiple_of(FACTOR));
        self.count >= MOST || (self.count >= FEWEST && divides)
    }

    fn close(&mut self) -> (XetHash, u64) {
        let node = (XetHash(blake3::keyed_hash(&NODE, self.lines.as_bytes()).into()), self.length);
        self.lines.clear();
        (self.others, self.count, self.length, self.last) = (true, 0, 0, None);
        node
    }
}

impl Tree {
    /// Of no chunk yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next chunk, of `length` bytes.
    pub fn push(&mut self, hash: XetHash, length: u64) {
        self.push_at(0, hash, length);
    }

    fn push_at(&mut self, mut level: usize, hash: XetHash, length: u64) {
        let mut node = (hash, length);
        loop {
            if level == self.levels.len() {
                self.levels.push(Level::default());
            }
            let open = &mut self.levels[level];
            open.push(node.0, node.1);
            if !open.is_complete() {
                return;
            }
            node = open.close();
            level += 1;
        }
    }

    /// The root: the name of a xorb of these chunks. That of a single chunk is the chunk's own.
    pub fn xorb_hash(self) -> XetHash {
        self.root().unwrap_or(EMPTY)
    }

    /// The name of a file of these chunks.
    pub fn file_id(self) -> XetHash {
        match self.root() {
            Some(root) => XetHash(blake3::keyed_hash(&[0; 32], root.as_bytes()).into()),
            None => EMPTY,
        }
    }

    /// None without a chunk.
    fn root(mut self) -> Option<XetHash> {
        let mut level = 0;
        loop {
            let open = self.levels.get_mut(level)?;
            match (open.others, open.count, open.last) {
                (false, 1, Some(root)) => return Some(root),
                (_, 0, _) => {}
                _ => {
                    let (hash, length) = open.close();
                    self.push_at(level + 1, hash, length);
                }
            }
            level += 1;
        }
    }
}

/// The name of a xorb of these chunks, each with its length.
pub fn xorb_hash(chunks: impl IntoIterator<Item = (XetHash, u64)>) -> XetHash {
    tree(chunks).xorb_hash()
}

/// The name of a file of these chunks, each with its length.
pub fn file_id(chunks: impl IntoIterator<Item = (XetHash, u64)>) -> XetHash {
    tree(chunks).file_id()
}

fn tree(chunks: impl IntoIterator<Item = (XetHash, u64)>) -> Tree {
    let mut tree = Tree::new();
    chunks.into_iter().for_each(|(hash, length)| tree.push(hash, length));
    tree
}
