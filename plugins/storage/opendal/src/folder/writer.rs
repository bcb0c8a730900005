//! An object on its way into a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::mem;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ballast_contract::storage::{StorageKey, StorageWriter};
use ballast_contract::{Error, ErrorKind, Result};
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{Folder, unblocked};
use crate::failure::system;

/// How many bytes go to the disk at a time.
const PIECE: usize = 1 << 20;

/// A file that has no name yet. Dropped before it is published, it goes away.
pub(crate) struct Temporary {
    file: File,
    path: Option<PathBuf>,
}

impl Temporary {
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let random = getrandom::u64().map_err(|error| {
            Error::new(ErrorKind::Unavailable, "storage.create", format!("the system gives no randomness: {error}"))
        })?;
        let path = folder.join(format!("{random:016x}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        // Whoever removed the folder for incoming objects did not mean to stop the hub.
        let file = file.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                OpenOptions::new().write(true).create_new(true).open(&path)
            }
            _ => Err(error),
        });
        let context = || format!("a file in {}; see that the disk has room and may be written", folder.display());
        let file =
            file.map_err(|error| Error::new(ErrorKind::Unavailable, "storage.create", context()).with_source(error))?;
        Ok(Self { file, path: Some(path) })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// From here on the file has a name and stays.
    pub(crate) fn keep(mut self) {
        self.path = None;
    }

    fn write(&mut self, piece: &[Bytes]) -> io::Result<()> {
        let mut slices: Vec<_> = piece.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            match self.file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // To free a large file takes time, which a serving thread does not have.
        if let Some(path) = self.path.take() {
            let remove = move || {
                if let Err(error) = fs::remove_file(&path) {
                    tracing::debug!(%error, path = %path.display(), "left for the next start");
                }
            };
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(remove)),
                Err(_) => remove(),
            }
        }
    }
}

/// Bytes are gathered into pieces; one is written while the next is gathered.
pub(crate) struct FolderWriter {
    folder: Folder,
    key: StorageKey,
    state: State,
    gathered: Vec<Bytes>,
    gathered_len: usize,
    written: u64,
}

enum State {
    Idle(Temporary),
    Writing(JoinHandle<io::Result<Temporary>>),
    /// A write failed; nothing can be said about the file any more.
    Broken,
}

impl FolderWriter {
    pub(crate) fn new(folder: Folder, key: StorageKey, temporary: Temporary) -> Self {
        let state = State::Idle(temporary);
        Self { folder, key, state, gathered: Vec::new(), gathered_len: 0, written: 0 }
    }

    /// The file, when the write under way is done.
    async fn temporary(&mut self) -> Result<Temporary> {
        let broken = |why: String| Error::new(ErrorKind::Unavailable, "storage.write", why);
        match mem::replace(&mut self.state, State::Broken) {
            State::Idle(temporary) => Ok(temporary),
            State::Writing(write) => match write.await {
                Ok(done) => done.map_err(|error| system(error, "storage.write", self.key.as_str())),
                Err(error) => Err(broken(format!("writing {} broke off: {error}", self.key))),
            },
            State::Broken => Err(broken(format!("an earlier write to {} failed; begin it again", self.key))),
        }
    }
}

#[async_trait]
impl StorageWriter for FolderWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.gathered_len += bytes.len();
        self.written += bytes.len() as u64;
        if !bytes.is_empty() {
            self.gathered.push(bytes);
        }
        if self.gathered_len >= PIECE {
            let mut temporary = self.temporary().await?;
            let piece = mem::take(&mut self.gathered);
            self.gathered_len = 0;
            self.state = State::Writing(tokio::task::spawn_blocking(move || {
                temporary.write(&piece)?;
                Ok(temporary)
            }));
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        let mut temporary = self.temporary().await?;
        let Self { folder, key, gathered, written, .. } = *self;
        unblocked("storage.commit", move || {
            temporary.write(&gathered).map_err(|error| system(error, "storage.commit", key.as_str()))?;
            folder.publish(temporary, &key)?;
            Ok(written)
        })
        .await
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let temporary = self.temporary().await?;
        unblocked("storage.abort", move || {
            drop(temporary);
            Ok(())
        })
        .await
    }
}
