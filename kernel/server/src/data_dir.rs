//! The folder for what the hub keeps itself.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ballast_types::Secret;

use crate::exit::Exit;

/// Makes the folder where it is not there yet, for nobody else's eyes.
pub fn make(folder: &Path) -> Result<(), Exit> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Exit::failure(format!("the data folder {}: {error}", folder.display())))
}

/// Holds the folder for one serving hub. Let go when it is dropped, also by a crash.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder. The error says that another hub serves from it.
    pub fn take(folder: &Path) -> Result<Self, Exit> {
        let path = folder.join("serving.lock");
        let fail = |why: String| Exit::failure(format!("the data folder {}: {why}", folder.display()));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| fail(error.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(fail("another hub serves from it; stop that one, or choose another with --data-dir".to_owned()))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(fail(error.to_string())),
        }
    }
}

/// Writes a secret for the owner's eyes only (mode 0600), whole or not at all, and answers its path.
pub fn write_secret(folder: &Path, name: &str, secret: &Secret) -> Result<PathBuf, Exit> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    let write = || {
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&new, &path)
    };
    write().map_err(|error| Exit::failure(format!("{}: {error}", path.display())))?;
    Ok(path)
}
