//! What is in a cache.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ballast_contract::Result;
use ballast_types::{CommitId, RepoId, RepoKind, RepoPath, Timestamp};

use super::{Cache, RepositoryFolder};
use crate::digest;
use crate::failure::at;

/// One repository in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedRepository {
    pub kind: RepoKind,
    pub id: RepoId,
    pub path: PathBuf,
    /// Bytes of all its blobs, each once.
    pub size: u64,
    /// How many blobs it has.
    pub blobs: usize,
    /// When something was put there last.
    pub modified: Timestamp,
}

/// One commit of a repository in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedSnapshot {
    pub commit: CommitId,
    /// The revisions that meant this commit when they were fetched.
    pub refs: Vec<String>,
    pub files: Vec<CachedFile>,
}

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedFile {
    pub path: RepoPath,
    pub size: u64,
    /// The name of its blob.
    pub blob: String,
}

/// What one repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    pub repository: CachedRepository,
    /// By commit.
    pub snapshots: Vec<CachedSnapshot>,
}

/// The entries of a folder by name; none where it is not there.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(vec![]);
        }
        Err(error) => return Err(error),
    };
    let mut found = found.collect::<io::Result<Vec<_>>>()?;
    found.sort_by_key(DirEntry::file_name);
    Ok(found)
}

/// Every file below a folder, with its path in it. Links are not followed.
pub(super) fn files_below(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let (mut found, mut folders) = (Vec::new(), vec![(String::new(), folder.to_owned())]);
    while let Some((prefix, folder)) = folders.pop() {
        for entry in entries(&folder)? {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = format!("{prefix}{name}");
            match entry.file_type()?.is_dir() {
                true => folders.push((format!("{path}/"), entry.path())),
                false => found.push((path, entry.path())),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What a folder in a cache is called, read back.
fn repository_of(folder: &str) -> Option<(RepoKind, RepoId)> {
    let mut parts = folder.split("--");
    let kind = parts.next()?.parse().ok()?;
    let (namespace, name) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((kind, RepoId { namespace, name }))
}

impl Cache {
    /// The repositories that are here, by the names of their folders. What is no repository's folder is passed over.
    pub fn list(&self) -> Result<Vec<CachedRepository>> {
        let mut found = Vec::new();
        for entry in entries(self.root()).map_err(at(self.root()))? {
            let named = entry.file_name().to_str().and_then(repository_of);
            if let Some((kind, id)) = named.filter(|_| entry.path().is_dir()) {
                found.extend(self.find_repository(kind, &id)?);
            }
        }
        Ok(found)
    }

    /// One repository, where it is here.
    pub fn find_repository(&self, kind: RepoKind, id: &RepoId) -> Result<Option<CachedRepository>> {
        let folder = self.repository(kind, id);
        let Ok(about) = fs::metadata(folder.path()) else { return Ok(None) };
        let (mut size, mut blobs, mut modified) = (0, 0, about.mtime());
        for (_, about) in folder.whole_blobs().map_err(at(folder.path()))? {
            (size, blobs, modified) = (size + about.len(), blobs + 1, modified.max(about.mtime()));
        }
        let modified = Timestamp::from_seconds(modified);
        Ok(Some(CachedRepository { kind, id: id.clone(), path: folder.path().to_owned(), size, blobs, modified }))
    }

    /// What a repository has, where it is here.
    pub fn inventory(&self, kind: RepoKind, id: &RepoId) -> Result<Option<Inventory>> {
        let Some(repository) = self.find_repository(kind, id)? else { return Ok(None) };
        let folder = self.repository(kind, id);
        let refs = folder.read_refs()?;
        let snapshots = folder.path().join("snapshots");
        let mut found = Vec::new();
        for entry in entries(&snapshots).map_err(at(&snapshots))? {
            let Some(commit) = entry.file_name().to_str().and_then(|name| name.parse::<CommitId>().ok()) else {
                continue;
            };
            let refs = refs.iter().filter(|(_, meant)| **meant == commit).map(|(name, _)| name.clone()).collect();
            found.push(CachedSnapshot { commit, refs, files: folder.files(commit)? });
        }
        Ok(Some(Inventory { repository, snapshots: found }))
    }

    /// Where each digest is to be had, over all repositories.
    pub(crate) fn known_blobs(&self) -> HashMap<String, PathBuf> {
        let mut known = HashMap::new();
        for repository in entries(self.root()).unwrap_or_default() {
            for blob in entries(&repository.path().join("blobs")).unwrap_or_default() {
                let name = blob.file_name().to_string_lossy().into_owned();
                if digest::of_name(&name).is_some() {
                    known.insert(name, blob.path());
                }
            }
        }
        known
    }
}

impl RepositoryFolder {
    /// Its whole blobs.
    pub(super) fn whole_blobs(&self) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
        let mut found = Vec::new();
        for entry in entries(&self.blobs())? {
            let under_way = entry.path().extension().is_some();
            if !under_way && let Ok(about) = entry.metadata() {
                found.push((entry.path(), about));
            }
        }
        Ok(found)
    }

    /// The revisions that were fetched, and what they meant.
    pub(super) fn read_refs(&self) -> Result<BTreeMap<String, CommitId>> {
        let folder = self.refs();
        let mut found = BTreeMap::new();
        for (name, path) in files_below(&folder).map_err(at(&folder))? {
            if let Some(commit) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
                found.insert(name, commit);
            }
        }
        Ok(found)
    }

    /// The files of a commit whose blobs are there.
    pub(super) fn files(&self, commit: CommitId) -> Result<Vec<CachedFile>> {
        let snapshot = self.snapshot(commit);
        let mut found = Vec::new();
        for (path, link) in files_below(&snapshot).map_err(at(&snapshot))? {
            let (Ok(path), Ok(about)) = (path.parse(), fs::metadata(&link)) else { continue };
            let blob = fs::read_link(&link).ok().and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
            found.push(CachedFile { path, size: about.len(), blob: blob.unwrap_or_default() });
        }
        Ok(found)
    }

    /// The names of the blobs that some snapshot needs.
    pub(super) fn needed(&self) -> Result<HashSet<String>> {
        let snapshots = self.path().join("snapshots");
        let links = files_below(&snapshots).map_err(at(&snapshots))?;
        let target = |(_, link): (String, PathBuf)| {
            fs::read_link(link).ok().and_then(|target| Some(target.file_name()?.to_str()?.to_owned()))
        };
        Ok(links.into_iter().filter_map(target).collect())
    }
}
