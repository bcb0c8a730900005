//! Locks on blobs, as huggingface_hub takes them: `flock` on a file of the blob's name.
//!
//! So that its programs and this one wait for each other when they fetch the same blob into the same cache.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// A lock that is held until this is dropped.
pub(crate) struct Lock {
    _file: File,
}

/// How long it takes until somebody else's lock is tried again.
const AGAIN: Duration = Duration::from_millis(100);

impl Lock {
    /// The lock, where nobody else has it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        loop {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = File::options().create(true).write(true).truncate(false).open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // Whoever had it may have removed the file at the end, and somebody else may have made a new one.
            let named = match fs::metadata(path) {
                Ok(named) => Some((named.dev(), named.ino())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let ours = file.metadata()?;
            if named == Some((ours.dev(), ours.ino())) {
                return Ok(Some(Self { _file: file }));
            }
        }
    }

    /// The lock, as soon as nobody else has it.
    pub(crate) async fn wait(path: &Path) -> io::Result<Self> {
        loop {
            if let Some(lock) = Self::take(path)? {
                return Ok(lock);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_persons_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".locks/models--a--b/abc.lock");
        let first = Lock::take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::take(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::take(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_taken_on_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.lock");
        let _old = Lock::take(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        let new = Lock::take(&path).unwrap();
        assert!(new.is_some() && path.exists());
    }
}
