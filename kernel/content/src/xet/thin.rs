//! Xorbs of which little is used any more, rewritten without the rest.
//!
//! Not before clients have forgotten them: until then a shard may come that names any of their chunks. The chunks that
//! files use are read, proven, and written as a new xorb; one transaction lets the files name it; the old one is used by
//! nobody then, and goes as every other does. The name of a file stays what it is, because it says which chunks and not
//! where they are.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, Timestamp, XetHash};
use ballast_xet::{FileTerms, Term};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::cut::{Chunk, NewXorb};
use super::rebuild::Run;
use super::{Result, Xorb, xet_hash_of};
use crate::Content;
use crate::checks::damaged;
use crate::compact::NOBODY;
use crate::delivery::Lies;
use crate::failure::Failure;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, leases, xet_chunks, xet_files, xet_uses, xorbs};
use crate::sweep::Swept;

/// How long a rewriting may take.
const TIME: Duration = Duration::from_secs(60 * 60);

/// How many chunks are read at once: 1 MiB or so.
const CHUNKS: usize = 16;

/// A file, its blob, and its terms.
type FileRow = (Vec<u8>, Vec<u8>, Vec<u8>);

/// A xorb, and since when it was not looked at.
type Unseen = (Vec<u8>, i64);

/// A xorb that is thin, and the chunks of it that files use, in order.
struct Thin {
    name: XetHash,
    xorb: Arc<Xorb>,
    used: Vec<usize>,
}

impl Content {
    /// Rewrites the xorbs of which less than half is used and that no client remembers.
    pub(crate) async fn compact_xorbs(&self, now: Timestamp, swept: &mut Swept) -> Result<(), Failure> {
        let mut after = Vec::new();
        loop {
            let page: Vec<Unseen> = read!(self.database(), list_unseen(self.xorb_cutoff(now), after.clone()))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for (name, since) in page {
                match self.compact_xorb(xet_hash_of(&name)?, since, now).await {
                    Ok(true) => swept.compacted += 1,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a xorb was not rewritten without what nobody uses of it");
                        swept.failed += 1;
                    }
                }
            }
        }
    }

    /// How many xorbs [`compact_xorbs`](Self::compact_xorbs) would rewrite.
    pub(crate) async fn count_thin(&self, now: Timestamp) -> Result<u64, Failure> {
        let (mut after, mut count) = (Vec::new(), 0);
        loop {
            let page: Vec<Unseen> = read!(self.database(), list_unseen(self.xorb_cutoff(now), after.clone()))?;
            let Some((last, _)) = page.last() else { return Ok(count) };
            after.clone_from(last);
            for (name, _) in page {
                let thin = self.find_thin(xet_hash_of(&name)?).await;
                count += u64::from(thin.is_ok_and(|thin| thin.is_some()));
            }
        }
    }

    /// Answers whether it was thin.
    async fn compact_xorb(&self, name: XetHash, since: i64, now: Timestamp) -> Result<bool> {
        let Some(thin) = self.find_thin(name).await? else {
            let seen: Result<(), Failure> = ballast_database::write!(self.database(), mark_seen(name, since));
            seen.map_err(|failure| failure.during("content.compact"))?;
            return Ok(false);
        };
        let lease = self.create_lease(NOBODY, now.after(TIME).max(Timestamp::now().after(TIME))).await?;
        let rewritten = self.rewrite_xorb(lease, &thin, now).await;
        self.drop_lease(lease).await?;
        rewritten.map(|()| true)
    }

    /// The xorb, where files use less than half of what it stores.
    async fn find_thin(&self, name: XetHash) -> Result<Option<Thin>> {
        let during = |failure: Failure| failure.during("content.compact");
        let Some(xorb) = self.xorbs([name]).await?.remove(&name) else { return Ok(None) };
        let files: Result<Vec<FileRow>, Failure> = read!(self.database(), list_files(name));
        let mut used = BTreeSet::new();
        for (_, sha256, terms) in files.map_err(during)? {
            let sha256 = sha256_of(&sha256).map_err(during)?;
            let terms = FileTerms::parse(terms).map_err(|error| damaged(sha256, &error.to_string()))?;
            let here = (0..terms.len()).map(|number| terms.term(number)).filter(|term| term.xorb == name);
            used.extend(here.flat_map(|term| term.chunks.start as usize..term.chunks.end as usize));
        }
        let stored: u64 = used.iter().map(|chunk| xorb.record.stored(*chunk..*chunk + 1).len()).sum();
        let all = xorb.record.stored(0..xorb.record.len()).len();
        Ok((!used.is_empty() && stored * 2 < all).then(|| Thin { name, xorb, used: used.into_iter().collect() }))
    }

    async fn rewrite_xorb(&self, lease: LeaseId, thin: &Thin, now: Timestamp) -> Result<()> {
        let beside = match self.lies(thin.xorb.sha256).await? {
            Lies::Whole(place) => self.beside(&place.storage)?,
            Lies::InXorbs(_) => self.clone(),
        };
        let mut new = NewXorb::begin(&beside, lease).await?;
        for run in thin.used.chunk_by(|before, next| before + 1 == *next).flat_map(|run| run.chunks(CHUNKS)) {
            match self.read_chunks(&thin.xorb, run[0]..run[0] + run.len()).await {
                Ok(chunks) => new = new.take(chunks).await?,
                Err(error) => {
                    new.abort(self).await;
                    return Err(error);
                }
            }
        }
        let (name, _) = new.finish(self, lease).await?;
        let kept = thin.used.iter().map(|chunk| thin.xorb.record.hash(*chunk).0.to_vec()).collect::<HashSet<_>>();
        let moved: Result<Vec<Vec<u8>>, Failure> =
            transaction!(self.database(), repoint(lease, thin.name, name, thin.used.clone(), kept, now));
        let during = |failure: Failure| failure.during("content.compact");
        for sha256 in moved.map_err(during)? {
            self.inner.places.invalidate(&sha256_of(&sha256).map_err(during)?);
        }
        Ok(())
    }

    /// Chunks of a xorb that lie together, held against their hashes.
    async fn read_chunks(&self, xorb: &Arc<Xorb>, chunks: Range<usize>) -> Result<Vec<Chunk>> {
        let record = &xorb.record;
        let bytes = self.decode(Run::whole(xorb.clone(), chunks.clone())).await?;
        let begin = record.raw_start(chunks.start);
        let cut = |chunk: usize| {
            let (start, end) = (record.raw_start(chunk) - begin, record.raw_start(chunk + 1) - begin);
            Chunk { hash: record.hash(chunk), bytes: bytes.slice(start as usize..end as usize) }
        };
        Ok(chunks.map(cut).collect())
    }
}

/// The same file, with the chunks of `old` where they are in `new`: there are `used` of them, in order. None where it has
/// others as well.
fn moved(terms: &FileTerms, old: XetHash, new: XetHash, used: &[usize]) -> Option<FileTerms> {
    let moved = (0..terms.len()).map(|number| {
        let term = terms.term(number);
        if term.xorb != old {
            return Some(term);
        }
        let start = u32::try_from(used.binary_search(&(term.chunks.start as usize)).ok()?).ok()?;
        let end = start + (term.chunks.end - term.chunks.start);
        let last = used.get(end as usize - 1)?;
        (*last + 1 == term.chunks.end as usize).then_some(Term { xorb: new, chunks: start..end, length: term.length })
    });
    FileTerms::new(&moved.collect::<Option<Vec<Term>>>()?).ok()
}

for_both! {
    /// Xorbs that no client remembers and that files use, which were not looked at since they came or a file went.
    pub async fn list_unseen(c: &mut Connection, cutoff: Timestamp, after: Vec<u8>) -> Result<Vec<Unseen>, Failure> {
        let uses = exists(xet_uses::table.filter(xet_uses::xorb.eq(xorbs::xorb)));
        let unseen = xorbs::table.filter(xorbs::thinned.is_not_null()).filter(xorbs::named.le(cutoff.0)).filter(uses);
        let unseen = unseen.filter(xorbs::xorb.gt(after)).order(xorbs::xorb).limit(PIECE as i64);
        Ok(unseen.select((xorbs::xorb, xorbs::thinned.assume_not_null())).load(c).await?)
    }

    /// Unless another file went meanwhile.
    pub async fn mark_seen(c: &mut Connection, xorb: XetHash, since: i64) -> Result<(), Failure> {
        let row = xorbs::table.find(xorb.0.to_vec()).filter(xorbs::thinned.eq(since));
        diesel::update(row).set(xorbs::thinned.eq(None::<i64>)).execute(c).await?;
        Ok(())
    }

    pub async fn list_files(c: &mut Connection, xorb: XetHash) -> Result<Vec<FileRow>, Failure> {
        let files = xet_uses::table.inner_join(xet_files::table).filter(xet_uses::xorb.eq(xorb.0.to_vec()));
        Ok(files.select((xet_files::file, xet_files::sha256, xet_files::terms)).load(c).await?)
    }

    /// Lets the files of a xorb name another one; answers their blobs. `Collected` where one of them has a chunk that is
    /// not in the other: it came meanwhile.
    pub async fn repoint(
        c: &mut Connection,
        lease: LeaseId,
        old: XetHash,
        new: XetHash,
        used: Vec<usize>,
        kept: HashSet<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        lock_lease!(c, lease);
        let (from, to) = (old.0.to_vec(), new.0.to_vec());
        let both = xorbs::table.filter(xorbs::xorb.eq_any([&from, &to])).select(xorbs::sha256);
        let both: Vec<Vec<u8>> = both.load(c).await?;
        let query = blobs::table.filter(blobs::sha256.eq_any(&both)).order(blobs::sha256).select(blobs::sha256);
        if lock!(query).load::<Vec<u8>>(c).await?.len() != 2 {
            return Err(Failure::Collected);
        }
        let (mut touched, mut uses) = (Vec::new(), Vec::new());
        for (file, sha256, terms) in list_files(c, old).await? {
            let terms = FileTerms::parse(terms).ok().and_then(|terms| moved(&terms, old, new, &used));
            let terms = terms.ok_or(Failure::Collected)?;
            diesel::update(xet_files::table.find(&file)).set(xet_files::terms.eq(terms.as_bytes().to_vec())).execute(c).await?;
            touched.push(sha256);
            uses.push((xet_uses::file.eq(file), xet_uses::xorb.eq(to.clone())));
        }
        bulk_insert!(c, xet_uses::table, uses)?;
        diesel::delete(xet_uses::table.filter(xet_uses::xorb.eq(&from))).execute(c).await?;
        let asked = xet_chunks::table.filter(xet_chunks::xorb.eq(&from)).select(xet_chunks::chunk);
        let asked: Vec<Vec<u8>> = asked.load(c).await?;
        let asked = asked.into_iter().filter(|chunk| kept.contains(chunk));
        let rows = asked.map(|chunk| (xet_chunks::chunk.eq(chunk), xet_chunks::xorb.eq(to.clone())));
        bulk_insert!(c, xet_chunks::table, rows.collect::<Vec<_>>())?;
        diesel::update(xorbs::table.find(&from)).set(xorbs::thinned.eq(None::<i64>)).execute(c).await?;
        let old = xorbs::table.find(&from).select(xorbs::sha256).first::<Vec<u8>>(c).await?;
        diesel::update(blobs::table.find(old)).set(blobs::idle_since.eq(now.0)).execute(c).await?;
        Ok(touched)
    }
}
