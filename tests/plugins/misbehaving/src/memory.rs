//! Objects in memory, and how many of the buffers that were handed out are still held. `tests/bench` measures the same
//! file built in.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballast_sdk::bytes::{Bytes, BytesMut};
use ballast_sdk::futures::StreamExt;
use ballast_sdk::futures::stream::unfold;
use ballast_sdk::storage::{Storage, StorageKey, StorageWriter};
use ballast_sdk::types::ByteRange;
use ballast_sdk::{ByteStream, Component, Error, ErrorKind, Page, Result, async_trait};

/// How many bytes a reader hands over at once.
const PIECE: u64 = 1 << 20;

/// The key whose size is the number of buffers that the store has handed out and that were not released, plus
/// [`NONE_HELD`]. A second release of one would take it below that.
pub const HELD_BUFFERS: &str = "held-buffers";
pub const NONE_HELD: u64 = 1000;

/// A buffer that is counted.
struct Counted {
    bytes: Bytes,
    held: Arc<AtomicU64>,
}

impl Counted {
    fn bytes(bytes: Bytes, held: &Arc<AtomicU64>) -> Bytes {
        held.fetch_add(1, Ordering::SeqCst);
        Bytes::from_owner(Self { bytes, held: Arc::clone(held) })
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}

type Objects = Arc<Mutex<BTreeMap<StorageKey, Bytes>>>;

/// A store in memory.
#[derive(Clone)]
pub struct Memory {
    objects: Objects,
    held: Arc<AtomicU64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { objects: Objects::default(), held: Arc::new(AtomicU64::new(NONE_HELD)) }
    }
}

fn locked(objects: &Objects) -> MutexGuard<'_, BTreeMap<StorageKey, Bytes>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    fn get(&self, key: &StorageKey, operation: &str) -> Result<Bytes> {
        let found = locked(&self.objects).get(key).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, operation, format!("there is no object {key}")))
    }
}

impl Component for Memory {}

#[async_trait]
impl Storage for Memory {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        if key.as_str() == HELD_BUFFERS {
            return Ok(self.held.load(Ordering::SeqCst));
        }
        Ok(self.get(key, "storage.stat")?.len() as u64)
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let bytes = self.get(key, "storage.read")?;
        if range.start > range.end || range.end > bytes.len() as u64 {
            return Err(Error::new(ErrorKind::Invalid, "storage.read", "the range ends behind the object"));
        }
        let held = Arc::clone(&self.held);
        let pieces = unfold((bytes, range), move |(bytes, range)| {
            let end = range.end.min(range.start + PIECE);
            let whole = bytes.slice(range.start as usize..end as usize);
            let piece = (!range.is_empty()).then(|| Counted::bytes(whole, &held));
            async move { Some((Ok(piece?), (bytes, ByteRange { start: end, end: range.end }))) }
        });
        Ok(pieces.boxed())
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(MemoryWriter { objects: Arc::clone(&self.objects), key: key.clone(), bytes: BytesMut::new() }))
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        locked(&self.objects).remove(key);
        Ok(())
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let objects = locked(&self.objects);
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let mut keys = objects.range((from, Bound::Unbounded)).map(|(key, _)| key);
        let items: Vec<_> = keys.by_ref().take(limit).cloned().collect();
        let next = keys.next().and(items.last()).map(ToString::to_string);
        Ok(Page { items, next })
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let bytes = self.get(from, "storage.copy")?;
        locked(&self.objects).insert(to.clone(), bytes);
        Ok(())
    }
}

struct MemoryWriter {
    objects: Objects,
    key: StorageKey,
    bytes: BytesMut,
}

#[async_trait]
impl StorageWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<u64> {
        let size = self.bytes.len() as u64;
        locked(&self.objects).insert(self.key, self.bytes.freeze());
        Ok(size)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
