//! Large files that clients send straight to storage, by signed URLs.
//!
//! What is signed is always a part of an upload that only the hub can complete, also where there is one part: nothing of
//! it is visible before, and when the hub has completed it nobody can change it any more, however long the URLs stay
//! good. Then the hub reads it, and what is not the announced SHA-256 is thrown away.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ballast_contract::storage::{Presign, SignedRequest, Storage, StorageKey, UploadedPart};
use ballast_contract::{Error, ErrorKind};
use ballast_database::{for_both, read, transaction};
use ballast_types::{ByteRange, LeaseId, RepoKey, Sha256, Timestamp};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use futures::future::{BoxFuture, FutureExt, Shared};
use futures::{StreamExt, TryStreamExt, stream};

use crate::digest::{pour, refused};
use crate::failure::Failure;
use crate::multipart::{NewUpload, Upload, UploadId};
use crate::objects::{Arrived, Object, key_of};
use crate::rows::{ObjectRow, PIECE, UploadRow, columns};
use crate::schema::{leases, objects, uploads};
use crate::{Blob, Content};

type Result<T, E = Error> = std::result::Result<T, E>;

/// How many uploads are begun at the provider at the same time.
const AT_ONCE: usize = 16;

/// How many uploads of one blob are looked at: a client that asks again and again has as many.
const MOST_TRIES: usize = 8;

/// The shortest part that is not the last, and the longest, in bytes: Amazon's limits, which the others share.
const SHORTEST_PART: u64 = 5 << 20;
const LONGEST_PART: u64 = 5 << 30;

/// How long it is waited for an object that another node is putting together.
const PAUSES: &[Duration] = &[Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1500)];

/// An upload that a client makes without the hub.
#[derive(Clone, Debug)]
pub struct DirectUpload {
    pub id: UploadId,
    /// Of each part but the last, in bytes.
    pub part_size: u64,
    /// A request for each part, in order.
    pub parts: Vec<SignedRequest>,
}

/// An upload that is being taken over.
pub(crate) type Concluding = Shared<BoxFuture<'static, Result<Blob>>>;

/// What an upload writes to.
struct Target<'a> {
    store: &'a dyn Storage,
    presign: &'a dyn Presign,
    key: StorageKey,
    object: Object,
    /// The provider's id.
    upload: String,
}

impl Content {
    /// Whether clients may send a blob of this size straight to storage, by `parts` or at once.
    pub fn takes_direct(&self, size: u64, parts: bool) -> bool {
        let signs = self.upload_presign().is_some_and(Presign::takes_uploads);
        signs && size > 0 && (parts || size <= LONGEST_PART)
    }

    fn upload_presign(&self) -> Option<&dyn Presign> {
        self.inner.stores.get(&*self.uploads_to)?.presign()
    }

    /// Begins uploads that clients make without the hub, in the order of the question; a part that is not the only one
    /// is as long as the provider wants it at least. `Conflict` where the lease has ended. They end with their lease.
    pub async fn begin_direct(
        &self,
        lease: LeaseId,
        wanted: &[NewUpload],
        valid: Duration,
    ) -> Result<Vec<DirectUpload>> {
        let presign = self.upload_presign().ok_or_else(|| unsigned(&self.uploads_to))?;
        let (mut new, mut rows, mut object_rows) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in wanted {
            let wanted = NewUpload { part_size: wanted.part_size.max(SHORTEST_PART), ..*wanted };
            let sha256 = wanted.sha256.to_string();
            let place = |id| format!("lfs/{}/{}/{sha256}.{id:016x}", &sha256[..2], &sha256[2..4]);
            let object = Object::new(self, false, place)?;
            let row = UploadRow { object: Some(object.id), ..wanted.row(lease)? };
            object_rows.push(object.row(lease, Timestamp::now()));
            new.push((UploadId(row.id), wanted, key_of(&object.key)?));
            rows.push(row);
        }
        let written = object_rows.clone();
        let begun: Result<(), Failure> = transaction!(self.database(), begin_direct(lease, written, rows));
        begun.map_err(|failure| failure.during("content.begin_direct"))?;
        let keys: Vec<StorageKey> = new.iter().map(|(_, _, key)| key.clone()).collect();
        let begin = |key: StorageKey| async move { presign.create_multipart(&key).await };
        let begun: Vec<Result<String>> = stream::iter(keys).map(begin).buffered(AT_ONCE).collect().await;
        for (row, token) in object_rows.iter_mut().zip(&begun) {
            row.upload = token.as_ref().ok().cloned();
        }
        // Also where some did not begin: the others have.
        self.name_uploads(object_rows).await?;
        let tokens = begun.into_iter().collect::<Result<Vec<String>>>()?;
        let mut all = Vec::with_capacity(new.len());
        for ((id, new, key), token) in new.into_iter().zip(tokens) {
            all.push(sign(presign, id, &new, &key, &token, valid).await?);
        }
        Ok(all)
    }

    /// Remembers the provider's ids of uploads that have begun, so that they end with their objects.
    pub(crate) async fn name_uploads(&self, begun: Vec<ObjectRow>) -> Result<()> {
        let known: Result<(), Failure> = transaction!(self.database(), name_uploads(begun));
        known.map_err(|failure| failure.during("content.begin_direct"))
    }

    /// Uploads of these blobs that clients of a repository make without the hub and that are not taken over yet: of
    /// each, the newest first.
    pub async fn find_direct(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Vec<Vec<UploadId>>> {
        let mut found: HashMap<Vec<u8>, Vec<UploadId>> = HashMap::new();
        let pieces = columns(digests);
        // Also where new ones go elsewhere by now.
        for piece in pieces.chunks(PIECE).filter(|_| self.signs()) {
            let piece = piece.to_vec();
            let some: Result<Vec<(Vec<u8>, UploadId)>, Failure> = read!(self.database(), list_direct(repo.0, piece));
            for (sha256, upload) in some.map_err(|failure| failure.during("content.find_direct"))? {
                found.entry(sha256).or_default().push(upload);
            }
        }
        let of = |sha256: &Sha256| {
            let mut uploads = found.get(sha256.0.as_slice()).cloned().unwrap_or_default();
            uploads.truncate(MOST_TRIES);
            uploads
        };
        Ok(digests.iter().map(of).collect())
    }

    /// Takes over what a client has sent to storage: completes it, reads and hashes it, and leases it. `Invalid` where a
    /// part is missing or has another length, and where the whole is not the announced SHA-256; in that case nothing of
    /// it stays. `NotFound` where nothing was sent, and where the upload has ended. Goes on where the caller does not wait
    /// for it, and whoever asks meanwhile waits for the same. Idempotent.
    pub async fn conclude_direct(&self, upload: UploadId) -> Result<Blob> {
        self.once(upload, move |content| content.conclude_now(upload)).await
    }

    /// Takes an upload over on a task of its own, unless one is at it: then it is waited for that.
    pub(crate) async fn once<F>(&self, upload: UploadId, take_over: impl FnOnce(Self) -> F) -> Result<Blob>
    where
        F: Future<Output = Result<Blob>> + Send + 'static,
    {
        let concluding = {
            let mut under_way = self.concluding();
            let begin = || {
                let (taken_over, after) = (take_over(self.clone()), self.clone());
                let task = tokio::spawn(async move {
                    let concluded = taken_over.await;
                    after.concluding().remove(&upload);
                    concluded
                });
                let broken =
                    |error| Error::new(ErrorKind::Internal, "content.conclude", format!("a task broke off: {error}"));
                async move { task.await.unwrap_or_else(|error| Err(broken(error))) }.boxed().shared()
            };
            under_way.entry(upload).or_insert_with(begin).clone()
        };
        concluding.await
    }

    fn concluding(&self) -> std::sync::MutexGuard<'_, BTreeMap<UploadId, Concluding>> {
        self.inner.concluding.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn conclude_now(self, id: UploadId) -> Result<Blob> {
        let upload = self.get_upload(id).await?;
        let blob = Blob { sha256: upload.sha256, size: upload.size, oid: None };
        if upload.completed {
            return Ok(blob);
        }
        let found: Result<Option<(Object, Option<String>)>, Failure> = read!(self.database(), find_target(id));
        let found = found.map_err(|failure| failure.during("content.conclude"))?;
        let Some((object, Some(token))) = found else {
            // Another node may have taken it over since it was looked at.
            return match self.find_upload(id).await? {
                Some(Upload { completed: true, .. }) => Ok(blob),
                _ => Err(refused(format!("upload {id} does not go straight to storage, or has not begun there"))),
            };
        };
        let store = self.store(&object.storage)?.clone();
        let presign = store.presign().ok_or_else(|| unsigned(&object.storage))?;
        let key = key_of(&object.key)?;
        let target = Target { store: &*store, presign, key, object, upload: token };
        target.complete(&upload).await?;
        match self.read_and_keep(&upload, &target).await {
            Ok(()) => {
                self.end_upload(id, true).await?;
                Ok(blob)
            }
            Err(error) if error.is(ErrorKind::Invalid) => {
                self.end_upload(id, false).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what nobody can change any more.
    async fn read_and_keep(&self, upload: &Upload, target: &Target<'_>) -> Result<()> {
        let body = target.store.read(&target.key, ByteRange::whole(upload.size)).await?;
        let digests = pour(body, upload.size, false, None).await?;
        if digests.sha256 != upload.sha256 {
            return Err(refused(format!(
                "the SHA-256 of what was sent is {}, not the announced {}; it was thrown away, send it again",
                digests.sha256, upload.sha256
            )));
        }
        let blob = Blob { sha256: upload.sha256, size: upload.size, oid: None };
        let arrived = Arrived { blob, start: 0, sums: digests.sums };
        self.keep(upload.lease, Some(&target.object), vec![arrived]).await
    }

    /// Ends, at their providers, the uploads that were to become these objects. Nothing of them was visible.
    pub(crate) async fn abort_uploads(&self, marked: &[Object]) -> Result<()> {
        let signs = |object: &&Object| self.store(&object.storage).is_ok_and(|store| store.presign().is_some());
        let ids: Vec<i64> = marked.iter().filter(signs).map(|object| object.id).collect();
        for piece in ids.chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<Vec<(Object, String)>, Failure> = read!(self.database(), list_uploads(piece));
            let found = found.map_err(|failure| failure.during("content.abort"))?;
            let abort = |(object, token): (Object, String)| async move {
                let (store, key) = (self.store(&object.storage)?, key_of(&object.key)?);
                match store.presign() {
                    Some(presign) => presign.abort_multipart(&key, &token).await,
                    None => Ok(()),
                }
            };
            stream::iter(found).map(abort).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        }
        Ok(())
    }
}

pub(crate) fn unsigned(storage: &str) -> Error {
    let context = format!("storage '{storage}' signs no URLs; see its 'presign'");
    Error::new(ErrorKind::Unsupported, "content.direct", context)
}

async fn sign(
    presign: &dyn Presign,
    id: UploadId,
    new: &NewUpload,
    key: &StorageKey,
    token: &str,
    valid: Duration,
) -> Result<DirectUpload> {
    let (mut parts, mut left, mut number) = (Vec::new(), new.size, 0);
    while left > 0 {
        number += 1;
        let length = left.min(new.part_size);
        parts.push(presign.put_part(key, token, number, length, valid).await?);
        left -= length;
    }
    Ok(DirectUpload { id, part_size: new.part_size, parts })
}

impl Target<'_> {
    /// Makes the parts one object, unless that was done by a call whose answer was lost.
    async fn complete(&self, upload: &Upload) -> Result<()> {
        let size = match self.presign.list_parts(&self.key, &self.upload).await {
            Ok(listed) if !listed.is_empty() => {
                compare(upload, &listed)?;
                let parts: Vec<UploadedPart> = listed.into_iter().map(|(part, _)| part).collect();
                match self.presign.complete_multipart(&self.key, &self.upload, &parts).await {
                    Ok(size) => size,
                    // Another node was faster, by a moment.
                    Err(error) => self.stat_soon(error.is(ErrorKind::NotFound)).await.map_err(|_| error)?,
                }
            }
            Err(error) if !error.is(ErrorKind::NotFound) => return Err(error),
            listed => match self.stat_soon(listed.is_err()).await {
                Err(error) if error.is(ErrorKind::NotFound) => {
                    let context = "nothing of it has arrived at the storage; send it to the link of the LFS batch";
                    return Err(Error::new(ErrorKind::NotFound, "content.conclude", context));
                }
                stated => stated?,
            },
        };
        match size == upload.size {
            true => Ok(()),
            false => Err(refused(format!("{size} bytes have arrived at the storage, not {}", upload.size))),
        }
    }
}

impl Target<'_> {
    /// The object's size. One whose upload is gone may be about to appear: another node is completing it.
    async fn stat_soon(&self, is_gone: bool) -> Result<u64> {
        for pause in if is_gone { PAUSES } else { &[] } {
            match self.store.stat(&self.key).await {
                Err(error) if error.is(ErrorKind::NotFound) => tokio::time::sleep(*pause).await,
                stated => return stated,
            }
        }
        self.store.stat(&self.key).await
    }
}

/// Whether exactly the parts have come that were signed for.
fn compare(upload: &Upload, listed: &[(UploadedPart, u64)]) -> Result<()> {
    for number in 1..=u32::try_from(upload.parts()).unwrap_or(u32::MAX) {
        let place = number as usize - 1;
        match listed.get(place) {
            Some((part, size)) if part.number == number && Some(*size) == upload.part_len(number) => {}
            Some((part, size)) if part.number == number => {
                return Err(refused(format!("part {number} has {size} bytes at the storage; send it again")));
            }
            _ => return Err(refused(format!("part {number} has not arrived at the storage; send it"))),
        }
    }
    match listed.len() as u64 == upload.parts() {
        true => Ok(()),
        false => Err(refused(format!("{} parts have arrived at the storage, not {}", listed.len(), upload.parts()))),
    }
}

for_both! {
    pub async fn begin_direct(
        c: &mut Connection,
        lease: LeaseId,
        object_rows: Vec<ObjectRow>,
        rows: Vec<UploadRow>,
    ) -> Result<(), Failure> {
        let repository = lock_lease!(c, lease);
        bulk_insert!(c, objects::table, object_rows)?;
        let rows: Vec<_> = rows.into_iter().map(|row| UploadRow { repository, ..row }).collect();
        bulk_insert!(c, uploads::table, rows)?;
        Ok(())
    }

    /// Also of objects that were collected meanwhile: what has begun at a provider has a row.
    pub async fn name_uploads(c: &mut Connection, rows: Vec<ObjectRow>) -> Result<(), Failure> {
        bulk_insert!(c, objects::table, rows, on_conflict(objects::id).do_update().set(
            objects::upload.eq(excluded(objects::upload)),
        ))?;
        Ok(())
    }

    pub async fn list_direct(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
    ) -> Result<Vec<(Vec<u8>, UploadId)>, Failure> {
        let query = uploads::table.inner_join(leases::table).filter(uploads::repository.eq(repository));
        let query = query.filter(uploads::sha256.eq_any(digests)).filter(uploads::completed.eq(false));
        let query = query.filter(uploads::object.is_not_null()).order(leases::expires.desc());
        let rows: Vec<(Vec<u8>, i64)> = query.select((uploads::sha256, uploads::id)).load(c).await?;
        Ok(rows.into_iter().map(|(sha256, id)| (sha256, UploadId(id))).collect())
    }

    pub async fn find_target(c: &mut Connection, upload: UploadId) -> Result<Option<(Object, Option<String>)>, Failure> {
        let query = uploads::table.find(upload.0).select(uploads::object);
        let Some(object) = query.first::<Option<i64>>(c).await.optional()?.flatten() else { return Ok(None) };
        let query = objects::table.find(object).filter(objects::deleting.eq(false));
        let query = query.select((objects::id, objects::storage, objects::key, objects::upload));
        let row: Option<(i64, String, String, Option<String>)> = query.first(c).await.optional()?;
        Ok(row.map(|(id, storage, key, token)| (Object { id, storage, key, packed: false }, token)))
    }

    pub async fn list_uploads(c: &mut Connection, ids: Vec<i64>) -> Result<Vec<(Object, String)>, Failure> {
        let query = objects::table.filter(objects::id.eq_any(ids)).filter(objects::upload.is_not_null());
        let query = query.select((objects::id, objects::storage, objects::key, objects::upload.assume_not_null()));
        let rows: Vec<(i64, String, String, String)> = query.load(c).await?;
        let uploading = |(id, storage, key, token)| (Object { id, storage, key, packed: false }, token);
        Ok(rows.into_iter().map(uploading).collect())
    }
}
