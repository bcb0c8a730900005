//! A file that is not whole yet, and the journal of its pieces.
//!
//! Bytes are written where they belong, into a file that has its whole length from the beginning. The journal says which
//! pieces are whole; a line of it is written when all bytes of its piece are. After `kill -9` the system still has both.
//! After a power cut the journal may know of bytes that the disk does not have: the digest says so at the end.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize};

use crate::lock::Lock;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    version: u32,
    size: u64,
    piece: u64,
}

/// The file, while its lock is held.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    journal: Option<(PathBuf, Mutex<File>)>,
    /// Ends when the last write has: nobody else begins this file before.
    _lock: Lock,
}

/// The length of the pieces of a file: short ones of a small file, so that several connections have some.
pub(crate) fn piece_length(size: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    (size / 256).next_power_of_two().clamp(4 * MIB, 64 * MIB)
}

impl Partial {
    /// A file that begins anew, and is fetched in one go.
    pub(crate) fn create(lock: Lock, path: PathBuf, size: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        make_room(&file, size)?;
        Ok(Self { file, path, journal: None, _lock: lock })
    }

    /// A file in pieces, with those that are there already.
    pub(crate) fn resume(lock: Lock, path: PathBuf, size: u64, piece: u64) -> io::Result<(Self, Vec<bool>)> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let journal_path = journal_of(&path);
        let journal = File::options().read(true).append(true).create(true).open(&journal_path)?;
        let mut done = vec![false; usize::try_from(size.div_ceil(piece)).unwrap_or(usize::MAX)];
        let known = match file.metadata()?.len() == size {
            true => read_journal(&journal, &Header { version: 1, size, piece }, &mut done)?,
            false => false,
        };
        if !known {
            done.fill(false);
            journal.set_len(0)?;
            file.set_len(0)?;
            make_room(&file, size)?;
            let mut line = serde_json::to_vec(&Header { version: 1, size, piece })?;
            line.push(b'\n');
            (&journal).write_all(&line)?;
        }
        Ok((Self { file, path, journal: Some((journal_path, Mutex::new(journal))), _lock: lock }, done))
    }

    /// Writes bytes where they belong.
    pub(crate) fn write(&self, mut offset: u64, bytes: &[Bytes]) -> io::Result<()> {
        for some in bytes {
            self.file.write_all_at(some, offset)?;
            offset += some.len() as u64;
        }
        Ok(())
    }

    /// Writes down that a piece is whole.
    pub(crate) fn piece_is_whole(&self, piece: usize) -> io::Result<()> {
        let Some((_, journal)) = &self.journal else { return Ok(()) };
        let mut journal = journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        journal.write_all(format!("{piece}\n").as_bytes())
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name; with `flush`, when the disk has it.
    pub(crate) fn finish(&self, name: &Path, flush: bool) -> io::Result<()> {
        if flush {
            self.file.sync_all()?;
        }
        fs::rename(&self.path, name)?;
        if flush && let Some(folder) = name.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.forget_journal()
    }

    /// Throws away what has arrived.
    pub(crate) fn discard(&self) -> io::Result<()> {
        self.forget_journal()?;
        gone(fs::remove_file(&self.path))
    }

    fn forget_journal(&self) -> io::Result<()> {
        match &self.journal {
            Some((path, _)) => gone(fs::remove_file(path)),
            None => Ok(()),
        }
    }
}

/// Removing what is not there is no mistake.
pub(crate) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(crate) fn journal_of(path: &Path) -> PathBuf {
    path.with_added_extension("journal")
}

/// Bytes that a file which is not whole takes already.
pub(crate) fn allocated(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |about| about.blocks().saturating_mul(512))
}

/// Whether the journal is one of this file, and which pieces it names. A line without its end was being written.
fn read_journal(journal: &File, header: &Header, done: &mut [bool]) -> io::Result<bool> {
    let mut text = String::new();
    let mut reader = journal;
    if reader.read_to_string(&mut text).is_err() {
        return Ok(false);
    }
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines();
    if lines.next().and_then(|line| serde_json::from_str(line).ok()).as_ref() != Some(header) {
        return Ok(false);
    }
    for line in lines {
        match line.parse::<usize>().ok().and_then(|piece| done.get_mut(piece)) {
            Some(piece) => *piece = true,
            None => return Ok(false),
        }
    }
    // The next line begins where the last whole one ended.
    journal.set_len(whole as u64)?;
    Ok(true)
}

fn make_room(file: &File, size: u64) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(size),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(folder: &Path) -> Lock {
        Lock::take(&folder.join("lock")).unwrap().unwrap()
    }

    #[test]
    fn whole_pieces_are_known_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob.ballast");
        let (partial, done) = Partial::resume(lock(folder.path()), path.clone(), 10, 4).unwrap();
        assert_eq!(done, [false; 3]);
        partial.write(4, &[Bytes::from_static(b"ab"), Bytes::from_static(b"cd")]).unwrap();
        partial.piece_is_whole(1).unwrap();
        drop(partial);
        File::options().append(true).open(journal_of(&path)).unwrap().write_all(b"2").unwrap();

        let (partial, done) = Partial::resume(lock(folder.path()), path.clone(), 10, 4).unwrap();
        assert_eq!(done, [false, true, false]);
        partial.piece_is_whole(0).unwrap();
        drop(partial);
        let (partial, done) = Partial::resume(lock(folder.path()), path.clone(), 10, 4).unwrap();
        assert_eq!(done, [true, true, false]);
        assert_eq!(&fs::read(&path).unwrap()[4..8], b"abcd");
        let name = folder.path().join("blob");
        partial.finish(&name, true).unwrap();
        assert_eq!(fs::metadata(&name).unwrap().len(), 10);
        assert!(!path.exists() && !journal_of(&path).exists());
    }

    #[test]
    fn a_journal_of_another_length_or_without_its_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob.ballast");
        let (partial, _) = Partial::resume(lock(folder.path()), path.clone(), 10, 4).unwrap();
        partial.piece_is_whole(0).unwrap();
        drop(partial);
        let (partial, done) = Partial::resume(lock(folder.path()), path.clone(), 12, 4).unwrap();
        assert_eq!(done, [false; 3]);
        partial.piece_is_whole(2).unwrap();
        drop(partial);
        fs::remove_file(&path).unwrap();
        assert_eq!(Partial::resume(lock(folder.path()), path, 12, 4).unwrap().1, [false; 3]);
    }

    #[test]
    fn pieces_grow_with_the_file() {
        assert_eq!([1 << 20, 2 << 30, 1 << 40].map(piece_length), [4 << 20, 8 << 20, 64 << 20]);
    }
}
