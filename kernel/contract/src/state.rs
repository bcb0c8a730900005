//! Durable rows for a plugin that has no database of its own.

pub mod message;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Page, Result};

/// A value and how often it was written; the first write makes it 1. A key that is deleted and made anew begins at 1 again:
/// who compares versions across that keeps the key, and says in its value that it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned {
    pub value: Vec<u8>,
    pub version: u64,
}

/// A write that happens only where the key still has the version that the writer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteIf {
    pub key: String,
    /// 0 where the key must be absent.
    pub version: u64,
    /// None deletes.
    pub value: Option<Vec<u8>>,
}

/// A key-value space that belongs to one plugin instance, is durable, and is the same on every node.
#[async_trait]
pub trait State: Send + Sync + 'static {
    /// The value of a key.
    async fn get(&self, key: &str) -> Result<Option<Versioned>>;

    /// All of these writes, or none (`false`) when a version does not match.
    async fn apply(&self, writes: Vec<WriteIf>) -> Result<bool>;

    /// Keys that begin with `prefix`, in byte order.
    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<(String, Versioned)>>;
}
