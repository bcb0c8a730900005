//! How far an import is. Written by those who fetch, read by who wants to know, without waiting for each other.

use std::sync::atomic::{AtomicU64, Ordering};

use ballast_catalog::ImportProgress;

/// Its sums; each only grows.
#[derive(Default)]
pub(crate) struct Progress {
    commits: AtomicU64,
    completed_commits: AtomicU64,
    files: AtomicU64,
    completed_files: AtomicU64,
    bytes: AtomicU64,
    completed_bytes: AtomicU64,
    fetched: AtomicU64,
}

impl Progress {
    /// So many commits are to be taken over.
    pub fn plan_commits(&self, commits: u64) {
        self.commits.fetch_add(commits, Ordering::Relaxed);
    }

    /// A commit has so many files more that are to be there.
    pub fn plan_files(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes came.
    pub fn arrived(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
        self.completed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many files are there, with bytes that were not counted when they came.
    pub fn complete_files(&self, files: u64, bytes: u64) {
        self.completed_files.fetch_add(files, Ordering::Relaxed);
        self.completed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A commit is taken over.
    pub fn complete_commit(&self) {
        self.completed_commits.fetch_add(1, Ordering::Relaxed);
    }

    /// How far it is now.
    pub fn now(&self) -> ImportProgress {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        ImportProgress {
            total_commits: read(&self.commits),
            completed_commits: read(&self.completed_commits),
            total_files: read(&self.files),
            completed_files: read(&self.completed_files),
            total_bytes: read(&self.bytes),
            completed_bytes: read(&self.completed_bytes),
            fetched_bytes: read(&self.fetched),
        }
    }
}
