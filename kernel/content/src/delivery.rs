//! Handing bytes out.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use ballast_contract::storage::{ResponseHeaders, SignedRequest, StorageKey};
use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_database::{for_both, read};
use ballast_types::{ByteRange, Sha256};
use bytes::{Bytes, BytesMut};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};

use crate::failure::Failure;
use crate::objects::key_of;
use crate::schema::{blobs, locations, objects};
use crate::{Content, unblocked};

type Result<T, E = Error> = std::result::Result<T, E>;

/// Some bytes of a blob.
pub enum Delivery {
    /// They lie in this file of this machine; `range` is counted from the file's beginning.
    File {
        file: File,
        range: ByteRange,
    },
    Stream(ByteStream),
}

/// Where a blob lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    storage: String,
    key: StorageKey,
    /// Together with other blobs, which a reader of this one may not see.
    packed: bool,
    start: u64,
    size: u64,
}

impl Content {
    /// Some bytes of a blob. Whether the caller may have them was decided before. `Invalid` where the range ends behind
    /// the blob; `Corrupt` where the blob is not stored, since what is named must be.
    pub async fn open(&self, sha256: Sha256, range: ByteRange) -> Result<Delivery> {
        let place = self.place(sha256).await?;
        if range.end > place.size || range.start > range.end {
            let context = format!("bytes {}..{} of {sha256}, which has {}", range.start, range.end, place.size);
            return Err(Error::new(ErrorKind::Invalid, "content.open", context));
        }
        if range.is_empty() {
            return Ok(Delivery::Stream(stream::empty().boxed()));
        }
        match self.open_at(&place, range).await {
            Err(error) if error.is(ErrorKind::NotFound) => self.open_again(sha256, range).await,
            other => other,
        }
    }

    /// A remembered place may be out of date where another node has collected the blob and it came back.
    async fn open_again(&self, sha256: Sha256, range: ByteRange) -> Result<Delivery> {
        self.inner.places.invalidate(&sha256);
        let place = self.place(sha256).await?;
        match self.open_at(&place, range).await {
            Err(error) if error.is(ErrorKind::NotFound) => {
                let context =
                    format!("blob {sha256} should lie in storage '{}' as {} and does not", place.storage, place.key);
                Err(Error::new(ErrorKind::Corrupt, "content.open", context))
            }
            other => other,
        }
    }

    async fn open_at(&self, place: &Place, range: ByteRange) -> Result<Delivery> {
        let (store, range) = (self.store(&place.storage)?, range.shifted(place.start));
        if store.files().is_none() {
            return Ok(Delivery::Stream(store.read(&place.key, range).await?));
        }
        let (store, key) = (store.clone(), place.key.clone());
        let opened = unblocked("content.open", move || open_file(&*store, &key, range.end)).await?;
        Ok(Delivery::File { file: opened?, range })
    }

    /// A signed URL for a blob, where its storage has them and the object holds nothing but this blob.
    pub async fn redirect(
        &self,
        sha256: Sha256,
        headers: &ResponseHeaders,
        valid: Duration,
    ) -> Result<Option<SignedRequest>> {
        let place = self.place(sha256).await?;
        match self.store(&place.storage)?.presign().filter(|_| !place.packed) {
            Some(presign) => presign.get(&place.key, headers, valid).await.map(Some),
            None => Ok(None),
        }
    }

    /// A whole small blob. `Invalid` where it has more than `max` bytes.
    pub async fn read_small(&self, sha256: Sha256, max: u64) -> Result<Bytes> {
        let size = self.place(sha256).await?.size;
        if size > max {
            let context = format!("blob {sha256} has {size} bytes, more than the {max} that are read at once");
            return Err(Error::new(ErrorKind::Invalid, "content.read_small", context));
        }
        match self.open(sha256, ByteRange::whole(size)).await? {
            Delivery::Stream(stream) => collect(stream).await,
            Delivery::File { file, range } => unblocked("content.read_small", move || read_range(&file, range)).await?,
        }
    }

    async fn place(&self, sha256: Sha256) -> Result<Arc<Place>> {
        if let Some(place) = self.inner.places.get(&sha256) {
            return Ok(place);
        }
        let preferred = self.inner.default_store.clone();
        let found: Result<_, Failure> = read!(self.database(), find_place(sha256, preferred));
        let (storage, key, packed, start, size) =
            found.map_err(|failure| failure.during("content.place"))?.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "content.place", format!("blob {sha256} is named and not stored"))
            })?;
        let key = key_of(&key)?;
        let place = Arc::new(Place { storage, key, packed, start: start.unsigned_abs(), size: size.unsigned_abs() });
        self.inner.places.insert(sha256, place.clone());
        Ok(place)
    }
}

fn open_file(store: &dyn ballast_contract::storage::Storage, key: &StorageKey, end: u64) -> Result<File> {
    let unsupported = || Error::new(ErrorKind::Unsupported, "content.open", "this storage has no files");
    let file = store.files().ok_or_else(unsupported)?.open(key)?;
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

fn read_range(file: &File, range: ByteRange) -> Result<Bytes> {
    use std::io::{Read, Seek, SeekFrom};
    let failed = |error| Error::new(ErrorKind::Unavailable, "content.read_small", "a file").with_source(error);
    let mut bytes = Vec::new();
    let mut file = file;
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let length = file.take(range.len()).read_to_end(&mut bytes).map_err(failed)? as u64;
    match length == range.len() {
        true => Ok(bytes.into()),
        false => Err(cut_short("a small blob", length, range.len())),
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

type PlaceRow = (String, String, bool, i64, i64);

for_both! {
    /// The place of a blob; that in the preferred storage instance where there are several.
    pub async fn find_place(c: &mut Connection, sha256: Sha256, preferred: String) -> Result<Option<PlaceRow>, Failure> {
        let query = locations::table.inner_join(objects::table).inner_join(blobs::table);
        let query = query.filter(locations::sha256.eq(sha256.0.to_vec()));
        let columns = (locations::storage, objects::key, objects::packed, locations::start, blobs::size);
        let mut places: Vec<PlaceRow> = query.select(columns).load(c).await?;
        let best = places.iter().position(|place| place.0 == preferred).unwrap_or(0);
        Ok(match places.is_empty() {
            true => None,
            false => Some(places.swap_remove(best)),
        })
    }
}
