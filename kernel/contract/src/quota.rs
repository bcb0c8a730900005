//! Quota: bytes promised and bytes kept. Level-triggered: the kernel says what a repository holds, the plugin says
//! whether there is room.

pub mod message;

use async_trait::async_trait;
use ballast_types::{NamespaceKey, RepoKey, ReservationId, Timestamp, Visibility};
use serde::{Deserialize, Serialize};

use crate::{Component, Result};

/// What a repository counts for: each namespace has an account for public and one for private bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    pub namespace: NamespaceKey,
    pub visibility: Visibility,
}

/// What has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", content = "of", rename_all = "snake_case")]
pub enum Scope {
    Account(Account),
    Repository(RepoKey),
}

/// How many bytes a repository holds. Later revisions win; an earlier one that arrives late changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub bytes: u64,
    pub revision: u64,
}

/// Where a scope stands, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub used: u64,
    pub reserved: u64,
    /// None is no limit. Where none was set, the instance's default.
    pub limit: Option<u64>,
}

/// Bytes to be promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub id: ReservationId,
    pub bytes: u64,
}

/// A limit as set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit", content = "bytes", rename_all = "snake_case")]
pub enum Limit {
    /// The instance's default; for a repository, that of its account.
    Default,
    Unlimited,
    Bytes(u64),
}

/// Keeps the books. Exact under concurrency, on every node: two reservations never both get the last byte.
#[async_trait]
pub trait Quota: Component {
    /// Says what a repository counts for: when it is made, moved, or its visibility changes. What it holds and has
    /// reserved moves with it at once. `OverLimit` where the new account has no room, unless `force`. Idempotent.
    async fn place(&self, repo: RepoKey, account: Account, force: bool) -> Result<()>;

    /// Promises these bytes until `expires`: all of them, or none. `OverLimit` where the account or the repository has
    /// no room; its context says how much there is. An id that is promised already is passed over. `NotFound` for a
    /// repository that was not placed.
    async fn reserve(&self, repo: RepoKey, reservations: &[Reservation], expires: Timestamp) -> Result<()>;

    /// Records what a repository holds and ends these reservations of it, in one step. The same again is harmless.
    /// `NotFound` for a repository that was not placed, or is forgotten.
    async fn settle(&self, repo: RepoKey, held: Held, reservations: &[ReservationId]) -> Result<()>;

    /// Ends reservations. Idempotent.
    async fn release(&self, reservations: &[ReservationId]) -> Result<()>;

    /// A deleted repository: its bytes and reservations are gone. Idempotent.
    async fn forget(&self, repo: RepoKey) -> Result<()>;

    /// Where each scope stands.
    async fn usage(&self, scopes: &[Scope]) -> Result<Vec<Usage>>;

    /// The limits as set.
    async fn limits(&self, scopes: &[Scope]) -> Result<Vec<Limit>>;

    /// Sets a limit. One below what is used takes nothing away and admits nothing more.
    async fn set_limit(&self, scope: Scope, limit: Limit) -> Result<()>;

    /// Ends the reservations whose time is over.
    async fn expire(&self, now: Timestamp) -> Result<()>;
}
