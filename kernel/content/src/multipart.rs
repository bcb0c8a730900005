//! Large files that come in parts: through the hub, or past it (`crate::direct`).

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use ballast_contract::storage::UploadedPart;
use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_database::{for_both, read, transaction};
use ballast_types::{ByteRange, LeaseId, RepoKey, Sha256};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};

use crate::assemble::{etag_of, is_loss};
use crate::delivery::{open_file, read_range};
use crate::digest::{carry, refused};
use crate::failure::Failure;
use crate::objects::{Object, key_of};
use crate::rows::{PIECE, PartRow, UploadRow, column, sha256_of};
use crate::schema::{leases, locations, objects, parts, uploads};
use crate::{Blob, Content, Expected, random_key, unblocked};

type Result<T, E = Error> = std::result::Result<T, E>;

/// The most parts of one upload; S3's limit, which clients know.
const MOST_PARTS: u64 = 10_000;

/// How much of a part is read at once, in bytes.
const PIECE_OF_PART: u64 = 1 << 20;

/// A multipart upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub i64);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A blob that is to come in parts of `part_size` bytes, the last one shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewUpload {
    pub sha256: Sha256,
    /// In bytes.
    pub size: u64,
    pub part_size: u64,
}

impl NewUpload {
    pub(crate) fn row(&self, lease: LeaseId) -> Result<UploadRow> {
        let Self { sha256, size, part_size } = *self;
        if part_size == 0 || size == 0 || size.div_ceil(part_size) > MOST_PARTS {
            let context = format!("{size} bytes in parts of {part_size} are not between 1 and {MOST_PARTS} parts");
            return Err(Error::new(ErrorKind::Invalid, "content.begin_multipart", context));
        }
        Ok(UploadRow {
            id: random_key()?,
            lease: lease.0,
            repository: 0,
            sha256: sha256.0.to_vec(),
            size: column(size),
            part_size: column(part_size),
            completed: false,
            object: None,
            assembly: None,
        })
    }
}

/// What was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub lease: LeaseId,
    pub repo: RepoKey,
    pub sha256: Sha256,
    /// In bytes.
    pub size: u64,
    /// Of each part but the last, in bytes.
    pub part_size: u64,
    /// Whether the blob is stored.
    pub completed: bool,
    /// Whether the parts go to storage past the hub.
    pub direct: bool,
    /// Whether the parts that have come are at their places in one object.
    pub(crate) in_place: bool,
}

impl Upload {
    /// How many parts there are.
    pub fn parts(&self) -> u64 {
        self.size.div_ceil(self.part_size)
    }

    /// The length of a part, counted from 1; none where there is no such part.
    pub fn part_len(&self, number: u32) -> Option<u64> {
        let start = u64::from(number).checked_sub(1)?.checked_mul(self.part_size)?;
        let left = self.size.checked_sub(start).filter(|left| *left > 0)?;
        Some(left.min(self.part_size))
    }
}

/// A part as it is stored: its object, and what to compare.
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) object: Object,
    pub(crate) size: u64,
    pub(crate) etag: String,
}

impl Content {
    /// Begins uploads in parts; their ids, in the order of the question. `Invalid` where one would have no parts or too
    /// many; `Conflict` where the lease has ended. They end with their lease.
    pub async fn begin_multipart(&self, lease: LeaseId, wanted: &[NewUpload]) -> Result<Vec<UploadId>> {
        let mut rows = Vec::with_capacity(wanted.len());
        for new in wanted {
            rows.push(new.row(lease)?);
        }
        let ids = rows.iter().map(|row| UploadId(row.id)).collect();
        let begun: Result<(), Failure> = transaction!(self.database(), begin(lease, rows));
        begun.map(|()| ids).map_err(|failure| failure.during("content.begin_multipart"))
    }

    /// An upload that is under way or complete.
    pub async fn find_upload(&self, upload: UploadId) -> Result<Option<Upload>> {
        let found: Result<_, Failure> = read!(self.database(), find(upload));
        found.map_err(|failure| failure.during("content.find_upload"))
    }

    /// Receives one part, counted from 1, and answers its etag. The same part again replaces the first. `Invalid` where
    /// there is no such part or its length is another; `NotFound` where the upload was aborted or has ended.
    pub async fn receive_part(&self, upload: UploadId, number: u32, body: ByteStream) -> Result<String> {
        let upload = self.get_upload(upload).await?;
        if upload.completed {
            return Err(refused(format!("multipart upload {} is complete and takes no more parts", upload.id)));
        }
        if upload.direct {
            return Err(refused(format!(
                "the parts of upload {} go to the links that the LFS batch answered",
                upload.id
            )));
        }
        let size = upload.part_len(number).ok_or_else(|| {
            refused(format!("there is no part {number}; upload {} has parts 1 to {}", upload.id, upload.parts()))
        })?;
        match self.assembles() {
            true => self.receive_in_place(&upload, number, size, body).await,
            false => self.receive_aside(&upload, number, size, body).await,
        }
    }

    /// Keeps a part as an object of its own.
    async fn receive_aside(&self, upload: &Upload, number: u32, size: u64, body: ByteStream) -> Result<String> {
        let object = Object::new(self, false, |id| format!("parts/{:016x}/{number}.{id:016x}", upload.id.0))?;
        let key = object.key.clone();
        let begun = self.begin_whole(upload.lease, None, object, key).await?;
        let object = begun.ok_or_else(|| refused("a part was taken for a stored blob"))?;
        let mut writer = self.create_passing_object(&object).await?;
        let carried = carry(body, size, &mut writer).await;
        let etag = etag_of(self.finish(writer, &object, carried, size).await?);
        let row = PartRow::new(upload.id, number, &object, size, &etag);
        match self.put_part(upload.lease, row).await {
            Ok(()) => Ok(etag),
            Err(error) => {
                self.discard(&object).await;
                Err(error)
            }
        }
    }

    /// Records a part in place of an earlier one.
    pub(crate) async fn put_part(&self, lease: LeaseId, row: PartRow) -> Result<()> {
        let put: Result<_, Failure> = transaction!(self.database(), put_part(lease, row));
        let replaced = put.map_err(|failure| failure.during("content.receive_part"))?;
        self.discard_all(replaced).await;
        Ok(())
    }

    /// Joins the parts into the announced blob and leases it. `Invalid` where a part is missing, an etag is not the one
    /// that was answered, or the whole is not the announced SHA-256; the parts stay until the upload is aborted or
    /// ends. Idempotent. Of an upload past the hub, what lies at the storage says which parts there are.
    pub async fn complete_multipart(&self, upload: UploadId, listed: &[UploadedPart]) -> Result<Blob> {
        let upload = self.get_upload(upload).await?;
        let blob = Blob { sha256: upload.sha256, size: upload.size, oid: None };
        if upload.completed {
            return Ok(blob);
        }
        check_order(&upload, listed)?;
        if upload.direct {
            let concluded = self.conclude_direct(upload.id).await;
            return concluded.map_err(|error| match error.kind {
                ErrorKind::NotFound => refused(error.context),
                _ => error,
            });
        }
        let stored = self.stored_parts(upload.id).await?;
        let joined = match compare(&stored, listed) {
            Ok(()) if upload.in_place => self.once(upload.id, move |content| content.assemble(upload.id)).await,
            Ok(()) => {
                let whole = self.joined(stored);
                self.receive(upload.lease, Expected::Sha256(upload.sha256), upload.size, whole).await
            }
            Err(refusal) => Err(refusal),
        };
        if let Err(error) = joined {
            // Somebody who completed it at the same time has taken the parts away.
            return match self.find_upload(upload.id).await? {
                Some(Upload { completed: true, .. }) => Ok(blob),
                _ => Err(error),
            };
        }
        if !upload.in_place {
            self.end_upload(upload.id, true).await?;
        }
        Ok(blob)
    }

    /// Throws an upload and its parts away. Idempotent.
    pub async fn abort_multipart(&self, upload: UploadId) -> Result<()> {
        self.end_upload(upload, false).await
    }

    pub(crate) async fn get_upload(&self, upload: UploadId) -> Result<Upload> {
        let found = self.find_upload(upload).await?;
        found.ok_or_else(|| Failure::NoUpload(upload.0).during("content.multipart"))
    }

    pub(crate) async fn stored_parts(&self, upload: UploadId) -> Result<Vec<Part>> {
        let parts: Result<_, Failure> = read!(self.database(), list_parts(upload));
        parts.map_err(|failure| failure.during("content.complete_multipart"))
    }

    /// The bytes of all parts, one after the other.
    fn joined(&self, parts: Vec<Part>) -> ByteStream {
        let content = self.clone();
        let read = move |part: Part| {
            let content = content.clone();
            async move { content.read_part(&part).await.map_err(|error| lost(part.number, error)) }
        };
        stream::iter(parts).then(read).try_flatten().boxed()
    }

    async fn read_part(&self, part: &Part) -> Result<ByteStream> {
        let (store, key) = (self.store(&part.object.storage)?.clone(), key_of(&part.object.key)?);
        if store.files().is_none() {
            return store.read(&key, ByteRange::whole(part.size)).await;
        }
        let size = part.size;
        let file = unblocked("content.read_part", move || open_file(&*store, &key, size)).await??;
        Ok(pieces(Arc::new(file), ByteRange::whole(size)))
    }

    pub(crate) async fn end_upload(&self, upload: UploadId, completed: bool) -> Result<()> {
        let ended: Result<_, Failure> = transaction!(self.database(), end_upload(upload, completed));
        let parts = ended.map_err(|failure| failure.during("content.multipart"))?;
        self.discard_all(parts).await;
        Ok(())
    }

    /// Deletes parts that were taken out of their table, and so are marked already. A failure is the collector's to put
    /// right: the rows stay until the bytes are gone.
    async fn discard_all(&self, parts: Vec<Object>) {
        if let Err(error) = self.delete_objects(&parts).await {
            tracing::debug!(%error, "left for the collector");
        }
    }
}

/// A power cut may lose a part or its end: it was flushed with nothing. The client has the bytes still.
fn lost(number: u32, error: Error) -> Error {
    match is_loss(&error) {
        true => refused(format!("part {number} was lost ({error}); upload it again")),
        false => error,
    }
}

/// Some bytes of a file in large pieces, each read while the one before is used.
pub(crate) fn pieces(file: Arc<File>, range: ByteRange) -> ByteStream {
    let read = move |start: u64| {
        let file = file.clone();
        async move {
            let read = move || read_range(&file, ByteRange { start, end: range.end.min(start + PIECE_OF_PART) });
            unblocked("content.read_part", read).await?
        }
    };
    stream::iter((range.start..range.end).step_by(PIECE_OF_PART as usize)).map(read).buffered(2).boxed()
}

/// Whether a client lists all the parts, in order.
fn check_order(upload: &Upload, listed: &[UploadedPart]) -> Result<()> {
    if listed.len() as u64 != upload.parts() {
        return Err(refused(format!("{} parts are listed; the upload has {}", listed.len(), upload.parts())));
    }
    for (number, listed) in (1..).zip(listed) {
        if listed.number != number {
            return Err(refused(format!(
                "part {} is listed where part {number} belongs; list them in order",
                listed.number
            )));
        }
    }
    Ok(())
}

/// Whether what a client lists is what is stored.
fn compare(stored: &[Part], listed: &[UploadedPart]) -> Result<()> {
    for (number, listed) in (1..).zip(listed) {
        let Some(part) = stored.iter().find(|part| part.number == number) else {
            return Err(refused(format!("part {number} has not arrived; upload it")));
        };
        if listed.etag.trim_matches('"') != part.etag {
            return Err(refused(format!(
                "the etag of part {number} is not the one that was answered; upload it again"
            )));
        }
    }
    Ok(())
}

/// Takes the parts of an upload out of their table; answers their objects.
macro_rules! take_parts {
    ($c:expr, $chosen:expr) => {{
        let columns = (objects::id, objects::storage, objects::key);
        let rows: Vec<(i64, String, String)> = $chosen.inner_join(objects::table).select(columns).load($c).await?;
        diesel::delete($chosen).execute($c).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        for piece in ids.chunks(PIECE) {
            let taken = objects::table.filter(objects::id.eq_any(piece));
            diesel::update(taken).set(objects::deleting.eq(true)).execute($c).await?;
        }
        let object = |(id, storage, key)| Object { id, storage, key, packed: false };
        rows.into_iter().map(object).collect::<Vec<_>>()
    }};
}

for_both! {
    pub async fn begin(c: &mut Connection, lease: LeaseId, rows: Vec<UploadRow>) -> Result<(), Failure> {
        let repository = lock_lease!(c, lease);
        let rows: Vec<_> = rows.into_iter().map(|row| UploadRow { repository, ..row }).collect();
        bulk_insert!(c, uploads::table, rows)?;
        Ok(())
    }

    pub async fn find(c: &mut Connection, upload: UploadId) -> Result<Option<Upload>, Failure> {
        let row: Option<UploadRow> = uploads::table.find(upload.0).first(c).await.optional()?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Upload {
            id: upload,
            lease: LeaseId(row.lease),
            repo: RepoKey(row.repository),
            sha256: sha256_of(&row.sha256)?,
            size: row.size.unsigned_abs(),
            part_size: row.part_size.unsigned_abs(),
            completed: row.completed,
            direct: row.object.is_some(),
            in_place: row.assembly.is_some(),
        }))
    }

    pub async fn list_parts(c: &mut Connection, upload: UploadId) -> Result<Vec<Part>, Failure> {
        let query = parts::table.inner_join(objects::table).filter(parts::upload.eq(upload.0)).order(parts::number);
        let columns = (parts::number, parts::size, parts::etag, objects::id, objects::storage, objects::key);
        let rows: Vec<(i32, i64, String, i64, String, String)> = query.select(columns).load(c).await?;
        let part = |(number, size, etag, id, storage, key): (i32, i64, String, i64, String, String)| Part {
            number: number.unsigned_abs(),
            object: Object { id, storage, key, packed: false },
            size: size.unsigned_abs(),
            etag,
        };
        Ok(rows.into_iter().map(part).collect())
    }

    /// Records a part; answers the object that it replaces.
    pub async fn put_part(c: &mut Connection, lease: LeaseId, row: PartRow) -> Result<Vec<Object>, Failure> {
        lock_lease!(c, lease);
        let open = uploads::table.find(row.upload).filter(uploads::completed.eq(false)).select(uploads::id);
        let open: Option<i64> = open.first(c).await.optional()?;
        open.ok_or(Failure::NoUpload(row.upload))?;
        let before = parts::upload.eq(row.upload).and(parts::number.eq(row.number));
        let replaced = take_parts!(c, parts::table.filter(before.and(parts::object.ne(row.object))));
        diesel::delete(parts::table.filter(before)).execute(c).await?;
        diesel::insert_into(parts::table).values(row).execute(c).await?;
        Ok(replaced)
    }

    pub async fn end_upload(c: &mut Connection, upload: UploadId, completed: bool) -> Result<Vec<Object>, Failure> {
        let query = uploads::table.find(upload.0).select(uploads::lease);
        let Some(lease) = query.first::<i64>(c).await.optional()? else { return Ok(Vec::new()) };
        // Parts are put under the same lock; none can slip in behind.
        lock_lease!(c, LeaseId(lease));
        let query = uploads::table.find(upload.0).select((uploads::object, uploads::assembly));
        let Some((direct, assembly)) = query.first::<(Option<i64>, Option<i64>)>(c).await.optional()? else {
            return Ok(Vec::new());
        };
        let all = parts::upload.eq(upload.0);
        let mut gone = take_parts!(c, parts::table.filter(all.and(parts::object.ne(assembly.unwrap_or_default()))));
        diesel::delete(parts::table.filter(all)).execute(c).await?;
        if let Some(object) = direct {
            gone.extend(release_object(c, object, completed).await?);
        }
        // Where somebody else has stored the blob meanwhile, it goes although the upload is complete.
        if let Some(object) = assembly {
            gone.extend(release_object(c, object, false).await?);
        }
        match completed {
            true => diesel::update(uploads::table.find(upload.0)).set(uploads::completed.eq(true)).execute(c).await?,
            false => diesel::delete(uploads::table.find(upload.0)).execute(c).await?,
        };
        Ok(gone)
    }

    /// Lets go of an object that a client has written: from here on it is one like others, or it goes, and is answered.
    async fn release_object(c: &mut Connection, id: i64, completed: bool) -> Result<Option<Object>, Failure> {
        let located = exists(locations::table.filter(locations::object.eq(id)));
        if completed {
            diesel::update(objects::table.find(id)).set(objects::upload.eq(None::<String>)).execute(c).await?;
            return Ok(None);
        }
        let row = objects::table.filter(objects::id.eq(id)).filter(not(located));
        let marked = diesel::update(row).set((objects::deleting.eq(true), objects::lease.eq(None::<i64>)));
        if marked.execute(c).await? == 0 {
            return Ok(None);
        }
        let columns = (objects::id, objects::storage, objects::key);
        let row: (i64, String, String) = objects::table.find(id).select(columns).first(c).await?;
        Ok(Some(Object { id: row.0, storage: row.1, key: row.2, packed: false }))
    }
}
