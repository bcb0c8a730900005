//! Keys of the map: paths grouped by their folder.
//!
//! The key of `x` in the folder `data/train` is `data/train//x`, that of the folder itself `data//train/`, and at the
//! root `//x`. No path holds `//`, so a key is read back without doubt; the children of a folder are one contiguous
//! run in git's own order of a tree; and all that lies below a folder `f` is the range from `f/` to `f0`, because `0`
//! follows `/`.

use std::ops::Range;

use ballast_types::RepoPath;

/// The longest key, in bytes: a path with one more slash within and one behind.
pub const LONGEST: usize = RepoPath::MAX + 2;

/// The key of a file, symlink or submodule.
pub fn of_file(path: &str) -> Vec<u8> {
    let (folder, name) = split(path);
    [folder.as_bytes(), b"//", name.as_bytes()].concat()
}

/// The key of a folder's own entry. The root has none.
pub fn of_folder(path: &str) -> Vec<u8> {
    let (folder, name) = split(path);
    [folder.as_bytes(), b"//", name.as_bytes(), b"/"].concat()
}

/// The range of a folder's children; the empty path is the root.
pub fn children(folder: &str) -> Range<Vec<u8>> {
    [folder.as_bytes(), b"//"].concat()..[folder.as_bytes(), b"/0"].concat()
}

/// The range of everything below a folder; the empty path is the root.
pub fn below(folder: &str) -> Range<Vec<u8>> {
    match folder {
        // No byte of UTF-8 is 0xff.
        "" => Vec::new()..vec![0xff],
        _ => [folder.as_bytes(), b"/"].concat()..[folder.as_bytes(), b"0"].concat(),
    }
}

/// The first key that may follow this one.
pub fn behind(key: &[u8]) -> Vec<u8> {
    [key, b"\0"].concat()
}

/// Folder (empty at the root) and name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Folder and name joined again.
pub fn join(folder: &str, name: &str) -> String {
    let mut path = String::with_capacity(folder.len() + 1 + name.len());
    path.push_str(folder);
    if !folder.is_empty() {
        path.push('/');
    }
    path.push_str(name);
    path
}

/// Every folder above a path, outermost first, without the root.
pub fn ancestors(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// The last part of a key, as git's tree holds it: no slash behind a folder's name.
pub fn name(key: &[u8]) -> &[u8] {
    bare(&key[border(key).map_or(0, |at| at + 2)..])
}

/// A name without the slash of a folder.
pub fn bare(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"/").unwrap_or(name)
}

/// The path of a key; none where the bytes are no key.
pub fn path(key: &[u8]) -> Option<String> {
    let (text, border) = (std::str::from_utf8(key).ok()?, border(key)?);
    let (folder, name) = (&text[..border], &text[border + 2..]);
    Some(join(folder, name.strip_suffix('/').unwrap_or(name)))
}

/// Where the two slashes begin that follow the folder.
fn border(key: &[u8]) -> Option<usize> {
    key.windows(2).position(|pair| pair == b"//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back() {
        for file in ["x", "data/train/x", "a b/ü.bin"] {
            assert_eq!(path(&of_file(file)).as_deref(), Some(file));
            assert_eq!(path(&of_folder(file)).as_deref(), Some(file));
            assert_eq!(name(&of_folder(file)), split(file).1.as_bytes());
        }
        assert_eq!(of_file("data/train/x"), b"data/train//x");
        assert_eq!(of_folder("data/train"), b"data//train/");
        assert_eq!(of_file("x"), b"//x");
        assert_eq!(path(b"no key"), None);
    }

    #[test]
    fn a_range_holds_what_lies_below_and_nothing_else() {
        let below = below("a");
        for inside in ["a/b", "a/-/x", "a/b/c"] {
            assert!(below.contains(&of_file(inside)) && below.contains(&of_folder(inside)), "{inside}");
        }
        for outside in ["a", "a-", "a.b/c", "a0", "b/a/x"] {
            assert!(!below.contains(&of_file(outside)), "{outside}");
        }
        assert!(children("a").contains(&of_file("a/b")) && !children("a").contains(&of_file("a/b/c")));
    }
}
