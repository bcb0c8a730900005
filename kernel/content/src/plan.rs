//! What a sweep would do, without doing it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use ballast_contract::Error;
use ballast_database::{for_both, read};
use ballast_types::{RepoKey, ReservationId, Sha256, Timestamp};
use diesel::dsl::{count_star, exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::PIECE;
use crate::schema::{
    blobs, holdings, lease_blobs, lease_reservations, leases, locations, objects, parts, uploads, xet_uses, xorbs,
};
use crate::sweep::Swept;

type Result<T, E = Error> = std::result::Result<T, E>;

/// A blob, its size, and the objects in which it lies.
type Going = (Vec<u8>, i64, Vec<i64>);

/// An object of which something goes: id, whether a pack, its size, what of it is gone, how many blobs lie in it.
type Touched = (i64, bool, i64, i64, i64);

impl Content {
    /// What [`sweep_after`](Self::sweep_after) would do, if the holdings in `dropped` were pruned directly before.
    pub async fn plan_sweep(
        &self,
        now: Timestamp,
        grace: Duration,
        dropped: &HashMap<Sha256, HashSet<RepoKey>>,
    ) -> Result<Swept> {
        let planned = self.plan_all(now, grace, dropped).await;
        planned.map_err(|failure| failure.during("content.plan_sweep"))
    }

    async fn plan_all(
        &self,
        now: Timestamp,
        grace: Duration,
        dropped: &HashMap<Sha256, HashSet<RepoKey>>,
    ) -> Result<Swept, Failure> {
        let (cutoff, mut swept) = (now.before(grace), Swept::default());
        let (leases, reservations): (i64, Vec<i64>) = read!(self.database(), expiring(now))?;
        swept.leases = leases.unsigned_abs();
        swept.reservations = reservations.into_iter().map(ReservationId).collect();
        // How many blobs of an object go, and how many bytes they are.
        let mut leaving: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut after = Vec::new();
        loop {
            let page: Vec<Vec<u8>> = read!(self.database(), list_idle_now(cutoff, after.clone()))?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            self.plan_page(page, now, dropped, &mut leaving, &mut swept).await?;
        }
        if grace.is_zero() {
            let idle: BTreeSet<Vec<u8>> = self.idle_by_then(now, cutoff, dropped).await?;
            let idle: Vec<Vec<u8>> = idle.into_iter().collect();
            for page in idle.chunks(PIECE) {
                self.plan_page(page.to_vec(), now, dropped, &mut leaving, &mut swept).await?;
            }
        }
        for (_, _, object, size) in self.plan_spares(cutoff).await? {
            // Of an object that goes already where the blob itself does.
            leaving.entry(object).or_insert_with(|| {
                swept.spares += 1;
                (1, size)
            });
        }
        self.plan_objects(leaving, &mut swept).await?;
        swept.compacted += self.count_thin(now).await?;
        let (doomed, bytes, unfinished): (i64, i64, i64) = read!(self.database(), leftovers(now, cutoff))?;
        swept.objects += doomed.unsigned_abs() + unfinished.unsigned_abs();
        swept.freed += bytes.unsigned_abs();
        Ok(swept)
    }

    /// What begins and ends its grace of nothing with this very collection, and is not idle yet.
    async fn idle_by_then(
        &self,
        now: Timestamp,
        cutoff: Timestamp,
        dropped: &HashMap<Sha256, HashSet<RepoKey>>,
    ) -> Result<BTreeSet<Vec<u8>>, Failure> {
        let mut candidates: BTreeSet<Vec<u8>> = dropped.keys().map(|sha256| sha256.0.to_vec()).collect();
        candidates.extend::<Vec<Vec<u8>>>(read!(self.database(), leased_until(now))?);
        let all: Vec<Vec<u8>> = candidates.iter().cloned().collect();
        for page in all.chunks(PIECE) {
            let idle: Vec<Vec<u8>> = read!(self.database(), idle_among(page.to_vec(), cutoff))?;
            for sha256 in idle {
                candidates.remove(&sha256);
            }
        }
        Ok(candidates)
    }

    async fn plan_page(
        &self,
        page: Vec<Vec<u8>>,
        now: Timestamp,
        dropped: &HashMap<Sha256, HashSet<RepoKey>>,
        leaving: &mut BTreeMap<i64, (i64, i64)>,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let held: Vec<(Vec<u8>, i64)> = read!(self.database(), holders_of(page.clone()))?;
        let kept = held.into_iter().filter(|(sha256, repo)| {
            let dropped = Sha256::from_slice(sha256).and_then(|sha256| dropped.get(&sha256));
            !dropped.is_some_and(|repositories| repositories.contains(&RepoKey(*repo)))
        });
        let kept: HashSet<Vec<u8>> = kept.map(|(sha256, _)| sha256).collect();
        let candidates: Vec<_> = page.into_iter().filter(|sha256| !kept.contains(sha256)).collect();
        let going: Vec<Going> = read!(self.database(), unleased(candidates, now, self.xorb_cutoff(now)))?;
        for (_, size, objects) in going {
            swept.blobs += 1;
            swept.bytes += size.unsigned_abs();
            for object in objects {
                let (blobs, bytes) = leaving.entry(object).or_default();
                (*blobs, *bytes) = (*blobs + 1, *bytes + size);
            }
        }
        Ok(())
    }

    /// Which objects go with their last blob, and which packs are rewritten: those that lose most of theirs now, and
    /// those that had before.
    async fn plan_objects(&self, leaving: BTreeMap<i64, (i64, i64)>, swept: &mut Swept) -> Result<(), Failure> {
        let thinned: Vec<i64> = read!(self.database(), thinned())?;
        let touched: BTreeSet<i64> = leaving.keys().copied().chain(thinned).collect();
        let touched: Vec<i64> = touched.into_iter().collect();
        for page in touched.chunks(PIECE) {
            let objects: Vec<Touched> = read!(self.database(), touched(page.to_vec()))?;
            for (id, packed, size, gone, blobs) in objects {
                let (leaving_blobs, leaving_bytes) = leaving.get(&id).copied().unwrap_or_default();
                let gone = gone + leaving_bytes;
                if blobs == leaving_blobs {
                    swept.objects += 1;
                    swept.freed += size.unsigned_abs();
                } else if packed && gone * 2 > size {
                    swept.compacted += 1;
                    swept.objects += 1;
                    swept.freed += gone.min(size).unsigned_abs();
                }
            }
        }
        Ok(())
    }
}

for_both! {
    pub async fn expiring(c: &mut Connection, now: Timestamp) -> Result<(i64, Vec<i64>), Failure> {
        let over = leases::table.filter(leases::expires.le(now.0));
        let reservations = lease_reservations::table.inner_join(leases::table).filter(leases::expires.le(now.0));
        let reservations = reservations.select(lease_reservations::reservation).load(c).await?;
        Ok((over.count().get_result(c).await?, reservations))
    }

    pub async fn list_idle_now(c: &mut Connection, cutoff: Timestamp, after: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let query = blobs::table.filter(blobs::idle_since.le(cutoff.0)).filter(blobs::sha256.gt(after));
        Ok(query.order(blobs::sha256).limit(PIECE as i64).select(blobs::sha256).load(c).await?)
    }

    pub async fn leased_until(c: &mut Connection, now: Timestamp) -> Result<Vec<Vec<u8>>, Failure> {
        let leased = lease_blobs::table.inner_join(leases::table).filter(leases::expires.le(now.0));
        Ok(leased.select(lease_blobs::sha256).distinct().load(c).await?)
    }

    pub async fn idle_among(c: &mut Connection, digests: Vec<Vec<u8>>, cutoff: Timestamp) -> Result<Vec<Vec<u8>>, Failure> {
        let query = blobs::table.filter(blobs::sha256.eq_any(digests)).filter(blobs::idle_since.le(cutoff.0));
        Ok(query.select(blobs::sha256).load(c).await?)
    }

    pub async fn holders_of(c: &mut Connection, digests: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, i64)>, Failure> {
        let query = holdings::table.filter(holdings::sha256.eq_any(digests));
        Ok(query.select((holdings::sha256, holdings::repository)).load(c).await?)
    }

    /// Those that no lease has that goes on, and no file in xorbs.
    pub async fn unleased(
        c: &mut Connection,
        digests: Vec<Vec<u8>>,
        now: Timestamp,
        xorb_cutoff: Timestamp,
    ) -> Result<Vec<Going>, Failure> {
        let leased = lease_blobs::table.inner_join(leases::table).filter(leases::expires.gt(now.0));
        let leased = leased.filter(lease_blobs::sha256.eq_any(&digests)).select(lease_blobs::sha256);
        let leased: HashSet<Vec<u8>> = leased.load(c).await?.into_iter().collect();
        let (used, remembered) = needed_xorbs!(c, &digests, xorb_cutoff);
        let stays = |sha256: &Vec<u8>| [&leased, &used, &remembered].iter().any(|needed| needed.contains(sha256));
        let digests: Vec<_> = digests.into_iter().filter(|sha256| !stays(sha256)).collect();
        let rows = blobs::table.filter(blobs::sha256.eq_any(&digests)).select((blobs::sha256, blobs::size));
        let rows: Vec<(Vec<u8>, i64)> = rows.load(c).await?;
        let places = locations::table.filter(locations::sha256.eq_any(&digests));
        let places: Vec<(Vec<u8>, i64)> = places.select((locations::sha256, locations::object)).load(c).await?;
        let mut objects: HashMap<Vec<u8>, Vec<i64>> = HashMap::new();
        for (sha256, object) in places {
            objects.entry(sha256).or_default().push(object);
        }
        let going = rows.into_iter().map(|(sha256, size)| {
            let objects = objects.remove(&sha256).unwrap_or_default();
            (sha256, size, objects)
        });
        Ok(going.collect())
    }

    pub async fn thinned(c: &mut Connection) -> Result<Vec<i64>, Failure> {
        let query = objects::table.filter(objects::packed.eq(true)).filter(objects::gone.gt(0));
        let query = query.filter((objects::gone * 2_i64).gt(objects::size)).filter(objects::deleting.eq(false));
        Ok(query.select(objects::id).load(c).await?)
    }

    pub async fn touched(c: &mut Connection, ids: Vec<i64>) -> Result<Vec<Touched>, Failure> {
        let counts = locations::table.filter(locations::object.eq_any(&ids)).group_by(locations::object);
        let counts: Vec<(i64, i64)> = counts.select((locations::object, count_star())).load(c).await?;
        let counts: HashMap<i64, i64> = counts.into_iter().collect();
        let query = objects::table.filter(objects::id.eq_any(ids));
        let query = query.select((objects::id, objects::packed, objects::size, objects::gone));
        let rows: Vec<(i64, bool, i64, i64)> = query.load(c).await?;
        let touched = |(id, packed, size, gone)| (id, packed, size, gone, counts.get(&id).copied().unwrap_or_default());
        Ok(rows.into_iter().map(touched).collect())
    }

    /// How many objects are marked already, their bytes, and how many were begun and never finished.
    pub async fn leftovers(c: &mut Connection, now: Timestamp, cutoff: Timestamp) -> Result<(i64, i64, i64), Failure> {
        let doomed = objects::table.filter(objects::deleting.eq(true));
        let bytes = doomed.select(sql::<BigInt>("CAST(COALESCE(SUM(size), 0) AS BIGINT)")).first(c).await?;
        let doomed = doomed.count().get_result(c).await?;
        let going_on = leases::table.filter(leases::expires.gt(now.0)).select(leases::id);
        let begun = objects::table.filter(objects::lease.is_not_null()).filter(objects::created.le(cutoff.0));
        let begun = begun.filter(objects::deleting.eq(false)).filter(objects::lease.assume_not_null().ne_all(going_on));
        let located = exists(locations::table.filter(locations::object.eq(objects::id)));
        let going_on = leases::table.filter(leases::expires.gt(now.0)).select(leases::id);
        let under_way = uploads::table.filter(uploads::lease.eq_any(going_on)).select(uploads::id);
        let joined = exists(parts::table.filter(parts::object.eq(objects::id)).filter(parts::upload.eq_any(under_way)));
        let unfinished = begun.filter(not(located)).filter(not(joined)).count().get_result(c).await?;
        Ok((doomed, bytes, unfinished))
    }
}
