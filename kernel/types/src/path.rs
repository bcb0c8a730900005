//! Paths inside a repository.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A path of one entry in a repository: relative, `/`-separated, UTF-8, and safe to write to a disk.
///
/// Refused are: empty paths and segments, `.` and `..`, `.git` in any case, backslashes, control characters,
/// segments of more than 255 bytes and paths of more than 4,096.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RepoPath(String);

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPath {
    path: String,
    why: &'static str,
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a valid path: {}", self.path.escape_debug(), self.why)
    }
}

impl std::error::Error for InvalidPath {}

impl RepoPath {
    /// The longest path, in bytes.
    pub const MAX: usize = 4096;
    /// The longest segment, in bytes: what file systems allow.
    pub const MAX_SEGMENT: usize = 255;

    /// The path as text, without a leading or trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it lies in; none at the root.
    pub fn parent(&self) -> Option<RepoPath> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// The path of `name` inside this folder; `name` is checked like any path.
    pub fn join(&self, name: &str) -> Result<RepoPath, InvalidPath> {
        format!("{}/{name}", self.0).parse()
    }

    /// Every folder above it, outermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

/// What speaks against a path. Every entry of every list passes here: bytes are looked at, and letters only where there
/// are others than those of ASCII.
fn objection(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Some("it is empty");
    }
    if bytes.len() > RepoPath::MAX {
        return Some("it is longer than 4096 bytes");
    }
    if bytes.contains(&b'\\') {
        return Some("'\\' is not allowed; folders are separated by '/'");
    }
    if bytes.iter().any(u8::is_ascii_control) || (!text.is_ascii() && text.chars().any(char::is_control)) {
        return Some("control characters are not allowed");
    }
    bytes.split(|byte| *byte == b'/').find_map(|segment| match segment {
        b"" => Some("it is absolute, ends with '/' or has an empty segment"),
        b"." | b".." => Some("'.' and '..' are not allowed as segments"),
        _ if segment.eq_ignore_ascii_case(b".git") => Some("'.git' is not allowed as a segment"),
        _ if segment.len() > RepoPath::MAX_SEGMENT => Some("a segment is longer than 255 bytes"),
        _ => None,
    })
}

fn checked(text: &str) -> Result<(), InvalidPath> {
    objection(text).map_or(Ok(()), |why| Err(InvalidPath { path: text.chars().take(300).collect(), why }))
}

impl FromStr for RepoPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        checked(text).map(|()| Self(text.to_owned()))
    }
}

impl TryFrom<String> for RepoPath {
    type Error = InvalidPath;

    fn try_from(text: String) -> Result<Self, InvalidPath> {
        checked(&text).map(|()| Self(text))
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> Self {
        path.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        for path in ["a", "README.md", "data/train-00000-of-00001.parquet", ".gitattributes", "über/模型 1.bin", "a..b"]
        {
            assert_eq!(path.parse::<RepoPath>().unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_that_leave_the_repository_or_hide_in_it_are_refused() {
        let (segment, long) = ("x".repeat(256), "a/".repeat(2049));
        let tricks = ["", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "..\\x", "a\\b"];
        for path in
            tricks.into_iter().chain([".git", "a/.GIT/config", "a\0b", "a\nb", "a\u{7f}", "ü\u{9f}", &segment, &long])
        {
            assert!(path.parse::<RepoPath>().is_err(), "{path:?}");
        }
    }

    #[test]
    fn ancestors_are_listed_from_the_outside_in() {
        let path: RepoPath = "a/b/c".parse().unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path.parent().unwrap().as_str(), "a/b");
    }
}
