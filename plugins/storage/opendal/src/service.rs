//! The contract over any of OpenDAL's services.

use std::collections::BinaryHeap;
use std::io;

use async_trait::async_trait;
use ballast_contract::storage::{StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Error, ErrorKind, Page, Result};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use opendal::{Operator, Writer};

use crate::failure::{absent, system, told};
use crate::page;
use crate::remote::Remote;

/// How many bytes are written at a time where the service does not care.
const PIECE: usize = 1 << 20;

/// How many objects are listed by one request: what providers answer at most.
const LISTED: usize = 1000;

/// How many objects are deleted side by side where no request deletes several.
const SIDE_BY_SIDE: usize = 16;

/// A started service.
#[derive(Clone)]
pub(crate) struct Service {
    operator: Operator,
    traits: Traits,
}

/// How services differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traits {
    /// Who is behind it, if not this machine.
    pub(crate) remote: Option<Remote>,
    /// Whether keys are listed in byte order, from behind any of them.
    pub(crate) ordered: bool,
    /// The length of the parts in which objects are written, and how many there may be.
    pub(crate) parts: Option<(usize, u64)>,
}

impl Service {
    pub(crate) fn new(operator: Operator, traits: Traits) -> Self {
        Self { operator, traits }
    }

    fn told(&self, error: opendal::Error, operation: &str, what: &str) -> Error {
        match &self.traits.remote {
            Some(remote) => remote.told(&error, operation, what),
            None => told(error, operation, what),
        }
    }

    fn broken(&self, error: &io::Error, operation: &str, what: &str) -> Error {
        match &self.traits.remote {
            Some(remote) => remote.broken(error, operation, what),
            None => system(io::Error::new(error.kind(), error.to_string()), operation, what),
        }
    }

    pub(crate) async fn check(&self) -> Result<()> {
        self.operator.check().await.map_err(|error| self.told(error, "storage.health", "the list of objects"))
    }

    pub(crate) async fn stat(&self, key: &StorageKey) -> Result<u64> {
        let found = self.operator.stat(key.as_str()).await;
        let found = found.map_err(|error| self.told(error, "storage.stat", key.as_str()))?;
        match found.is_file() {
            true => Ok(found.content_length()),
            false => Err(absent("storage.stat", key.as_str())),
        }
    }

    pub(crate) async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let failed = |error| self.told(error, "storage.read", key.as_str());
        // Not in chunks: each would be a request of its own, and see another object where it was replaced meanwhile.
        let reader = self.operator.reader(key.as_str()).await.map_err(failed)?;
        // Asked together, because a provider is far away: what the object's size says goes first.
        let (size, opened) = futures::join!(self.stat(key), first_of(reader, range));
        let size = match (size, &opened) {
            // Without a body, an answer does not say why: what is absent may be the whole bucket.
            (Err(_), Err(error)) if self.traits.remote.is_some() => {
                return Err(self.broken(error, "storage.read", key.as_str()));
            }
            (size, _) => size?,
        };
        if range.start > range.end || range.end > size {
            let context = format!("bytes {}..{} of {key}, which has {size}", range.start, range.end);
            return Err(Error::new(ErrorKind::Invalid, "storage.read", context));
        }
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let bytes = opened.map_err(|error| self.broken(&error, "storage.read", key.as_str()))?;
        let (service, at) = (self.clone(), key.clone());
        let bytes = bytes.map_err(move |error| service.broken(&error, "storage.read", at.as_str()));
        Ok(exactly(bytes.boxed(), range.len(), key.clone()))
    }

    pub(crate) async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let part = self.traits.parts.map_or(PIECE, |(length, _)| length);
        let writer = self.operator.writer_with(key.as_str()).chunk(part).await;
        let writer = writer.map_err(|error| self.told(error, "storage.create", key.as_str()))?;
        let (service, key) = (self.clone(), key.clone());
        Ok(Box::new(ServiceWriter { service, key, writer: Some(writer), written: 0 }))
    }

    pub(crate) async fn delete(&self, key: &StorageKey) -> Result<()> {
        match self.operator.delete(key.as_str()).await {
            Err(error) if error.kind() != opendal::ErrorKind::NotFound => {
                Err(self.told(error, "storage.delete", key.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// In as few requests as the service allows. One object that cannot go together with others may go by itself.
    pub(crate) async fn delete_many(&self, keys: &[StorageKey]) -> Result<()> {
        let all: Vec<String> = keys.iter().map(ToString::to_string).collect();
        match self.operator.delete_iter(all).await {
            Err(error) if self.traits.remote.is_some() => {
                tracing::debug!(kind = %error.kind(), "many objects were not deleted at once; one by one they may be");
                self.delete_each(keys).await
            }
            deleted => deleted.map_err(|error| self.told(error, "storage.delete", "some of many objects")),
        }
    }

    /// One by one, a few at a time.
    pub(crate) async fn delete_each(&self, keys: &[StorageKey]) -> Result<()> {
        let deleting = keys.iter().map(|key| Ok(self.delete(key)));
        stream::iter(deleting).try_for_each_concurrent(SIDE_BY_SIDE, |deleted| deleted).await
    }

    pub(crate) async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        match self.traits.ordered {
            true => self.list_ordered(after, limit).await,
            false => self.list_all(after, limit).await,
        }
    }

    async fn list_ordered(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let failed = |error| self.told(error, "storage.list", "the list of objects");
        let listing = self.operator.lister_with("").recursive(true).limit(LISTED.min(limit.saturating_add(1)));
        let listing = match after {
            Some(after) => listing.start_after(after.as_str()),
            None => listing,
        };
        let (mut lister, mut keys) = (listing.await.map_err(failed)?, Vec::new());
        while keys.len() <= limit
            && let Some(entry) = lister.try_next().await.map_err(failed)?
        {
            // What others keep in the bucket is none of ours.
            keys.extend(entry.path().parse::<StorageKey>());
        }
        Ok(page(keys, limit))
    }

    /// Other services list in orders of their own, so of all keys behind `after` the first are chosen: what is in memory
    /// is a page, however many keys there are.
    async fn list_all(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let failed = |error| self.told(error, "storage.list", "the list of objects");
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
            return copied.map(|_| ()).map_err(|error| self.told(error, "storage.copy", from.as_str()));
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

type Pieces = stream::BoxStream<'static, io::Result<Bytes>>;

/// The bytes of a range, of which the first are here.
async fn first_of(reader: opendal::Reader, range: ByteRange) -> io::Result<Pieces> {
    if range.start >= range.end {
        return Ok(stream::empty().boxed());
    }
    let mut bytes = reader.into_bytes_stream(range.start..range.end).await.map_err(io::Error::from)?;
    let first = bytes.try_next().await?;
    Ok(stream::iter(first.map(Ok)).chain(bytes).boxed())
}

struct ServiceWriter {
    service: Service,
    key: StorageKey,
    /// Taken when the object is finished or given up.
    writer: Option<Writer>,
    written: u64,
}

impl ServiceWriter {
    fn writer(&mut self) -> Result<&mut Writer> {
        let ended = || Error::new(ErrorKind::Internal, "storage.write", "an object that is finished takes no bytes");
        self.writer.as_mut().ok_or_else(ended)
    }

    /// Whether a provider may have parts of it.
    fn has_parts(&self) -> bool {
        self.service.traits.parts.is_some_and(|(length, _)| self.written > length as u64)
    }

    async fn give_up(mut writer: Writer, key: StorageKey) {
        if let Err(error) = writer.abort().await {
            tracing::debug!(%key, kind = %error.kind(), "parts of an object that nobody finished are left behind");
        }
    }
}

#[async_trait]
impl StorageWriter for ServiceWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written += bytes.len() as u64;
        if let Some((length, most)) = self.service.traits.parts
            && self.written.div_ceil(length as u64) > most
        {
            let context =
                format!("{} takes more than {most} parts of {length} bytes; set a larger 'part_bytes'", self.key);
            return Err(Error::new(ErrorKind::NoRoom, "storage.write", context));
        }
        let written = self.writer()?.write(bytes).await;
        written.map_err(|error| self.service.told(error, "storage.write", self.key.as_str()))
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        // Stays in its place until the end, so that it is given up where this is cut off.
        let closed = self.writer()?.close().await;
        closed.map_err(|error| self.service.told(error, "storage.commit", self.key.as_str()))?;
        self.writer = None;
        Ok(self.written)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let aborted = self.writer()?.abort().await;
        self.writer = None;
        aborted.map_err(|error| self.service.told(error, "storage.abort", self.key.as_str()))
    }
}

impl Drop for ServiceWriter {
    /// A provider keeps the parts of an object that nobody finished, and asks money for them.
    fn drop(&mut self) {
        let (has_parts, key) = (self.has_parts(), self.key.clone());
        if let Some(writer) = self.writer.take().filter(|_| has_parts)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(Self::give_up(writer, key));
        }
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
