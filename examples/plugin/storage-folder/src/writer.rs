//! An object on its way in: a file with a name that is no key, until the commit gives it its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_sdk::bytes::Bytes;
use ballast_sdk::storage::StorageWriter;
use ballast_sdk::{Result, async_trait};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::folder::{failure, flush};

pub struct FolderWriter {
    folder: PathBuf,
    file: File,
    unfinished: Unfinished,
    target: PathBuf,
    size: u64,
}

/// A file that is removed unless it was given its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

static WRITERS: AtomicU64 = AtomicU64::new(0);

impl FolderWriter {
    pub async fn create(folder: &Path, target: PathBuf) -> Result<Self> {
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let unfinished = Unfinished(folder.join(format!(".{}-{number}", std::process::id())));
        let file = File::create_new(&unfinished.0).await;
        let file = file.map_err(|error| failure(error, "storage.create", "a new file"))?;
        Ok(Self { folder: folder.to_owned(), file, unfinished, target, size: 0 })
    }

    async fn name(&mut self) -> std::io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.unfinished.0, &self.target).await
    }
}

#[async_trait]
impl StorageWriter for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.file.write_all(&bytes).await.map_err(|error| failure(error, "storage.write", "a new file"))
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        self.name().await.map_err(|error| failure(error, "storage.commit", "a new file"))?;
        flush(&self.folder, "storage.commit").await?;
        Ok(self.size)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
