//! `storage.opendal`: bytes in a folder, in a bucket of any provider that speaks S3, or in memory, through OpenDAL.
//!
//! What OpenDAL promises less than the contract is done here: a folder's objects become visible whole and durable, and
//! its keys are listed in order (`folder`); a bucket's clients send and get by signed URLs (`bucket`). Everything else
//! goes to OpenDAL as it is (`service`).

mod bucket;
mod config;
mod failure;
mod folder;
mod remote;
mod service;

use std::sync::OnceLock;

use async_trait::async_trait;
use ballast_contract::storage::{Assembly, LocalFiles, Presign, Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Health, Page, Result};
use ballast_types::ByteRange;
use opendal::{Operator, services};

use bucket::{Bucket, Place};
pub use config::{Checksum, OpendalConfig, Presigned, Scheme};
use folder::Folder;
use service::{Service, Traits};

/// The instance.
pub struct OpendalStorage {
    config: OpendalConfig,
    folder: Option<Folder>,
    /// Made when the instance starts: that touches a disk, or asks a provider.
    started: OnceLock<Started>,
}

/// What a started instance goes through.
enum Started {
    /// On this machine.
    Here(Service),
    At(Box<Bucket>),
}

/// An instance; nothing is read or written before it starts. `Invalid` where an option is missing, makes no sense, or
/// belongs to another scheme.
pub async fn open(config: OpendalConfig) -> Result<OpendalStorage> {
    config.check()?;
    let folder = match config.scheme {
        Scheme::Fs => Some(Folder::new(&config.root)?),
        Scheme::S3 => Place::of(&config).map(|_| None)?,
        Scheme::Memory => None,
    };
    Ok(OpendalStorage { config, folder, started: OnceLock::new() })
}

impl OpendalStorage {
    fn service(&self) -> Result<&Service> {
        match self.started.get() {
            Some(Started::Here(service)) => Ok(service),
            Some(Started::At(bucket)) => Ok(&bucket.service),
            None => Err(Error::new(ErrorKind::Unavailable, "storage", "the storage instance has not started")),
        }
    }

    fn bucket(&self) -> Option<&Bucket> {
        match self.started.get() {
            Some(Started::At(bucket)) => Some(bucket),
            _ => None,
        }
    }

    async fn connect(&self) -> Result<Started> {
        let operator = match self.config.scheme {
            Scheme::S3 => return Ok(Started::At(Box::new(Bucket::start(&self.config).await?))),
            Scheme::Fs => Operator::new(services::Fs::default().root(&self.config.root)),
            Scheme::Memory => Operator::new(services::Memory::default()),
        };
        let failed = |error| failure::told(error, "storage.start", self.config.scheme.name());
        Ok(Started::Here(Service::new(operator.map_err(failed)?, Traits::default())))
    }
}

#[async_trait]
impl Component for OpendalStorage {
    async fn start(&self) -> Result<()> {
        if let Some(folder) = &self.folder {
            folder.prepare().await?;
        }
        if self.started.get().is_none() {
            let started = self.connect().await?;
            // A second start finds the first one's, which is as good.
            self.started.get_or_init(|| started);
        }
        Ok(())
    }

    async fn health(&self) -> Health {
        let checked = match (&self.folder, self.bucket()) {
            (Some(folder), _) => self.service().map(drop).and(folder.check().await),
            (None, Some(bucket)) => bucket.check().await,
            (None, None) => match self.service() {
                Ok(service) => service.check().await,
                Err(error) => Err(error),
            },
        };
        match checked {
            Ok(()) => Health::Ready,
            Err(error) => Health::Unavailable(error.to_string()),
        }
    }

    async fn stop(&self) {
        if let Some(bucket) = self.bucket() {
            bucket.stop();
        }
    }
}

#[async_trait]
impl Storage for OpendalStorage {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        self.service()?.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.service()?.read(key, range).await
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.create(key).await,
            None => service.create(key).await,
        }
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.delete(std::slice::from_ref(key)).await,
            None => service.delete(key).await,
        }
    }

    async fn delete_many(&self, keys: &[StorageKey]) -> Result<()> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.delete(keys).await,
            None if self.config.delete_many => service.delete_many(keys).await,
            None => service.delete_each(keys).await,
        }
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.list(after, limit).await,
            None => service.list(after, limit).await,
        }
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.copy(from, to).await,
            None => service.copy(from, to).await,
        }
    }

    fn presign(&self) -> Option<&dyn Presign> {
        self.bucket()?.presign()
    }

    fn files(&self) -> Option<&dyn LocalFiles> {
        self.folder.as_ref().map(|folder| folder as _)
    }

    fn assembly(&self) -> Option<&dyn Assembly> {
        self.folder.as_ref().map(|folder| folder as _)
    }
}

/// A page of `limit` out of keys in order, of which one more was asked for to see whether there are more.
fn page(mut keys: Vec<StorageKey>, limit: usize) -> Page<StorageKey> {
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(ToString::to_string);
    Page { items: keys, next }
}
