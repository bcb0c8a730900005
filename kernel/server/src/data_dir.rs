//! The folder for what the hub keeps itself.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ballast_types::Secret;

use crate::exit::Exit;

/// Makes the folder where it is not there yet, for nobody else's eyes, and sees that a power cut leaves its name.
pub fn make(folder: &Path) -> Result<(), Exit> {
    let make = || {
        let folder = std::path::absolute(folder)?;
        let new = folder.ancestors().take_while(|above| !above.exists()).count();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // Once more where the folder is there already: its maker may have been cut off just before.
        folder.ancestors().skip(1).take(new.max(1)).try_for_each(sync)
    };
    make().map_err(|error| unusable(folder, &error))
}

/// Puts a folder's names on disk. What may not be read cannot be synced, and was not made by us.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Says what is wrong with the folder, and what helps.
fn unusable(folder: &Path, error: &io::Error) -> Exit {
    let help = match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "; make it writable for the user that runs Ballast, or choose another with --data-dir"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; make room on its disk, or choose another with --data-dir"
        }
        _ => "",
    };
    Exit::failure(format!("the data folder {}: {error}{help}", folder.display()))
}

/// Holds the folder for one serving hub. Let go when it is dropped, also by a crash.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder. The error says that another hub serves from it.
    pub fn take(folder: &Path) -> Result<Self, Exit> {
        let path = folder.join("serving.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| unusable(folder, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Exit::failure(format!(
                "the data folder {}: another hub serves from it; stop that one, or choose another with --data-dir",
                folder.display()
            ))),
            Err(std::fs::TryLockError::Error(error)) => Err(unusable(folder, &error)),
        }
    }
}

impl Lock {
    /// The same for a command beside which nobody may serve. The error says so: what a serving hub would come to, and
    /// what `--while-serving` is for.
    pub fn take_unserved(folder: &Path, what: &str, purpose: &str) -> Result<Self, Exit> {
        make(folder)?;
        match is_served(folder) {
            true => Err(Exit::failure(format!(
                "the data folder {}: a hub serves from it, and what it writes from now on {what}. Stop it first, on \
                 every node; or say --while-serving {purpose}",
                folder.display()
            ))),
            false => Self::take(folder),
        }
    }
}

/// Whether a hub serves from the folder at this moment.
pub fn is_served(folder: &Path) -> bool {
    let lock = File::open(folder.join("serving.lock"));
    lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Writes a secret for the owner's eyes only (mode 0600), whole or not at all, and durable; answers its path.
pub fn write_secret(folder: &Path, name: &str, secret: &Secret) -> Result<PathBuf, Exit> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    let write = || {
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        sync(folder)
    };
    write().map_err(|error| unusable(folder, &error))?;
    Ok(path)
}

/// The secret of this name; none where there is none.
pub fn read_secret(folder: &Path, name: &str) -> Result<Option<Secret>, Exit> {
    match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(folder, &error)),
    }
}

/// Gives a secret another name, durably; answers its path.
pub fn rename_secret(folder: &Path, from: &str, to: &str) -> Result<PathBuf, Exit> {
    let path = folder.join(to);
    let renamed = std::fs::rename(folder.join(from), &path).and_then(|()| sync(folder));
    renamed.map_err(|error| unusable(folder, &error))?;
    Ok(path)
}
