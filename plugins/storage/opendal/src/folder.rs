//! A folder of this machine.
//!
//! OpenDAL's folder service flushes a file and renames it, but not the folder that names it, so a power cut may lose an
//! object that was acknowledged; and it copies in place and lists in no order. Here an object is written beside the
//! others, flushed, renamed, and its folder flushed; and its deletion is flushed too (`removal`). What comes in parts is
//! written in place (`assembly`).

mod assembly;
mod list;
mod removal;
mod writer;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ballast_contract::storage::{LocalFiles, StorageKey, StorageWriter};
use ballast_contract::{Error, ErrorKind, Page, Result};

use crate::failure::{absent, system};
use crate::page;
use writer::{FolderWriter, Target, Temporary};

/// Where objects lie until they are whole. No key begins with a dot.
const INCOMING: &str = ".incoming";

/// Where objects lie whose parts are on their way.
const PARTS: &str = ".parts";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How old a file in these is when nobody can be writing it any more. Who began an upload in parts deletes what came of
/// it, so in the second there is something to find only where that database is gone.
const STALE: [(&str, Duration); 2] = [(INCOMING, DAY), (PARTS, Duration::from_secs(90 * DAY.as_secs()))];

/// The folder.
#[derive(Clone)]
pub(crate) struct Folder {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    /// Folders below the root that are known to survive a power cut. Locked while one is made or removed.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    pub(crate) fn new(root: &str) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|error| system(error, "storage.open", root))?;
        Ok(Self { inner: Arc::new(Inner { root, durable: Mutex::default() }) })
    }

    /// Makes the folder, sees that it can be written, and removes what a crash left behind.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let folder = self.clone();
        unblocked("storage.start", move || folder.prepare_now()).await
    }

    fn prepare_now(&self) -> Result<()> {
        let root = &self.inner.root;
        let unusable = |error: io::Error| {
            let context = format!(
                "the folder {} cannot be written; see that it is writable for the user that runs Ballast and that its \
                 disk has room, or set another 'root'",
                root.display()
            );
            system(error, "storage.start", &context)
        };
        for (name, _) in STALE {
            fs::create_dir_all(root.join(name)).map_err(unusable)?;
        }
        let probe = Temporary::create(&root.join(INCOMING))?;
        drop(probe);
        sync(root).map_err(unusable)?;
        match self.remove_stale(SystemTime::now()) {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(removed, folder = %root.display(), "removed uploads that a crash left behind")
            }
            Err(error) => tracing::warn!(%error, folder = %root.display(), "stale uploads could not be removed"),
        }
        Ok(())
    }

    fn remove_stale(&self, now: SystemTime) -> io::Result<usize> {
        let mut removed = 0;
        for (name, stale) in STALE {
            for entry in fs::read_dir(self.inner.root.join(name))? {
                let entry = entry?;
                let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or_default();
                if age > stale {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    pub(crate) async fn check(&self) -> Result<()> {
        let folder = self.clone();
        unblocked("storage.health", move || {
            let root = &folder.inner.root;
            let gone = |error| system(error, "storage.health", &format!("the folder {}", root.display()));
            fs::metadata(root.join(INCOMING)).map(|_| ()).map_err(gone)
        })
        .await
    }

    pub(crate) async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let (folder, key) = (self.clone(), key.clone());
        let begun = move || {
            let temporary = Temporary::create(&folder.inner.root.join(INCOMING))?;
            Ok(FolderWriter::new(folder, key, Target::Object(temporary)))
        };
        let writer = unblocked("storage.create", begun).await?;
        Ok(Box::new(writer))
    }

    pub(crate) async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let (folder, from, to) = (self.clone(), from.clone(), to.clone());
        unblocked("storage.copy", move || {
            let mut source = folder.open(&from)?;
            let temporary = Temporary::create(&folder.inner.root.join(INCOMING))?;
            // The system copies between the files, or shares their blocks where the file system can.
            io::copy(&mut source, &mut temporary.file())
                .map_err(|error| system(error, "storage.copy", from.as_str()))?;
            folder.publish(temporary, &to)
        })
        .await
    }

    pub(crate) async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let (root, after) = (self.inner.root.clone(), after.cloned());
        let keys = unblocked("storage.list", move || {
            list::keys_after(&root, after.as_ref(), limit.saturating_add(1))
                .map_err(|error| system(error, "storage.list", "the objects"))
        });
        Ok(page(keys.await?, limit))
    }

    fn path(&self, key: &StorageKey) -> PathBuf {
        self.inner.root.join(key.as_str())
    }

    /// Gives a finished file its name: whole, durable, and in place of what had the name before.
    fn publish(&self, temporary: Temporary, key: &StorageKey) -> Result<()> {
        self.name(temporary.file(), temporary.path(), key)?;
        temporary.keep();
        Ok(())
    }

    /// The same for a file that lies at `path`.
    fn name(&self, file: &File, path: &Path, key: &StorageKey) -> Result<()> {
        let failed = |error| system(error, "storage.commit", key.as_str());
        file.sync_data().map_err(failed)?;
        let target = self.path(key);
        let parent = target.parent().unwrap_or(&self.inner.root);
        let mut tries = 0;
        while let Err(error) = self.make_durable(parent).and_then(|()| fs::rename(path, &target)) {
            // A folder that became empty may be removed between our making it and our using it; by another process
            // even without our knowing.
            tries += 1;
            if error.kind() != io::ErrorKind::NotFound || tries == 100 {
                return Err(failed(error));
            }
            if tries % 2 == 0 {
                self.durable().clear();
            }
        }
        match sync(parent) {
            // Somebody has deleted the object, and its folder with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(failed),
        }
    }

    /// Makes a folder below the root that survives a power cut: each one above it has its name on disk.
    fn make_durable(&self, folder: &Path) -> io::Result<()> {
        self.make_known(folder, &mut self.durable())
    }

    fn make_known(&self, folder: &Path, durable: &mut HashSet<PathBuf>) -> io::Result<()> {
        if folder == self.inner.root || durable.contains(folder) {
            return Ok(());
        }
        let above = folder.parent().unwrap_or(&self.inner.root);
        self.make_known(above, durable)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                // Another process has removed what is above.
                durable.clear();
                return Err(error);
            }
            Ok(()) => {}
        }
        sync(above)?;
        durable.insert(folder.to_owned());
        Ok(())
    }

    fn durable(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.inner.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalFiles for Folder {
    fn open(&self, key: &StorageKey) -> Result<File> {
        let file = File::open(self.path(key)).map_err(|error| system(error, "storage.open", key.as_str()))?;
        let is_file = file.metadata().map_err(|error| system(error, "storage.open", key.as_str()))?.is_file();
        match is_file {
            true => Ok(file),
            false => Err(absent("storage.open", key.as_str())),
        }
    }

    #[cfg(target_os = "linux")]
    fn open_at_once(&self, key: &StorageKey) -> Option<File> {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        // An error is as good as a miss: an old system cannot do this, and what is absent is told by `open`.
        let file = File::from(openat2(CWD, self.path(key), flags, Mode::empty(), ResolveFlags::CACHED).ok()?);
        file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
    }
}

/// Puts a folder's names on disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Work for the blocking pool.
async fn unblocked<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let broken = |error| Error::new(ErrorKind::Internal, operation, format!("a worker broke off: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

#[cfg(test)]
mod tests;
