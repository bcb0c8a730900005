//! Files of a shard: held against the xorbs that are here, hashed, and made blobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use ballast_database::{for_both, transaction};
use ballast_types::{ByteRange, LeaseId, Sha256, Timestamp, XetHash};
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

/// A file of a shard that is right in every respect, and not yet written down.
#[derive(Clone)]
pub struct Checked {
    file: XetHash,
    blob: Blob,
    terms: FileTerms,
    /// The hash of its first chunk; none where it is empty.
    first: Option<XetHash>,
}

impl Content {
    /// Makes a file of a shard a blob, and leases it. `Invalid` where its terms are not what is stored, where the client
    /// has not shown that it knows their chunks, or where the bytes have not the SHA-256 that it says. `Conflict` where
    /// the lease has ended. Idempotent.
    pub async fn register_file(&self, lease: LeaseId, file: &ShardFile) -> Result<Blob> {
        let checked = self.check_file(file, self.find_xet_file(file.file).await?).await?;
        let blob = checked.blob;
        self.write_files(lease, vec![checked]).await?;
        Ok(blob)
    }

    /// The same for many files, in one transaction: all of them or none.
    pub async fn register_files(&self, lease: LeaseId, files: &[ShardFile]) -> Result<()> {
        let names: Vec<XetHash> = files.iter().map(|file| file.file).collect();
        let known = self.find_xet_files(&names).await?;
        let mut checked = Vec::with_capacity(files.len());
        for file in files {
            checked.push(self.check_file(file, known.get(&file.file).copied()).await?);
        }
        // In one order for everybody, so that nobody waits for one who waits for them.
        checked.sort_unstable_by_key(|file| file.file);
        self.write_files(lease, checked).await
    }

    async fn check_file(&self, file: &ShardFile, known: Option<Blob>) -> Result<Checked> {
        let said = file.sha256.ok_or_else(|| refused(format!("file {} comes without its SHA-256", file.file)))?;
        let (terms, first) = self.check_terms(file).await?;
        let size = terms.size();
        let blob = match known {
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
        Ok(Checked { file: file.file, blob, terms, first })
    }

    async fn write_files(&self, lease: LeaseId, files: Vec<Checked>) -> Result<()> {
        let digests: Vec<Sha256> = files.iter().map(|file| file.blob.sha256).collect();
        let now = Timestamp::now();
        let registered: Result<(), Failure> = transaction!(self.database(), register(lease, files.clone(), now));
        registered.map_err(|failure| failure.during("content.register_files"))?;
        for sha256 in digests {
            self.inner.xet_hashes.invalidate(&sha256);
            self.inner.places.invalidate(&sha256);
        }
        Ok(())
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
    pub async fn register(c: &mut Connection, lease: LeaseId, files: Vec<Checked>, now: Timestamp)
        -> Result<(), Failure> {
        lock_lease!(c, lease);
        let names = xet_columns(files.iter().flat_map(|file| file.terms.xorbs()));
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
        let by_digest: BTreeMap<Vec<u8>, u64> =
            files.iter().map(|file| (file.blob.sha256.0.to_vec(), file.blob.size)).collect();
        let row = |(sha256, size): (&Vec<u8>, &u64)| BlobRow {
            sha256: sha256.clone(), size: column(*size), oid: None, sums: None
        };
        let rows: Vec<BlobRow> = by_digest.iter().map(row).collect();
        let used = blobs::idle_since.eq(None::<i64>);
        bulk_insert!(c, blobs::table, rows, on_conflict(blobs::sha256).do_update().set(used))?;
        let row = |file: &Checked| (
            xet_files::file.eq(file.file.0.to_vec()),
            xet_files::sha256.eq(file.blob.sha256.0.to_vec()),
            xet_files::terms.eq(file.terms.as_bytes().to_vec()),
        );
        bulk_insert!(c, xet_files::table, files.iter().map(row).collect::<Vec<_>>())?;
        let uses = |file: &Checked| {
            let name = file.file.0.to_vec();
            let used = xet_columns(file.terms.xorbs());
            used.into_iter().map(move |xorb| (xet_uses::file.eq(name.clone()), xet_uses::xorb.eq(xorb)))
        };
        bulk_insert!(c, xet_uses::table, files.iter().flat_map(uses).collect::<Vec<_>>())?;
        let begins = |file: &Checked| {
            let (chunk, xorb) = file.first.zip(file.terms.xorbs().next())?;
            Some((xet_chunks::chunk.eq(chunk.0.to_vec()), xet_chunks::xorb.eq(xorb.0.to_vec())))
        };
        bulk_insert!(c, xet_chunks::table, files.iter().filter_map(begins).collect::<Vec<_>>())?;
        let leased = |sha256: &Vec<u8>| LeaseBlobRow { lease: lease.0, sha256: sha256.clone() };
        bulk_insert!(c, lease_blobs::table, by_digest.keys().map(leased).collect::<Vec<_>>())?;
        Ok(())
    }
}
