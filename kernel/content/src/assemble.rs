//! Large files whose parts are written at their places, where the storage has that: nothing is copied when all are there.

use std::fs::File;
use std::sync::Arc;

use ballast_contract::storage::{Assembly, Closed, Storage, StorageKey};
use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_database::{for_both, transaction};
use ballast_types::{ByteRange, LeaseId, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::TryStreamExt;

use crate::digest::{carry, pour, refused};
use crate::failure::Failure;
use crate::multipart::{Part, Upload, UploadId, pieces};
use crate::objects::{Arrived, Object, key_of};
use crate::receive::places;
use crate::rows::{ObjectRow, PartRow};
use crate::schema::{leases, objects, uploads};
use crate::{Blob, Content};

type Result<T, E = Error> = std::result::Result<T, E>;

/// What an upload's parts are written into.
struct Target {
    store: Arc<dyn Storage>,
    key: StorageKey,
    object: Object,
}

impl Target {
    fn assembly(&self) -> Result<&dyn Assembly> {
        self.store.assembly().ok_or_else(|| {
            refused(format!(
                "storage '{}' does not put parts together any more; upload all of them again",
                self.object.storage
            ))
        })
    }
}

impl Content {
    /// Whether parts of uploads that begin now are written at their places.
    pub(crate) fn assembles(&self) -> bool {
        self.inner.stores.get(&*self.uploads_to).is_some_and(|store| store.assembly().is_some())
    }

    /// Writes a part at its place, and answers its etag. Where that breaks off, what was there of the part may be lost:
    /// whoever completes the upload sees it.
    pub(crate) async fn receive_in_place(
        &self,
        upload: &Upload,
        number: u32,
        size: u64,
        body: ByteStream,
    ) -> Result<String> {
        let target = self.begin_assembly(upload).await?;
        let assembly = target.assembly()?;
        let start = u64::from(number - 1) * upload.part_size;
        let written = write(assembly, &target.key, start, size, body).await.map_err(|error| match error.kind {
            ErrorKind::Conflict => {
                refused(format!("multipart upload {} is being completed and takes no more parts", upload.id))
            }
            _ => error,
        });
        let etag = etag_of(written?);
        let row = PartRow::new(upload.id, number, &target.object, size, &etag);
        let put = self.put_part(upload.lease, row).await;
        if put.as_ref().is_err_and(|error| error.is(ErrorKind::NotFound)) {
            // The upload has ended meanwhile, and what it had was deleted, perhaps before this part was written.
            assembly.discard(&target.key).await?;
        }
        put.map(|()| etag)
    }

    async fn begin_assembly(&self, upload: &Upload) -> Result<Target> {
        let (object, otherwise) = places(self, Some(upload.sha256))?;
        let row = object.row(upload.lease, Timestamp::now());
        let begun: Result<Object, Failure> =
            transaction!(self.database(), begin_assembly(upload.lease, upload.id, row, otherwise));
        self.target(begun.map_err(|failure| failure.during("content.receive_part"))?)
    }

    fn target(&self, object: Object) -> Result<Target> {
        Ok(Target { store: self.store(&object.storage)?.clone(), key: key_of(&object.key)?, object })
    }

    /// Takes over an upload whose parts are all there. `Invalid` where one was lost, and where the whole is not the
    /// announced SHA-256; the upload then takes parts again.
    pub(crate) async fn assemble(self, upload: UploadId) -> Result<Blob> {
        let upload = self.get_upload(upload).await?;
        let blob = Blob { sha256: upload.sha256, size: upload.size, oid: None };
        if upload.completed {
            return Ok(blob);
        }
        let parts = self.stored_parts(upload.id).await?;
        let object = <[Part]>::first(&parts).map(|part| part.object.clone());
        let target = self.target(object.ok_or_else(|| refused("no part has arrived; upload them"))?)?;
        let closed = target.assembly()?.close(&target.key).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => refused("the parts were lost; upload all of them again"),
            _ => error,
        })?;
        let sums = check(&upload, &parts, &*closed).await?;
        closed.publish().await?;
        self.keep(upload.lease, Some(&target.object), vec![Arrived { blob, start: 0, sums }]).await?;
        // Who waits to close it as well finds it completed.
        self.end_upload(upload.id, true).await?;
        Ok(blob)
    }
}

async fn write(assembly: &dyn Assembly, key: &StorageKey, start: u64, size: u64, body: ByteStream) -> Result<u32> {
    let mut writer = assembly.write_part(key, start).await?;
    let sum = carry(body, size, &mut writer).await?;
    match writer.commit().await? {
        written if written == size => Ok(sum),
        written => {
            let context = format!("storage kept {written} of {size} bytes of a part of {key}");
            Err(Error::new(ErrorKind::Internal, "content.receive_part", context))
        }
    }
}

/// Flushes the whole while it is read; answers the column of its `Sums`.
async fn check(upload: &Upload, parts: &[Part], closed: &dyn Closed) -> Result<Vec<u8>> {
    let whole = pieces(closed.file().clone(), ByteRange::whole(upload.size));
    let (digests, flushed) = futures::join!(pour(whole, upload.size, false, None), closed.flush());
    match digests {
        Ok(digests) if digests.sha256 == upload.sha256 => flushed.map(|()| digests.sums),
        Err(error) if !is_loss(&error) => Err(error),
        digests => {
            flushed?;
            let lost = first_lost(upload, parts, closed.file()).await?;
            Err(refused(match (lost, digests) {
                (Some(number), _) => format!("part {number} was lost; upload it again"),
                (None, Ok(digests)) => {
                    format!("the SHA-256 of the parts is {}, not the announced {}", digests.sha256, upload.sha256)
                }
                (None, Err(error)) => format!("the parts were lost ({error}); upload all of them again"),
            }))
        }
    }
}

/// The first part that is not what was received: a power cut took it, or somebody broke off when sending it again.
async fn first_lost(upload: &Upload, parts: &[Part], file: &Arc<File>) -> Result<Option<u32>> {
    for part in parts {
        let start = u64::from(part.number - 1) * upload.part_size;
        let bytes = pieces(file.clone(), ByteRange { start, end: start + part.size });
        let sum = bytes.try_fold(crc32fast::Hasher::new(), async |mut sum, bytes| {
            sum.update(&bytes);
            Ok(sum)
        });
        match sum.await.map(|sum| etag_of(sum.finalize())) {
            Ok(etag) if etag == part.etag => {}
            Err(error) if !is_loss(&error) => return Err(error),
            _ => return Ok(Some(part.number)),
        }
    }
    Ok(None)
}

/// The same bytes have the same etag, so that it does not matter which of two attempts arrives last. Whether they are
/// the right ones is seen when the whole is hashed.
pub(crate) fn etag_of(sum: u32) -> String {
    format!("{sum:08x}")
}

/// Whether bytes are not there, which a storage that fails for a moment does not say.
pub(crate) fn is_loss(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Corrupt)
}

for_both! {
    /// The object that the parts of an upload are written into, made for the first of them.
    pub async fn begin_assembly(
        c: &mut Connection,
        lease: LeaseId,
        upload: UploadId,
        row: ObjectRow,
        otherwise: String,
    ) -> Result<Object, Failure> {
        lock_lease!(c, lease);
        let open = uploads::table.find(upload.0).filter(uploads::completed.eq(false)).select(uploads::assembly);
        let begun: Option<Option<i64>> = open.first(c).await.optional()?;
        if let Some(begun) = begun.ok_or(Failure::NoUpload(upload.0))? {
            let query = objects::table.find(begun).filter(objects::deleting.eq(false));
            let row: Option<(String, String)> = query.select((objects::storage, objects::key)).first(c).await.optional()?;
            let (storage, key) = row.ok_or(Failure::NoUpload(upload.0))?;
            return Ok(Object { id: begun, storage, key, packed: false });
        }
        let (id, storage) = (row.id, row.storage.clone());
        let key = insert_at!(c, row, otherwise);
        diesel::update(uploads::table.find(upload.0)).set(uploads::assembly.eq(id)).execute(c).await?;
        Ok(Object { id, storage, key, packed: false })
    }
}
