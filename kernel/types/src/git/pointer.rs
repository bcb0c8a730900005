//! The small text that stands for a large blob in git: a git-lfs pointer.

use super::{ObjectKind, object_id};
use crate::{GitOid, Sha256};

/// The canonical pointer text of a blob.
pub fn pointer(sha256: Sha256, size: u64) -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")
}

/// The git blob id of the canonical pointer: what a tree holds in the blob's place.
pub fn pointer_oid(sha256: Sha256, size: u64) -> GitOid {
    object_id(ObjectKind::Blob, pointer(sha256, size).as_bytes())
}

/// What a pointer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointerText {
    pub sha256: Sha256,
    pub size: u64,
}

impl PointerText {
    /// The longest text that git-lfs reads as a pointer, in bytes.
    pub const MAX: usize = 1024;

    /// Reads a pointer in any form that git-lfs accepts; none when the bytes are not one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= Self::MAX)?;
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix("version ")?;
        if !matches!(version, "https://git-lfs.github.com/spec/v1" | "https://hawser.github.com/spec/v1") {
            return None;
        }
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let sha256 = field("oid")?.strip_prefix("sha256:")?.parse().ok()?;
        Some(Self { sha256, size: field("size")?.trim_end().parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_back() {
        let text = pointer(Sha256([3; 32]), 12);
        assert_eq!(PointerText::parse(text.as_bytes()), Some(PointerText { sha256: Sha256([3; 32]), size: 12 }));
    }

    #[test]
    fn other_text_is_no_pointer() {
        for text in ["", "hello", "version https://git-lfs.github.com/spec/v1\nsize 3\n", "version 1\noid sha256:00\n"]
        {
            assert_eq!(PointerText::parse(text.as_bytes()), None);
        }
    }
}
