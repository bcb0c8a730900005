//! The downloader of a library behind the contract's trait. It pins, plans and fetches; where bytes go is the kernel's.

use std::sync::OnceLock;

use async_trait::async_trait;
use ballast_contract::downloader::message::{DownloaderCall, FetchedHead};
use ballast_contract::downloader::{
    Downloader, Fetched, Source, SourceCommit, SourceFile, SourceInfo, SourceProfile, SourceRef,
};
use ballast_contract::{Component, Health, Page, Result};
use ballast_types::{ByteRange, CommitId, Name};
use bytes::Bytes;
use serde_json::Value;

use super::declared::Made;
use super::loaded::Steps;
use super::messenger::Messenger;

const STEPS: Steps = Steps { start: "downloader.start", health: "downloader.health", stop: "downloader.stop" };

/// What stands for the address of a hub of which nothing is known.
pub(super) const NOWHERE: &str = "unavailable://";

/// The downloader of a library.
pub(crate) struct LoadedDownloader {
    messenger: Messenger,
    endpoint: OnceLock<String>,
}

impl LoadedDownloader {
    pub(super) fn new(made: Made) -> std::result::Result<Self, String> {
        // A remote hub may ask its readers to wait.
        let messenger = Messenger::streaming(made, "downloader", STEPS)?.patient();
        Ok(Self { messenger, endpoint: OnceLock::new() })
    }
}

#[async_trait]
impl Component for LoadedDownloader {
    async fn start(&self) -> Result<()> {
        self.messenger.loaded.start().await?;
        let endpoint: String = self.messenger.ask("downloader.endpoint", &DownloaderCall::Endpoint).await?;
        self.endpoint.get_or_init(|| endpoint);
        Ok(())
    }

    async fn health(&self) -> Health {
        self.messenger.loaded.health().await
    }

    async fn stop(&self) {
        self.messenger.loaded.stop().await;
    }
}

#[async_trait]
impl Downloader for LoadedDownloader {
    fn endpoint(&self) -> String {
        self.endpoint.get().cloned().unwrap_or_else(|| NOWHERE.to_owned())
    }

    async fn pin(&self, source: &Source) -> Result<CommitId> {
        self.messenger.ask("downloader.pin", &DownloaderCall::Pin { source: source.clone() }).await
    }

    async fn plan(&self, source: &Source, after: Option<String>) -> Result<Page<SourceFile>> {
        self.messenger.ask("downloader.plan", &DownloaderCall::Plan { source: source.clone(), after }).await
    }

    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        const FETCH: &str = "downloader.fetch";
        let call = DownloaderCall::Fetch { source: source.clone(), file: file.clone(), range };
        let (head, mut bytes) = self.messenger.stream::<FetchedHead>(FETCH, &call, Bytes::new()).await?;
        let came = head.range;
        let covers = came.start <= range.start && range.end <= came.end && came.end <= file.size;
        if !covers {
            let how = format!("it has bytes {} to {} for {} to {}", came.start, came.end, range.start, range.end);
            return Err(self.messenger.loaded.of(FETCH).misbehaved(how));
        }
        bytes.promise(came.len());
        Ok(Fetched { range: came, bytes: Box::pin(bytes) })
    }

    async fn history(&self, source: &Source, after: Option<String>) -> Result<Page<SourceCommit>> {
        self.messenger.ask("downloader.history", &DownloaderCall::History { source: source.clone(), after }).await
    }

    async fn describe(&self, source: &Source) -> Result<SourceInfo> {
        self.messenger.ask("downloader.describe", &DownloaderCall::Describe { source: source.clone() }).await
    }

    async fn check(&self, source: &Source) -> Result<()> {
        self.messenger.ask("downloader.check", &DownloaderCall::Check { source: source.clone() }).await
    }

    async fn refs(&self, source: &Source) -> Result<Vec<SourceRef>> {
        self.messenger.ask("downloader.refs", &DownloaderCall::Refs { source: source.clone() }).await
    }

    async fn profile(&self, name: &Name) -> Result<SourceProfile> {
        self.messenger.ask("downloader.profile", &DownloaderCall::Profile { name: name.clone() }).await
    }

    async fn analyze(&self, source: &Source) -> Result<Value> {
        self.messenger.ask("downloader.analyze", &DownloaderCall::Analyze { source: source.clone() }).await
    }
}
