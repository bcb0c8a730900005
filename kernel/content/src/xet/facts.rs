//! What is known of xorbs and of the files in them.

use std::collections::HashMap;
use std::sync::Arc;

use ballast_database::{for_both, read};
use ballast_types::{Sha256, XetHash};
use ballast_xet::FileTerms;
use ballast_xet::xorb::Record;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Result, Xorb, xet_columns, xet_hash_of};
use crate::checks::damaged;
use crate::failure::Failure;
use crate::rows::{PIECE, sha256_of};
use crate::schema::{blobs, xet_files, xorbs};
use crate::{Blob, Content};

impl Content {
    /// The Xet hashes of these blobs, in the order of the question; none where a blob does not lie in xorbs.
    pub async fn xet_hashes(&self, digests: &[Sha256]) -> Result<Vec<Option<XetHash>>> {
        let mut known: HashMap<Sha256, Option<XetHash>> = HashMap::new();
        let mut unknown = Vec::new();
        for sha256 in digests {
            match self.inner.xet_hashes.get(sha256) {
                Some(hash) => drop(known.insert(*sha256, hash)),
                None => unknown.push(sha256.0.to_vec()),
            }
        }
        for piece in unknown.chunks(PIECE) {
            let piece = piece.to_vec();
            let found: Result<Vec<Named>, Failure> = read!(self.database(), list_hashes(piece.clone()));
            let during = |failure: Failure| failure.during("content.xet_hashes");
            let mut of = HashMap::new();
            for (sha256, file) in found.map_err(during)? {
                of.insert(sha256, xet_hash_of(&file).map_err(during)?);
            }
            for sha256 in piece {
                let (hash, sha256) = (of.get(&sha256).copied(), sha256_of(&sha256).map_err(during)?);
                self.inner.xet_hashes.insert(sha256, hash);
                known.insert(sha256, hash);
            }
        }
        Ok(digests.iter().map(|sha256| known.get(sha256).copied().flatten()).collect())
    }

    /// The blob that a Xet file is; none where no such file is known. Whether a repository may name it is another
    /// question.
    pub async fn find_xet_file(&self, file: XetHash) -> Result<Option<Blob>> {
        Ok(self.find_xet_files(&[file]).await?.remove(&file))
    }

    /// The same for many files: those that are known.
    pub(crate) async fn find_xet_files(&self, files: &[XetHash]) -> Result<HashMap<XetHash, Blob>> {
        let mut found = HashMap::new();
        for piece in xet_columns(files.iter().copied()).chunks(PIECE) {
            let piece = piece.to_vec();
            let rows: Result<Vec<FileColumns>, Failure> = read!(self.database(), list_files(piece));
            let during = |failure: Failure| failure.during("content.find_xet_files");
            for (file, sha256, size) in rows.map_err(during)? {
                let file = xet_hash_of(&file).map_err(during)?;
                found.insert(file, crate::rows::blob_of((sha256, size, None)).map_err(during)?);
            }
        }
        Ok(found)
    }

    /// Whether a xorb of this name is stored.
    pub async fn has_xorb(&self, xorb: XetHash) -> Result<bool> {
        Ok(!self.xorbs([xorb]).await?.is_empty())
    }

    /// The terms of a blob that lies in xorbs.
    pub(crate) async fn find_terms(&self, sha256: Sha256) -> Result<Option<FileTerms>> {
        let found: Result<Option<Vec<u8>>, Failure> = read!(self.database(), find_terms(sha256));
        let found = found.map_err(|failure| failure.during("content.place"))?;
        let read = |terms: Vec<u8>| FileTerms::parse(terms).map_err(|error| damaged(sha256, &error.to_string()));
        found.map(read).transpose()
    }

    /// What stands in these xorbs, as far as they are here. Those that were asked for lately come from memory.
    pub(crate) async fn xorbs(&self, names: impl IntoIterator<Item = XetHash>) -> Result<HashMap<XetHash, Arc<Xorb>>> {
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for name in names {
            match self.inner.xorbs.get(&name) {
                Some(xorb) => drop(found.insert(name, xorb)),
                None => unknown.push(name),
            }
        }
        for piece in xet_columns(unknown).chunks(PIECE) {
            let piece = piece.to_vec();
            let rows: Result<Vec<XorbColumns>, Failure> = read!(self.database(), list_xorbs(piece));
            let during = |failure: Failure| failure.during("content.xorbs");
            for (name, sha256, record) in rows.map_err(during)? {
                let (name, sha256) = (xet_hash_of(&name).map_err(during)?, sha256_of(&sha256).map_err(during)?);
                let record = Record::parse(record).map_err(|error| damaged(sha256, &error.to_string()))?;
                let xorb = Arc::new(Xorb { sha256, record });
                self.inner.xorbs.insert(name, xorb.clone());
                found.insert(name, xorb);
            }
        }
        Ok(found)
    }
}

/// A blob, and the Xet file that it is.
type Named = (Vec<u8>, Vec<u8>);

/// Name, blob, size.
type FileColumns = (Vec<u8>, Vec<u8>, i64);

/// Name, blob, record.
type XorbColumns = (Vec<u8>, Vec<u8>, Vec<u8>);

for_both! {
    pub async fn list_hashes(c: &mut Connection, digests: Vec<Vec<u8>>) -> Result<Vec<Named>, Failure> {
        let query = xet_files::table.filter(xet_files::sha256.eq_any(digests)).order(xet_files::file.desc());
        Ok(query.select((xet_files::sha256, xet_files::file)).load(c).await?)
    }

    pub async fn list_files(c: &mut Connection, files: Vec<Vec<u8>>) -> Result<Vec<FileColumns>, Failure> {
        let query = xet_files::table.filter(xet_files::file.eq_any(files)).inner_join(blobs::table);
        Ok(query.select((xet_files::file, blobs::sha256, blobs::size)).load(c).await?)
    }

    pub async fn find_terms(c: &mut Connection, sha256: Sha256) -> Result<Option<Vec<u8>>, Failure> {
        let query = xet_files::table.filter(xet_files::sha256.eq(sha256.0.to_vec())).order(xet_files::file);
        Ok(query.select(xet_files::terms).first(c).await.optional()?)
    }

    pub async fn list_xorbs(c: &mut Connection, names: Vec<Vec<u8>>) -> Result<Vec<XorbColumns>, Failure> {
        let query = xorbs::table.filter(xorbs::xorb.eq_any(names));
        Ok(query.select((xorbs::xorb, xorbs::sha256, xorbs::record)).load(c).await?)
    }
}
