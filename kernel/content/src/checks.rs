//! What proves that bytes on their way out are those that were stored.

use std::sync::Arc;

use ballast_contract::{ByteStream, Error, ErrorKind, Result};
use ballast_types::{ByteRange, Sha256};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};

use crate::Content;
use crate::delivery::Place;
use crate::sums::Sums;

/// About how much of a stream is checked and given out at once, in bytes.
const STREAMED: u64 = 64 * 1024;

/// The sums of a blob that is being read. All ranges are counted as those of the file or object that it lies in.
#[derive(Clone)]
pub struct Checks {
    sums: Arc<Sums>,
    /// Where the blob begins.
    start: u64,
    alarm: Arc<dyn Alarm>,
}

/// Who is told that bytes differ.
trait Alarm: Send + Sync {
    fn raise(&self, piece: u64) -> Error;
}

/// Looks at the blob more closely.
struct Suspecting {
    content: Content,
    sha256: Sha256,
    place: Arc<Place>,
}

impl Alarm for Suspecting {
    fn raise(&self, piece: u64) -> Error {
        self.content.suspect(self.sha256);
        damaged(self.sha256, &format!("piece {piece} of it in {} is not what was stored", self.place.key))
    }
}

/// For bytes that no store has.
struct Telling;

impl Alarm for Telling {
    fn raise(&self, piece: u64) -> Error {
        Error::new(ErrorKind::Corrupt, "content.check", format!("piece {piece} is not what it was"))
    }
}

impl Checks {
    pub(crate) fn new(content: Content, sha256: Sha256, place: Arc<Place>) -> Self {
        let (sums, start) = (place.sums.clone(), place.start);
        Self { sums, start, alarm: Arc::new(Suspecting { content, sha256, place }) }
    }

    /// For a file that holds these bytes and nothing else: what a reader is tried with.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sums: Arc::new(Sums::of(bytes)), start: 0, alarm: Arc::new(Telling) }
    }

    /// What to read so that all of `range` can be checked: at most a piece (32 KiB, of blobs up to 32 GiB) more on
    /// either side.
    pub fn cover(&self, range: ByteRange) -> ByteRange {
        self.sums.cover(self.within(range)).shifted(self.start)
    }

    /// Cuts a range in parts of about `length` bytes whose covers do not overlap.
    pub fn parts(&self, range: ByteRange, length: u64) -> impl Iterator<Item = ByteRange> + Send + use<> {
        let (checks, mut left) = (self.clone(), range);
        std::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            let wanted = ByteRange { start: left.start, end: left.end.min(left.start.saturating_add(length)) };
            let end = checks.border(wanted.end - 1).min(left.end);
            let part = ByteRange { start: left.start, end };
            left.start = end;
            Some(part)
        })
    }

    /// Cuts `range` out of the bytes of its cover, when they are what was stored. `Corrupt` where they are not: then
    /// the blob is looked at more closely, apart from this call, and not served any more if that confirms it.
    pub fn check(&self, range: ByteRange, covering: Bytes) -> Result<Bytes> {
        let cover = self.cover(range);
        let differs = match covering.len() as u64 == cover.len() {
            true => self.sums.differs(cover.start - self.start, &covering),
            false => Some(0),
        };
        if let Some(piece) = differs {
            return Err(self.alarm.raise(piece));
        }
        let cut = |at: u64| usize::try_from(at - cover.start).unwrap_or(usize::MAX);
        Ok(covering.slice(cut(range.start)..cut(range.end)))
    }

    /// Checks a stream of the cover of `range`; gives out `range`.
    pub(crate) fn stream(self, range: ByteRange, bytes: ByteStream) -> ByteStream {
        let reading =
            Reading { bytes, ready: BytesMut::new(), parts: Box::new(self.parts(range, STREAMED)), checks: self };
        stream::try_unfold(reading, Reading::next).boxed()
    }

    fn border(&self, at: u64) -> u64 {
        self.sums.border(at - self.start) + self.start
    }

    fn within(&self, range: ByteRange) -> ByteRange {
        ByteRange { start: range.start - self.start, end: range.end - self.start }
    }
}

pub(crate) fn damaged(sha256: Sha256, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "content.open", format!("the stored bytes of {sha256} are damaged: {why}"))
}

/// A stream that is cut in pieces and checked.
struct Reading {
    bytes: ByteStream,
    ready: BytesMut,
    parts: Box<dyn Iterator<Item = ByteRange> + Send>,
    checks: Checks,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let Some(part) = self.parts.next() else { return Ok(None) };
        let wanted = usize::try_from(self.checks.cover(part).len()).unwrap_or(usize::MAX);
        while self.ready.len() < wanted {
            match self.bytes.next().await.transpose()? {
                Some(bytes) => self.ready.extend_from_slice(&bytes),
                None => return Err(Error::new(ErrorKind::Corrupt, "content.read", "a blob ends too early")),
            }
        }
        let checked = self.checks.check(part, self.ready.split_to(wanted).freeze())?;
        Ok(Some((checked, self)))
    }
}
