//! `storage.opendal`: bytes in a folder or in memory, through OpenDAL.
//!
//! What OpenDAL promises less than the contract is done here: a folder's objects become visible whole and durable, and
//! its keys are listed in order (`folder`). Everything else goes to OpenDAL as it is (`service`).

mod config;
mod failure;
mod folder;
mod service;

use std::sync::OnceLock;

use async_trait::async_trait;
use ballast_contract::storage::{LocalFiles, Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Health, Page, Result};
use ballast_types::ByteRange;

pub use config::OpendalConfig;
use config::Scheme;
use folder::{Folder, Lasting};
use service::Service;

/// The instance.
pub struct OpendalStorage {
    scheme: Scheme,
    options: std::collections::BTreeMap<String, String>,
    folder: Option<Folder>,
    /// Made when the instance starts, because for a folder OpenDAL touches the disk to make it.
    service: OnceLock<Service>,
}

/// An instance; nothing is read or written before it starts. `Invalid` where the scheme or an option is unknown, or a
/// folder has no root.
pub async fn open(config: OpendalConfig) -> Result<OpendalStorage> {
    let (scheme, options) = config.read()?;
    let folder = match (scheme, options.get("root")) {
        (Scheme::Fs, Some(root)) if !root.is_empty() => Some(Folder::new(root)?),
        (Scheme::Fs, _) => {
            let context = "scheme 'fs' needs 'root', the folder where bytes lie";
            return Err(Error::new(ErrorKind::Invalid, "storage.open", context));
        }
        (Scheme::Memory, _) => None,
    };
    Ok(OpendalStorage { scheme, options, folder, service: OnceLock::new() })
}

impl OpendalStorage {
    fn service(&self) -> Result<&Service> {
        let unstarted = || Error::new(ErrorKind::Unavailable, "storage", "the storage instance has not started");
        self.service.get().ok_or_else(unstarted)
    }
}

#[async_trait]
impl Component for OpendalStorage {
    async fn start(&self) -> Result<()> {
        if let Some(folder) = &self.folder {
            folder.prepare().await?;
        }
        let service = Service::new(self.scheme.operator(self.options.clone())?);
        // A second start finds the first one's handle, which is as good.
        self.service.get_or_init(|| service);
        Ok(())
    }

    async fn health(&self) -> Health {
        let checked = match (&self.folder, self.service()) {
            (Some(folder), Ok(_)) => folder.check().await,
            (None, Ok(service)) => service.check().await,
            (_, Err(error)) => Err(error),
        };
        match checked {
            Ok(()) => Health::Ready,
            Err(error) => Health::Unavailable(error.to_string()),
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
            Some(folder) => folder.create(key, Lasting::Yes).await,
            None => service.create(key).await,
        }
    }

    async fn create_passing(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let service = self.service()?;
        match &self.folder {
            Some(folder) => folder.create(key, Lasting::No).await,
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
            None => service.delete_many(keys).await,
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

    fn files(&self) -> Option<&dyn LocalFiles> {
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
