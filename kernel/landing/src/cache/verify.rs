//! Whether a cached repository is what it says: every blob has the digest of its name, every link leads to a blob.

use std::fs;

use ballast_contract::Result;
use ballast_types::{RepoId, RepoKind};

use super::Cache;
use super::list::files_below;
use crate::digest;
use crate::failure::at;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A blob whose bytes have another digest than its name.
    Damaged { blob: String },
    /// A file of a commit whose blob is not there.
    Missing { path: String },
}

/// What a look at everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub blobs: usize,
    pub bytes: u64,
    /// Blobs whose names are no digests, as other programs make of weak ETags: nobody can say what they should be.
    pub unnamed: usize,
    pub flaws: Vec<Flaw>,
}

impl Cache {
    /// Reads every blob of a repository; none where it is not here.
    pub fn verify(&self, kind: RepoKind, id: &RepoId, told: impl Fn(u64)) -> Result<Option<Verified>> {
        if self.find_repository(kind, id)?.is_none() {
            return Ok(None);
        }
        let folder = self.repository(kind, id);
        let mut verified = Verified::default();
        for (path, about) in folder.whole_blobs().map_err(at(folder.path()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (verified.blobs, verified.bytes) = (verified.blobs + 1, verified.bytes + about.len());
            match digest::of_name(&name) {
                None => verified.unnamed += 1,
                Some(expected) => {
                    if digest::of_file(&path, expected).map_err(at(&path))? != expected {
                        verified.flaws.push(Flaw::Damaged { blob: name });
                    }
                }
            }
            told(about.len());
        }
        let snapshots = folder.path().join("snapshots");
        for (path, link) in files_below(&snapshots).map_err(at(&snapshots))? {
            if fs::metadata(&link).is_err() {
                verified.flaws.push(Flaw::Missing { path });
            }
        }
        Ok(Some(verified))
    }
}
