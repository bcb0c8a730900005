//! Objects in storage: a row first, then bytes, then the blobs that they are.

use std::collections::{BTreeMap, HashSet};

use ballast_contract::storage::{StorageKey, StorageWriter};
use ballast_contract::{Error, ErrorKind};
use ballast_database::{fixed, for_both, transaction};
use ballast_types::{LeaseId, Sha256, Timestamp};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{BlobRow, LeaseBlobRow, LocationRow, ObjectRow, PIECE, column, columns};
use crate::schema::{blobs, holdings, lease_blobs, leases, locations, objects, parts};
use crate::xet::spare;
use crate::{Blob, Content, random_key};

type Result<T, E = Error> = std::result::Result<T, E>;

/// An object whose row is there and whose bytes may be.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) id: i64,
    pub(crate) storage: String,
    pub(crate) key: String,
    pub(crate) packed: bool,
}

/// Verified bytes, on their way to become a blob.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) blob: Blob,
    /// Where they begin in their object.
    pub(crate) start: u64,
    /// The column of their `Sums`.
    pub(crate) sums: Vec<u8>,
}

/// What was there of some blobs when a pack for the others was begun.
pub(crate) struct There {
    /// Whose bytes are stored, undamaged as far as anybody knows.
    pub(crate) stored: HashSet<Vec<u8>>,
    /// Those that the repository holds, and those that the lease had before: they are counted or promised already.
    pub(crate) counted: HashSet<Vec<u8>>,
}

impl Object {
    /// A new object where new bytes go; the key is made from its id.
    pub(crate) fn new(content: &Content, packed: bool, key: impl FnOnce(i64) -> String) -> Result<Self> {
        let id = random_key()?;
        Ok(Self { id, storage: content.uploads_to.to_string(), key: key(id), packed })
    }

    pub(crate) fn row(&self, lease: LeaseId, now: Timestamp) -> ObjectRow {
        ObjectRow {
            id: self.id,
            storage: self.storage.clone(),
            key: self.key.clone(),
            packed: self.packed,
            lease: Some(lease.0),
            created: now.0,
            deleting: false,
            size: 0,
            gone: 0,
            upload: None,
        }
    }
}

impl Content {
    /// Begins an object under a lease: its row, and then its bytes.
    pub(crate) async fn begin_object(&self, lease: LeaseId, object: &Object) -> Result<Box<dyn StorageWriter>> {
        self.record_object(lease, object).await?;
        self.create_object(object).await
    }

    /// The row of an object whose bytes are to come.
    pub(crate) async fn record_object(&self, lease: LeaseId, object: &Object) -> Result<()> {
        let row = object.row(lease, Timestamp::now());
        let begun: Result<(), Failure> = transaction!(self.database(), insert_object(lease, row));
        begun.map_err(|failure| failure.during("content.begin_object"))
    }

    /// Begins to write an object whose row is there. Where that fails the row goes as well.
    pub(crate) async fn create_object(&self, object: &Object) -> Result<Box<dyn StorageWriter>> {
        let created = match key_of(&object.key) {
            Ok(key) => self.store(&object.storage)?.create(&key).await,
            Err(error) => Err(error),
        };
        self.or_discard(object, created).await
    }

    /// The same for an object that is only kept until it is joined with others.
    pub(crate) async fn create_passing_object(&self, object: &Object) -> Result<Box<dyn StorageWriter>> {
        let created = match key_of(&object.key) {
            Ok(key) => self.store(&object.storage)?.create_passing(&key).await,
            Err(error) => Err(error),
        };
        self.or_discard(object, created).await
    }

    async fn or_discard<T>(&self, object: &Object, created: Result<T>) -> Result<T> {
        if created.is_err() {
            self.discard(object).await;
        }
        created
    }

    /// Commits an object of `size` bytes that was written, or throws it away where that failed.
    pub(crate) async fn finish<T>(
        &self,
        writer: Box<dyn StorageWriter>,
        object: &Object,
        written: Result<T>,
        size: u64,
    ) -> Result<T> {
        let committed = match written {
            Ok(answer) => writer.commit().await.and_then(|stored| match stored == size {
                true => Ok(answer),
                false => Err(miscounted(object, stored, size)),
            }),
            Err(error) => {
                if let Err(error) = writer.abort().await {
                    tracing::debug!(object = object.key, %error, "an upload could not be aborted");
                }
                Err(error)
            }
        };
        if committed.is_err() {
            self.discard(object).await;
        }
        committed
    }

    /// Throws away an object that nothing names, begun or finished. A failure here is the collector's to put right:
    /// the row stays until the bytes are gone.
    pub(crate) async fn discard(&self, object: &Object) {
        let marked: Result<bool, Failure> = ballast_database::write!(self.database(), mark_deleting(object.id));
        let removed = match marked {
            Ok(true) => self.delete_objects(std::slice::from_ref(object)).await,
            Ok(false) => Ok(()),
            Err(failure) => Err(failure.during("content.discard")),
        };
        if let Err(error) = removed {
            tracing::debug!(object = object.key, %error, "left for the collector");
        }
    }

    /// Deletes the bytes of objects that are marked, and when they are gone for good their rows. Where it fails, the row
    /// of each object that may be there stays.
    pub(crate) async fn delete_objects(&self, marked: &[Object]) -> Result<()> {
        self.abort_uploads(marked).await?;
        let mut keys: BTreeMap<&str, Vec<StorageKey>> = BTreeMap::new();
        for object in marked {
            keys.entry(&object.storage).or_default().push(key_of(&object.key)?);
        }
        for (storage, keys) in keys {
            self.store(storage)?.delete_many(&keys).await?;
        }
        let ids: Vec<i64> = marked.iter().map(|object| object.id).collect();
        for piece in ids.chunks(PIECE) {
            let piece = piece.to_vec();
            let removed: Result<(), Failure> = ballast_database::write!(self.database(), remove_objects(piece));
            removed.map_err(|failure| failure.during("content.delete_objects"))?;
        }
        Ok(())
    }

    /// Turns durable, verified bytes into leased blobs. An object whose blobs were all stored meanwhile by somebody
    /// else is thrown away again. Without an object, all blobs must be stored already: `Unavailable` where one was
    /// collected. What was found damaged is whole from here on.
    pub(crate) async fn keep(&self, lease: LeaseId, object: Option<&Object>, arrived: Vec<Arrived>) -> Result<()> {
        // Where the default has changed since an upload began, its bytes lie where they were to go then.
        let storage = object.map_or_else(|| self.uploads_to.to_string(), |object| object.storage.clone());
        let id = object.map(|object| object.id);
        arrived.iter().for_each(|arrived| self.inner.places.invalidate(&arrived.blob.sha256));
        let kept: Result<bool, Failure> = transaction!(self.database(), keep(lease, storage, id, arrived));
        match (kept, object) {
            (Ok(true), _) | (Ok(false), None) => Ok(()),
            (Ok(false), Some(object)) => {
                self.discard(object).await;
                Ok(())
            }
            (Err(failure), object) => {
                if let Some(object) = object {
                    self.abandon(object, lease, &failure).await;
                }
                Err(failure.during("content.keep"))
            }
        }
    }

    /// What to do with finished bytes that may not become blobs. Where the collector took the row while the bytes were
    /// still on their way, they get a row again, so that they do not lie unseen; but never where the key has an owner.
    async fn abandon(&self, object: &Object, lease: LeaseId, failure: &Failure) {
        if matches!(failure, Failure::LeaseEnded(_) | Failure::Collected) {
            let row = ObjectRow { lease: None, deleting: true, ..object.row(lease, Timestamp::now()) };
            let adopted: Result<(), Failure> = ballast_database::write!(self.database(), adopt(row));
            if let Err(failure) = adopted {
                tracing::warn!(object = object.key, ?failure, "bytes that nothing names could not be recorded");
            }
            self.discard(object).await;
        }
    }
}

fn miscounted(object: &Object, stored: u64, size: u64) -> Error {
    let context = format!("storage '{}' kept {stored} of {size} bytes as {}", object.storage, object.key);
    Error::new(ErrorKind::Internal, "content.write", context)
}

/// A storage key that this room made.
pub(crate) fn key_of(text: &str) -> Result<StorageKey> {
    text.parse().map_err(|error| Error::new(ErrorKind::Internal, "content.key", format!("{error}")))
}

/// Which of these blobs lie in a storage instance, undamaged as far as anybody knows.
macro_rules! located {
    ($c:expr, $storage:expr, $columns:expr) => {{
        let mut found: HashSet<Vec<u8>> = HashSet::new();
        for piece in $columns.chunks(PIECE) {
            let query =
                locations::table.filter(locations::sha256.eq_any(piece)).filter(locations::storage.eq($storage));
            let query = query.filter(locations::damaged.is_null());
            found.extend(query.select(locations::sha256).load::<Vec<u8>>($c).await?);
        }
        found
    }};
}

/// Where those of these blobs lie that are damaged: the object of each, and how many bytes of it they are.
macro_rules! damaged_places {
    ($c:expr, $storage:expr, $columns:expr) => {{
        let mut found: Vec<(i64, i64)> = Vec::new();
        let damage = locations::table.filter(locations::damaged.is_not_null());
        // As good as always there is none, which an index knows.
        let any: bool = diesel::select(exists(damage)).get_result($c).await?;
        let columns = if any { $columns } else { Vec::new() };
        for piece in columns.chunks(PIECE) {
            let query = locations::table.inner_join(blobs::table).filter(locations::sha256.eq_any(piece));
            let query = query.filter(locations::storage.eq($storage)).select((locations::object, blobs::size));
            found.extend(query.load::<(i64, i64)>($c).await?);
        }
        found
    }};
}

/// Leases blobs whose rows are locked.
macro_rules! lease_all {
    ($c:expr, $lease:expr, $columns:expr) => {{
        let row = |sha256: &Vec<u8>| LeaseBlobRow { lease: $lease.0, sha256: sha256.clone() };
        let rows: Vec<_> = $columns.iter().map(row).collect();
        bulk_insert!($c, lease_blobs::table, rows)?;
    }};
}

for_both! {
    pub async fn mark_deleting(c: &mut Connection, id: i64) -> Result<bool, Failure> {
        let used = exists(locations::table.filter(locations::object.eq(id)));
        let joined = exists(parts::table.filter(parts::object.eq(id)));
        let object = objects::table.filter(objects::id.eq(id)).filter(not(used)).filter(not(joined));
        let set = (objects::deleting.eq(true), objects::lease.eq(None::<i64>));
        Ok(diesel::update(object).set(set).execute(c).await? == 1)
    }

    pub async fn remove_objects(c: &mut Connection, ids: Vec<i64>) -> Result<(), Failure> {
        let gone = objects::table.filter(objects::id.eq_any(ids)).filter(objects::deleting.eq(true));
        diesel::delete(gone).execute(c).await?;
        Ok(())
    }

    pub async fn insert_object(c: &mut Connection, lease: LeaseId, row: ObjectRow) -> Result<(), Failure> {
        lock_lease!(c, lease);
        diesel::insert_into(objects::table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn adopt(c: &mut Connection, row: ObjectRow) -> Result<(), Failure> {
        diesel::insert_into(objects::table).values(row).on_conflict_do_nothing().execute(c).await?;
        Ok(())
    }

    /// Answers whether the object is used.
    pub async fn keep(
        c: &mut Connection,
        lease: LeaseId,
        storage: String,
        object: Option<i64>,
        arrived: Vec<Arrived>,
    ) -> Result<bool, Failure> {
        lock_lease!(c, lease);
        let size = arrived.iter().map(|a| a.start + a.blob.size).max().unwrap_or_default();
        let arrived: BTreeMap<Sha256, Arrived> = arrived.into_iter().map(|a| (a.blob.sha256, a)).collect();
        let row = |a: &Arrived| BlobRow {
            sha256: a.blob.sha256.0.to_vec(),
            size: column(a.blob.size),
            oid: a.blob.oid.map(|oid| oid.0.to_vec()),
            sums: Some(a.sums.clone()),
        };
        // Also locks the rows that are there already, in the order of their digests.
        let rows: Vec<_> = arrived.values().map(row).collect();
        bulk_insert!(c, blobs::table, rows, on_conflict(blobs::sha256).do_update().set((
            blobs::idle_since.eq(None::<i64>),
            blobs::sums.eq(excluded(blobs::sums)),
        )))?;
        let all: Vec<_> = arrived.keys().map(|sha256| sha256.0.to_vec()).collect();
        let located = located!(c, &storage, all);
        let mut missing: Vec<_> = arrived.values().filter(|a| !located.contains(a.blob.sha256.as_bytes())).collect();
        // What is packed is too short to lie in xorbs.
        if let [whole] = missing[..]
            && of!(spare::needed)(c, vec![whole.blob.sha256.0.to_vec()]).await?.is_empty()
        {
            missing.clear();
        }
        if !missing.is_empty() {
            let object = object.ok_or(Failure::Collected)?;
            let begun = objects::table.find(object).filter(objects::deleting.eq(false));
            let gone = size - missing.iter().map(|a| a.blob.size).sum::<u64>().min(size);
            let set = (objects::lease.eq(None::<i64>), objects::size.eq(column(size)), objects::gone.eq(column(gone)));
            if fixed(diesel::update(begun).set(set)).execute(c).await? == 0 {
                return Err(Failure::Collected);
            }
            let columns: Vec<_> = missing.iter().map(|a| a.blob.sha256.0.to_vec()).collect();
            let replaced = damaged_places!(c, &storage, columns);
            let row = |a: &&Arrived| LocationRow {
                sha256: a.blob.sha256.0.to_vec(),
                storage: storage.clone(),
                object,
                start: column(a.start),
                damaged: None,
            };
            let rows: Vec<_> = missing.iter().map(row).collect();
            bulk_insert!(c, locations::table, rows, on_conflict((locations::sha256, locations::storage)).do_update().set((
                locations::object.eq(excluded(locations::object)),
                locations::start.eq(excluded(locations::start)),
                locations::damaged.eq(None::<i64>),
            )))?;
            thin_out!(c, replaced);
        }
        lease_all!(c, lease, all);
        Ok(!missing.is_empty())
    }

    /// Leases those of these blobs that are stored, whose bytes the caller has shown, and writes the row of an object
    /// for the others.
    pub async fn begin_pack(
        c: &mut Connection,
        lease: LeaseId,
        shown: Vec<Sha256>,
        row: ObjectRow,
    ) -> Result<There, Failure> {
        let repository = lock_lease!(c, lease);
        let all = columns(&shown);
        let mut there = Vec::new();
        for piece in all.chunks(PIECE) {
            let query = blobs::table.filter(blobs::sha256.eq_any(piece)).order(blobs::sha256).select(blobs::sha256);
            there.extend(lock!(query).load::<Vec<u8>>(c).await?);
        }
        // Asked after the rows are locked: a pruning that was faster has taken its holdings away by now.
        let mut counted = HashSet::new();
        for piece in there.chunks(PIECE) {
            let held = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::pending.is_null());
            let held = held.filter(holdings::sha256.eq_any(piece)).select(holdings::sha256);
            counted.extend(held.load::<Vec<u8>>(c).await?);
            let ours = lease_blobs::table.filter(lease_blobs::lease.eq(lease.0));
            let ours = ours.filter(lease_blobs::sha256.eq_any(piece)).select(lease_blobs::sha256);
            counted.extend(ours.load::<Vec<u8>>(c).await?);
        }
        let stored = located!(c, &row.storage, there);
        // What is held and damaged is leased too: it must not be let go of before it is healed.
        let known: Vec<_> = there.into_iter().filter(|sha| stored.contains(sha) || counted.contains(sha)).collect();
        lease_all!(c, lease, known);
        if all.iter().any(|sha256| !stored.contains(sha256)) {
            diesel::insert_into(objects::table).values(row).execute(c).await?;
        }
        Ok(There { stored, counted })
    }

    /// Writes the row of an object for a blob that is expected, unless it is stored: then it begins its grace again,
    /// so that it stays until the caller has shown the bytes. Where the row's key is taken, by another upload or by
    /// the collector, `otherwise` is used. Answers the key to write to.
    pub async fn begin_whole(
        c: &mut Connection,
        lease: LeaseId,
        expected: Option<Sha256>,
        row: ObjectRow,
        otherwise: String,
        now: Timestamp,
    ) -> Result<Option<String>, Failure> {
        lock_lease!(c, lease);
        if let Some(sha256) = expected {
            let all = [sha256.0.to_vec()];
            let query = blobs::table.find(sha256.0.to_vec()).select(blobs::sha256);
            let there: Option<Vec<u8>> = lock!(query).first(c).await.optional()?;
            let is_stored = match there {
                Some(_) if located!(c, &row.storage, all).is_empty() => {
                    of!(spare::needed)(c, all.to_vec()).await?.is_empty()
                }
                there => there.is_some(),
            };
            if is_stored {
                let idle = blobs::table.find(sha256.0.to_vec()).filter(blobs::idle_since.is_not_null());
                diesel::update(idle).set(blobs::idle_since.eq(now.0)).execute(c).await?;
                return Ok(None);
            }
        }
        Ok(Some(insert_at!(c, row, otherwise)))
    }
}

impl Content {
    pub(crate) async fn begin_pack(&self, lease: LeaseId, shown: Vec<Sha256>, pack: &Object) -> Result<There> {
        let row = pack.row(lease, Timestamp::now());
        let there: Result<_, Failure> = transaction!(self.database(), begin_pack(lease, shown, row));
        there.map_err(|failure| failure.during("content.begin_small"))
    }

    /// The same object under the key that it got; none where the expected blob is stored already.
    pub(crate) async fn begin_whole(
        &self,
        lease: LeaseId,
        expected: Option<Sha256>,
        object: Object,
        otherwise: String,
    ) -> Result<Option<Object>> {
        let now = Timestamp::now();
        let row = object.row(lease, now);
        let begun: Result<_, Failure> =
            transaction!(self.database(), begin_whole(lease, expected, row, otherwise, now));
        let key = begun.map_err(|failure| failure.during("content.receive"))?;
        Ok(key.map(|key| Object { key, ..object }))
    }
}
