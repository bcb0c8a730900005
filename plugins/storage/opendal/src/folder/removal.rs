//! Objects on their way out of a folder.
//!
//! Whoever is told that an object is gone forgets its key. So the folder that named it is flushed first: otherwise a
//! power cut brings the file back when nobody knows of it any more. A flush is dear, so there is one for each folder,
//! however many of its objects go.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ballast_contract::Result;
use ballast_contract::storage::StorageKey;

use super::{Folder, PARTS, sync, unblocked};
use crate::failure::{is_absence, system};

/// How many folders are open at a time.
const OPEN: usize = 64;

/// Objects that are to go, by the folder that they lie in.
type Doomed = BTreeMap<PathBuf, Vec<PathBuf>>;

impl Folder {
    pub(crate) async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        let (folder, mut doomed) = (self.clone(), Doomed::new());
        let parts: Vec<PathBuf> = keys.iter().map(|key| self.parts_path(key)).collect();
        for key in keys {
            let path = self.path(key);
            let above = path.parent().unwrap_or(&self.inner.root).to_owned();
            doomed.entry(above).or_default().push(path);
        }
        let remove = move || {
            folder.remove_parts("storage.delete", &parts)?;
            folder.remove(&doomed)
        };
        unblocked("storage.delete", remove).await
    }

    /// Most objects have none, and cost no flush.
    pub(super) fn remove_parts(&self, operation: &'static str, parts: &[PathBuf]) -> Result<()> {
        let failed = |path: &Path| {
            let name = path.display().to_string();
            move |error| system(error, operation, &name)
        };
        let mut removed = false;
        for path in parts {
            removed |= remove_file(path).map_err(failed(path))?;
        }
        let folder = self.inner.root.join(PARTS);
        if removed { sync(&folder).map_err(failed(&folder)) } else { Ok(()) }
    }

    fn remove(&self, doomed: &Doomed) -> Result<()> {
        let failed = |path: &Path| {
            let key = path.strip_prefix(&self.inner.root).unwrap_or(path).display().to_string();
            move |error| system(error, "storage.delete", &key)
        };
        let all: Vec<_> = doomed.iter().collect();
        for some in all.chunks(OPEN) {
            // Open before anything goes: what is flushed must be the folder that had the names, also where it is empty
            // then and somebody removes it, or has made another one of its name.
            let open = |(folder, _): &(&PathBuf, _)| self.open_what_is_left(folder).map_err(failed(folder));
            let folders = some.iter().map(open).collect::<Result<Vec<File>>>()?;
            for path in some.iter().flat_map(|(_, paths)| *paths) {
                remove_file(path).map_err(failed(path))?;
            }
            for ((folder, _), open) in some.iter().zip(folders) {
                open.sync_all().map_err(failed(folder))?;
            }
        }
        all.iter().for_each(|(folder, _)| self.remove_empty(folder));
        Ok(())
    }

    /// A folder below the root, or where it is gone the next one above, whose flush puts that on disk. While it is
    /// looked for none is made or removed: one that was just made is flushed by its maker before it is seen here.
    fn open_what_is_left(&self, folder: &Path) -> io::Result<File> {
        let _still = self.durable();
        let mut gone = Err(io::ErrorKind::NotFound.into());
        for above in folder.ancestors().take_while(|above| above.starts_with(&self.inner.root)) {
            gone = File::open(above);
            match &gone {
                Err(error) if is_absence(error) => {}
                _ => break,
            }
        }
        gone
    }

    /// Removes a folder that a deletion left empty, and those above that it leaves empty, so that what comes and goes
    /// leaves nothing. An empty one that a power cut brings back hurts nobody.
    fn remove_empty(&self, folder: &Path) {
        let mut durable = self.durable();
        for folder in folder.ancestors().take_while(|folder| *folder != self.inner.root) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
            durable.remove(folder);
        }
    }
}

/// Whether it was there.
fn remove_file(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if is_absence(&error) => Ok(false),
        removed => removed.map(|()| true),
    }
}
