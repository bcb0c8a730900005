//! Files of a shard: held against the xorbs that are here, hashed, and made blobs.

use std::sync::Arc;

use ballast_database::{for_both, transaction};
use ballast_types::{ByteRange, LeaseId, Timestamp, XetHash};
use ballast_xet::FileTerms;
use ballast_xet::shard::{FileCheck, InvalidFile, ShardFile};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Result, Xorb, xet_columns};
use crate::digest::{pour, refused};
use crate::failure::Failure;
use crate::rows::{BlobRow, LeaseBlobRow, PIECE, column};
use crate::schema::{blobs, lease_blobs, leases, xet_chunks, xet_files, xet_uses, xorbs};
use crate::{Blob, Content};

/// Terms that are checked with one look at their xorbs.
const TERMS: usize = 64;

impl Content {
    /// Makes a file of a shard a blob, and leases it. `Invalid` where its terms are not what is stored, where the client
    /// has not shown that it knows their chunks, or where the bytes have not the SHA-256 that it says. `Conflict` where
    /// the lease has ended. Idempotent.
    pub async fn register_file(&self, lease: LeaseId, file: &ShardFile) -> Result<Blob> {
        let said = file.sha256.ok_or_else(|| refused(format!("file {} comes without its SHA-256", file.file)))?;
        let (terms, first) = self.check_terms(file).await?;
        let size = terms.size();
        let blob = match self.find_xet_file(file.file).await? {
            Some(known) => known,
            None => {
                // The size is that of the terms, and so of the bytes that they decode to.
                let digests =
                    pour(self.rebuild(Arc::new(terms.clone()), ByteRange::whole(size)), size, false, None).await?;
                Blob { sha256: digests.sha256, size, oid: None }
            }
        };
        if blob.sha256 != said {
            let why = format!("the SHA-256 of file {} is {}, not {said}", file.file, blob.sha256);
            return Err(refused(why));
        }
        let (name, now) = (file.file, Timestamp::now());
        let registered: Result<(), Failure> =
            transaction!(self.database(), register(lease, name, blob, terms.clone(), first, now));
        registered.map_err(|failure| failure.during("content.register_file"))?;
        self.inner.xet_hashes.invalidate(&blob.sha256);
        self.inner.places.invalidate(&blob.sha256);
        Ok(blob)
    }

    /// The terms, when they are right, and the hash of the first chunk.
    async fn check_terms(&self, file: &ShardFile) -> Result<(FileTerms, Option<XetHash>)> {
        let invalid = |invalid: InvalidFile| refused(invalid.to_string());
        let mut check = FileCheck::new(file).map_err(invalid)?;
        let mut first = None;
        for terms in file.terms.chunks(TERMS) {
            let xorbs = self.xorbs(terms.iter().map(|term| term.xorb)).await?;
            for term in terms {
                let xorb: Option<&Arc<Xorb>> = xorbs.get(&term.xorb);
                check.term(xorb.map(|xorb| &xorb.record)).map_err(invalid)?;
                let chunk = || xorb.map(|xorb| xorb.record.hash(term.chunks.start as usize));
                first = first.or_else(chunk);
            }
            // Large files have millions of chunks; others have their turn in between.
            tokio::task::yield_now().await;
        }
        Ok((check.finish().map_err(invalid)?, first))
    }
}

for_both! {
    pub async fn register(
        c: &mut Connection,
        lease: LeaseId,
        file: XetHash,
        blob: Blob,
        terms: FileTerms,
        first: Option<XetHash>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        lock_lease!(c, lease);
        let names = xet_columns(terms.xorbs());
        let sha256 = blob.sha256.0.to_vec();
        for piece in names.chunks(PIECE) {
            let query = xorbs::table.filter(xorbs::xorb.eq_any(piece)).select(xorbs::sha256);
            let bytes: Vec<Vec<u8>> = query.load(c).await?;
            let query = blobs::table.filter(blobs::sha256.eq_any(&bytes)).order(blobs::sha256).select(blobs::sha256);
            lock!(query).load::<Vec<u8>>(c).await?;
            // Asked after their blobs are locked: what a sweep was faster with is gone by now.
            let named = diesel::update(xorbs::table.filter(xorbs::xorb.eq_any(piece))).set(xorbs::named.eq(now.0));
            if named.execute(c).await? != piece.len() {
                return Err(Failure::Collected);
            }
        }
        let row = BlobRow { sha256: sha256.clone(), size: column(blob.size), oid: None, sums: None };
        let insert = diesel::insert_into(blobs::table).values(row).on_conflict(blobs::sha256);
        insert.do_update().set(blobs::idle_since.eq(None::<i64>)).execute(c).await?;
        let row = (
            xet_files::file.eq(file.0.to_vec()),
            xet_files::sha256.eq(&sha256),
            xet_files::terms.eq(terms.as_bytes().to_vec()),
        );
        diesel::insert_into(xet_files::table).values(row).on_conflict_do_nothing().execute(c).await?;
        let uses = names.into_iter().map(|xorb| (xet_uses::file.eq(file.0.to_vec()), xet_uses::xorb.eq(xorb)));
        bulk_insert!(c, xet_uses::table, uses.collect::<Vec<_>>())?;
        if let Some((chunk, xorb)) = first.zip(terms.xorbs().next()) {
            let pair = (xet_chunks::chunk.eq(chunk.0.to_vec()), xet_chunks::xorb.eq(xorb.0.to_vec()));
            diesel::insert_into(xet_chunks::table).values(pair).on_conflict_do_nothing().execute(c).await?;
        }
        bulk_insert!(c, lease_blobs::table, vec![LeaseBlobRow { lease: lease.0, sha256 }])?;
        Ok(())
    }
}
