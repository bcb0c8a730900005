//! What a quota is asked over the C tables: one JSON message, one answer. Keys may come to be known, and none goes.

use ballast_types::{RepoKey, ReservationId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Account, Held, Limit, Quota, Reservation, Scope};
use crate::Result;
use crate::message::json;

/// A call of [`Quota`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum QuotaCall {
    Place { repo: RepoKey, account: Account, force: bool },
    Reserve { repo: RepoKey, reservations: Vec<Reservation>, expires: Timestamp },
    Settle { repo: RepoKey, held: Held, reservations: Vec<ReservationId> },
    Release { reservations: Vec<ReservationId> },
    Forget { repo: RepoKey },
    Usage { scopes: Vec<Scope> },
    Limits { scopes: Vec<Scope> },
    SetLimit { scope: Scope, limit: Limit },
    Expire { now: Timestamp },
}

impl QuotaCall {
    /// Makes the call, and answers with the JSON of what it answers.
    pub async fn answer(self, quota: &dyn Quota) -> Result<Vec<u8>> {
        match self {
            Self::Place { repo, account, force } => json(&quota.place(repo, account, force).await?),
            Self::Reserve { repo, reservations, expires } => json(&quota.reserve(repo, &reservations, expires).await?),
            Self::Settle { repo, held, reservations } => json(&quota.settle(repo, held, &reservations).await?),
            Self::Release { reservations } => json(&quota.release(&reservations).await?),
            Self::Forget { repo } => json(&quota.forget(repo).await?),
            Self::Usage { scopes } => json(&quota.usage(&scopes).await?),
            Self::Limits { scopes } => json(&quota.limits(&scopes).await?),
            Self::SetLimit { scope, limit } => json(&quota.set_limit(scope, limit).await?),
            Self::Expire { now } => json(&quota.expire(now).await?),
        }
    }
}
