//! The folder, as the contract asks about it.

use std::path::{Path, PathBuf};

use ballast_sdk::downloader::{Downloader, Expected, Fetched, Source, SourceAccess, SourceFile, SourceInfo, SourceRef};
use ballast_sdk::types::git::{ObjectKind, object_id};
use ballast_sdk::types::{ByteRange, CommitId, GitOid, Name, RefName, RepoPath};
use ballast_sdk::{Component, Error, ErrorKind, Health, Page, Result, async_trait};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::FolderConfig;
use crate::digests::Digests;
use crate::reading::reading;

/// Files of this size and more are large files, in bytes.
const LARGE: u64 = 10_000_000;

/// Files on a page of a plan.
const PAGE: usize = 1000;

/// The downloader.
pub struct Folder {
    config: FolderConfig,
    digests: Digests,
}

/// A repository that may be read.
struct Found {
    folder: PathBuf,
    is_guarded: bool,
}

impl Folder {
    pub(crate) fn new(config: FolderConfig) -> Self {
        Self { config, digests: Digests::default() }
    }

    /// The repository, for who shows the source's token.
    fn find(&self, source: &Source) -> Result<Found> {
        let absent = || Error::new(ErrorKind::NotFound, "downloader.find", format!("there is no {}", source.repo));
        let names: Option<Vec<Name>> = source.repo.split('/').map(|name| name.parse().ok()).collect();
        let names = names.filter(|names| matches!(names.len(), 1 | 2)).ok_or_else(absent)?;
        let folder = self.config.folder.join(source.kind.plural());
        let folder = names.iter().fold(folder, |folder, name| folder.join(name.as_str()));
        if !folder.is_dir() {
            return Err(absent());
        }
        let readers = match std::fs::read_to_string(folder.join(".readers")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Found { folder, is_guarded: false });
            }
            readers => readers.map_err(|error| failed("downloader.find", &error))?,
        };
        let shown = source.token.as_ref().map(|token| hex(&Sha256::digest(token.expose())));
        match shown {
            Some(shown) if readers.lines().any(|line| line.trim() == shown) => Ok(Found { folder, is_guarded: true }),
            _ => Err(absent()),
        }
    }

    /// Every file of a repository, in the order of their paths.
    fn files(&self, folder: &Path) -> Result<Vec<SourceFile>> {
        let mut found = Vec::new();
        self.walk(folder, "", &mut found).map_err(|error| failed("downloader.plan", &error))?;
        found.sort_by(|one: &SourceFile, next| one.path.cmp(&next.path));
        Ok(found)
    }

    fn walk(&self, folder: &Path, below: &str, found: &mut Vec<SourceFile>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // What is called as no path can be is not there.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let (path, kind) = (format!("{below}{name}"), entry.file_type()?);
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"), found)?;
            } else if let (true, Ok(path)) = (kind.is_file(), path.parse::<RepoPath>()) {
                found.push(self.file(&entry.path(), path)?);
            }
        }
        Ok(())
    }

    fn file(&self, at: &Path, path: RepoPath) -> std::io::Result<SourceFile> {
        let named = self.config.large_suffixes.iter().any(|suffix| path.as_str().ends_with(suffix));
        let is_lfs = named || at.metadata()?.len() >= LARGE;
        let (size, expected) = self.digests.of(at, is_lfs)?;
        Ok(SourceFile { path, size, expected, is_lfs })
    }

    /// What the files of a repository are now, as a commit: the same files are the same commit, wherever they lie.
    fn commit(&self, folder: &Path) -> Result<(CommitId, Vec<SourceFile>)> {
        let files = self.files(folder)?;
        let lines: String = files.iter().map(|file| format!("{} {}\n", file.expected, file.path)).collect();
        let GitOid(digest) = object_id(ObjectKind::Blob, lines.as_bytes());
        Ok((CommitId(digest), files))
    }

    /// The files of a source, whose revision is `main` or the commit that they are now.
    fn at(&self, source: &Source) -> Result<(Found, CommitId, Vec<SourceFile>)> {
        let found = self.find(source)?;
        let (commit, files) = self.commit(&found.folder)?;
        let asked = source.revision.as_str();
        if asked == "main" || asked == commit.to_string() {
            return Ok((found, commit, files));
        }
        let why = format!("{} is not what {} is now: {commit}", asked.escape_debug(), source.repo);
        Err(Error::new(ErrorKind::NotFound, "downloader.pin", why))
    }
}

#[async_trait]
impl Component for Folder {
    async fn health(&self) -> Health {
        match self.config.folder.is_dir() {
            true => Health::Ready,
            false => Health::Unavailable(format!("{} is no folder", self.config.folder.display())),
        }
    }
}

#[async_trait]
impl Downloader for Folder {
    fn endpoint(&self) -> String {
        format!("file://{}", self.config.folder.display()).trim_end_matches('/').to_owned()
    }

    async fn pin(&self, source: &Source) -> Result<CommitId> {
        self.at(source).map(|(_, commit, _)| commit)
    }

    async fn plan(&self, source: &Source, after: Option<String>) -> Result<Page<SourceFile>> {
        let (_, _, files) = self.at(source)?;
        let behind = |file: &SourceFile| after.as_deref().is_none_or(|after| file.path.as_str() > after);
        let mut items: Vec<SourceFile> = files.into_iter().filter(behind).take(PAGE + 1).collect();
        let more = items.len() > PAGE;
        items.truncate(PAGE);
        let next = items.last().filter(|_| more).map(|last| last.path.to_string());
        Ok(Page { items, next })
    }

    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        let folder = self.find(source)?.folder;
        let path = folder.join(file.path.as_str());
        let hidden = file.path.as_str().split('/').any(|name| name.starts_with('.'));
        let inside =
            path.canonicalize().is_ok_and(|real| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder)));
        if hidden || !inside {
            return Err(Error::new(ErrorKind::NotFound, "downloader.fetch", format!("there is no {}", file.path)));
        }
        let now = self.file(&path, file.path.clone()).map_err(|error| failed("downloader.fetch", &error))?;
        if now != *file || range.end > now.size || range.start > range.end {
            let why = format!("{} is not what it was", file.path);
            return Err(Error::new(ErrorKind::Conflict, "downloader.fetch", why));
        }
        let bytes = reading(&path, range).await.map_err(|error| failed("downloader.fetch", &error))?;
        Ok(Fetched { range, bytes })
    }

    async fn describe(&self, source: &Source) -> Result<SourceInfo> {
        let (found, commit, _) = self.at(source)?;
        let access = if found.is_guarded { SourceAccess::Private } else { SourceAccess::Everybody };
        Ok(SourceInfo {
            id: Some(source.repo.clone()),
            commit,
            access,
            licenses: vec![],
            created_at: None,
            modified_at: None,
            downloads: 0,
            likes: 0,
            tags: vec![],
            card: serde_json::Map::new(),
            pipeline_tag: None,
            library_name: None,
            sdk: None,
        })
    }

    async fn check(&self, source: &Source) -> Result<()> {
        self.find(source).map(drop)
    }

    async fn refs(&self, source: &Source) -> Result<Vec<SourceRef>> {
        let (commit, _) = self.commit(&self.find(source)?.folder)?;
        let main = RefName::branch("main").map_err(|error| failed("downloader.refs", &error))?;
        Ok(vec![SourceRef { name: main, commit }])
    }

    async fn analyze(&self, source: &Source) -> Result<Value> {
        let (_, commit, files) = self.at(source)?;
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        let large = files.iter().filter(|file| matches!(file.expected, Expected::Sha256(_))).count();
        Ok(json!({ "commit": commit.to_string(), "files": files.len(), "large_files": large, "bytes": bytes }))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder that cannot be read is not available; what is missing is not there.
fn failed(operation: &str, error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Unavailable, operation, error.to_string())
}
