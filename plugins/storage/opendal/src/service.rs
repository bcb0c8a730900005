//! The contract over any of OpenDAL's services.

use std::collections::BinaryHeap;

use async_trait::async_trait;
use ballast_contract::storage::{StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Error, ErrorKind, Page, Result};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use opendal::{Operator, Writer};

use crate::failure::{absent, told};
use crate::page;

/// How many bytes are written at a time.
const PIECE: usize = 1 << 20;

/// A started service.
pub(crate) struct Service {
    operator: Operator,
}

impl Service {
    pub(crate) fn new(operator: Operator) -> Self {
        Self { operator }
    }

    pub(crate) async fn check(&self) -> Result<()> {
        self.operator.check().await.map_err(|error| told(error, "storage.health", "the service does not answer"))
    }

    pub(crate) async fn stat(&self, key: &StorageKey) -> Result<u64> {
        let found = self.operator.stat(key.as_str()).await;
        let found = found.map_err(|error| told(error, "storage.stat", key.as_str()))?;
        match found.is_file() {
            true => Ok(found.content_length()),
            false => Err(absent("storage.stat", key.as_str())),
        }
    }

    pub(crate) async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let size = self.stat(key).await?;
        if range.start > range.end || range.end > size {
            let context = format!("bytes {}..{} of {key}, which has {size}", range.start, range.end);
            return Err(Error::new(ErrorKind::Invalid, "storage.read", context));
        }
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let failed = |error| told(error, "storage.read", key.as_str());
        // Not in chunks: each would be a request of its own, and see another object where it was replaced meanwhile.
        let reader = self.operator.reader(key.as_str()).await.map_err(failed)?;
        let bytes = reader.into_bytes_stream(range.start..range.end).await.map_err(failed)?;
        let key = key.clone();
        let bytes = bytes.map_err({
            let key = key.clone();
            move |error| crate::failure::system(error, "storage.read", key.as_str())
        });
        Ok(exactly(bytes.boxed(), range.len(), key))
    }

    pub(crate) async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let writer = self.operator.writer_with(key.as_str()).chunk(PIECE).await;
        let writer = writer.map_err(|error| told(error, "storage.create", key.as_str()))?;
        Ok(Box::new(ServiceWriter { key: key.clone(), writer, written: 0 }))
    }

    pub(crate) async fn delete(&self, key: &StorageKey) -> Result<()> {
        match self.operator.delete(key.as_str()).await {
            Err(error) if error.kind() != opendal::ErrorKind::NotFound => {
                Err(told(error, "storage.delete", key.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// In as few requests as the service allows.
    pub(crate) async fn delete_many(&self, keys: &[StorageKey]) -> Result<()> {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let deleted = self.operator.delete_iter(keys).await;
        deleted.map_err(|error| told(error, "storage.delete", "some of many objects"))
    }

    /// Services list in orders of their own, so of all keys behind `after` the first are chosen: what is in memory is a
    /// page, however many keys there are.
    pub(crate) async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let failed = |error| told(error, "storage.list", "the objects");
        let mut lister = self.operator.lister_with("").recursive(true).await.map_err(failed)?;
        let mut first = BinaryHeap::new();
        while let Some(entry) = lister.try_next().await.map_err(failed)? {
            let Ok(key) = entry.path().parse::<StorageKey>() else { continue };
            if after.is_some_and(|after| key <= *after) {
                continue;
            }
            first.push(key);
            if first.len() > limit.saturating_add(1) {
                first.pop();
            }
        }
        Ok(page(first.into_sorted_vec(), limit))
    }

    pub(crate) async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        if self.operator.info().capability().copy {
            let copied = self.operator.copy(from.as_str(), to.as_str()).await;
            return copied.map(|_| ()).map_err(|error| told(error, "storage.copy", from.as_str()));
        }
        let size = self.stat(from).await?;
        let mut bytes = self.read(from, ByteRange::whole(size)).await?;
        let mut writer = self.create(to).await?;
        while let Some(piece) = bytes.try_next().await? {
            writer.write(piece).await?;
        }
        writer.commit().await.map(|_| ())
    }
}

/// A stream that ends with an error where it has fewer bytes than were promised.
fn exactly(bytes: ByteStream, length: u64, key: StorageKey) -> ByteStream {
    let step = |(mut bytes, left, key): (ByteStream, u64, StorageKey)| async move {
        match bytes.try_next().await? {
            Some(piece) => {
                let left = left.saturating_sub(piece.len() as u64);
                Ok(Some((piece, (bytes, left, key))))
            }
            None if left == 0 => Ok(None),
            None => {
                let context = format!("{key} ended {left} bytes early");
                Err(Error::new(ErrorKind::Corrupt, "storage.read", context))
            }
        }
    };
    stream::try_unfold((bytes, length, key), step).boxed()
}

struct ServiceWriter {
    key: StorageKey,
    writer: Writer,
    written: u64,
}

#[async_trait]
impl StorageWriter for ServiceWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written += bytes.len() as u64;
        self.writer.write(bytes).await.map_err(|error| told(error, "storage.write", self.key.as_str()))
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        self.writer.close().await.map_err(|error| told(error, "storage.commit", self.key.as_str()))?;
        Ok(self.written)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        self.writer.abort().await.map_err(|error| told(error, "storage.abort", self.key.as_str()))
    }
}
