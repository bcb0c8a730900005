//! What stands in the place of an instance that is not required and could not be had.

use async_trait::async_trait;
use ballast_contract::storage::{Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Health, Page, Result};
use ballast_types::ByteRange;

/// Answers every call with the reason why there is nothing else to answer.
pub(crate) struct Absent {
    pub why: String,
}

impl Absent {
    fn answer<T>(&self, operation: &str) -> Result<T> {
        Err(Error::new(ErrorKind::Unavailable, operation, &self.why))
    }
}

#[async_trait]
impl Component for Absent {
    async fn start(&self) -> Result<()> {
        self.answer("storage.start")
    }

    async fn health(&self) -> Health {
        Health::Unavailable(self.why.clone())
    }
}

#[async_trait]
impl Storage for Absent {
    async fn stat(&self, _: &StorageKey) -> Result<u64> {
        self.answer("storage.stat")
    }

    async fn read(&self, _: &StorageKey, _: ByteRange) -> Result<ByteStream> {
        self.answer("storage.read")
    }

    async fn create(&self, _: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.answer("storage.create")
    }

    async fn delete(&self, _: &StorageKey) -> Result<()> {
        self.answer("storage.delete")
    }

    async fn list(&self, _: Option<&StorageKey>, _: usize) -> Result<Page<StorageKey>> {
        self.answer("storage.list")
    }

    async fn copy(&self, _: &StorageKey, _: &StorageKey) -> Result<()> {
        self.answer("storage.copy")
    }
}
