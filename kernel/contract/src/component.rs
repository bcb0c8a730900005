//! What every plugin instance has, whatever its role: a life and a state of health.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Result;

/// How an instance is, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Health {
    /// It does its work.
    Ready,
    /// It does part of its work, or slowly.
    Degraded(String),
    /// It cannot do its work now.
    Unavailable(String),
}

/// opened (config read, no I/O) → `start` → `health` as often as asked → `stop`.
#[async_trait]
pub trait Component: Send + Sync + 'static {
    /// Connects, prepares, migrates. An error keeps the hub from starting unless the instance is not required.
    async fn start(&self) -> Result<()> {
        Ok(())
    }

    /// Asked by `/readyz`; answers within a second or two and changes nothing.
    async fn health(&self) -> Health {
        Health::Ready
    }

    /// Ends the work. Idempotent, and safe after a failed start.
    async fn stop(&self) {}
}
