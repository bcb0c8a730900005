//! Why something is stored: who holds it, who has leased it, and since when nobody does.

use std::time::Duration;

use ballast_contract::Error;
use ballast_database::{for_both, read};
use ballast_types::{LeaseId, RepoKey, Sha256, Timestamp, XetHash};
use diesel::dsl::count;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{ObjectRow, blob_of, sha256_of};
use crate::schema::{blobs, holdings, lease_blobs, leases, locations, objects, xet_files, xet_uses, xorbs};
use crate::xet::xet_hash_of;
use crate::{Blob, Content};

type Result<T, E = Error> = std::result::Result<T, E>;

/// How many holders, leases or blobs are named; of more, only their number is told.
const MOST: i64 = 100;

/// All that is known of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobStory {
    pub blob: Blob,
    /// When somebody last let go of it; a hint, and none where nobody has.
    pub idle_since: Option<Timestamp>,
    pub places: Vec<PlaceStory>,
    /// Where it lies as chunks of xorbs: of how many.
    pub in_xorbs: u64,
    /// Where it is a xorb itself.
    pub xorb: Option<XorbStory>,
    /// The first of them.
    pub holders: Vec<HolderStory>,
    /// The first of them.
    pub leases: Vec<LeaseStory>,
}

/// Where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceStory {
    pub storage: String,
    pub key: String,
    /// Together with other blobs.
    pub packed: bool,
    /// When its bytes were found to be others.
    pub damaged: Option<Timestamp>,
    /// Since when it is only there for who still reads it: the blob lies in xorbs as well.
    pub spare: Option<Timestamp>,
}

/// What keeps a xorb, which no repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XorbStory {
    pub xorb: XetHash,
    /// How many files have chunks in it.
    pub files: u64,
    /// The repositories that hold these files, the first of them.
    pub repos: Vec<RepoKey>,
    /// Until when it stays without any: clients were told that it is here.
    pub until: Timestamp,
}

/// A repository that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HolderStory {
    pub repo: RepoKey,
    /// The lease of the commit that is still to confirm it.
    pub pending: Option<LeaseId>,
    pub since: Timestamp,
}

/// A lease that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseStory {
    pub lease: LeaseId,
    pub repo: RepoKey,
    pub expires: Timestamp,
}

/// All that is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectStory {
    pub storage: String,
    pub key: String,
    pub packed: bool,
    /// In bytes; 0 where it is not known.
    pub size: u64,
    /// How many of them belong to no blob any more.
    pub gone: u64,
    pub created: Timestamp,
    /// Under which it is being written, and until when; no time where the lease has ended.
    pub writing: Option<(LeaseId, Option<Timestamp>)>,
    /// Nothing names it, and the next sweep deletes it.
    pub deleting: bool,
    /// How many blobs lie in it.
    pub count: u64,
    /// The first of them.
    pub blobs: Vec<Sha256>,
}

impl Content {
    /// The story of a blob; none where it is not stored.
    pub async fn find_blob_story(&self, sha256: Sha256) -> Result<Option<BlobStory>> {
        let (sha256, grace) = (sha256.0.to_vec(), self.inner.options.xorb_grace);
        let told: Result<_, Failure> = read!(self.database(), tell_blob(sha256, grace));
        told.map_err(|failure| failure.during("content.explain"))
    }

    /// The stories of the objects of this key, one for each storage instance that has one.
    pub async fn object_stories(&self, key: &str) -> Result<Vec<ObjectStory>> {
        let told: Result<_, Failure> = read!(self.database(), tell_objects(key.to_owned()));
        told.map_err(|failure| failure.during("content.explain"))
    }
}

/// Digest, size, git's id, and since when nobody holds it.
type BlobColumns = (Vec<u8>, i64, Option<Vec<u8>>, Option<i64>);

for_both! {
    pub async fn tell_blob(c: &mut Connection, sha256: Vec<u8>, grace: Duration) -> Result<Option<BlobStory>, Failure> {
        let row = blobs::table.find(&sha256).select((blobs::sha256, blobs::size, blobs::oid, blobs::idle_since));
        let row: Option<BlobColumns> = row.first(c).await.optional()?;
        let Some((digest, size, oid, idle_since)) = row else { return Ok(None) };
        let places = locations::table.inner_join(objects::table).filter(locations::sha256.eq(&sha256));
        let places = places.select((locations::storage, objects::key, objects::packed, locations::damaged, locations::spare));
        let place = |(storage, key, packed, damaged, spare): (String, String, bool, Option<i64>, Option<i64>)| {
            PlaceStory { storage, key, packed, damaged: damaged.map(Timestamp), spare: spare.map(Timestamp) }
        };
        let places: Vec<_> = places.load(c).await?.into_iter().map(place).collect();
        let holders = holdings::table.filter(holdings::sha256.eq(&sha256)).order(holdings::repository).limit(MOST);
        let holders = holders.select((holdings::repository, holdings::pending, holdings::since));
        let holder = |(repo, pending, since): (i64, Option<i64>, i64)| {
            HolderStory { repo: RepoKey(repo), pending: pending.map(LeaseId), since: Timestamp(since) }
        };
        let holders: Vec<_> = holders.load(c).await?.into_iter().map(holder).collect();
        let leased = lease_blobs::table.inner_join(leases::table).filter(lease_blobs::sha256.eq(&sha256));
        let leased = leased.order(leases::expires.desc()).limit(MOST).select((leases::id, leases::repository, leases::expires));
        let lease = |(lease, repo, expires): (i64, i64, i64)| {
            LeaseStory { lease: LeaseId(lease), repo: RepoKey(repo), expires: Timestamp(expires) }
        };
        let leases: Vec<_> = leased.load(c).await?.into_iter().map(lease).collect();
        let uses = xet_uses::table.inner_join(xet_files::table).filter(xet_files::sha256.eq(&sha256));
        let in_xorbs: i64 = uses.select(count(xet_uses::xorb).aggregate_distinct()).first(c).await?;
        let xorb = xorbs::table.filter(xorbs::sha256.eq(&sha256)).select((xorbs::xorb, xorbs::named));
        let xorb: Option<(Vec<u8>, i64)> = xorb.first(c).await.optional()?;
        let xorb = match xorb {
            Some((name, named)) => {
                let files: i64 = xet_uses::table.filter(xet_uses::xorb.eq(&name)).count().get_result(c).await?;
                let until = Timestamp(named).after(grace);
                let files_in_it = xet_uses::table.inner_join(xet_files::table).filter(xet_uses::xorb.eq(&name));
                let held = files_in_it.inner_join(holdings::table.on(holdings::sha256.eq(xet_files::sha256)));
                let repos = held.select(holdings::repository).distinct().order(holdings::repository).limit(MOST);
                let repos: Vec<i64> = repos.load(c).await?;
                let repos = repos.into_iter().map(RepoKey).collect();
                Some(XorbStory { xorb: xet_hash_of(&name)?, files: files.unsigned_abs(), repos, until })
            }
            None => None,
        };
        let (blob, idle_since, in_xorbs) = (blob_of((digest, size, oid))?, idle_since.map(Timestamp), in_xorbs.unsigned_abs());
        Ok(Some(BlobStory { blob, idle_since, places, in_xorbs, xorb, holders, leases }))
    }

    pub async fn tell_objects(c: &mut Connection, key: String) -> Result<Vec<ObjectStory>, Failure> {
        let rows = objects::table.filter(objects::key.eq(key)).order(objects::storage);
        let mut told = Vec::new();
        for row in rows.load::<ObjectRow>(c).await? {
            let here = || locations::table.filter(locations::object.eq(row.id));
            let count: i64 = here().count().get_result(c).await?;
            let digests: Vec<Vec<u8>> = here().order(locations::start).limit(MOST).select(locations::sha256).load(c).await?;
            let expires = match row.lease {
                Some(lease) => leases::table.find(lease).select(leases::expires).first::<i64>(c).await.optional()?,
                None => None,
            };
            told.push(ObjectStory {
                storage: row.storage,
                key: row.key,
                packed: row.packed,
                size: row.size.unsigned_abs(),
                gone: row.gone.unsigned_abs(),
                created: Timestamp(row.created),
                writing: row.lease.map(|lease| (LeaseId(lease), expires.map(Timestamp))),
                deleting: row.deleting,
                count: count.unsigned_abs(),
                blobs: digests.iter().map(|row| sha256_of(row)).collect::<Result<_, _>>()?,
            });
        }
        Ok(told)
    }
}
