//! All files of one commit of another hub, and the folders that they lie in.

use std::collections::BTreeMap;
use std::ops::Bound;

use ballast_contract::downloader::{Expected, SourceFile};
use ballast_contract::{Error, ErrorKind};
use ballast_types::git::{ObjectKind, TreeItem, encode_tree_item, object_id, pointer_oid};
use ballast_types::{GitOid, RepoPath};

use crate::read_tree::{TreeEntry, TreeNode};
use crate::{Failure, Result};

/// All files of one commit, whole.
#[derive(Debug)]
pub(super) struct Listing {
    entries: BTreeMap<RepoPath, Listed>,
    /// Of all files together.
    pub bytes: u64,
}

/// What stands at a path.
#[derive(Debug)]
enum Listed {
    File(SourceFile),
    /// With the sum of what lies below, in bytes.
    Folder {
        oid: GitOid,
        bytes: u64,
    },
}

/// A folder that is being put together.
#[derive(Default)]
struct Folder {
    /// Names as they sort in git's trees, a folder's with a `/` behind it.
    items: BTreeMap<Vec<u8>, (u32, GitOid)>,
    bytes: u64,
}

const FILE: u32 = 0o100_644;
const FOLDER: u32 = 0o040_000;

impl Listing {
    /// `Remote` where a file stands where another one needs a folder: nobody has such a commit.
    pub fn new(files: Vec<SourceFile>) -> Result<Self> {
        let bytes = files.iter().map(|file| file.size).fold(0, u64::saturating_add);
        let mut folders: BTreeMap<RepoPath, Folder> = BTreeMap::new();
        let mut root = Folder::default();
        for file in &files {
            for folder in parents(&file.path) {
                folders.entry(folder).or_default();
            }
            let (folder, name) = place(&mut folders, &mut root, &file.path)?;
            folder.items.insert(name.as_bytes().to_vec(), (FILE, oid(file)));
            folder.bytes = folder.bytes.saturating_add(file.size);
        }
        let mut entries = BTreeMap::new();
        // What lies in a folder sorts behind it, so the last one is done first.
        while let Some((path, folder)) = folders.pop_last() {
            let mut tree = Vec::new();
            for (name, (mode, oid)) in &folder.items {
                let name = name.strip_suffix(b"/").unwrap_or(name);
                encode_tree_item(&mut tree, &TreeItem { mode: *mode, name, oid: *oid });
            }
            let (oid, bytes) = (object_id(ObjectKind::Tree, &tree), folder.bytes);
            let (above, name) = place(&mut folders, &mut root, &path)?;
            above.items.insert(format!("{name}/").into_bytes(), (FOLDER, oid));
            above.bytes = above.bytes.saturating_add(bytes);
            entries.insert(path, Listed::Folder { oid, bytes });
        }
        for file in files {
            let path = file.path.clone();
            if entries.insert(path.clone(), Listed::File(file)).is_some() {
                let why = format!("the other hub lists {path} as a file and as a folder");
                return Err(Failure::Remote(Error::new(ErrorKind::Corrupt, "mirror.listing", why)));
            }
        }
        Ok(Self { entries, bytes })
    }

    /// How much of the memory for listings it takes.
    pub fn weight(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// None where no file stands there.
    pub fn file(&self, path: &RepoPath) -> Option<&SourceFile> {
        match self.entries.get(path)? {
            Listed::File(file) => Some(file),
            Listed::Folder { .. } => None,
        }
    }

    /// Every file, by its path.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.entries.values().filter_map(|listed| match listed {
            Listed::File(file) => Some(file),
            Listed::Folder { .. } => None,
        })
    }

    /// Whether that is a folder; the root is one.
    pub fn is_folder(&self, path: Option<&RepoPath>) -> bool {
        path.is_none_or(|path| matches!(self.entries.get(path), Some(Listed::Folder { .. })))
    }

    /// What stands at a path; of a folder with its size where that is asked for.
    pub fn entry(&self, path: &RepoPath, expand: bool) -> Option<TreeEntry> {
        let (path, listed) = self.entries.get_key_value(path)?;
        Some(told(path, listed, expand))
    }

    /// What lies in a folder behind that path, so much of it, and where the next page begins.
    pub fn page(
        &self,
        folder: Option<&RepoPath>,
        recursive: bool,
        after: Option<RepoPath>,
        limit: usize,
        expand: bool,
    ) -> (Vec<TreeEntry>, Option<String>) {
        let below = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        let begin = match (&after, folder) {
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(folder)) => Bound::Excluded(folder),
            (None, None) => Bound::Unbounded,
        };
        let behind = self.entries.range::<RepoPath, _>((begin, Bound::Unbounded));
        let mut found = behind
            // Between a folder and what lies in it others may stand: `a`, `a-b`, `a/b`.
            .skip_while(|(path, _)| path.as_str() < below.as_str())
            .take_while(|(path, _)| path.as_str().starts_with(&below))
            .filter(|(path, _)| recursive || !path.as_str()[below.len()..].contains('/'));
        let entries: Vec<TreeEntry> =
            found.by_ref().take(limit).map(|(path, listed)| told(path, listed, expand)).collect();
        let more = found.next().is_some();
        let next = entries.last().filter(|_| more).map(|last| last.path.to_string());
        (entries, next)
    }
}

fn told(path: &RepoPath, listed: &Listed, expand: bool) -> TreeEntry {
    let (node, size) = match listed {
        Listed::File(file) => (node(file), file.size),
        Listed::Folder { oid, bytes } => (TreeNode::Directory { oid: *oid }, if expand { *bytes } else { 0 }),
    };
    TreeEntry { path: path.clone(), node, size, xet: None, last_commit: None }
}

/// A file as listings of this hub tell of it.
pub(crate) fn node(file: &SourceFile) -> TreeNode {
    let large = match file.expected {
        Expected::Sha256(sha256) => Some(sha256),
        Expected::Git(_) => None,
    };
    TreeNode::File { oid: oid(file), size: file.size, large }
}

/// What git's tree holds: of a large file its pointer's id.
fn oid(file: &SourceFile) -> GitOid {
    match file.expected {
        Expected::Sha256(sha256) => pointer_oid(sha256, file.size),
        Expected::Git(oid) => oid,
    }
}

/// The folders that a path lies in.
fn parents(path: &RepoPath) -> impl Iterator<Item = RepoPath> {
    let text = path.as_str();
    text.match_indices('/').filter_map(|(at, _)| text[..at].parse().ok())
}

/// The folder that a path lies in, and its name there.
fn place<'a, 'p>(
    folders: &'a mut BTreeMap<RepoPath, Folder>,
    root: &'a mut Folder,
    path: &'p RepoPath,
) -> Result<(&'a mut Folder, &'p str)> {
    let Some((above, name)) = path.as_str().rsplit_once('/') else { return Ok((root, path.as_str())) };
    let above: RepoPath = above.parse().map_err(Failure::invalid)?;
    let missing = || Error::new(ErrorKind::Internal, "mirror.listing", format!("the folder of {path} is not there"));
    Ok((folders.get_mut(&above).ok_or_else(missing)?, name))
}

#[cfg(test)]
mod tests {
    use ballast_types::Sha256;

    use super::*;

    fn listing(paths: &[&str]) -> Result<Listing> {
        let file = |path: &&str| SourceFile {
            path: path.parse().unwrap(),
            size: path.len() as u64,
            expected: match path.ends_with(".bin") {
                true => Expected::Sha256(Sha256([7; 32])),
                false => Expected::Git(object_id(ObjectKind::Blob, b"")),
            },
            is_lfs: path.ends_with(".bin"),
        };
        Listing::new(paths.iter().map(file).collect())
    }

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    /// All pages of a folder, of two entries each.
    fn pages(listing: &Listing, folder: Option<&str>, recursive: bool) -> Vec<String> {
        let folder = folder.map(path);
        let (mut all, mut after) = (vec![], None);
        loop {
            let (entries, next) = listing.page(folder.as_ref(), recursive, after, 2, false);
            all.extend(entries.into_iter().map(|entry| entry.path.to_string()));
            match next {
                Some(next) => after = Some(path(&next)),
                None => return all,
            }
        }
    }

    #[test]
    fn folders_are_listed_in_pages_and_nothing_beside_them() {
        let listing = listing(&["a/b/c", "a/d", "a-e", "a.bin", "z"]).unwrap();
        assert_eq!(pages(&listing, None, false), ["a", "a-e", "a.bin", "z"]);
        assert_eq!(pages(&listing, Some("a"), false), ["a/b", "a/d"]);
        assert_eq!(pages(&listing, Some("a"), true), ["a/b", "a/b/c", "a/d"]);
        assert_eq!(pages(&listing, None, true), ["a", "a-e", "a.bin", "a/b", "a/b/c", "a/d", "z"]);
        assert!(listing.is_folder(Some(&path("a/b"))) && !listing.is_folder(Some(&path("z"))));
        assert!(listing.file(&path("a/b")).is_none() && listing.file(&path("a/b/c")).is_some());
    }

    #[test]
    fn a_folders_id_and_size_are_those_of_what_lies_below() {
        // git mktree of an empty file `e` in a folder `d`.
        let listing = listing(&["d/e"]).unwrap();
        let folder = listing.entry(&path("d"), true).unwrap();
        assert_eq!(folder.node.oid().to_string(), "aa09f3cb5dbbb431d96a0055dc96a6861f3ce7de".to_owned());
        assert_eq!(folder.size, 3);
    }

    #[test]
    fn a_file_that_is_a_folder_too_is_no_listing() {
        assert!(matches!(listing(&["a", "a/b"]), Err(Failure::Remote(_))));
    }
}
