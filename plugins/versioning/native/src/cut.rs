//! Where a run of keys is cut into nodes.
//!
//! The rule looks at keys and never at values or ids: changing a file never moves a boundary, and equal content has
//! equal nodes whatever its history. It is keyed with the store's secret, because otherwise names could be chosen that
//! are never cut; and every level has a key of its own, because otherwise a key that cuts a leaf would cut all levels.

use crate::node::Node;

/// The chance of a cut behind a key, as one in this many.
const AVERAGE: u32 = 128;
const FEWEST: usize = 32;
/// The most entries of a node.
pub const MOST: usize = 512;
/// A node ends with the key that fills it to this, in bytes. The longest key is a 15th of it, so that every inner node
/// has several children.
pub const LONGEST: usize = 64 << 10;
const LEVELS: usize = 16;

/// Decides where nodes end.
pub struct Cutter {
    keys: [[u8; 32]; LEVELS],
}

impl Cutter {
    /// The rule of a store with this secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { keys: std::array::from_fn(|level| *blake3::keyed_hash(secret, &[level as u8]).as_bytes()) }
    }

    /// Whether a node ends behind its last key.
    pub fn ends(&self, node: &Node, key_bytes: usize) -> bool {
        let count = node.len();
        if count >= MOST || key_bytes >= LONGEST {
            return true;
        }
        count >= FEWEST && node.last_key().is_some_and(|key| self.chosen(node.level(), key))
    }

    fn chosen(&self, level: u8, key: &[u8]) -> bool {
        let hash = blake3::keyed_hash(&self.keys[level as usize % LEVELS], key);
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_le_bytes([a, b, c, d]).is_multiple_of(AVERAGE)
    }
}
