//! What lies in storage and has no row: nothing that the hub does leaves such an object, and nothing collects it.

use std::collections::HashSet;

use ballast_contract::storage::StorageKey;
use ballast_contract::{Error, ErrorKind, Page};
use ballast_database::{for_both, read};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Content;
use crate::failure::Failure;
use crate::rows::PIECE;
use crate::schema::objects;

type Result<T, E = Error> = std::result::Result<T, E>;

/// An object that no row knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub storage: String,
    pub key: StorageKey,
    /// In bytes.
    pub size: u64,
}

impl Content {
    /// The storage instances.
    pub fn storages(&self) -> Vec<String> {
        self.inner.stores.keys().cloned().collect()
    }

    /// Objects of a storage instance that no row knows, page by page.
    pub async fn list_orphans(&self, storage: &str, after: Option<StorageKey>, limit: usize) -> Result<Page<Orphan>> {
        let store = self.store(storage)?;
        let page = store.list(after.as_ref(), limit).await?;
        let mut orphans = Vec::new();
        let known = self.known_keys(storage, &page.items).await?;
        for key in page.items {
            if known.contains(key.as_str()) {
                continue;
            }
            // Deleted between the listing and the rows it is no orphan, and a row that came first is known by now.
            match store.stat(&key).await {
                Err(error) if error.is(ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
                Ok(size) => orphans.push(Orphan { storage: storage.to_owned(), key, size }),
            }
        }
        Ok(Page { items: orphans, next: page.next })
    }

    async fn known_keys(&self, storage: &str, keys: &[StorageKey]) -> Result<HashSet<String>> {
        let mut known = HashSet::new();
        for piece in keys.chunks(PIECE) {
            let piece: Vec<String> = piece.iter().map(ToString::to_string).collect();
            let found: Result<Vec<String>, Failure> = read!(self.database(), list_known(storage.to_owned(), piece));
            known.extend(found.map_err(|failure| failure.during("content.survey"))?);
        }
        Ok(known)
    }
}

for_both! {
    pub async fn list_known(c: &mut Connection, storage: String, keys: Vec<String>) -> Result<Vec<String>, Failure> {
        let query = objects::table.filter(objects::storage.eq(storage)).filter(objects::key.eq_any(keys));
        Ok(query.select(objects::key).load(c).await?)
    }
}
