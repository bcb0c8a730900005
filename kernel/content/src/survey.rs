//! What is stored, gone over from the rows to the objects. The way back is `orphans`.

use std::collections::HashMap;

use ballast_contract::quota::Held;
use ballast_contract::{Error, ErrorKind};
use ballast_database::{for_both, read};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{ByteRange, RepoKey, Sha256};
use bytes::{Bytes, BytesMut};
use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use futures::TryStreamExt;
use sha2::Digest;

use crate::damage::{Examined, Located, Verdict, located_columns};
use crate::digest::Digests;
use crate::failure::Failure;
use crate::holdings::held_of;
use crate::objects::key_of;
use crate::rows::{PIECE, columns, sha256_of};
use crate::schema::{blobs, held, holdings, leases, locations, objects, xet_files};
use crate::sums::column_of;
use crate::{Content, unblocked};

type Result<T, E = Error> = std::result::Result<T, E>;

/// The largest pack that is read at once, in bytes; of a larger one, each blob is read by itself.
pub(crate) const AT_ONCE: u64 = 64 << 20;

/// An object with the blobs in it.
#[derive(Clone, Debug)]
pub struct Pack {
    pub(crate) id: i64,
    pub(crate) storage: String,
    pub(crate) key: String,
    pub(crate) packed: bool,
    /// 0 where it is not known.
    pub(crate) size: u64,
    pub(crate) blobs: Vec<Located>,
}

/// How a digest that a repository's history names stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Stored, and held by the repository.
    Kept,
    /// Stored, and not held: a collection may take it away.
    Unheld,
    /// Deleted from the repository for good, as somebody wished.
    Purged,
    /// There is no such blob.
    Absent,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether objects are there, and how long they are.
    Sizes,
    /// Also whether their bytes are those that were stored.
    Bytes,
}

/// What a repository is counted to hold, and what its holdings add up to; the two are one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub level: Held,
    pub sum: u64,
}

impl Pack {
    /// Its number; pages of objects follow it.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// How many bytes a close look reads.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size.unsigned_abs()).sum()
    }

    /// How many blobs lie in it.
    pub fn blobs(&self) -> usize {
        self.blobs.len()
    }

    pub(crate) fn end(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.range().end).max().unwrap_or_default()
    }
}

impl Content {
    /// Objects that hold blobs, from behind the one of this number on.
    pub async fn list_objects(&self, after: Option<i64>, limit: usize) -> Result<Vec<Pack>> {
        let (after, limit) = (after.unwrap_or(i64::MIN), i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Result<_, Failure> = read!(self.database(), list_packs(after, limit));
        found.map_err(|failure| failure.during("content.survey"))
    }

    pub(crate) async fn find_pack(&self, id: i64) -> Result<Option<Pack>> {
        let found = self.list_objects(Some(id - 1), 1).await?;
        Ok(found.into_iter().find(|pack| pack.id == id))
    }

    /// Looks at an object and what is in it, and records what is found of each blob: one that is damaged is not served
    /// from now on, one that is whole is served again. Answers what is not whole. What was moved or collected meanwhile
    /// is passed over.
    pub async fn examine_object(&self, pack: &Pack, depth: Depth) -> Result<Vec<Examined>> {
        let judged = match depth {
            Depth::Sizes => self.measure(pack).await?,
            Depth::Bytes => self.read_pack_or_blobs(pack).await?,
        };
        let mut bad = Vec::new();
        for (located, verdict, digests) in judged {
            // That an object has the right length does not make it whole again.
            let recorded = match (depth, &verdict) {
                (Depth::Sizes, Verdict::Whole) => true,
                _ => self.record(&located, &verdict, digests.as_ref()).await?,
            };
            if recorded && verdict != Verdict::Whole {
                let sha256 = located.sha256().map_err(|failure| failure.during("content.survey"))?;
                bad.push(Examined { sha256, storage: located.storage, key: located.key, verdict });
            }
        }
        Ok(bad)
    }

    async fn measure(&self, pack: &Pack) -> Result<Vec<(Located, Verdict, Option<Digests>)>> {
        let verdict = match self.store(&pack.storage)?.stat(&key_of(&pack.key)?).await {
            Err(error) if error.is(ErrorKind::NotFound) => Some(Verdict::Missing),
            Err(error) => return Err(error),
            Ok(length) => {
                let right = if pack.size > 0 { length == pack.size } else { length >= pack.end() };
                let why = || format!("the object has {length} bytes and should have {}", pack.size.max(pack.end()));
                (!right).then(|| Verdict::Damaged(why()))
            }
        };
        let judge = |located: &Located| {
            let known = located.damaged.map(|_| Verdict::Damaged("this was found before".to_owned()));
            (located.clone(), verdict.clone().or(known).unwrap_or(Verdict::Whole), None)
        };
        Ok(pack.blobs.iter().map(judge).collect())
    }

    async fn read_pack_or_blobs(&self, pack: &Pack) -> Result<Vec<(Located, Verdict, Option<Digests>)>> {
        if pack.packed && pack.end() <= AT_ONCE {
            let files = self.read_pack(pack).await?;
            let digests = |located: &Located, bytes: &Bytes| Digests {
                sha256: Sha256(located.sha256.as_slice().try_into().unwrap_or_default()),
                oid: None,
                sums: column_of(bytes),
            };
            let judged = files.into_iter().map(|(located, bytes, verdict)| {
                let digests = (verdict == Verdict::Whole).then(|| digests(&located, &bytes));
                (located, verdict, digests)
            });
            return Ok(judged.collect());
        }
        let mut judged = Vec::new();
        for located in &pack.blobs {
            let (verdict, digests) = self.read_and_judge(located).await?;
            judged.push((located.clone(), verdict, digests));
        }
        Ok(judged)
    }

    /// Every blob of a pack with its bytes, hashed.
    pub(crate) async fn read_pack(&self, pack: &Pack) -> Result<Vec<(Located, Bytes, Verdict)>> {
        let (store, key) = (self.store(&pack.storage)?, key_of(&pack.key)?);
        let bytes = match store.stat(&key).await {
            Err(error) if error.is(ErrorKind::NotFound) => None,
            Err(error) => return Err(error),
            // A pack that was cut short still has what lies in front of the cut.
            Ok(length) => {
                let stream = store.read(&key, ByteRange::whole(length.min(pack.end()))).await?;
                let room = BytesMut::with_capacity(usize::try_from(length.min(pack.end())).unwrap_or_default());
                let all = stream.try_fold(room, |mut all, some| async move {
                    all.extend_from_slice(&some);
                    Ok(all)
                });
                Some(all.await?.freeze())
            }
        };
        let blobs = pack.blobs.clone();
        unblocked("content.survey", move || blobs.into_iter().map(|blob| cut(blob, bytes.as_ref())).collect()).await
    }

    /// A small blob with its bytes, hashed.
    pub(crate) async fn read_blob(&self, located: Located) -> Result<(Located, Bytes, Verdict)> {
        let (store, key) = (self.store(&located.storage)?, key_of(&located.key)?);
        let bytes = match store.read(&key, located.range()).await {
            Ok(stream) => stream.try_collect::<Vec<Bytes>>().await,
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => Bytes::from(bytes.concat()),
            Err(error) if error.is(ErrorKind::NotFound) => return Ok((located, Bytes::new(), Verdict::Missing)),
            Err(error) if error.is(ErrorKind::Invalid) => {
                return Ok((located, Bytes::new(), Verdict::Damaged(error.to_string())));
            }
            Err(error) => return Err(error),
        };
        let alone = Located { start: 0, ..located.clone() };
        let (_, bytes, verdict) = unblocked("content.survey", move || cut(alone, Some(&bytes))).await?;
        Ok((located, bytes, verdict))
    }

    /// How these digests, which a repository's history names, stand, in order.
    pub async fn standing(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Vec<Standing>> {
        let mut standing: HashMap<Vec<u8>, Standing> = HashMap::new();
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<_, Failure> = read!(self.database(), find_standing(repo.0, piece));
            let (stored, held) = found.map_err(|failure| failure.during("content.survey"))?;
            standing.extend(stored.into_iter().map(|sha256| (sha256, Standing::Unheld)));
            standing.extend(held.into_iter().map(|sha256| (sha256, Standing::Kept)));
        }
        let missing = digests.iter().filter(|sha256| standing.get(sha256.0.as_slice()) != Some(&Standing::Kept));
        let missing: Vec<Sha256> = missing.copied().collect();
        if !missing.is_empty() {
            let purged = self.let_go_among(repo, &missing).await?;
            standing.extend(purged.into_keys().map(|sha256| (sha256.0.to_vec(), Standing::Purged)));
        }
        let of = |sha256: &Sha256| standing.get(sha256.0.as_slice()).copied().unwrap_or(Standing::Absent);
        Ok(digests.iter().map(of).collect())
    }

    /// Blobs that have a row and lie nowhere, from behind this one on.
    pub async fn unplaced(&self, after: Option<Sha256>, limit: usize) -> Result<Vec<Sha256>> {
        let after = after.map(|sha256| sha256.0.to_vec()).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Result<Vec<Vec<u8>>, Failure> = read!(self.database(), list_unplaced(after, limit));
        let found: Result<Vec<Sha256>, Failure> =
            found.and_then(|rows| rows.iter().map(|row| sha256_of(row)).collect());
        found.map_err(|failure| failure.during("content.survey"))
    }

    /// What a repository is counted to hold; none where it is never still for long enough.
    pub async fn find_counted(&self, repo: RepoKey) -> Result<Option<Counted>> {
        for _ in 0..10 {
            let counted: Result<_, Failure> = read!(self.database(), count_held(repo.0));
            let counted = counted.map_err(|failure| failure.during("content.survey"))?;
            if counted.is_some() {
                return Ok(counted);
            }
        }
        Ok(None)
    }

    /// How many holdings wait for a lease that has ended; the next collection puts them right.
    pub async fn count_forsaken(&self) -> Result<u64> {
        let counted: Result<i64, Failure> = read!(self.database(), count_forsaken());
        counted.map(i64::unsigned_abs).map_err(|failure| failure.during("content.survey"))
    }
}

/// A blob's bytes, out of those of its pack.
fn cut(located: Located, pack: Option<&Bytes>) -> (Located, Bytes, Verdict) {
    let Some(pack) = pack else { return (located, Bytes::new(), Verdict::Missing) };
    let range = located.range();
    let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    if range.end > pack.len() as u64 {
        let why = format!("its object ends after {} bytes", pack.len());
        return (located, Bytes::new(), Verdict::Damaged(why));
    }
    let bytes = pack.slice(at(range.start)..at(range.end));
    let found = Digests {
        sha256: Sha256(sha2::Sha256::digest(&bytes).into()),
        oid: located.oid.is_some().then(|| object_id(ObjectKind::Blob, &bytes)),
        sums: Vec::new(),
    };
    let verdict = located.judge(&found);
    (located, bytes, verdict)
}

for_both! {
    pub async fn list_packs(c: &mut Connection, after: i64, limit: i64) -> Result<Vec<Pack>, Failure> {
        let used = exists(locations::table.filter(locations::object.eq(objects::id)));
        let query = objects::table.filter(objects::id.gt(after)).filter(used).order(objects::id).limit(limit);
        let query = query.select((objects::id, objects::storage, objects::key, objects::packed, objects::size));
        let rows: Vec<(i64, String, String, bool, i64)> = query.load(c).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let query = locations::table.inner_join(objects::table).inner_join(blobs::table);
        let query = query.filter(locations::object.eq_any(ids)).order((locations::object, locations::start));
        let mut blobs: HashMap<i64, Vec<Located>> = HashMap::new();
        for located in query.select(located_columns!()).load::<Located>(c).await? {
            blobs.entry(located.object).or_default().push(located);
        }
        let pack = |(id, storage, key, packed, size): (i64, String, String, bool, i64)| {
            Pack { id, storage, key, packed, size: size.unsigned_abs(), blobs: blobs.remove(&id).unwrap_or_default() }
        };
        Ok(rows.into_iter().map(pack).collect())
    }

    /// Which of these are stored, and which of them are held.
    pub async fn find_standing(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
    ) -> Result<(Vec<Vec<u8>>, Vec<Vec<u8>>), Failure> {
        let stored = blobs::table.filter(blobs::sha256.eq_any(&digests)).select(blobs::sha256).load(c).await?;
        let mine = holdings::table.filter(holdings::repository.eq(repository));
        let held = mine.filter(holdings::sha256.eq_any(&digests)).select(holdings::sha256).load(c).await?;
        Ok((stored, held))
    }

    pub async fn list_unplaced(c: &mut Connection, after: Vec<u8>, limit: i64) -> Result<Vec<Vec<u8>>, Failure> {
        let placed = exists(locations::table.filter(locations::sha256.eq(blobs::sha256)));
        let rebuilt = exists(xet_files::table.filter(xet_files::sha256.eq(blobs::sha256)));
        let query = blobs::table.filter(blobs::sha256.gt(after)).filter(not(placed)).filter(not(rebuilt));
        Ok(query.order(blobs::sha256).limit(limit).select(blobs::sha256).load(c).await?)
    }

    /// The level, and what the holdings add up to; none where the level moved in between.
    pub async fn count_held(c: &mut Connection, repository: i64) -> Result<Option<Counted>, Failure> {
        let level = || held::table.find(repository).select((held::bytes, held::revision));
        let before: Option<(i64, i64)> = level().first(c).await.optional()?;
        let confirmed = holdings::table.inner_join(blobs::table).filter(holdings::repository.eq(repository));
        let sum = sql::<BigInt>("CAST(COALESCE(SUM(blobs.size), 0) AS BIGINT)");
        let sum: i64 = confirmed.filter(holdings::pending.is_null()).select(sum).first(c).await?;
        let after: Option<(i64, i64)> = level().first(c).await.optional()?;
        let counted = Counted { level: held_of(after.unwrap_or_default()), sum: sum.unsigned_abs() };
        Ok((before == after).then_some(counted))
    }

    pub async fn count_forsaken(c: &mut Connection) -> Result<i64, Failure> {
        let live = leases::table.select(leases::id);
        let forsaken = holdings::table.filter(holdings::pending.is_not_null());
        Ok(forsaken.filter(holdings::pending.assume_not_null().ne_all(live)).count().get_result(c).await?)
    }
}
