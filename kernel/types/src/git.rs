//! Git's own encodings, pure: engines, content and the git wire need them and may not import each other.
//!
//! Source: git's documentation (`gitformat-pack`, `git-hash-object`) and the git-lfs pointer specification
//! (`docs/spec.md` of git-lfs, version 1).

mod commit;
mod delta;
mod pointer;
mod tag;
mod tree;

pub use commit::{Commit, InvalidCommit};
pub use delta::{BadDelta, DeltaWriter, apply_delta, delta_lengths};
pub use pointer::{PointerText, pointer, pointer_oid};
pub use tag::TagText;
pub use tree::{TreeItem, encode_tree_item};

use sha1::{Digest, Sha1};

use crate::GitOid;

/// The types of a git object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    Blob,
    Tree,
    Commit,
    Tag,
}

impl ObjectKind {
    /// The word in an object's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }

    /// Reads that word; none for another one.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        [Self::Blob, Self::Tree, Self::Commit, Self::Tag].into_iter().find(|kind| kind.as_str().as_bytes() == word)
    }
}

/// The id of a git object whose bytes are at hand.
pub fn object_id(kind: ObjectKind, body: &[u8]) -> GitOid {
    let mut hasher = ObjectHasher::new(kind, body.len() as u64);
    hasher.update(body);
    hasher.finish()
}

/// The id of a git object whose bytes arrive in pieces; its size must be known before.
pub struct ObjectHasher(Sha1);

impl ObjectHasher {
    /// Begins an object of `size` bytes.
    pub fn new(kind: ObjectKind, size: u64) -> Self {
        let mut hasher = Sha1::new();
        hasher.update(format!("{} {size}\0", kind.as_str()));
        Self(hasher)
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id.
    pub fn finish(self) -> GitOid {
        GitOid(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git_hash_object() {
        assert_eq!(object_id(ObjectKind::Blob, b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(object_id(ObjectKind::Blob, b"hello\n").to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(object_id(ObjectKind::Tree, b"").to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }
}
