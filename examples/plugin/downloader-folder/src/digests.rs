//! What files are by their bytes, worked out once for each state of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use ballast_sdk::downloader::Expected;
use ballast_sdk::types::Sha256;
use ballast_sdk::types::git::{ObjectKind, object_id};
use sha2::Digest;

/// So many bytes are read at a time.
const PIECE: usize = 1 << 20;

/// A file as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    is_large: bool,
}

/// What is known.
#[derive(Default)]
pub struct Digests(Mutex<HashMap<PathBuf, (Seen, Expected)>>);

impl Digests {
    /// A file's digest: SHA-256 of a large one, git's id of any other.
    pub fn of(&self, path: &Path, is_large: bool) -> std::io::Result<(u64, Expected)> {
        let about = path.metadata()?;
        let seen = Seen { size: about.len(), modified: about.modified().ok(), is_large };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some((_, digest)) = known.filter(|(known, _)| *known == seen) {
            return Ok((seen.size, digest));
        }
        let digest = if is_large {
            Expected::Sha256(sha256(path)?)
        } else {
            Expected::Git(object_id(ObjectKind::Blob, &std::fs::read(path)?))
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), (seen.clone(), digest));
        Ok((seen.size, digest))
    }
}

fn sha256(path: &Path) -> std::io::Result<Sha256> {
    let (mut file, mut hasher, mut piece) = (File::open(path)?, sha2::Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Sha256(hasher.finalize().into())),
            read => hasher.update(&piece[..read]),
        }
    }
}
