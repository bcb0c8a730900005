//! Handing bytes out.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use ballast_contract::storage::{ResponseHeaders, SignedRequest, StorageKey};
use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_database::{for_both, read};
use ballast_types::{ByteRange, Sha256};
use ballast_xet::FileTerms;
use bytes::{Bytes, BytesMut};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};

use crate::checks::{Checks, damaged};
use crate::failure::Failure;
use crate::objects::key_of;
use crate::rows::{PIECE, columns, sha256_of};
use crate::schema::{blobs, locations, objects};
use crate::sums::Sums;
use crate::{Content, Rebuilding, unblocked};

type Result<T, E = Error> = std::result::Result<T, E>;

/// Some bytes of a blob.
pub enum Delivery {
    /// They lie in this file of this machine; `range` is counted from the file's beginning. Whoever reads them reads
    /// the cover that `checks` says, and has it checked before a byte goes out.
    File { file: File, range: ByteRange, checks: Checks },
    /// They are checked as they come.
    Stream(ByteStream),
    /// They lie in xorbs, and are decoded and checked as they are asked for.
    Chunks(Rebuilding),
}

/// How much of a file is read at once by whoever reads all of it, in bytes.
const READ: u64 = 1 << 20;
/// Small blobs that are opened at once.
const AT_ONCE: usize = 16;
/// Files of small blobs that one reader has open together.
const OPEN: usize = 64;

/// Where a blob lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) storage: String,
    pub(crate) key: StorageKey,
    /// Together with other blobs, which a reader of this one may not see.
    pub(crate) packed: bool,
    pub(crate) start: u64,
    pub(crate) size: u64,
    pub(crate) sums: Arc<Sums>,
}

/// How a blob lies.
#[derive(Clone, Debug)]
pub(crate) enum Lies {
    /// In one piece.
    Whole(Arc<Place>),
    /// As chunks of xorbs.
    InXorbs(Arc<FileTerms>),
}

impl Lies {
    /// How much of the memory for places it takes.
    pub(crate) fn weight(&self) -> u32 {
        let bytes = match self {
            Self::Whole(place) => place.sums.weight(),
            Self::InXorbs(terms) => terms.as_bytes().len(),
        };
        u32::try_from(1 + bytes / 300).unwrap_or(u32::MAX)
    }

    /// In bytes.
    fn size(&self) -> u64 {
        match self {
            Self::Whole(place) => place.size,
            Self::InXorbs(terms) => terms.size(),
        }
    }
}

impl Delivery {
    /// All of it, for whoever reads it to the end.
    pub fn into_stream(self) -> ByteStream {
        match self {
            Self::Stream(bytes) => bytes,
            Self::Chunks(chunks) => chunks.into_stream(),
            Self::File { file, range, checks } => {
                let (file, parts) = (Arc::new(file), checks.parts(range, READ));
                let read = move |part| {
                    let (file, checks) = (file.clone(), checks.clone());
                    unblocked("content.read", move || checks.check(part, read_range(&file, checks.cover(part))?))
                };
                stream::iter(parts).then(read).map(|read| read?).boxed()
            }
        }
    }
}

/// A blob on its way into memory.
enum Opened {
    Read(Bytes),
    File(File, ByteRange, Checks),
}

impl Opened {
    fn read(self) -> Result<Bytes> {
        match self {
            Self::Read(bytes) => Ok(bytes),
            Self::File(file, range, checks) => checks.check(range, read_range(&file, checks.cover(range))?),
        }
    }
}

impl Content {
    /// Some bytes of a blob. Whether the caller may have them was decided before. `Invalid` where the range ends behind
    /// the blob; `Corrupt` where the blob is not stored, since what is named must be, or is known to be damaged. Bytes
    /// that turn out to be damaged while they are read are an error in their place, and never given out.
    pub async fn open(&self, sha256: Sha256, range: ByteRange) -> Result<Delivery> {
        let lies = self.lies(sha256).await?;
        if range.end > lies.size() || range.start > range.end {
            let context = format!("bytes {}..{} of {sha256}, which has {}", range.start, range.end, lies.size());
            return Err(Error::new(ErrorKind::Invalid, "content.open", context));
        }
        if range.is_empty() {
            return Ok(Delivery::Stream(stream::empty().boxed()));
        }
        match lies {
            Lies::Whole(place) => self.open_place(sha256, place, range).await,
            Lies::InXorbs(terms) => Ok(Delivery::Chunks(Rebuilding::new(self.clone(), Some(sha256), terms, range))),
        }
    }

    /// Some bytes of a blob that lies in one piece, as xorbs do.
    pub(crate) async fn open_whole(&self, sha256: Sha256, range: ByteRange) -> Result<Delivery> {
        match self.lies(sha256).await? {
            Lies::Whole(place) => self.open_place(sha256, place, range).await,
            Lies::InXorbs(_) => Err(damaged(sha256, "they lie in xorbs themselves")),
        }
    }

    async fn open_place(&self, sha256: Sha256, mut place: Arc<Place>, range: ByteRange) -> Result<Delivery> {
        let mut missing = String::new();
        // A remembered place may be out of date: the blob was collected by another node and came back, or its pack was
        // compacted; and that may come between the place and its file once more.
        for _ in 0..3 {
            match self.open_at(sha256, &place, range).await {
                Err(error) if is_elsewhere(&error) => missing = error.to_string(),
                other => return other,
            }
            self.inner.places.invalidate(&sha256);
            place = match self.lies(sha256).await? {
                Lies::Whole(place) => place,
                Lies::InXorbs(terms) => {
                    return Ok(Delivery::Chunks(Rebuilding::new(self.clone(), Some(sha256), terms, range)));
                }
            };
        }
        self.suspect(sha256);
        Err(damaged(sha256, &missing))
    }

    async fn open_at(&self, sha256: Sha256, place: &Arc<Place>, range: ByteRange) -> Result<Delivery> {
        let (store, range) = (self.store(&place.storage)?, range.shifted(place.start));
        let checks = Checks::new(self.clone(), sha256, place.clone());
        let Some(files) = store.files() else {
            let bytes = store.read(&place.key, checks.cover(range)).await?;
            return Ok(Delivery::Stream(checks.stream(range, bytes)));
        };
        let end = checks.cover(range).end;
        let file = match files.open_at_once(&place.key) {
            Some(file) => long_enough(file, &place.key, end)?,
            None => {
                let (store, key) = (store.clone(), place.key.clone());
                unblocked("content.open", move || open_file(&*store, &key, end)).await??
            }
        };
        Ok(Delivery::File { file, range, checks })
    }

    /// Whether any storage has signed URLs.
    pub fn signs(&self) -> bool {
        self.inner.stores.values().any(|store| store.presign().is_some())
    }

    /// A signed URL for a blob, where its storage has them and the object holds nothing but this blob.
    pub async fn redirect(
        &self,
        sha256: Sha256,
        headers: &ResponseHeaders,
        valid: Duration,
    ) -> Result<Option<SignedRequest>> {
        let Lies::Whole(place) = self.lies(sha256).await? else { return Ok(None) };
        match self.store(&place.storage)?.presign().filter(|_| !place.packed) {
            Some(presign) => presign.get(&place.key, headers, valid).await.map(Some),
            None => Ok(None),
        }
    }

    /// A signed URL for a range of a blob and for nothing else, where its storage has them.
    pub async fn redirect_range(
        &self,
        sha256: Sha256,
        range: ByteRange,
        valid: Duration,
    ) -> Result<Option<SignedRequest>> {
        let Lies::Whole(place) = self.lies(sha256).await? else { return Ok(None) };
        match self.store(&place.storage)?.presign() {
            Some(presign) => presign.get_range(&place.key, range.shifted(place.start), valid).await.map(Some),
            None => Ok(None),
        }
    }

    /// As `redirect` for many, in the order of the question; also none for one that is damaged or not stored, which whoever
    /// opens it is told.
    pub async fn redirect_all(&self, digests: &[Sha256], valid: Duration) -> Result<Vec<Option<SignedRequest>>> {
        if !self.signs() {
            return Ok(vec![None; digests.len()]);
        }
        let (mut keys, preferred) = (HashMap::new(), &self.inner.default_store);
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<Vec<(Vec<u8>, String, String)>, Failure> = read!(self.database(), list_places(piece));
            for (sha256, storage, key) in found.map_err(|failure| failure.during("content.place"))? {
                if storage == *preferred || !keys.contains_key(&sha256) {
                    keys.insert(sha256, (storage, key));
                }
            }
        }
        let mut signed = Vec::with_capacity(digests.len());
        for sha256 in digests {
            let lies = keys.get(sha256.0.as_slice());
            let presign = lies.and_then(|(storage, key)| Some((self.store(storage).ok()?.presign()?, key)));
            signed.push(match presign {
                Some((presign, key)) => Some(presign.get(&key_of(key)?, &ResponseHeaders::default(), valid).await?),
                None => None,
            });
        }
        Ok(signed)
    }

    /// A whole small blob. `Invalid` where it has more than `max` bytes.
    pub async fn read_small(&self, sha256: Sha256, max: u64) -> Result<Bytes> {
        let size = self.lies(sha256).await?.size();
        if size > max {
            let context = format!("blob {sha256} has {size} bytes, more than the {max} that are read at once");
            return Err(Error::new(ErrorKind::Invalid, "content.read_small", context));
        }
        match self.open(sha256, ByteRange::whole(size)).await? {
            Delivery::Stream(stream) => collect(stream).await,
            Delivery::Chunks(chunks) => collect(chunks.into_stream()).await,
            Delivery::File { file, range, checks } => {
                unblocked("content.read_small", move || checks.check(range, read_range(&file, checks.cover(range))?))
                    .await?
            }
        }
    }

    /// Whole small blobs, in the order of the question: so many that they fit into memory together.
    pub async fn read_all(&self, digests: &[Sha256]) -> Result<Vec<Bytes>> {
        let open = |sha256: Sha256| async move {
            let size = self.lies(sha256).await?.size();
            match self.open(sha256, ByteRange::whole(size)).await? {
                Delivery::File { file, range, checks } => Ok(Opened::File(file, range, checks)),
                other => collect(other.into_stream()).await.map(Opened::Read),
            }
        };
        let mut all = Vec::with_capacity(digests.len());
        // Files are open only as long as their share of the reading takes.
        for some in digests.chunks(OPEN) {
            let opened: Vec<Opened> = stream::iter(some.to_vec()).map(open).buffered(AT_ONCE).try_collect().await?;
            // One way to the threads that may wait and back, for all of them.
            let read = move || opened.into_iter().map(Opened::read).collect::<Result<Vec<Bytes>>>();
            all.extend(unblocked("content.read_all", read).await??);
        }
        Ok(all)
    }

    pub(crate) async fn lies(&self, sha256: Sha256) -> Result<Lies> {
        if let Some(lies) = self.inner.places.get(&sha256) {
            return Ok(lies);
        }
        let places = self.find_places(&[sha256]).await?;
        let row = match places.into_iter().next() {
            Some((_, row)) if row.damaged.is_none() => row,
            other => {
                // Not in one piece, or not whole.
                if let Some(terms) = self.find_terms(sha256).await? {
                    let lies = Lies::InXorbs(Arc::new(terms));
                    self.inner.places.insert(sha256, lies.clone());
                    return Ok(lies);
                }
                return Err(match other {
                    None => damaged(sha256, "they are named and not stored"),
                    Some((_, PlaceRow { storage, key, .. })) => {
                        damaged(sha256, &format!("this was found before; they lie in '{storage}' as {key}"))
                    }
                });
            }
        };
        self.whole(sha256, row).await
    }

    /// Finds out where these blobs lie, in one statement, for whoever is about to read them all.
    pub async fn locate(&self, digests: &[Sha256]) -> Result<()> {
        let mut unknown: Vec<Sha256> = digests.to_vec();
        unknown.retain(|sha256| !self.inner.places.contains_key(sha256));
        unknown.sort_unstable();
        unknown.dedup();
        for piece in unknown.chunks(PIECE) {
            for (sha256, row) in self.find_places(piece).await? {
                if row.damaged.is_none() {
                    self.whole(sha256, row).await?;
                }
            }
        }
        Ok(())
    }

    /// The best place of each of these blobs that lie in one piece somewhere.
    async fn find_places(&self, digests: &[Sha256]) -> Result<Vec<(Sha256, PlaceRow)>> {
        let (columns, preferred) = (columns(digests), self.inner.default_store.clone());
        let found: Result<_, Failure> = read!(self.database(), find_places(columns, preferred));
        found.map_err(|failure| failure.during("content.place"))
    }

    /// Remembers a blob's place.
    async fn whole(&self, sha256: Sha256, row: PlaceRow) -> Result<Lies> {
        let size = row.size.unsigned_abs();
        let sums = match row.sums.and_then(|column| Sums::of_column(size, column)) {
            Some(sums) => sums,
            // Stored by a program that made none: read once, to make them.
            None => self.prove(sha256).await?,
        };
        let (key, start) = (key_of(&row.key)?, row.start.unsigned_abs());
        let place = Place { storage: row.storage, key, packed: row.packed, start, size, sums: Arc::new(sums) };
        let lies = Lies::Whole(Arc::new(place));
        self.inner.places.insert(sha256, lies.clone());
        Ok(lies)
    }
}

/// Whether an object is not, or not as long, as its place says.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Invalid)
}

pub(crate) fn open_file(store: &dyn ballast_contract::storage::Storage, key: &StorageKey, end: u64) -> Result<File> {
    let unsupported = || Error::new(ErrorKind::Unsupported, "content.open", "this storage has no files");
    long_enough(store.files().ok_or_else(unsupported)?.open(key)?, key, end)
}

fn long_enough(file: File, key: &StorageKey, end: u64) -> Result<File> {
    let failed = |error| Error::new(ErrorKind::Unavailable, "content.open", format!("{key}")).with_source(error);
    let length = file.metadata().map_err(failed)?.len();
    match length < end {
        true => Err(cut_short(&key.to_string(), length, end)),
        false => Ok(file),
    }
}

fn cut_short(what: &str, length: u64, end: u64) -> Error {
    Error::new(ErrorKind::Corrupt, "content.open", format!("{what} has {length} bytes and should have {end} at least"))
}

pub(crate) fn read_range(file: &File, range: ByteRange) -> Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.len()).unwrap_or(usize::MAX)];
    match file.read_exact_at(&mut bytes, range.start) {
        Ok(()) => Ok(bytes.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let context = format!("a file ends before byte {}", range.end);
            Err(Error::new(ErrorKind::Corrupt, "content.read", context))
        }
        Err(error) => Err(Error::new(ErrorKind::Unavailable, "content.read", "a file").with_source(error)),
    }
}

async fn collect(stream: ByteStream) -> Result<Bytes> {
    let mut chunks: Vec<Bytes> = stream.try_collect().await?;
    match chunks.len() {
        1 => Ok(chunks.remove(0)),
        _ => Ok(chunks
            .iter()
            .fold(BytesMut::new(), |mut all, chunk| {
                all.extend_from_slice(chunk);
                all
            })
            .freeze()),
    }
}

#[derive(Queryable)]
struct PlaceRow {
    storage: String,
    key: String,
    packed: bool,
    start: i64,
    damaged: Option<i64>,
    size: i64,
    sums: Option<Vec<u8>>,
}

for_both! {
    /// The places of blobs; where one has several, an undamaged one, and best in the preferred storage instance.
    pub async fn find_places(c: &mut Connection, digests: Vec<Vec<u8>>, preferred: String) -> Result<Vec<(Sha256, PlaceRow)>, Failure> {
        let query = locations::table.inner_join(objects::table).inner_join(blobs::table);
        let query = query.filter(locations::sha256.eq_any(digests)).select((locations::sha256, (
            locations::storage,
            objects::key,
            objects::packed,
            locations::start,
            locations::damaged,
            blobs::size,
            blobs::sums,
        )));
        let mut places: Vec<(Vec<u8>, PlaceRow)> = query.load(c).await?;
        places.sort_by(|(a, one), (b, other)| {
            let rank = |place: &PlaceRow| (place.damaged.is_some(), place.storage != preferred);
            a.cmp(b).then(rank(one).cmp(&rank(other)))
        });
        places.dedup_by(|(later, _), (first, _)| later == first);
        places.into_iter().map(|(sha256, place)| Ok((sha256_of(&sha256)?, place))).collect()
    }

    /// Where these blobs lie by themselves and undamaged: the storage instance and the key of each.
    pub async fn list_places(c: &mut Connection, digests: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, String, String)>, Failure> {
        let query = locations::table.inner_join(objects::table).filter(locations::sha256.eq_any(digests));
        let query = query.filter(locations::damaged.is_null()).filter(objects::packed.eq(false));
        Ok(query.select((locations::sha256, locations::storage, objects::key)).load(c).await?)
    }
}
