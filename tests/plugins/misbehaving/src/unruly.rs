//! The store in memory, with faults in front of it.

use ballast_sdk::bytes::Bytes;
use ballast_sdk::futures::StreamExt;
use ballast_sdk::futures::stream::unfold;
use ballast_sdk::storage::{Storage, StorageKey, StorageWriter};
use ballast_sdk::types::ByteRange;
use ballast_sdk::{ByteStream, Component, Health, Page, Result, async_trait};

use crate::fault::{Fault, Faults, Trap};
use crate::memory::{HELD_BUFFERS, Memory};

pub struct Unruly {
    memory: Memory,
    faults: Faults,
    _trap: Option<Trap>,
}

impl Unruly {
    pub fn new(faults: Faults) -> Self {
        let trap = ballast_sdk::futures::executor::block_on(faults.here("destroy"));
        Self { memory: Memory::default(), faults, _trap: trap }
    }
}

#[async_trait]
impl Component for Unruly {
    async fn start(&self) -> Result<()> {
        let _trap = self.faults.here("start").await;
        self.memory.start().await
    }

    async fn health(&self) -> Health {
        let _trap = self.faults.here("health").await;
        self.memory.health().await
    }

    async fn stop(&self) {
        let _trap = self.faults.here("stop").await;
        self.memory.stop().await;
    }
}

#[async_trait]
impl Storage for Unruly {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        // So that a fault can be looked behind.
        if key.as_str() == HELD_BUFFERS {
            return self.memory.stat(key).await;
        }
        let _trap = self.faults.here("stat").await;
        self.memory.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let _trap = self.faults.here("read").await;
        let stream = self.memory.read(key, range).await?;
        let (faults, trap) = (self.faults.clone(), None::<Trap>);
        let bent = unfold((stream, faults, trap, 0), |(mut stream, faults, mut trap, count)| async move {
            if count == 1 {
                trap = faults.here("piece").await;
            }
            let piece = stream.next().await.map(|piece| piece.map(|piece| resized(&faults, piece, count)));
            Some((piece?, (stream, faults, trap, count + 1)))
        });
        Ok(bent.boxed())
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let trap = self.faults.here("create").await;
        let writer = self.memory.create(key).await?;
        Ok(Box::new(UnrulyWriter { writer, faults: self.faults.clone(), _trap: trap }))
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        let _trap = self.faults.here("remove").await;
        self.memory.delete(key).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let _trap = self.faults.here("list").await;
        let mut page = self.memory.list(after, limit).await?;
        if self.faults.of("list") == Some(Fault::More) {
            page.items.extend(page.items.last().cloned());
        }
        Ok(page)
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let _trap = self.faults.here("copy").await;
        self.memory.copy(from, to).await
    }
}

/// The first piece, a byte shorter or longer.
fn resized(faults: &Faults, piece: Bytes, count: usize) -> Bytes {
    match (count, faults.of("piece")) {
        (0, Some(Fault::Fewer)) => piece.slice(1..),
        (0, Some(Fault::More)) => [&piece[..], b"!"].concat().into(),
        _ => piece,
    }
}

struct UnrulyWriter {
    writer: Box<dyn StorageWriter>,
    faults: Faults,
    _trap: Option<Trap>,
}

#[async_trait]
impl StorageWriter for UnrulyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let _trap = self.faults.here("write").await;
        self.writer.write(bytes).await
    }

    async fn commit(self: Box<Self>) -> Result<u64> {
        let Self { writer, faults, _trap } = *self;
        let _trap = faults.here("commit").await;
        Ok(faults.bent("commit", writer.commit().await?))
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        let Self { writer, faults, _trap } = *self;
        let _trap = faults.here("abort").await;
        writer.abort().await
    }
}
