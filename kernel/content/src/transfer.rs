//! Bytes of one storage instance, copied into another while the hub serves.
//!
//! What is still to be done is what the rows say: objects of the one instance with blobs that do not lie whole in the
//! other. So a transfer that was cut off, by whatever, goes on where it stopped, and what was uploaded meanwhile is found
//! by asking once more. A blob gets its second place in one transaction, after its bytes were read, hashed and made
//! durable at the other end; until then nobody on any node sees anything of it, and from then on each reader takes the
//! place in the instance that its own configuration prefers. The first place stays until somebody
//! [leaves](Content::leave_storage) it, which takes no blob away from its last whole place.
//!
//! An object is copied as the blobs that it holds: bytes of a pack that nobody needs stay behind, and a blob whose bytes
//! are not what was stored is recorded as damaged where it lies, and never copied.

use std::collections::{HashMap, HashSet};

use ballast_contract::storage::StorageWriter;
use ballast_contract::{Error, ErrorKind};
use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, Sha256};
use bytes::Bytes;
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::damage::{Examined, Located, Verdict, located_columns};
use crate::digest::{Digests, pour};
use crate::failure::Failure;
use crate::objects::{Object, key_of};
use crate::rows::{PIECE, column, sha256_of};
use crate::schema::{blobs, leases, locations, objects};
use crate::sums::column_of;
use crate::survey::{AT_ONCE, Pack};

type Result<T, E = Error> = std::result::Result<T, E>;

// Places in the other instance.
diesel::alias! {
    const THERE: Alias<There> = locations as there;
}

/// What of a storage instance is still to be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToTransfer {
    pub objects: u64,
    /// Of the blobs, in bytes.
    pub bytes: u64,
}

/// What became of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Blobs that have a second place now, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Blobs that are not what was stored. They were not copied.
    pub bad: Vec<Examined>,
}

/// What a storage instance has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Objects in which blobs lie.
    pub holding: u64,
    /// Objects of uploads that have not ended.
    pub unfinished: u64,
    /// Objects that nothing names, which the next collection deletes.
    pub deleting: u64,
}

/// A blob's place in the other instance.
#[derive(Insertable, Clone)]
#[diesel(table_name = locations)]
struct PlaceRow {
    sha256: Vec<u8>,
    storage: String,
    object: i64,
    start: i64,
    damaged: Option<i64>,
    spare: Option<i64>,
}

/// A blob that was copied: where it begins in the new object, and how long it is.
type Copied = (Located, i64);

impl Content {
    /// Where new bytes go.
    pub fn uploads_to(&self) -> &str {
        &self.uploads_to
    }

    /// How much lies in `from` and not, or not whole, in `to`.
    pub async fn count_to_transfer(&self, from: &str, to: &str) -> Result<ToTransfer> {
        let counted: Result<(i64, i64), Failure> =
            read!(self.database(), count_waiting(from.to_owned(), to.to_owned()));
        let (objects, bytes) = counted.map_err(|failure| failure.during("content.transfer"))?;
        Ok(ToTransfer { objects: objects.unsigned_abs(), bytes: bytes.unsigned_abs() })
    }

    /// Objects of `from` with blobs that do not lie whole in `to`, with these blobs alone: from behind the one of this
    /// number on.
    pub async fn list_to_transfer(&self, from: &str, to: &str, after: Option<i64>, limit: usize) -> Result<Vec<Pack>> {
        let (after, limit) = (after.unwrap_or(i64::MIN), i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Result<Vec<Pack>, Failure> =
            read!(self.database(), list_waiting(from.to_owned(), to.to_owned(), after, limit));
        found.map_err(|failure| failure.during("content.transfer"))
    }

    /// Copies what [`list_to_transfer`](Self::list_to_transfer) said of an object, under a lease of nobody's
    /// repository. `Conflict` where the lease has ended; any error leaves what was there, and is no verdict on the bytes.
    pub async fn transfer_object(&self, lease: LeaseId, pack: &Pack, to: &str) -> Result<Transferred> {
        self.store(to)?;
        let (object, otherwise) = self.object_for(pack, to)?;
        let object = self.begin_whole(lease, None, object, otherwise).await?;
        // Only a blob that is expected can be there already.
        let object =
            object.ok_or_else(|| Error::new(ErrorKind::Internal, "content.transfer", "no object was begun"))?;
        let mut writer = self.create_object(&object).await?;
        let mut going = Going { content: self, writer: &mut writer, size: 0, copied: Vec::new(), bad: Vec::new() };
        let written = going.copy(pack).await;
        let Going { size, copied, bad, .. } = going;
        let written = match written {
            // Nothing of it is whole: nothing is stored.
            Ok(()) if copied.is_empty() => {
                let nothing = Error::new(ErrorKind::Corrupt, "content.transfer", "nothing of it is whole");
                let _ = self.finish::<()>(writer, &object, Err(nothing), size).await;
                return Ok(Transferred { bad, ..Transferred::default() });
            }
            written => written,
        };
        self.finish(writer, &object, written, size).await?;
        let placed = self.place(lease, &object, size, copied).await?;
        Ok(Transferred { blobs: placed.0, bytes: placed.1, bad })
    }

    /// The object to be, and its key where that is taken.
    fn object_for(&self, pack: &Pack, to: &str) -> Result<(Object, String)> {
        let mut otherwise = String::new();
        let object = Object::new(self, pack.packed, |id| match pack.packed {
            true => {
                otherwise = format!("packs/{:02x}/{id:016x}.moved", id & 0xff);
                format!("packs/{:02x}/{id:016x}", id & 0xff)
            }
            false => {
                otherwise = format!("{}.{id:016x}", pack.key);
                pack.key.clone()
            }
        })?;
        Ok((Object { storage: to.to_owned(), ..object }, otherwise))
    }

    /// Gives blobs that were copied their places; answers how many, and their bytes. Those that were collected or came
    /// there by themselves meanwhile have none in this object.
    async fn place(&self, lease: LeaseId, object: &Object, size: u64, copied: Vec<Copied>) -> Result<(u64, u64)> {
        let (id, storage) = (object.id, object.storage.clone());
        let digests: Vec<Vec<u8>> = copied.iter().map(|(located, _)| located.sha256.clone()).collect();
        let placed: Result<(i64, i64), Failure> =
            transaction!(self.database(), place(lease, id, storage, column(size), copied));
        if !matches!(placed, Ok((1.., _))) {
            self.discard(object).await;
        }
        let (count, bytes) = placed.map_err(|failure| failure.during("content.transfer"))?;
        for sha256 in digests.iter().filter_map(|sha256| Sha256::from_slice(sha256)) {
            self.inner.places.invalidate(&sha256);
        }
        Ok((count.unsigned_abs(), bytes.unsigned_abs()))
    }

    /// Takes away the places in `from` of blobs that lie whole in `to`: a page of them, from behind `after` on. Objects
    /// that hold nothing then are deleted by the next collection. Answers how many, and where the next page begins.
    pub async fn leave_storage(&self, from: &str, to: &str, after: Option<Sha256>) -> Result<(u64, Option<Sha256>)> {
        let during = |failure: Failure| failure.during("content.leave");
        let after = after.map(|sha256| sha256.0.to_vec()).unwrap_or_default();
        let page: Result<Vec<Vec<u8>>, Failure> =
            read!(self.database(), list_twice(from.to_owned(), to.to_owned(), after));
        let page = page.map_err(during)?;
        let Some(last) = page.last() else { return Ok((0, None)) };
        let next = sha256_of(last).map_err(during)?;
        let left: Result<Vec<Vec<u8>>, Failure> =
            transaction!(self.database(), leave(from.to_owned(), to.to_owned(), page));
        let left = left.map_err(during)?;
        for sha256 in left.iter().filter_map(|sha256| Sha256::from_slice(sha256)) {
            self.inner.places.invalidate(&sha256);
        }
        Ok((left.len() as u64, Some(next)))
    }

    /// What a storage instance has, configured or not.
    pub async fn count_kept(&self, storage: &str) -> Result<Kept> {
        let kept: Result<(i64, i64, i64), Failure> = read!(self.database(), count_kept(storage.to_owned()));
        let (holding, unfinished, deleting) = kept.map_err(|failure| failure.during("content.transfer"))?;
        Ok(Kept {
            holding: holding.unsigned_abs(),
            unfinished: unfinished.unsigned_abs(),
            deleting: deleting.unsigned_abs(),
        })
    }
}

/// An object on its way.
struct Going<'a> {
    content: &'a Content,
    writer: &'a mut Box<dyn StorageWriter>,
    /// What was written so far, in bytes.
    size: u64,
    copied: Vec<Copied>,
    bad: Vec<Examined>,
}

impl Going<'_> {
    async fn copy(&mut self, pack: &Pack) -> Result<()> {
        if !pack.packed {
            for located in &pack.blobs {
                self.pour(located).await?;
            }
            return Ok(());
        }
        if pack.end() <= AT_ONCE {
            for (located, bytes, verdict) in self.content.read_pack(pack).await? {
                self.write(located, bytes, verdict).await?;
            }
            return Ok(());
        }
        for located in &pack.blobs {
            let (located, bytes, verdict) = self.content.read_blob(located.clone()).await?;
            self.write(located, bytes, verdict).await?;
        }
        Ok(())
    }

    /// Writes a small blob that was read and hashed, if it is whole.
    async fn write(&mut self, located: Located, bytes: Bytes, verdict: Verdict) -> Result<()> {
        let (start, is_whole) = (self.size, verdict == Verdict::Whole);
        // One that was stored by a program that made no checksums has some from now on.
        let digests = (is_whole && located.sums.is_none()).then(|| Digests {
            sha256: Sha256(located.sha256.as_slice().try_into().unwrap_or_default()),
            oid: None,
            sums: column_of(&bytes),
        });
        if is_whole && !bytes.is_empty() {
            self.size += bytes.len() as u64;
            self.writer.write(bytes).await?;
        }
        self.judge(located, start, verdict, digests).await
    }

    /// Writes a blob that is alone in its object as it is read. What turns out not to be it gets no place, and nothing
    /// of it stays.
    async fn pour(&mut self, located: &Located) -> Result<()> {
        let (store, key) = (self.content.store(&located.storage)?, key_of(&located.key)?);
        let (start, size) = (self.size, located.size.unsigned_abs());
        let poured = match store.read(&key, located.range()).await {
            Ok(body) => pour(body, size, located.oid.is_some(), Some(self.writer)).await,
            Err(error) => Err(error),
        };
        let (verdict, digests) = match poured {
            Ok(digests) => (located.judge(&digests), Some(digests)),
            Err(error) if error.is(ErrorKind::NotFound) => (Verdict::Missing, None),
            Err(error) if error.is(ErrorKind::Invalid) => (Verdict::Damaged(error.to_string()), None),
            Err(error) => return Err(error),
        };
        self.size += size;
        self.judge(located.clone(), start, verdict, digests).await
    }

    async fn judge(&mut self, located: Located, start: u64, verdict: Verdict, digests: Option<Digests>) -> Result<()> {
        let there = self.content.record(&located, &verdict, digests.as_ref()).await?;
        if verdict == Verdict::Whole {
            self.copied.push((located, column(start)));
        } else if there {
            let sha256 = located.sha256().map_err(|failure| failure.during("content.transfer"))?;
            self.bad.push(Examined { sha256, storage: located.storage, key: located.key, verdict });
        }
        Ok(())
    }
}

/// Places of an instance whose blobs lie whole in another one as well, or do not.
macro_rules! whole_there {
    ($to:expr) => {{
        let there = THERE.filter(THERE.field(locations::sha256).eq(locations::sha256));
        let there = there.filter(THERE.field(locations::storage).eq($to));
        exists(there.filter(THERE.field(locations::damaged).is_null()))
    }};
}

for_both! {
    pub async fn count_waiting(c: &mut Connection, from: String, to: String) -> Result<(i64, i64), Failure> {
        let waiting = || {
            let here = locations::table.inner_join(blobs::table).filter(locations::storage.eq(from.clone()));
            here.filter(not(whole_there!(to.clone())))
        };
        let bytes = sql::<BigInt>("CAST(COALESCE(SUM(blobs.size), 0) AS BIGINT)");
        let bytes = waiting().select(bytes).first(c).await?;
        let objects = sql::<BigInt>("COUNT(DISTINCT locations.object)");
        Ok((waiting().select(objects).first(c).await?, bytes))
    }

    pub async fn list_waiting(
        c: &mut Connection,
        from: String,
        to: String,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Pack>, Failure> {
        let here = locations::table.filter(locations::object.eq(objects::id)).filter(not(whole_there!(to.clone())));
        let query = objects::table.filter(objects::storage.eq(from)).filter(objects::id.gt(after)).filter(exists(here));
        let query = query.order(objects::id).limit(limit);
        let query = query.select((objects::id, objects::storage, objects::key, objects::packed, objects::size));
        let rows: Vec<(i64, String, String, bool, i64)> = query.load(c).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let query = locations::table.inner_join(objects::table).inner_join(blobs::table);
        let query = query.filter(locations::object.eq_any(ids)).filter(not(whole_there!(to)));
        let query = query.order((locations::object, locations::start));
        let mut blobs: HashMap<i64, Vec<Located>> = HashMap::new();
        for located in query.select(located_columns!()).load::<Located>(c).await? {
            blobs.entry(located.object).or_default().push(located);
        }
        let pack = |(id, storage, key, packed, size): (i64, String, String, bool, i64)| {
            Pack { id, storage, key, packed, size: size.unsigned_abs(), blobs: blobs.remove(&id).unwrap_or_default() }
        };
        Ok(rows.into_iter().map(pack).collect())
    }

    /// Answers how many blobs have a place in the object now, and how many bytes they are.
    pub async fn place(
        c: &mut Connection,
        lease: LeaseId,
        object: i64,
        storage: String,
        size: i64,
        copied: Vec<Copied>,
    ) -> Result<(i64, i64), Failure> {
        lock_lease!(c, lease);
        let mut digests: Vec<Vec<u8>> = copied.iter().map(|(located, _)| located.sha256.clone()).collect();
        digests.sort_unstable();
        let (mut spares, mut whole, mut replaced) = (HashMap::new(), HashSet::new(), Vec::new());
        for piece in digests.chunks(PIECE) {
            let query = blobs::table.filter(blobs::sha256.eq_any(piece)).order(blobs::sha256).select(blobs::sha256);
            let stored: Vec<Vec<u8>> = lock!(query).load(c).await?;
            spares.extend(stored.into_iter().map(|sha256| (sha256, None::<i64>)));
            let aside = locations::table.filter(locations::sha256.eq_any(piece)).filter(locations::spare.is_not_null());
            let aside: Vec<(Vec<u8>, Option<i64>)> = aside.select((locations::sha256, locations::spare)).load(c).await?;
            spares.extend(aside);
            let there = locations::table.filter(locations::sha256.eq_any(piece)).filter(locations::storage.eq(&storage));
            let there = there.inner_join(blobs::table);
            let there = there.select((locations::sha256, locations::object, blobs::size, locations::damaged));
            for (sha256, object, size, damaged) in there.load::<(Vec<u8>, i64, i64, Option<i64>)>(c).await? {
                match damaged {
                    None => drop(whole.insert(sha256)),
                    Some(_) => replaced.push((object, size)),
                }
            }
        }
        let placed = copied.iter().filter(|(located, _)| {
            spares.contains_key(&located.sha256) && !whole.contains(&located.sha256)
        });
        let placed: Vec<&Copied> = placed.collect();
        if placed.is_empty() {
            return Ok((0, 0));
        }
        let bytes: i64 = placed.iter().map(|(located, _)| located.size).sum();
        let begun = objects::table.find(object).filter(objects::deleting.eq(false));
        let set = (objects::lease.eq(None::<i64>), objects::size.eq(size), objects::gone.eq((size - bytes).max(0)));
        if diesel::update(begun).set(set).execute(c).await? == 0 {
            return Err(Failure::Collected);
        }
        let row = |(located, start): &&Copied| PlaceRow {
            sha256: located.sha256.clone(),
            storage: storage.clone(),
            object,
            start: *start,
            damaged: None,
            spare: spares.get(&located.sha256).copied().flatten(),
        };
        let rows: Vec<PlaceRow> = placed.iter().map(row).collect();
        bulk_insert!(c, locations::table, rows, on_conflict((locations::sha256, locations::storage)).do_update().set((
            locations::object.eq(excluded(locations::object)),
            locations::start.eq(excluded(locations::start)),
            locations::damaged.eq(None::<i64>),
        )))?;
        thin_out!(c, replaced);
        Ok((i64::try_from(placed.len()).unwrap_or(i64::MAX), bytes))
    }

    pub async fn list_twice(c: &mut Connection, from: String, to: String, after: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let here = locations::table.filter(locations::storage.eq(from)).filter(locations::sha256.gt(after));
        let here = here.filter(whole_there!(to)).order(locations::sha256).limit(PIECE as i64);
        Ok(here.select(locations::sha256).load(c).await?)
    }

    /// Asked again with the blobs locked: the other place may have been found damaged, or have gone.
    pub async fn leave(
        c: &mut Connection,
        from: String,
        to: String,
        digests: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let query = blobs::table.filter(blobs::sha256.eq_any(&digests)).order(blobs::sha256).select(blobs::sha256);
        let locked: Vec<Vec<u8>> = lock!(query).load(c).await?;
        let twice = locations::table.filter(locations::sha256.eq_any(locked)).filter(locations::storage.eq(from.clone()));
        let twice = twice.filter(whole_there!(to)).inner_join(blobs::table);
        let twice = twice.select((locations::sha256, locations::object, blobs::size));
        let twice: Vec<(Vec<u8>, i64, i64)> = twice.load(c).await?;
        let left: Vec<Vec<u8>> = twice.iter().map(|(sha256, ..)| sha256.clone()).collect();
        let places = locations::table.filter(locations::sha256.eq_any(&left)).filter(locations::storage.eq(from));
        diesel::delete(places).execute(c).await?;
        thin_out!(c, twice.into_iter().map(|(_, object, size)| (object, size)).collect::<Vec<_>>());
        Ok(left)
    }

    pub async fn count_kept(c: &mut Connection, storage: String) -> Result<(i64, i64, i64), Failure> {
        let here = || objects::table.filter(objects::storage.eq(storage.clone()));
        let located = || exists(locations::table.filter(locations::object.eq(objects::id)));
        let holding = here().filter(located()).count().get_result(c).await?;
        let deleting = here().filter(objects::deleting.eq(true)).count().get_result(c).await?;
        let unfinished = here().filter(objects::deleting.eq(false)).filter(not(located()));
        Ok((holding, unfinished.count().get_result(c).await?, deleting))
    }
}
