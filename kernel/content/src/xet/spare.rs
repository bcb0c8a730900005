//! The pieces that files came as which lie in xorbs by now.
//!
//! A piece that is set aside stays for the grace: who opened it, or was given an address of it, reads on. Then it goes,
//! when the xorbs are whole where they lie.

use std::collections::HashSet;

use ballast_database::{for_both, read, transaction};
use ballast_types::{Sha256, Timestamp};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Result;
use crate::Content;
use crate::failure::Failure;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, holdings, locations, objects, xet_files, xet_uses, xorbs};

/// A piece: its blob, the storage instance, the object, and its length.
pub(crate) type Piece = (Vec<u8>, String, i64, i64);

impl Content {
    /// Blobs that a repository holds and that lie in a piece of their own and of at least so many bytes, not in xorbs,
    /// or not in xorbs alone: in the order of their digests, from behind `after`, and no more than a page of them.
    pub async fn list_uncut(&self, after: Option<Sha256>, least: u64) -> Result<Vec<Sha256>> {
        let (after, least) = (after.map(|sha256| sha256.0.to_vec()).unwrap_or_default(), crate::rows::column(least));
        let uncut: Result<Vec<Vec<u8>>, Failure> = read!(self.database(), list_uncut(after, least));
        let uncut: Result<Vec<Sha256>, Failure> =
            uncut.and_then(|rows| rows.iter().map(|row| sha256_of(row)).collect());
        uncut.map_err(|failure| failure.during("content.list_uncut"))
    }

    /// From now on the pieces of a blob that lies in xorbs are only there for who still reads them.
    pub(crate) async fn set_aside(&self, sha256: Sha256) -> Result<()> {
        let set: Result<(), Failure> = transaction!(self.database(), set_aside(sha256, Timestamp::now()));
        set.map_err(|failure| failure.during("content.set_aside"))
    }

    /// Takes away the pieces that were set aside before `cutoff`; answers how many.
    pub(crate) async fn drop_spares(&self, cutoff: Timestamp) -> Result<u64, Failure> {
        let (mut after, mut dropped) = (Vec::new(), 0);
        loop {
            let page: Vec<Vec<u8>> = read!(self.database(), list_spares(cutoff, after.clone()))?;
            let Some(last) = page.last() else { return Ok(dropped) };
            after.clone_from(last);
            let gone: Vec<Piece> = transaction!(self.database(), drop_spares(page, cutoff))?;
            for (sha256, ..) in &gone {
                self.inner.places.invalidate(&sha256_of(sha256)?);
            }
            dropped += gone.len() as u64;
        }
    }

    /// What [`drop_spares`](Self::drop_spares) would take away.
    pub(crate) async fn plan_spares(&self, cutoff: Timestamp) -> Result<Vec<Piece>, Failure> {
        let (mut after, mut spares) = (Vec::new(), Vec::new());
        loop {
            let page: Vec<Vec<u8>> = read!(self.database(), list_spares(cutoff, after.clone()))?;
            let Some(last) = page.last() else { return Ok(spares) };
            after.clone_from(last);
            spares.extend::<Vec<Piece>>(read!(self.database(), spare_among(page, cutoff))?);
        }
    }
}

for_both! {
    pub async fn list_uncut(c: &mut Connection, after: Vec<u8>, least: i64) -> Result<Vec<Vec<u8>>, Failure> {
        let own = locations::table.inner_join(objects::table).inner_join(blobs::table).filter(objects::packed.eq(false));
        let own = own.filter(locations::damaged.is_null()).filter(locations::spare.is_null());
        let own = own.filter(blobs::size.ge(least)).filter(locations::sha256.gt(after));
        let held = exists(holdings::table.filter(holdings::sha256.eq(locations::sha256)));
        let is_xorb = exists(xorbs::table.filter(xorbs::sha256.eq(locations::sha256)));
        let uncut = own.filter(held).filter(not(is_xorb)).order(locations::sha256).limit(PIECE as i64);
        Ok(uncut.select(locations::sha256).distinct().load(c).await?)
    }

    pub async fn set_aside(c: &mut Connection, sha256: Sha256, now: Timestamp) -> Result<(), Failure> {
        let in_xorbs = exists(xet_files::table.filter(xet_files::sha256.eq(locations::sha256)));
        let rows = locations::table.filter(locations::sha256.eq(sha256.0.to_vec())).filter(in_xorbs);
        diesel::update(rows.filter(locations::spare.is_null())).set(locations::spare.eq(now.0)).execute(c).await?;
        Ok(())
    }

    pub async fn list_spares(c: &mut Connection, cutoff: Timestamp, after: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let spares = locations::table.filter(locations::spare.le(cutoff.0)).filter(locations::sha256.gt(after));
        let spares = spares.select(locations::sha256).distinct().order(locations::sha256);
        Ok(spares.limit(PIECE as i64).load(c).await?)
    }

    /// The pieces of these blobs that were set aside before `cutoff` and that nobody needs.
    pub async fn spare_among(
        c: &mut Connection,
        digests: Vec<Vec<u8>>,
        cutoff: Timestamp,
    ) -> Result<Vec<Piece>, Failure> {
        let needed = needed(c, digests.clone()).await?;
        let spare: Vec<Vec<u8>> = digests.into_iter().filter(|sha256| !needed.contains(sha256)).collect();
        let pieces = locations::table.filter(locations::sha256.eq_any(&spare)).filter(locations::spare.le(cutoff.0));
        let columns = (locations::sha256, locations::storage, locations::object, blobs::size);
        Ok(pieces.inner_join(blobs::table).select(columns).load(c).await?)
    }

    /// Those of these blobs that do not lie in xorbs which are all whole.
    pub async fn needed(c: &mut Connection, digests: Vec<Vec<u8>>) -> Result<HashSet<Vec<u8>>, Failure> {
        let in_xorbs = xet_files::table.filter(xet_files::sha256.eq_any(&digests)).select(xet_files::sha256);
        let in_xorbs: HashSet<Vec<u8>> = in_xorbs.load(c).await?.into_iter().collect();
        let uses = xet_files::table.inner_join(xet_uses::table.inner_join(xorbs::table));
        let uses = uses.filter(xet_files::sha256.eq_any(&digests));
        let whole = locations::table.filter(locations::sha256.eq(xorbs::sha256)).filter(locations::damaged.is_null());
        let broken = uses.filter(not(exists(whole))).select(xet_files::sha256).distinct();
        let broken: HashSet<Vec<u8>> = broken.load(c).await?.into_iter().collect();
        Ok(digests.into_iter().filter(|sha256| broken.contains(sha256) || !in_xorbs.contains(sha256)).collect())
    }

    pub async fn drop_spares(c: &mut Connection, digests: Vec<Vec<u8>>, cutoff: Timestamp) -> Result<Vec<Piece>, Failure> {
        let query = blobs::table.filter(blobs::sha256.eq_any(&digests)).order(blobs::sha256).select(blobs::sha256);
        let locked: Vec<Vec<u8>> = lock!(query).load(c).await?;
        let gone = spare_among(c, locked, cutoff).await?;
        for (sha256, storage, object, _) in &gone {
            let piece = locations::table.find((sha256, storage)).filter(locations::object.eq(object));
            diesel::delete(piece).execute(c).await?;
        }
        thin_out!(c, gone.iter().map(|(_, _, object, size)| (*object, *size)).collect::<Vec<_>>());
        Ok(gone)
    }
}
