//! Rows as they are written, and the locks that keep them true.
//!
//! Locks are always taken in this order: lease, the repository's level (`held`), blobs by digest, objects. Whoever
//! gives a blob a new lease or takes away its last holding has locked the blob's row first, so a collector that holds
//! the row and sees no holding and no lease may remove it.

use ballast_types::{GitOid, Sha256};
use diesel::prelude::*;

use crate::Blob;
use crate::failure::Failure;
use crate::multipart::UploadId;
use crate::objects::Object;
use crate::schema::{
    also_pending, blobs, holdings, kept_promises, lease_blobs, lease_reservations, locations, objects, parts, purged,
    uploads,
};

/// How many digests a statement names at most: SQLite counts each as a parameter.
pub(crate) const PIECE: usize = 1000;

#[derive(Insertable, Clone)]
#[diesel(table_name = blobs, treat_none_as_default_value = false)]
pub(crate) struct BlobRow {
    pub(crate) sha256: Vec<u8>,
    pub(crate) size: i64,
    pub(crate) oid: Option<Vec<u8>>,
    pub(crate) sums: Option<Vec<u8>>,
}

#[derive(Insertable, Queryable, Clone)]
#[diesel(table_name = objects, treat_none_as_default_value = false)]
pub(crate) struct ObjectRow {
    pub(crate) id: i64,
    pub(crate) storage: String,
    pub(crate) key: String,
    pub(crate) packed: bool,
    pub(crate) lease: Option<i64>,
    pub(crate) created: i64,
    pub(crate) deleting: bool,
    pub(crate) size: i64,
    pub(crate) gone: i64,
    pub(crate) upload: Option<String>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = locations, treat_none_as_default_value = false)]
pub(crate) struct LocationRow {
    pub(crate) sha256: Vec<u8>,
    pub(crate) storage: String,
    pub(crate) object: i64,
    pub(crate) start: i64,
    pub(crate) damaged: Option<i64>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = lease_blobs)]
pub(crate) struct LeaseBlobRow {
    pub(crate) lease: i64,
    pub(crate) sha256: Vec<u8>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = lease_reservations)]
pub(crate) struct PromiseRow {
    pub(crate) lease: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) reservation: i64,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = holdings, treat_none_as_default_value = false)]
pub(crate) struct HoldingRow {
    pub(crate) repository: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) pending: Option<i64>,
    pub(crate) since: i64,
    pub(crate) path: Option<String>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = purged)]
pub(crate) struct PurgedRow {
    pub(crate) repository: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) at: i64,
    pub(crate) pruned: bool,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = also_pending)]
pub(crate) struct AlsoPendingRow {
    pub(crate) lease: i64,
    pub(crate) repository: i64,
    pub(crate) sha256: Vec<u8>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = kept_promises)]
pub(crate) struct KeptPromiseRow {
    pub(crate) lease: i64,
    pub(crate) repository: i64,
    pub(crate) reservation: i64,
}

#[derive(Insertable, Queryable, Clone)]
#[diesel(table_name = uploads, treat_none_as_default_value = false)]
pub(crate) struct UploadRow {
    pub(crate) id: i64,
    pub(crate) lease: i64,
    pub(crate) repository: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) size: i64,
    pub(crate) part_size: i64,
    pub(crate) completed: bool,
    pub(crate) object: Option<i64>,
    pub(crate) assembly: Option<i64>,
}

#[derive(Insertable, Clone)]
#[diesel(table_name = parts)]
pub(crate) struct PartRow {
    pub(crate) upload: i64,
    pub(crate) number: i32,
    pub(crate) object: i64,
    pub(crate) size: i64,
    pub(crate) etag: String,
}

impl PartRow {
    pub(crate) fn new(upload: UploadId, number: u32, object: &Object, size: u64, etag: &str) -> Self {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        Self { upload: upload.0, number, object: object.id, size: column(size), etag: etag.to_owned() }
    }
}

/// The repository of a lease, whose row stays as it is until the transaction ends.
macro_rules! lock_lease {
    ($c:expr, $lease:expr) => {{
        let query = leases::table.find($lease.0).select(leases::repository);
        let repository: Option<i64> = lock!(query).first($c).await.optional()?;
        repository.ok_or(Failure::LeaseEnded($lease))?
    }};
}

/// Writes the row of an object, under the other key where its own is taken; answers the key that it got.
macro_rules! insert_at {
    ($c:expr, $row:expr, $otherwise:expr) => {{
        let (row, otherwise): (ObjectRow, String) = ($row, $otherwise);
        let key = row.key.clone();
        let insert = diesel::insert_into(objects::table).values(row.clone());
        match insert.on_conflict_do_nothing().execute($c).await? {
            1 => key,
            _ => {
                let row = ObjectRow { key: otherwise.clone(), ..row };
                diesel::insert_into(objects::table).values(row).execute($c).await?;
                otherwise
            }
        }
    }};
}

/// A repository's level `(bytes, revision)`, made where there is none, and locked.
macro_rules! lock_held {
    ($c:expr, $repository:expr) => {{
        let none = (held::repository.eq($repository), held::bytes.eq(0), held::revision.eq(0));
        diesel::insert_into(held::table).values(none).on_conflict_do_nothing().execute($c).await?;
        let query = held::table.find($repository).select((held::bytes, held::revision));
        let level: (i64, i64) = lock!(query).first($c).await?;
        level
    }};
}

/// Moves a locked level by this many bytes, which is a new revision; answers the level.
macro_rules! move_held {
    ($c:expr, $repository:expr, $level:expr, $bytes:expr) => {{
        let moved: (i64, i64) = (($level.0 + $bytes).max(0), $level.1 + 1);
        let set = (held::bytes.eq(moved.0), held::revision.eq(moved.1));
        ballast_database::fixed(diesel::update(held::table.find($repository)).set(set)).execute($c).await?;
        moved
    }};
}

/// Counts bytes that no location names any more, `(object, bytes)` each, and marks the objects that hold nothing else.
/// Whoever took the locations away calls it, in the same transaction.
macro_rules! thin_out {
    ($c:expr, $gone:expr) => {{
        let mut by_object = std::collections::BTreeMap::<i64, i64>::new();
        for (object, bytes) in $gone {
            *by_object.entry(object).or_default() += bytes;
        }
        let ids: Vec<i64> = by_object.keys().copied().collect();
        // Two may take different blobs of one pack: the second to come must see that it took the last.
        for piece in ids.chunks(PIECE) {
            let query = objects::table.filter(objects::id.eq_any(piece)).order(objects::id).select(objects::id);
            lock!(query).load::<i64>($c).await?;
        }
        let mut used = std::collections::HashSet::<i64>::new();
        for piece in ids.chunks(PIECE) {
            let query = locations::table.filter(locations::object.eq_any(piece)).select(locations::object).distinct();
            used.extend(query.load::<i64>($c).await?);
        }
        let empty: Vec<i64> = ids.into_iter().filter(|id| !used.contains(id)).collect();
        for piece in empty.chunks(PIECE) {
            let rows = objects::table.filter(objects::id.eq_any(piece));
            diesel::update(rows).set(objects::deleting.eq(true)).execute($c).await?;
        }
        for object in used {
            let thinner = objects::gone.eq(objects::gone + by_object.get(&object).copied().unwrap_or_default());
            diesel::update(objects::table.find(object)).set(thinner).execute($c).await?;
        }
    }};
}

/// Which of these blobs are xorbs that stay although nobody holds them: those that files use, and those that clients
/// were told of since a time and may rely on.
macro_rules! needed_xorbs {
    ($c:expr, $digests:expr, $since:expr) => {{
        let these = || xorbs::table.filter(xorbs::sha256.eq_any($digests));
        let uses = xet_uses::table.filter(xet_uses::xorb.eq(xorbs::xorb));
        let used = these().filter(diesel::dsl::exists(uses)).select(xorbs::sha256);
        let used: std::collections::HashSet<Vec<u8>> = used.load($c).await?.into_iter().collect();
        let remembered = these().filter(xorbs::named.gt($since.0)).select(xorbs::sha256);
        let remembered: std::collections::HashSet<Vec<u8>> = remembered.load($c).await?.into_iter().collect();
        (used, remembered)
    }};
}

/// A column of a digest.
pub(crate) fn sha256_of(bytes: &[u8]) -> Result<Sha256, Failure> {
    Sha256::from_slice(bytes).ok_or_else(|| ballast_database::Error::corrupt("a sha256 of another length").into())
}

/// A blob from its columns.
pub(crate) fn blob_of(row: (Vec<u8>, i64, Option<Vec<u8>>)) -> Result<Blob, Failure> {
    let size = u64::try_from(row.1).map_err(|_| ballast_database::Error::corrupt("blobs.size is negative"))?;
    Ok(Blob { sha256: sha256_of(&row.0)?, size, oid: row.2.as_deref().and_then(GitOid::from_slice) })
}

/// Digests as columns, each once and in order, which is the order in which rows are locked.
pub(crate) fn columns(digests: &[Sha256]) -> Vec<Vec<u8>> {
    let distinct: std::collections::BTreeSet<&Sha256> = digests.iter().collect();
    distinct.into_iter().map(|digest| digest.0.to_vec()).collect()
}

/// A size as a column.
pub(crate) fn column(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
