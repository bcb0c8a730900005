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

/// Told by whoever wired the hub together.
#[async_trait]
pub trait Status: Send + Sync + 'static {
    /// Every part and how it is now. Empty while the hub starts or drains.
    async fn parts(&self) -> Vec<PartState>;

    /// Whether new requests should come here: false while the hub starts and from the moment it drains.
    fn accepting(&self) -> bool;

    /// All metrics, in Prometheus' text format.
    fn metrics(&self) -> String;
}
