//! What the server knows of itself and the API only passes on.

use async_trait::async_trait;

/// One part of the hub and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartState {
    /// `storage.main`, `database`.
    pub name: String,
    pub ready: bool,
    /// What is wrong, where something is.
    pub reason: Option<String>,
}

/// A plugin's instance and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginState {
    /// `storage`, `versioning`, `auth`, `quota`, `downloader` or `endpoints`.
    pub role: String,
    /// Its name in the configuration.
    pub instance: String,
    /// `storage.opendal`
    pub plugin: String,
    pub version: String,
    /// Whether the hub is not ready without it.
    pub required: bool,
    /// `ready`, `degraded` or `unavailable`.
    pub state: &'static str,
    /// What is wrong, where something is.
    pub reason: Option<String>,
    /// What it can besides its role's common work, in words of the contract: `presign`, `rewriting`.
    pub capabilities: Vec<&'static str>,
}

/// Told by whoever wired the hub together.
#[async_trait]
pub trait Status: Send + Sync + 'static {
    /// Every part and how it is now. Empty while the hub starts or drains.
    async fn parts(&self) -> Vec<PartState>;

    /// Every plugin's instance and how it is now.
    async fn plugins(&self) -> Vec<PluginState>;

    /// Whether new requests should come here: false while the hub starts and from the moment it drains.
    fn accepting(&self) -> bool;

    /// All metrics, in Prometheus' text format.
    fn metrics(&self) -> String;
}
