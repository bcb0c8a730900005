//! `downloader.huggingface`: what a hub that speaks as huggingface.co does has, and its bytes.
//!
//! `reach` decides where requests may go and who sees the token, `gate` how many there are, `remote` what is tried again and
//! what answers mean; `listing` and `fetch` are the two things that are asked for, and `analyze` says by them what a
//! repository is (`survey` hands them to it); `describe` is what the remote hub itself tells of one.

mod analyze;
mod config;
mod describe;
mod fetch;
mod gate;
mod listing;
mod reach;
mod remote;
mod survey;

use async_trait::async_trait;
use ballast_contract::downloader::{
    Downloader, Fetched, Source, SourceCommit, SourceFile, SourceInfo, SourceProfile, SourceRef,
};
use ballast_contract::{Component, Error, ErrorKind, Page, Result};
use ballast_types::{ByteRange, CommitId, Name, Revision};

pub use config::HuggingFaceConfig;
use fetch::Places;
use remote::Remote;
use survey::Survey;

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

    async fn history(&self, source: &Source, after: Option<String>) -> Result<Page<SourceCommit>> {
        self.remote.commits(source, after).await
    }

    async fn describe(&self, source: &Source) -> Result<SourceInfo> {
        self.remote.describe(source).await
    }

    async fn check(&self, source: &Source) -> Result<()> {
        self.remote.check(source).await
    }

    async fn refs(&self, source: &Source) -> Result<Vec<SourceRef>> {
        self.remote.refs(source).await
    }

    async fn profile(&self, name: &Name) -> Result<SourceProfile> {
        self.remote.profile(name).await
    }

    async fn analyze(&self, source: &Source) -> Result<serde_json::Value> {
        let commit = self.remote.commit(source).await?;
        let pinned = Source { revision: Revision::new(commit.to_string()), ..source.clone() };
        let survey = Survey { remote: &self.remote, places: &self.places, source: &pinned };
        let analysis = analyze::analyze(&survey, source, &commit).await?;
        let odd = |error| Error::new(ErrorKind::Internal, "downloader.analyze", "the answer").with_source(error);
        serde_json::to_value(analysis).map_err::<Error, _>(odd)
    }
}
