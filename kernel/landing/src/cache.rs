//! The cache of Hugging Face's own programs, file by file as they lay it out.
//!
//! `models--acme--bert/blobs/ETAG` has the bytes, `snapshots/COMMIT/PATH` links to them, `refs/REVISION` holds a commit
//! without a line break, `.no_exist/COMMIT/PATH` says that a file is known not to be there, and `.locks` beside the
//! repositories has a lock for each blob. What is under way here lies in `blobs` as `ETAG.ballast`, a name that those
//! programs do not use.

mod delete;
mod list;
mod verify;
mod view;

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ballast_contract::downloader::Expected;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoId, RepoKind, RepoPath, Revision};

pub use list::{CachedFile, CachedRepository, CachedSnapshot, Inventory};
pub use verify::{Flaw, Verified};
pub(crate) use view::View;

use crate::failure::at;
use crate::partial::gone;

/// A cache in a folder, which is called `hub` in Hugging Face's own programs.
#[derive(Clone, Debug)]
pub struct Cache {
    root: Arc<PathBuf>,
}

impl Cache {
    /// The cache in this folder; made when something is put there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()) }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a repository has its place, whether or not anything is there.
    pub fn repository(&self, kind: RepoKind, id: &RepoId) -> RepositoryFolder {
        let name = folder_name(kind, id);
        let locks = self.root.join(".locks").join(&name);
        RepositoryFolder { folder: self.root.join(name), locks }
    }
}

fn folder_name(kind: RepoKind, id: &RepoId) -> String {
    format!("{}--{}--{}", kind.plural(), id.namespace, id.name)
}

/// One repository in a cache.
#[derive(Clone, Debug)]
pub struct RepositoryFolder {
    folder: PathBuf,
    locks: PathBuf,
}

impl RepositoryFolder {
    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Where a commit's files are.
    pub fn snapshot(&self, commit: CommitId) -> PathBuf {
        self.folder.join("snapshots").join(commit.to_string())
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    pub(crate) fn blob(&self, name: Expected) -> PathBuf {
        self.blobs().join(name.to_string())
    }

    pub(crate) fn partial(&self, name: Expected) -> PathBuf {
        self.blobs().join(format!("{name}.ballast"))
    }

    pub(crate) fn lock(&self, name: Expected) -> PathBuf {
        self.locks.join(format!("{name}.lock"))
    }

    pub(crate) fn refs(&self) -> PathBuf {
        self.folder.join("refs")
    }

    /// Makes a file of a commit stand for a blob. Whoever reads sees the old link or the new one.
    pub(crate) fn link(&self, commit: CommitId, path: &RepoPath, blob: Expected) -> Result<()> {
        let link = self.snapshot(commit).join(path.as_str());
        let up = "../".repeat(2 + path.ancestors().count());
        let target = PathBuf::from(format!("{up}blobs/{blob}"));
        place_link(&target, &link).map_err(at(&link))
    }

    /// What a revision meant when it was fetched. A commit means itself.
    pub(crate) fn set_ref(&self, revision: &Revision, commit: CommitId) -> Result<()> {
        if revision.as_str() == commit.to_string() {
            return Ok(());
        }
        let path: RepoPath = revision.as_str().parse().map_err(|error| {
            Error::new(ErrorKind::Invalid, "landing", format!("the revision cannot be kept in a cache: {error}"))
        })?;
        let path = self.refs().join(path.as_str());
        let write = || -> io::Result<()> {
            let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            fs::create_dir_all(folder)?;
            let new = temporary_beside(&path)?;
            fs::write(&new, commit.to_string())?;
            fs::rename(&new, &path)
        };
        write().map_err(at(&path))
    }
}

/// Puts a link in its place, for whatever is there.
fn place_link(target: &Path, link: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    fs::create_dir_all(link.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
    match symlink(target, link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let new = temporary_beside(link)?;
    symlink(target, &new)?;
    fs::rename(&new, link).inspect_err(|_| drop(gone(fs::remove_file(&new))))
}

/// A name in the same folder that nobody has.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(path.with_file_name(format!(".ballast-{}", hex::encode(random))))
}

/// The path from the folder `from` to `to`; both begin alike or are absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<Component>, Vec<Component>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}
