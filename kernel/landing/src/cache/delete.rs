//! Taking a repository out of a cache, or some of its commits.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoId, RepoKind};

use super::list::entries;
use super::{Cache, RepositoryFolder, temporary_beside};
use crate::failure::at;
use crate::lock::Lock;
use crate::partial::gone;

/// What dead folders are called until they are gone; huggingface_hub does not look among the locks.
const DEAD: &str = ".ballast-";

impl Cache {
    /// Takes a repository away: the bytes that this frees, or none where it is not here. `Conflict` while somebody
    /// fetches into it.
    pub fn delete(&self, kind: RepoKind, id: &RepoId) -> Result<Option<u64>> {
        let Some(about) = self.find_repository(kind, id)? else { return Ok(None) };
        let folder = self.repository(kind, id);
        let _locks = folder.lock_all()?;
        // Out of sight in one step, so that nobody finds half of it.
        let dead = temporary_beside(&folder.locks).map_err(at(&folder.locks))?;
        let locks = self.root().join(".locks");
        let away = || -> io::Result<()> {
            fs::create_dir_all(&locks)?;
            fs::rename(folder.path(), &dead)
        };
        away().map_err(at(folder.path()))?;
        for entry in entries(&locks).map_err(at(&locks))? {
            if entry.file_name().to_string_lossy().starts_with(DEAD) {
                fs::remove_dir_all(entry.path()).map_err(at(&entry.path()))?;
            }
        }
        gone(fs::remove_dir_all(&folder.locks)).map_err(at(&folder.locks))?;
        Ok(Some(about.size))
    }

    /// Takes commits of a repository away with the blobs that no other commit of it needs; the bytes that this frees.
    pub fn delete_snapshots(&self, kind: RepoKind, id: &RepoId, commits: &BTreeSet<CommitId>) -> Result<u64> {
        let folder = self.repository(kind, id);
        let _locks = folder.lock_all()?;
        for (name, commit) in folder.read_refs()? {
            if commits.contains(&commit) {
                let path = folder.refs().join(name);
                gone(fs::remove_file(&path)).map_err(at(&path))?;
            }
        }
        for commit in commits {
            for place in [folder.snapshot(*commit), folder.path().join(".no_exist").join(commit.to_string())] {
                gone(fs::remove_dir_all(&place)).map_err(at(&place))?;
            }
        }
        let needed = folder.needed()?;
        let mut freed = 0;
        for (path, about) in folder.whole_blobs().map_err(at(folder.path()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !needed.contains(&name) {
                gone(fs::remove_file(&path)).map_err(at(&path))?;
                freed += about.len();
            }
        }
        Ok(freed)
    }
}

impl RepositoryFolder {
    /// Every lock of the repository; `Conflict` where somebody has one.
    fn lock_all(&self) -> Result<Vec<Lock>> {
        let mut locks = Vec::new();
        for entry in entries(&self.locks).map_err(at(&self.locks))? {
            let path = entry.path();
            match Lock::take(&path).map_err(at(&path))? {
                Some(lock) => locks.push(lock),
                None => {
                    let why = format!("{}: a download is under way there; end it first", self.folder.display());
                    return Err(Error::new(ErrorKind::Conflict, "landing.delete", why));
                }
            }
        }
        Ok(locks)
    }
}
