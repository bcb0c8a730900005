//! A range of a file, piece by piece.
//!
//! What the system has in memory is read here and now: a hop to another thread would cost more than the copy. What lies
//! on a disk is waited for by a thread of the blocking pool. Large pieces are fast, and small ones are what there is
//! [`Room`] for when many clients do not read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_services::Checks;
use ballast_types::ByteRange;
use bytes::Bytes;

use super::buffer::Buffer;
use super::room::{Room, Share};

/// How much is read at once of what is in memory, in bytes: little enough to be in the processor's cache when it is
/// checked and sent, and enough to keep the client awake meanwhile. Half as much costs a third more.
pub(super) const AT_HAND: u64 = 256 * 1024;

/// How much is read at once from a disk, in bytes. Reads of 4 KiB reach a twentieth of the speed of these.
const AWAITED: u64 = 1024 * 1024;

/// The least that can be read, as it is checked as one.
const SMALLEST: u64 = 1;

/// A range of a file of which some has been read.
pub struct Pieces {
    file: Arc<File>,
    left: ByteRange,
    checks: Checks,
    room: Room,
}

impl Pieces {
    pub fn new(file: File, range: ByteRange, checks: Checks, room: Room) -> Self {
        Self { file: Arc::new(file), left: range, checks, room }
    }

    /// The next bytes, none at the end. Damaged bytes are an error in their place.
    pub async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let Some((part, share)) = self.part(AT_HAND).await else { return Ok(None) };
        if let Some(buffer) = at_hand(&self.file, self.checks.cover(part)) {
            let bytes = self.checks.check(part, share.keep(buffer))?;
            self.left.start = part.end;
            return Ok(Some((bytes, self)));
        }
        drop(share);
        let Some((part, share)) = self.part(AWAITED).await else { return Ok(None) };
        let bytes = self.awaited(part, share).await?;
        self.left.start = part.end;
        Ok(Some((bytes, self)))
    }

    /// The next part, of about this length, or where there is no room for as much the shortest there is; with room for
    /// it. None at the end.
    async fn part(&self, length: u64) -> Option<(ByteRange, Share)> {
        let part = self.checks.parts(self.left, length).next()?;
        match self.room.find(self.checks.cover(part).len()) {
            Some(share) => Some((part, share)),
            None => Some((self.checks.parts(self.left, SMALLEST).next()?, self.room.small().await)),
        }
    }

    async fn awaited(&self, part: ByteRange, share: Share) -> Result<Bytes> {
        let (file, checks, end) = (self.file.clone(), self.checks.clone(), self.left.end);
        let read = move || {
            let cover = checks.cover(part);
            let mut bytes = vec![0; usize::try_from(cover.len()).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, cover.start).map_err(lost)?;
            fetch_ahead(&file, ByteRange { start: cover.end, end: end.min(cover.end + AWAITED) });
            checks.check(part, share.keep(bytes))
        };
        let broken = |error| Error::new(ErrorKind::Internal, "api.deliver", format!("a worker broke off: {error}"));
        tokio::task::spawn_blocking(read).await.map_err(broken)?
    }
}

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "api.deliver", "a file is shorter than it was").with_source(error)
}

/// Bytes of a file, where all of them are in memory.
#[cfg(target_os = "linux")]
fn at_hand(file: &File, range: ByteRange) -> Option<Buffer> {
    use rustix::io::{ReadWriteFlags, preadv2};

    let mut buffer = Buffer::new(usize::try_from(range.len()).ok()?);
    let mut slices = [std::io::IoSliceMut::new(buffer.bytes())];
    // An error is as good as a miss: some file systems cannot do this.
    let read = preadv2(file, &mut slices, range.start, ReadWriteFlags::NOWAIT).ok()?;
    (read as u64 == range.len()).then_some(buffer)
}

#[cfg(not(target_os = "linux"))]
fn at_hand(_: &File, _: ByteRange) -> Option<Buffer> {
    None
}

/// Has the disk go on while what was read is sent.
fn fetch_ahead(file: &File, range: ByteRange) {
    if let Some(length) = std::num::NonZeroU64::new(range.end.saturating_sub(range.start)) {
        // A hint; without it the next read waits a little longer.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(file, range.start, Some(length), rustix::fs::Advice::WillNeed);
        #[cfg(not(target_os = "linux"))]
        let _ = (file, length);
    }
}
