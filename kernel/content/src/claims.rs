//! Who may name which bytes.

use std::collections::{HashMap, HashSet};

use ballast_contract::Error;
use ballast_database::{for_both, read, transaction};
use ballast_types::{LeaseId, RepoKey, Sha256};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::failure::Failure;
use crate::rows::{LeaseBlobRow, PIECE, blob_of, columns, sha256_of};
use crate::schema::{blobs, holdings, lease_blobs, leases, locations, xet_files, xet_uses, xorbs};
use crate::{Blob, Content};

type Result<T, E = Error> = std::result::Result<T, E>;

/// Holders that are looked up for a piece of a list of blobs, at most.
const HOLDERS: i64 = 20_000;

impl Content {
    /// Leases those of these blobs that the lease's repository holds or has leased already, and answers them in the
    /// order of the question. None where the repository may not name the blob: that it exists elsewhere on this hub is
    /// nothing that knowing its digest tells; and where its bytes are damaged. `Conflict` where the lease has ended.
    pub async fn claim(&self, lease: LeaseId, digests: &[Sha256]) -> Result<Vec<Option<Blob>>> {
        self.claim_from(lease, None, digests).await
    }

    /// Leases those of these blobs that a repository holds for another one, whose lease this is, and answers them in the
    /// order of the question. None where the lender does not hold the blob, or its bytes are damaged. Whether the
    /// borrower may read them there is for the caller to know. `Conflict` where the lease has ended.
    pub async fn lend(&self, lender: RepoKey, lease: LeaseId, digests: &[Sha256]) -> Result<Vec<Option<Blob>>> {
        self.claim_from(lease, Some(lender), digests).await
    }

    async fn claim_from(
        &self,
        lease: LeaseId,
        lender: Option<RepoKey>,
        digests: &[Sha256],
    ) -> Result<Vec<Option<Blob>>> {
        let lender = lender.map(|lender| lender.0);
        let mut claimed = HashMap::new();
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<Vec<Blob>, Failure> = transaction!(self.database(), claim(lease, lender, piece));
            let found = found.map_err(|failure| failure.during("content.claim"))?;
            claimed.extend(found.into_iter().map(|blob| (blob.sha256, blob)));
        }
        Ok(in_order(digests, &claimed))
    }

    /// Those of these blobs that a repository holds, in the order of the question.
    pub async fn find_held(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Vec<Option<Blob>>> {
        self.find_named(repo, digests, false).await
    }

    /// Those of these blobs that a repository holds or has leased, in the order of the question. One that is damaged
    /// is as good as absent: who sends its bytes again heals it.
    pub async fn find_known(&self, repo: RepoKey, digests: &[Sha256]) -> Result<Vec<Option<Blob>>> {
        self.find_named(repo, digests, true).await
    }

    /// Repositories whose commits name one of these blobs, each with the blob: some of them, where there are very many.
    pub async fn find_holders(&self, digests: &[Sha256]) -> Result<Vec<(Sha256, RepoKey)>> {
        let mut found = Vec::new();
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let some: Result<Vec<(Vec<u8>, i64)>, Failure> = read!(self.database(), holders(piece));
            for (sha256, repo) in some.map_err(|failure| failure.during("content.find"))? {
                let sha256 = sha256_of(&sha256).map_err(|failure| failure.during("content.find"))?;
                found.push((sha256, RepoKey(repo)));
            }
        }
        Ok(found)
    }

    async fn find_named(&self, repo: RepoKey, digests: &[Sha256], or_leased: bool) -> Result<Vec<Option<Blob>>> {
        let mut known = HashMap::new();
        for piece in columns(digests).chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<Vec<Blob>, Failure> = read!(self.database(), find_named(repo.0, piece, or_leased));
            let found = found.map_err(|failure| failure.during("content.find"))?;
            known.extend(found.into_iter().map(|blob| (blob.sha256, blob)));
        }
        Ok(in_order(digests, &known))
    }
}

fn in_order(digests: &[Sha256], found: &HashMap<Sha256, Blob>) -> Vec<Option<Blob>> {
    digests.iter().map(|sha256| found.get(sha256).copied()).collect()
}

for_both! {
    /// Which of these digests a repository may name.
    async fn named(
        c: &mut Connection,
        repository: i64,
        digests: &[Vec<u8>],
        or_leased: bool,
    ) -> Result<HashSet<Vec<u8>>, Failure> {
        let held = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(digests));
        let mut named: HashSet<Vec<u8>> = held.select(holdings::sha256).load(c).await?.into_iter().collect();
        if or_leased {
            let leased = lease_blobs::table.inner_join(leases::table).filter(leases::repository.eq(repository));
            let leased = leased.filter(lease_blobs::sha256.eq_any(digests)).select(lease_blobs::sha256);
            named.extend(leased.load::<Vec<u8>>(c).await?);
        }
        Ok(named)
    }

    /// Which of these digests commits of a repository name.
    async fn confirmed(c: &mut Connection, repository: i64, digests: &[Vec<u8>]) -> Result<HashSet<Vec<u8>>, Failure> {
        let held = holdings::table.filter(holdings::repository.eq(repository)).filter(holdings::sha256.eq_any(digests));
        let held = held.filter(holdings::pending.is_null());
        Ok(held.select(holdings::sha256).load(c).await?.into_iter().collect())
    }

    pub async fn holders(c: &mut Connection, digests: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, i64)>, Failure> {
        let held = holdings::table.filter(holdings::sha256.eq_any(digests)).filter(holdings::pending.is_null());
        Ok(held.limit(HOLDERS).select((holdings::sha256, holdings::repository)).load(c).await?)
    }

    /// Those that are damaged wherever they lie, or in a xorb of theirs.
    async fn damaged_among(c: &mut Connection, digests: &[Vec<u8>]) -> Result<HashSet<Vec<u8>>, Failure> {
        let damaged = locations::table.filter(locations::sha256.eq_any(digests)).filter(locations::damaged.is_not_null());
        let mut damaged: Vec<Vec<u8>> = damaged.select(locations::sha256).distinct().load(c).await?;
        let in_xorbs = xet_files::table.inner_join(xet_uses::table.inner_join(xorbs::table));
        let in_xorbs = in_xorbs.inner_join(locations::table.on(locations::sha256.eq(xorbs::sha256)));
        let in_xorbs = in_xorbs.filter(xet_files::sha256.eq_any(digests)).filter(locations::damaged.is_not_null());
        damaged.extend(in_xorbs.select(xet_files::sha256).distinct().load::<Vec<u8>>(c).await?);
        if damaged.is_empty() {
            return Ok(HashSet::new());
        }
        let whole = locations::table.filter(locations::sha256.eq_any(&damaged)).filter(locations::damaged.is_null());
        let whole: HashSet<Vec<u8>> = whole.select(locations::sha256).load(c).await?.into_iter().collect();
        Ok(damaged.into_iter().filter(|sha256| !whole.contains(sha256)).collect())
    }

    pub async fn find_named(
        c: &mut Connection,
        repository: i64,
        digests: Vec<Vec<u8>>,
        or_leased: bool,
    ) -> Result<Vec<Blob>, Failure> {
        let mut named = named(c, repository, &digests, or_leased).await?;
        if or_leased {
            let damaged = damaged_among(c, &digests).await?;
            named.retain(|sha256| !damaged.contains(sha256));
        }
        let query = blobs::table.filter(blobs::sha256.eq_any(named)).select((blobs::sha256, blobs::size, blobs::oid));
        query.load(c).await?.into_iter().map(blob_of).collect()
    }

    /// What another repository lends is what its commits name, and not what is pending there or leased.
    pub async fn claim(
        c: &mut Connection,
        lease: LeaseId,
        lender: Option<i64>,
        digests: Vec<Vec<u8>>,
    ) -> Result<Vec<Blob>, Failure> {
        let repository = lock_lease!(c, lease);
        let query = blobs::table.filter(blobs::sha256.eq_any(&digests)).order(blobs::sha256);
        let query = query.select((blobs::sha256, blobs::size, blobs::oid));
        let there: Vec<(Vec<u8>, i64, Option<Vec<u8>>)> = lock!(query).load(c).await?;
        // Asked after the rows are locked: neither the collector nor a pruning can get between.
        let mut named = match lender {
            None => named(c, repository, &digests, true).await?,
            Some(lender) => confirmed(c, lender, &digests).await?,
        };
        let damaged = damaged_among(c, &digests).await?;
        named.retain(|sha256| !damaged.contains(sha256));
        let claimed: Vec<_> = there.into_iter().filter(|(sha256, ..)| named.contains(sha256)).collect();
        let row = |(sha256, ..): &(Vec<u8>, i64, Option<Vec<u8>>)| LeaseBlobRow { lease: lease.0, sha256: sha256.clone() };
        let rows: Vec<_> = claimed.iter().map(row).collect();
        bulk_insert!(c, lease_blobs::table, rows)?;
        claimed.into_iter().map(blob_of).collect()
    }
}
