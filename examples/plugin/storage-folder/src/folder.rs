//! The folder: an object's file has the object's key for a name, with `~` in the place of `/`.
//!
//! No key has a `~` in it, or begins with a dot, so every key has one name and what is being written has others.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use ballast_sdk::bytes::{Bytes, BytesMut};
use ballast_sdk::futures::StreamExt;
use ballast_sdk::futures::stream::unfold;
use ballast_sdk::storage::{Storage, StorageKey, StorageWriter};
use ballast_sdk::types::ByteRange;
use ballast_sdk::{ByteStream, Component, Error, ErrorKind, Health, Page, Result, async_trait, tracing};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::writer::FolderWriter;

/// How many bytes a reader hands over at once.
const PIECE: u64 = 1 << 20;

/// Objects as files of one folder.
pub struct Folder {
    folder: PathBuf,
}

impl Folder {
    /// A store in this folder; `start` makes it.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, key: &StorageKey) -> PathBuf {
        self.folder.join(key.as_str().replace('/', "~"))
    }

    async fn open(&self, key: &StorageKey, operation: &str) -> Result<(File, u64)> {
        let failed = |error| failure(error, operation, key.as_str());
        let file = File::open(self.path(key)).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        Ok((file, size))
    }

    /// All keys, in byte order. A folder has no order of its own, so each page reads all of its names.
    async fn keys(&self) -> Result<Vec<StorageKey>> {
        let failed = |error| failure(error, "storage.list", "the folder");
        let (mut names, mut keys) = (fs::read_dir(&self.folder).await.map_err(failed)?, Vec::new());
        while let Some(entry) = names.next_entry().await.map_err(failed)? {
            let name = entry.file_name();
            keys.extend(name.to_str().and_then(|name| name.replace('~', "/").parse::<StorageKey>().ok()));
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

#[async_trait]
impl Component for Folder {
    async fn start(&self) -> Result<()> {
        let made = fs::create_dir_all(&self.folder).await;
        made.map_err(|error| failure(error, "storage.start", &self.folder.display().to_string()))?;
        tracing::info!(folder = %self.folder.display(), "keeping objects in a folder");
        Ok(())
    }

    async fn health(&self) -> Health {
        match fs::metadata(&self.folder).await {
            Ok(_) => Health::Ready,
            Err(error) => Health::Unavailable(format!("{}: {error}", self.folder.display())),
        }
    }
}

#[async_trait]
impl Storage for Folder {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        let about = fs::metadata(self.path(key)).await;
        about.map(|about| about.len()).map_err(|error| failure(error, "storage.stat", key.as_str()))
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let (mut file, size) = self.open(key, "storage.read").await?;
        if range.start > range.end || range.end > size {
            let what = format!("{key} has {size} bytes, and {}..{} were asked for", range.start, range.end);
            return Err(Error::new(ErrorKind::Invalid, "storage.read", what));
        }
        let moved = file.seek(SeekFrom::Start(range.start)).await;
        moved.map_err(|error| failure(error, "storage.read", key.as_str()))?;
        let key = key.clone();
        let pieces = unfold((file, range.len()), move |(mut file, left)| {
            let key = key.clone();
            async move {
                if left == 0 {
                    return None;
                }
                match piece(&mut file, left).await {
                    Ok(piece) => {
                        let left = left - piece.len() as u64;
                        Some((Ok(piece), (file, left)))
                    }
                    Err(error) => Some((Err(failure(error, "storage.read", key.as_str())), (file, 0))),
                }
            }
        });
        Ok(pieces.boxed())
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(FolderWriter::create(&self.folder, self.path(key)).await?))
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure(error, "storage.delete", key.as_str()))
            }
            Ok(()) => flush(&self.folder, "storage.delete").await,
            Err(_) => Ok(()),
        }
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let mut keys = self.keys().await?;
        let first = after.map_or(0, |after| keys.partition_point(|key| key <= after));
        let items: Vec<_> = keys.drain(first..).collect();
        let next = items.get(limit.saturating_sub(1)).filter(|_| items.len() > limit).map(ToString::to_string);
        Ok(Page { items: items.into_iter().take(limit).collect(), next })
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let (mut file, mut left) = self.open(from, "storage.copy").await?;
        let mut writer = self.create(to).await?;
        while left > 0 {
            let piece = piece(&mut file, left).await.map_err(|error| failure(error, "storage.copy", from.as_str()))?;
            left -= piece.len() as u64;
            writer.write(piece).await?;
        }
        writer.commit().await.map(drop)
    }
}

/// The next bytes of a file that still has some.
async fn piece(file: &mut File, left: u64) -> io::Result<Bytes> {
    let most = left.min(PIECE) as usize;
    let mut bytes = BytesMut::with_capacity(most);
    match file.take(most as u64).read_buf(&mut bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(bytes.freeze()),
    }
}

/// Makes what happened to the names of a folder survive a power cut.
pub(crate) async fn flush(folder: &Path, operation: &str) -> Result<()> {
    let folder = File::open(folder).await.map_err(|error| failure(error, operation, "the folder"))?;
    folder.sync_all().await.map_err(|error| failure(error, operation, "the folder"))
}

/// What the system said, in the words of the contract.
pub(crate) fn failure(error: io::Error, operation: &str, what: &str) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoRoom,
        io::ErrorKind::InvalidFilename => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, operation, what).with_source(error)
}
