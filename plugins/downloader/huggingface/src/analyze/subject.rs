//! What the analyzer asks of a repository: the whole of its view of the world.

use async_trait::async_trait;
use ballast_contract::downloader::{Fetched, SourceFile};
use ballast_contract::{Page, Result};
use ballast_types::ByteRange;
use serde::Serialize;
use serde_json::Value;

/// A repository at one commit. Whoever implements it answers for time-outs, retries and tokens; the analyzer answers for
/// how much it asks.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A page of its files.
    async fn files(&self, after: Option<String>) -> Result<Page<SourceFile>>;

    /// Its branches and tags.
    async fn refs(&self) -> Result<Vec<Ref>>;

    /// What its hub says about it.
    async fn about(&self) -> Result<About>;

    /// Bytes of one file, as `Downloader::fetch` has them: the range, or more around it where the hub sends no parts.
    async fn read(&self, file: &SourceFile, range: ByteRange) -> Result<Fetched>;
}

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ref {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: RefType,
    /// The commit it points to, where the hub tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What sort of ref it is; others are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefType {
    Branch,
    Tag,
}

/// What a hub's info of a repository says. All of it may be missing; the card's text in the repository is read then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// `pipeline_tag`
    pub pipeline_tag: Option<String>,
    /// `library_name`
    pub library: Option<String>,
    /// `tags`
    pub tags: Vec<String>,
    /// `cardData`, null where the hub sent none.
    pub card: Value,
}
