//! The quota of a library behind the contract's trait.

use async_trait::async_trait;
use ballast_contract::Result;
use ballast_contract::quota::message::QuotaCall;
use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_types::{RepoKey, ReservationId, Timestamp};

use super::declared::Made;
use super::loaded::{Loaded, Steps, lives};
use super::messenger::Messenger;

const STEPS: Steps = Steps { start: "quota.start", health: "quota.health", stop: "quota.stop" };

/// The quota of a library.
pub(crate) struct LoadedQuota(Messenger);

impl LoadedQuota {
    pub(super) fn new(made: Made) -> std::result::Result<Self, String> {
        Ok(Self(Messenger::new(made, "quota", STEPS)?))
    }

    fn loaded(&self) -> &Loaded {
        &self.0.loaded
    }
}

lives!(LoadedQuota);

#[async_trait]
impl Quota for LoadedQuota {
    async fn place(&self, repo: RepoKey, account: Account, force: bool) -> Result<()> {
        self.0.ask("quota.place", &QuotaCall::Place { repo, account, force }).await
    }

    async fn reserve(&self, repo: RepoKey, reservations: &[Reservation], expires: Timestamp) -> Result<()> {
        let reservations = reservations.to_vec();
        self.0.ask("quota.reserve", &QuotaCall::Reserve { repo, reservations, expires }).await
    }

    async fn settle(&self, repo: RepoKey, held: Held, reservations: &[ReservationId]) -> Result<()> {
        let reservations = reservations.to_vec();
        self.0.ask("quota.settle", &QuotaCall::Settle { repo, held, reservations }).await
    }

    async fn release(&self, reservations: &[ReservationId]) -> Result<()> {
        self.0.ask("quota.release", &QuotaCall::Release { reservations: reservations.to_vec() }).await
    }

    async fn forget(&self, repo: RepoKey) -> Result<()> {
        self.0.ask("quota.forget", &QuotaCall::Forget { repo }).await
    }

    async fn usage(&self, scopes: &[Scope]) -> Result<Vec<Usage>> {
        let call = QuotaCall::Usage { scopes: scopes.to_vec() };
        self.0.ask_each("quota.usage", &call, scopes.len()).await
    }

    async fn limits(&self, scopes: &[Scope]) -> Result<Vec<Limit>> {
        let call = QuotaCall::Limits { scopes: scopes.to_vec() };
        self.0.ask_each("quota.limits", &call, scopes.len()).await
    }

    async fn set_limit(&self, scope: Scope, limit: Limit) -> Result<()> {
        self.0.ask("quota.set_limit", &QuotaCall::SetLimit { scope, limit }).await
    }

    async fn expire(&self, now: Timestamp) -> Result<()> {
        self.0.ask("quota.expire", &QuotaCall::Expire { now }).await
    }
}
