//! Bytes that are not what was stored: found, recorded, and proven whole again.
//!
//! A read that fails its checks is only a suspicion, since memory and cables err as well. The blob is then read whole and
//! hashed; that verdict is what the row remembers. A damaged blob is not opened and cannot be claimed, and whoever is
//! asked for its bytes and sends them puts them into a new object (`keep`), which heals it.

use std::sync::PoisonError;

use ballast_contract::{Error, ErrorKind};
use ballast_database::{for_both, read, transaction};
use ballast_types::{ByteRange, GitOid, Sha256, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::checks::damaged;
use crate::digest::{Digests, pour};
use crate::failure::Failure;
use crate::objects::key_of;
use crate::schema::{blobs, locations, objects};
use crate::sums::Sums;

type Result<T, E = Error> = std::result::Result<T, E>;

/// What reading a blob where it lies has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes have its digests.
    Whole,
    /// The object is there and holds other bytes, or too few: a sentence.
    Damaged(String),
    /// There is no object.
    Missing,
}

/// A blob at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub sha256: Sha256,
    pub storage: String,
    pub key: String,
    pub verdict: Verdict,
}

/// A blob's row with one of its locations.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct Located {
    pub(crate) sha256: Vec<u8>,
    pub(crate) storage: String,
    pub(crate) object: i64,
    pub(crate) key: String,
    pub(crate) start: i64,
    pub(crate) damaged: Option<i64>,
    pub(crate) size: i64,
    pub(crate) oid: Option<Vec<u8>>,
    pub(crate) sums: Option<Vec<u8>>,
}

/// The columns of [`Located`], of locations with their object and blob.
macro_rules! located_columns {
    () => {
        (
            locations::sha256,
            locations::storage,
            locations::object,
            objects::key,
            locations::start,
            locations::damaged,
            blobs::size,
            blobs::oid,
            blobs::sums,
        )
    };
}
pub(crate) use located_columns;

impl Located {
    pub(crate) fn sha256(&self) -> Result<Sha256, Failure> {
        crate::rows::sha256_of(&self.sha256)
    }

    pub(crate) fn range(&self) -> ByteRange {
        ByteRange::whole(self.size.unsigned_abs()).shifted(self.start.unsigned_abs())
    }

    /// What it means that its bytes hash to this.
    pub(crate) fn judge(&self, found: &Digests) -> Verdict {
        let oid = self.oid.as_deref().and_then(GitOid::from_slice);
        if found.sha256.0.as_slice() != self.sha256 {
            return Verdict::Damaged(format!("their SHA-256 is {}", found.sha256));
        }
        match oid.filter(|_| found.oid.is_some() && found.oid != oid) {
            Some(oid) => Verdict::Damaged(format!("their git blob id is not the recorded {oid}")),
            None => Verdict::Whole,
        }
    }
}

impl Content {
    /// Looks at a blob more closely, apart from the call that has found reason to; once at a time.
    pub(crate) fn suspect(&self, sha256: Sha256) {
        self.inner.places.invalidate(&sha256);
        let suspects = || self.inner.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !suspects().insert(sha256) {
            return;
        }
        let content = self.clone();
        runtime.spawn(async move {
            if let Err(error) = content.examine(sha256).await {
                tracing::warn!(%sha256, %error, "a blob that reads badly could not be looked at");
            }
            content.inner.suspects.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256);
        });
    }

    /// Reads a blob whole wherever it lies, and records what is found. Nothing where it is not stored at all.
    pub async fn examine(&self, sha256: Sha256) -> Result<Vec<Examined>> {
        let mut examined = Vec::new();
        for located in self.located(sha256).await? {
            let (verdict, digests) = self.read_and_judge(&located).await?;
            self.record(&located, &verdict, digests.as_ref()).await?;
            examined.push(Examined { sha256, storage: located.storage, key: located.key, verdict });
        }
        Ok(examined)
    }

    /// The sums of a blob that has none, after its bytes are proven. `Corrupt` where it is whole nowhere.
    pub(crate) async fn prove(&self, sha256: Sha256) -> Result<Sums> {
        for located in self.located(sha256).await? {
            let (verdict, digests) = self.read_and_judge(&located).await?;
            self.record(&located, &verdict, digests.as_ref()).await?;
            if let (Verdict::Whole, Some(digests)) = (verdict, digests) {
                let sums = Sums::of_column(located.size.unsigned_abs(), digests.sums);
                return sums.ok_or_else(|| damaged(sha256, "their checksums do not fit their length"));
            }
        }
        Err(damaged(sha256, "they are whole nowhere"))
    }

    async fn located(&self, sha256: Sha256) -> Result<Vec<Located>> {
        let found: Result<_, Failure> = read!(self.database(), find_located(sha256.0.to_vec()));
        found.map_err(|failure| failure.during("content.examine"))
    }

    /// Reads a blob where it lies. An error says nothing about the bytes: the storage did not answer.
    pub(crate) async fn read_and_judge(&self, located: &Located) -> Result<(Verdict, Option<Digests>)> {
        let (store, key) = (self.store(&located.storage)?, key_of(&located.key)?);
        let body = match store.read(&key, located.range()).await {
            Err(error) if error.is(ErrorKind::NotFound) => return Ok((Verdict::Missing, None)),
            Err(error) if error.is(ErrorKind::Invalid) => return Ok((Verdict::Damaged(error.to_string()), None)),
            opened => opened?,
        };
        match pour(body, located.size.unsigned_abs(), located.oid.is_some(), None).await {
            Err(error) if error.is(ErrorKind::NotFound) => Ok((Verdict::Missing, None)),
            Err(error) if error.is(ErrorKind::Invalid) => Ok((Verdict::Damaged(error.to_string()), None)),
            read => {
                let digests = read?;
                Ok((located.judge(&digests), Some(digests)))
            }
        }
    }

    /// Remembers a verdict, unless the blob lies elsewhere by now; answers whether it still lies there.
    pub(crate) async fn record(&self, located: &Located, verdict: &Verdict, digests: Option<&Digests>) -> Result<bool> {
        let sha256 = located.sha256().map_err(|failure| failure.during("content.record"))?;
        let damaged = (*verdict != Verdict::Whole).then(Timestamp::now);
        let sums = digests.filter(|_| damaged.is_none()).map(|digests| digests.sums.clone());
        if damaged.is_some() == located.damaged.is_some() && (sums.is_none() || sums == located.sums) {
            return Ok(true);
        }
        let recorded: Result<bool, Failure> =
            transaction!(self.database(), record_verdict(located.clone(), damaged, sums));
        let there = recorded.map_err(|failure| failure.during("content.record"))?;
        self.inner.places.invalidate(&sha256);
        if there && damaged.is_some() {
            let (storage, object) = (&located.storage, &located.key);
            tracing::error!(%sha256, storage, object, ?verdict, "stored bytes are damaged and not served any more");
        }
        Ok(there)
    }
}

for_both! {
    pub async fn find_located(c: &mut Connection, sha256: Vec<u8>) -> Result<Vec<Located>, Failure> {
        let query = locations::table.inner_join(objects::table).inner_join(blobs::table);
        let query = query.filter(locations::sha256.eq(sha256)).order(locations::storage);
        Ok(query.select(located_columns!()).load(c).await?)
    }

    pub async fn record_verdict(
        c: &mut Connection,
        located: Located,
        damaged: Option<Timestamp>,
        sums: Option<Vec<u8>>,
    ) -> Result<bool, Failure> {
        let query = blobs::table.find(located.sha256.clone()).select(blobs::sha256);
        lock!(query).first::<Vec<u8>>(c).await.optional()?;
        let there = locations::table.find((located.sha256.clone(), located.storage)).filter(locations::object.eq(located.object));
        let set = locations::damaged.eq(damaged.map(|since| since.0));
        let there = diesel::update(there).set(set).execute(c).await? == 1;
        if let Some(sums) = sums.filter(|_| there) {
            diesel::update(blobs::table.find(located.sha256)).set(blobs::sums.eq(sums)).execute(c).await?;
        }
        Ok(there)
    }
}
