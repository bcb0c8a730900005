//! The digest that a file must have, worked out over its bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ballast_contract::downloader::Expected;
use ballast_types::git::{ObjectHasher, ObjectKind};
use sha2::{Digest, Sha256};

/// How much of a file is read at a time.
const READ: usize = 1 << 20;

/// A digest on the way, of the kind that is expected.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Git(ObjectHasher),
}

impl Hasher {
    /// Begins a file of `size` bytes.
    pub(crate) fn new(expected: Expected, size: u64) -> Self {
        match expected {
            Expected::Sha256(_) => Self::Sha256(Sha256::new()),
            Expected::Git(_) => Self::Git(ObjectHasher::new(ObjectKind::Blob, size)),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Git(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Expected {
        match self {
            Self::Sha256(hasher) => Expected::Sha256(ballast_types::Sha256(hasher.finalize().into())),
            Self::Git(hasher) => Expected::Git(hasher.finish()),
        }
    }

    /// Goes on over bytes that lie in a file.
    pub(crate) fn read(&mut self, file: &File, mut from: u64, to: u64) -> io::Result<()> {
        let mut buffer = vec![0; READ.min(usize::try_from(to - from).unwrap_or(READ))];
        while from < to {
            let some = buffer.len().min(usize::try_from(to - from).unwrap_or(READ));
            file.read_exact_at(&mut buffer[..some], from)?;
            self.update(&buffer[..some]);
            from += some as u64;
        }
        Ok(())
    }
}

/// What a name in a cache says that its bytes are: 64 digits a SHA-256, 40 git's id of a blob.
pub(crate) fn of_name(name: &str) -> Option<Expected> {
    match name.len() {
        64 => name.parse().ok().map(Expected::Sha256),
        40 => name.parse().ok().map(Expected::Git),
        _ => None,
    }
}

/// The digest of a whole file, of the kind that is expected.
pub(crate) fn of_file(path: &Path, expected: Expected) -> io::Result<Expected> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut hasher = Hasher::new(expected, size);
    hasher.read(&file, 0, size)?;
    Ok(hasher.finish())
}
