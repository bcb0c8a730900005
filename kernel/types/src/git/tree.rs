//! Tree objects.

use crate::GitOid;

/// One line of a tree: octal mode, name, id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeItem<'a> {
    /// For example `0o100644`.
    pub mode: u32,
    pub name: &'a [u8],
    pub oid: GitOid,
}

/// Appends one line to a tree's bytes. The caller keeps git's order: names compare as bytes, a folder's with a `/`
/// behind it.
pub fn encode_tree_item(tree: &mut Vec<u8>, item: &TreeItem<'_>) {
    tree.extend_from_slice(format!("{:o} ", item.mode).as_bytes());
    tree.extend_from_slice(item.name);
    tree.push(0);
    tree.extend_from_slice(item.oid.as_bytes());
}

impl<'a> TreeItem<'a> {
    /// Reads a tree's bytes line by line; an error ends the iteration.
    pub fn parse_all(tree: &'a [u8]) -> impl Iterator<Item = Result<Self, &'static str>> {
        let mut rest = tree;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let parsed = Self::parse_one(rest).ok_or("a tree line is cut off or has no mode");
            rest = parsed.as_ref().map_or(&[][..], |(_, rest)| rest);
            Some(parsed.map(|(item, _)| item))
        })
    }

    fn parse_one(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let space = bytes.iter().take(8).position(|b| *b == b' ')?;
        let mode = u32::from_str_radix(std::str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
        let rest = &bytes[space + 1..];
        let end = rest.iter().position(|b| *b == 0)?;
        let oid = GitOid::from_slice(rest.get(end + 1..end + 21)?)?;
        Some((Self { mode, name: &rest[..end], oid }, &rest[end + 21..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_survives_encoding_and_a_cut_one_is_an_error() {
        let mut tree = vec![];
        let item = TreeItem { mode: 0o40000, name: b"src", oid: GitOid([7; 20]) };
        encode_tree_item(&mut tree, &item);
        assert_eq!(TreeItem::parse_all(&tree).collect::<Vec<_>>(), [Ok(item)]);
        assert!(TreeItem::parse_all(&tree[..tree.len() - 1]).next().unwrap().is_err());
    }
}
