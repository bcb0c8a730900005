//! How far a download is. Written by those who fetch, read by who wants to know, without waiting for each other.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use ballast_contract::downloader::SourceFile;
use ballast_types::RepoPath;
use serde::Serialize;

/// How a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileStatus {
    Pending,
    Downloading,
    Complete,
    Failed,
}

/// One file.
pub struct FileProgress {
    pub path: RepoPath,
    pub size: u64,
    downloaded: AtomicU64,
    status: AtomicU8,
}

/// A number and a word at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMoment {
    pub downloaded: u64,
    pub status: FileStatus,
}

impl FileProgress {
    fn new(file: &SourceFile) -> Self {
        let (path, size) = (file.path.clone(), file.size);
        Self { path, size, downloaded: AtomicU64::new(0), status: AtomicU8::new(0) }
    }

    /// How it is now.
    pub fn now(&self) -> FileMoment {
        let status = match self.status.load(Ordering::Acquire) {
            0 => FileStatus::Pending,
            1 => FileStatus::Downloading,
            2 => FileStatus::Complete,
            _ => FileStatus::Failed,
        };
        let downloaded = self.downloaded.load(Ordering::Acquire);
        FileMoment { downloaded: if status == FileStatus::Complete { self.size } else { downloaded }, status }
    }

    pub(crate) fn set(&self, status: FileStatus) {
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn arrived(&self, bytes: u64) {
        self.downloaded.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn restart(&self, at: u64) {
        self.downloaded.store(at, Ordering::Release);
    }
}

/// All files of a download, in the order of its plan.
pub struct Progress {
    pub files: Vec<FileProgress>,
    fetched: AtomicU64,
}

impl Progress {
    /// Nothing has arrived.
    pub fn new(files: &[SourceFile]) -> Self {
        Self { files: files.iter().map(FileProgress::new).collect(), fetched: AtomicU64::new(0) }
    }

    /// Bytes that came over the network, also those that were fetched again.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Acquire)
    }

    pub(crate) fn count_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::AcqRel);
    }
}
