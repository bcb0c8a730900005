//! An object on its way into a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::storage::{StorageKey, StorageWriter};
use ballast_contract::{Error, ErrorKind, Result};
use bytes::Bytes;
use tokio::task::{JoinError, JoinHandle};

use super::assembly::{Turn, refused};
use super::{Folder, unblocked};
use crate::failure::system;

/// How many bytes go to the disk at a time.
const PIECE: usize = 1 << 20;

/// How many written bytes may wait to be flushed while more arrive. Left to the end, the flush of a large file would
/// take as long again as its arrival, and everybody else's flush would wait behind it.
const UNFLUSHED: usize = 32 << 20;

/// A file that has no name yet. Dropped before it is published, it goes away.
pub(crate) struct Temporary {
    file: Arc<File>,
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
        let context = || format!("a file in {}; see that its disk has room and is writable", folder.display());
        let file = file.map_err(|error| system(error, "storage.create", &context()))?;
        Ok(Self { file: Arc::new(file), path: Some(path) })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// From here on the file has a name and stays.
    pub(crate) fn keep(mut self) {
        self.path = None;
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

/// What bytes are written to.
pub(crate) enum Target {
    /// An object by itself.
    Object(Temporary),
    /// A file that others write to as well, from where its descriptor stands.
    Part { file: Arc<File>, at: u64 },
}

impl Target {
    fn file(&self) -> &Arc<File> {
        match self {
            Self::Object(temporary) => &temporary.file,
            Self::Part { file, .. } => file,
        }
    }

    fn write(&mut self, piece: &[Bytes], key: &StorageKey) -> Result<()> {
        match self {
            Self::Object(temporary) => {
                write_all(&temporary.file, piece).map_err(|error| system(error, "storage.write", key.as_str()))
            }
            Self::Part { file, at } => {
                let turn = Turn::take(file);
                let written = turn.and_then(|_turn| write_all(file, piece));
                let end = *at + piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
                begin_writeback(file, *at, end);
                *at = end;
                written.map_err(|error| refused(error, "storage.write", key))
            }
        }
    }
}

fn write_all(mut file: &File, piece: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = piece.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Has the disk begin with bytes that were just written, and waits for nothing: of a flush of the whole file, whose
/// failure the system tells once, only whoever closes the file may ask.
#[cfg(target_os = "linux")]
fn begin_writeback(file: &File, start: u64, end: u64) {
    use rustix::fs::{Advice, fadvise};

    // Linux begins to write what is dirty in a range of which it is told so, and forgets only what is on disk already.
    // Advice may be ignored, and so may its failure.
    if let Some(length) = std::num::NonZeroU64::new(end - start) {
        let _ = fadvise(file, start, Some(length), Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin_writeback(_: &File, _: u64, _: u64) {}

/// Bytes are gathered into pieces; one is written while the next is gathered, and what was written is flushed beside.
pub(crate) struct FolderWriter {
    folder: Folder,
    key: StorageKey,
    file: Arc<File>,
    /// Whether what is written is flushed while more arrives.
    flushes: bool,
    state: State,
    gathered: Vec<Bytes>,
    gathered_len: usize,
    flush: Option<JoinHandle<io::Result<()>>>,
    unflushed: usize,
    written: u64,
}

enum State {
    Idle(Target),
    Writing(JoinHandle<Result<Target>>),
    /// A write failed; nothing can be said about the file any more.
    Broken,
}

impl FolderWriter {
    pub(crate) fn new(folder: Folder, key: StorageKey, target: Target) -> Self {
        let (file, flushes) = (target.file().clone(), matches!(target, Target::Object(_)));
        let (gathered, gathered_len, flush, unflushed, written) = (Vec::new(), 0, None, 0, 0);
        let state = State::Idle(target);
        Self { folder, key, file, flushes, state, gathered, gathered_len, flush, unflushed, written }
    }

    /// The file, when the write under way is done.
    async fn target(&mut self) -> Result<Target> {
        match mem::replace(&mut self.state, State::Broken) {
            State::Idle(target) => Ok(target),
            State::Writing(write) => self.ended(write.await),
            State::Broken => Err(self.broken("an earlier write failed; begin it again")),
        }
    }

    /// Waits for the flush under way. The system tells of each failure once, so no flush goes unheard.
    async fn flushed(&mut self) -> Result<()> {
        match self.flush.take() {
            Some(flush) => {
                let flushed = flush.await.map(|done| done.map_err(|error| self.failed(error)));
                self.ended(flushed)
            }
            None => Ok(()),
        }
    }

    fn ended<T>(&self, work: std::result::Result<Result<T>, JoinError>) -> Result<T> {
        work.unwrap_or_else(|error| Err(self.broken(&format!("it broke off: {error}"))))
    }

    fn failed(&self, error: io::Error) -> Error {
        system(error, "storage.write", self.key.as_str())
    }

    fn broken(&self, why: &str) -> Error {
        Error::new(ErrorKind::Unavailable, "storage.write", format!("writing {}: {why}", self.key))
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
        if self.gathered_len < PIECE {
            return Ok(());
        }
        let mut target = self.target().await?;
        if self.unflushed >= UNFLUSHED && self.flushes {
            self.flushed().await?;
            let file = self.file.clone();
            self.flush = Some(tokio::task::spawn_blocking(move || file.sync_data()));
            self.unflushed = 0;
        }
        let piece = mem::take(&mut self.gathered);
        self.unflushed += mem::take(&mut self.gathered_len);
        let key = self.key.clone();
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            target.write(&piece, &key)?;
            Ok(target)
        }));
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        let mut target = self.target().await?;
        self.flushed().await?;
        let Self { folder, key, gathered, written, .. } = *self;
        unblocked("storage.commit", move || {
            target.write(&gathered, &key)?;
            match target {
                Target::Object(temporary) => folder.publish(temporary, &key)?,
                Target::Part { .. } => {}
            }
            Ok(written)
        })
        .await
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let target = self.target().await?;
        unblocked("storage.abort", move || {
            drop(target);
            Ok(())
        })
        .await
    }
}
