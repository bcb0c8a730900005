//! Objects that are put together in place, in a folder.
//!
//! An object's parts go into one file beside the objects, whose name is its key. Writers and whoever closes it may be of
//! several processes, so the file itself says how things stand: a piece is written under a shared lock (`flock`), closing
//! takes the exclusive one, and a file without write permission is closed. After each lock that is looked at again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ballast_contract::storage::{Assembly, Closed, LocalFiles, StorageKey, StorageWriter};
use ballast_contract::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::writer::{FolderWriter, Target};
use super::{Folder, PARTS, sync, unblocked};
use crate::failure::{is_absence, system};

/// The permissions to write.
const WRITABLE: u32 = 0o222;

/// How often a file is looked for that others move away at the same moment.
const TRIES: usize = 100;

impl Folder {
    /// Where an object lies until it is published.
    pub(super) fn parts_path(&self, key: &StorageKey) -> PathBuf {
        // No key has a plus.
        self.inner.root.join(PARTS).join(key.as_str().replace('/', "+"))
    }

    fn open_part(&self, key: &StorageKey, start: u64) -> Result<File> {
        let path = self.parts_path(key);
        let open = || OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let opened = open().or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => fs::create_dir_all(self.inner.root.join(PARTS)).and_then(|()| open()),
            // Without the right to write, and not by a mistake of whoever runs the hub.
            io::ErrorKind::PermissionDenied if is_closed(&path) => Err(Errno::AGAIN.into()),
            _ => Err(error),
        });
        let placed = opened.and_then(|mut file| file.seek(SeekFrom::Start(start)).map(|_| file));
        placed.map_err(|error| refused(error, "storage.create", key))
    }

    fn close_now(&self, key: &StorageKey) -> Result<ClosedFile> {
        let failed = |error| system(error, "storage.close", key.as_str());
        for _ in 0..TRIES {
            let begun = self.parts_path(key);
            let (path, published, file) = match File::open(&begun) {
                Err(error) if is_absence(&error) => (self.path(key), true, self.open(key)?),
                file => (begun, false, file.map_err(failed)?),
            };
            // First of all, so that writers stop and the lock is soon to be had.
            set_closed(&file, true).map_err(failed)?;
            lock(&file).map_err(failed)?;
            // Whoever had it before may have opened it again; or have published or discarded it.
            if is_named(&file, &path).map_err(failed)? {
                set_closed(&file, true).map_err(failed)?;
                let (folder, published) = (self.clone(), AtomicBool::new(published));
                return Ok(ClosedFile { folder, key: key.clone(), file: Arc::new(file), published });
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "storage.close", format!("{key} is moved again and again; try again")))
    }
}

#[async_trait]
impl Assembly for Folder {
    async fn write_part(&self, key: &StorageKey, start: u64) -> Result<Box<dyn StorageWriter>> {
        let (folder, key) = (self.clone(), key.clone());
        let begun = move || {
            let file = Arc::new(folder.open_part(&key, start)?);
            Ok(FolderWriter::new(folder, key, Target::Part { file, at: start }))
        };
        Ok(Box::new(unblocked("storage.create", begun).await?))
    }

    async fn close(&self, key: &StorageKey) -> Result<Box<dyn Closed>> {
        let (folder, key) = (self.clone(), key.clone());
        Ok(Box::new(unblocked("storage.close", move || folder.close_now(&key)).await?))
    }

    async fn discard(&self, key: &StorageKey) -> Result<()> {
        let (folder, path) = (self.clone(), self.parts_path(key));
        unblocked("storage.discard", move || folder.remove_parts("storage.discard", &[path])).await
    }
}

/// A file that nobody writes to any more, under the exclusive lock.
struct ClosedFile {
    folder: Folder,
    key: StorageKey,
    file: Arc<File>,
    published: AtomicBool,
}

#[async_trait]
impl Closed for ClosedFile {
    fn file(&self) -> &Arc<File> {
        &self.file
    }

    async fn flush(&self) -> Result<()> {
        let (file, key) = (self.file.clone(), self.key.clone());
        let flush = move || file.sync_data().map_err(|error| system(error, "storage.flush", key.as_str()));
        unblocked("storage.flush", flush).await
    }

    async fn publish(&self) -> Result<()> {
        let (folder, key, file) = (self.folder.clone(), self.key.clone(), self.file.clone());
        let begun = match self.published.load(Ordering::Acquire) {
            // By somebody who may not have come to flushing its name.
            true => folder.path(&key),
            false => folder.parts_path(&key),
        };
        let publish = move || {
            folder.name(&file, &begun, &key)?;
            // Otherwise a power cut may bring the other name back, when nobody looks for it any more.
            sync(&folder.inner.root.join(PARTS)).map_err(|error| system(error, "storage.publish", key.as_str()))
        };
        unblocked("storage.publish", publish).await?;
        self.published.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for ClosedFile {
    fn drop(&mut self) {
        let opened = if self.published.load(Ordering::Acquire) { Ok(()) } else { set_closed(&self.file, false) };
        // Also where somebody reads the file still, who would keep the lock.
        if let Err(error) = opened.and_then(|()| Ok(flock(&*self.file, FlockOperation::Unlock)?)) {
            tracing::warn!(%error, key = %self.key, "an object that was not published takes no parts any more");
        }
    }
}

/// Leave to write one piece. Nobody has the file closed while this lives.
pub(super) struct Turn<'a>(&'a File);

impl<'a> Turn<'a> {
    /// `EAGAIN` where the file is closed.
    pub(super) fn take(file: &'a File) -> io::Result<Self> {
        flock(file, FlockOperation::NonBlockingLockShared)?;
        let turn = Self(file);
        match file.metadata()?.permissions().mode() & WRITABLE {
            0 => Err(Errno::AGAIN.into()),
            _ => Ok(turn),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It cannot fail on a file that is open and locked; and when the file is closed the lock goes as well.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

/// What the system said to somebody who would write a part.
pub(super) fn refused(error: io::Error, operation: &'static str, key: &StorageKey) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            Error::new(ErrorKind::Conflict, operation, format!("{key} is closed and takes no more parts"))
        }
        _ => system(error, operation, key.as_str()),
    }
}

fn lock(file: &File) -> io::Result<()> {
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            locked => return Ok(locked?),
        }
    }
}

fn set_closed(file: &File, closed: bool) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    let mode = permissions.mode();
    permissions.set_mode(if closed { mode & !WRITABLE } else { mode | 0o200 });
    file.set_permissions(permissions)
}

fn is_closed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & WRITABLE == 0)
}

/// Whether a path still names an open file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_unpublished_object_tells_its_key_and_is_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_str().unwrap()).unwrap();
        let path = folder.parts_path(&"lfs/ab/c.d".parse().unwrap());
        assert_eq!(path.strip_prefix(place.path()).unwrap(), Path::new(".parts/lfs+ab+c.d"));
    }

    #[tokio::test]
    async fn a_turn_is_not_given_while_the_file_is_closed_by_another_process() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_str().unwrap()).unwrap();
        let key: StorageKey = "a/b".parse().unwrap();
        let file = folder.open_part(&key, 0).unwrap();
        let elsewhere = File::open(folder.parts_path(&key)).unwrap();
        flock(&elsewhere, FlockOperation::LockExclusive).unwrap();
        assert_eq!(Turn::take(&file).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        flock(&elsewhere, FlockOperation::Unlock).unwrap();
        drop(Turn::take(&file).unwrap());
        set_closed(&elsewhere, true).unwrap();
        assert_eq!(Turn::take(&file).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        // A hub that ended between closing and publishing leaves it so: closing it again is possible.
        let closed = folder.close(&key).await.unwrap();
        closed.publish().await.unwrap();
        drop(closed);
        let again = folder.close(&key).await.unwrap();
        again.publish().await.unwrap();
        assert!(folder.path(&key).is_file() && !folder.parts_path(&key).exists());
    }
}
