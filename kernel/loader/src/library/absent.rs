//! What stands in the place of an instance that is not required and could not be had.

use async_trait::async_trait;
use ballast_contract::auth::{Auth, Credential, Identity};
use ballast_contract::downloader::{Downloader, Fetched, Source, SourceFile};
use ballast_contract::endpoints::{Endpoints, Request, Response};
use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_contract::storage::{Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Health, Page, Result};
use ballast_types::{ByteRange, CommitId, RepoKey, ReservationId, Timestamp};

use super::downloader::NOWHERE;

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
        self.answer("plugin.start")
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

#[async_trait]
impl Auth for Absent {
    /// Nothing is its own: others may know the credential.
    async fn authenticate(&self, _: &Credential) -> Result<Option<Identity>> {
        Ok(None)
    }

    async fn is_valid(&self, _: &str) -> Result<bool> {
        self.answer("auth.is_valid")
    }
}

#[async_trait]
impl Quota for Absent {
    async fn place(&self, _: RepoKey, _: Account, _: bool) -> Result<()> {
        self.answer("quota.place")
    }

    async fn reserve(&self, _: RepoKey, _: &[Reservation], _: Timestamp) -> Result<()> {
        self.answer("quota.reserve")
    }

    async fn settle(&self, _: RepoKey, _: Held, _: &[ReservationId]) -> Result<()> {
        self.answer("quota.settle")
    }

    async fn release(&self, _: &[ReservationId]) -> Result<()> {
        self.answer("quota.release")
    }

    async fn forget(&self, _: RepoKey) -> Result<()> {
        self.answer("quota.forget")
    }

    async fn usage(&self, _: &[Scope]) -> Result<Vec<Usage>> {
        self.answer("quota.usage")
    }

    async fn limits(&self, _: &[Scope]) -> Result<Vec<Limit>> {
        self.answer("quota.limits")
    }

    async fn set_limit(&self, _: Scope, _: Limit) -> Result<()> {
        self.answer("quota.set_limit")
    }

    async fn expire(&self, _: Timestamp) -> Result<()> {
        self.answer("quota.expire")
    }
}

#[async_trait]
impl Downloader for Absent {
    fn endpoint(&self) -> String {
        NOWHERE.to_owned()
    }

    async fn pin(&self, _: &Source) -> Result<CommitId> {
        self.answer("downloader.pin")
    }

    async fn plan(&self, _: &Source, _: Option<String>) -> Result<Page<SourceFile>> {
        self.answer("downloader.plan")
    }

    async fn fetch(&self, _: &Source, _: &SourceFile, _: ByteRange) -> Result<Fetched> {
        self.answer("downloader.fetch")
    }

    async fn analyze(&self, _: &Source) -> Result<serde_json::Value> {
        self.answer("downloader.analyze")
    }
}

#[async_trait]
impl Endpoints for Absent {
    async fn answer(&self, _: Request) -> Result<Response> {
        self.answer("endpoints.answer")
    }
}
