//! `downloader.huggingface`: what a hub that speaks as huggingface.co does has, and its bytes.
//!
//! `reach` decides where requests may go and who sees the token, `gate` how many there are, `remote` what is tried again and
//! what answers mean; `listing` and `fetch` are the two things that are asked for.

pub mod analyze;
mod config;
mod fetch;
mod gate;
mod listing;
mod reach;
mod remote;

use async_trait::async_trait;
use ballast_contract::downloader::{Downloader, Fetched, Source, SourceFile};
use ballast_contract::{Component, Error, ErrorKind, Page, Result};
use ballast_types::{ByteRange, CommitId};

pub use config::HuggingFaceConfig;
use fetch::Places;
use remote::Remote;

/// The instance.
pub struct HuggingFace {
    remote: Remote,
    places: Places,
}

/// An instance that reads one remote hub; nothing is sent before it is asked for something.
pub async fn open(config: HuggingFaceConfig) -> Result<HuggingFace> {
    Ok(HuggingFace { remote: Remote::new(&config)?, places: Places::default() })
}

impl Component for HuggingFace {}

#[async_trait]
impl Downloader for HuggingFace {
    fn endpoint(&self) -> String {
        self.remote.endpoint.as_str().trim_end_matches('/').to_owned()
    }

    async fn pin(&self, source: &Source) -> Result<CommitId> {
        self.remote.commit(source).await
    }

    async fn plan(&self, source: &Source, after: Option<String>) -> Result<Page<SourceFile>> {
        self.remote.page(source, after).await
    }

    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        self.remote.fetch(&self.places, source, file, range).await
    }

    async fn analyze(&self, _: &Source) -> Result<serde_json::Value> {
        Err(Error::new(ErrorKind::Unsupported, "downloader.analyze", "this downloader does not analyze repositories"))
    }
}
