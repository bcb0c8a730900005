//! The books as a few maps: so simple that it is right.

use std::collections::BTreeMap;

use ballast_contract::ErrorKind;
use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_types::{RepoKey, ReservationId, Timestamp};

/// One call.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Place(RepoKey, Account, bool),
    Reserve(RepoKey, Vec<Reservation>, Timestamp),
    Settle(RepoKey, Held, Vec<ReservationId>),
    Release(Vec<ReservationId>),
    Forget(RepoKey),
    SetLimit(Account, Limit),
    Expire(Timestamp),
}

impl Step {
    /// Makes the call.
    pub(super) async fn apply(self, quota: &dyn Quota) -> Result<(), ErrorKind> {
        let done = match self {
            Self::Place(repo, account, force) => quota.place(repo, account, force).await,
            Self::Reserve(repo, promises, expires) => quota.reserve(repo, &promises, expires).await,
            Self::Settle(repo, held, ended) => quota.settle(repo, held, &ended).await,
            Self::Release(ended) => quota.release(&ended).await,
            Self::Forget(repo) => quota.forget(repo).await,
            Self::SetLimit(account, limit) => quota.set_limit(Scope::Account(account), limit).await,
            Self::Expire(now) => quota.expire(now).await,
        };
        done.map_err(|error| error.kind)
    }
}

struct Promise {
    repo: RepoKey,
    bytes: u64,
    expires: Timestamp,
}

#[derive(Default)]
pub(super) struct Model {
    repositories: BTreeMap<RepoKey, (Account, Held)>,
    promises: BTreeMap<ReservationId, Promise>,
    limits: BTreeMap<Account, u64>,
}

impl Model {
    /// What the call should answer, done.
    pub(super) fn apply(&mut self, step: Step) -> Result<(), ErrorKind> {
        match step {
            Step::Place(repo, to, force) => self.place(repo, to, force)?,
            Step::Reserve(repo, promises, expires) => self.reserve(repo, promises, expires)?,
            Step::Settle(repo, held, ended) => {
                let (_, known) = self.repositories.get_mut(&repo).ok_or(ErrorKind::NotFound)?;
                if held.revision >= known.revision {
                    *known = held;
                }
                self.promises.retain(|id, promise| promise.repo != repo || !ended.contains(id));
            }
            Step::Release(ended) => self.promises.retain(|id, _| !ended.contains(id)),
            Step::Forget(repo) => {
                self.repositories.remove(&repo);
                self.promises.retain(|_, promise| promise.repo != repo);
            }
            Step::SetLimit(account, Limit::Bytes(bytes)) => {
                self.limits.insert(account, bytes);
            }
            Step::SetLimit(account, _) => {
                self.limits.remove(&account);
            }
            Step::Expire(now) => self.promises.retain(|_, promise| promise.expires > now),
        }
        Ok(())
    }

    fn place(&mut self, repo: RepoKey, to: Account, force: bool) -> Result<(), ErrorKind> {
        let (from, held) = self.repositories.get(&repo).copied().unwrap_or((to, Held::default()));
        if from != to && !force {
            self.admit(to, held.bytes + self.reserved(repo))?;
        }
        self.repositories.insert(repo, (to, held));
        Ok(())
    }

    fn reserve(&mut self, repo: RepoKey, mut new: Vec<Reservation>, expires: Timestamp) -> Result<(), ErrorKind> {
        let (account, _) = *self.repositories.get(&repo).ok_or(ErrorKind::NotFound)?;
        new.retain(|promise| !self.promises.contains_key(&promise.id));
        self.admit(account, new.iter().map(|promise| promise.bytes).sum())?;
        for Reservation { id, bytes } in new {
            self.promises.insert(id, Promise { repo, bytes, expires });
        }
        Ok(())
    }

    fn admit(&self, account: Account, bytes: u64) -> Result<(), ErrorKind> {
        let Usage { used, reserved, limit } = self.usage(Scope::Account(account));
        let fits = bytes == 0 || limit.is_none_or(|limit| used + reserved + bytes <= limit);
        fits.then_some(()).ok_or(ErrorKind::OverLimit)
    }

    fn reserved(&self, repo: RepoKey) -> u64 {
        self.promises.values().filter(|promise| promise.repo == repo).map(|promise| promise.bytes).sum()
    }

    /// Where a scope stands.
    pub(super) fn usage(&self, scope: Scope) -> Usage {
        match scope {
            Scope::Repository(repo) => self.repositories.get(&repo).map_or_else(Usage::default, |(account, held)| {
                let limit = self.limits.get(account).copied();
                Usage { used: held.bytes, reserved: self.reserved(repo), limit }
            }),
            Scope::Account(account) => {
                let mut sum = Usage { limit: self.limits.get(&account).copied(), ..Usage::default() };
                for (repo, (_, held)) in self.repositories.iter().filter(|(_, (place, _))| *place == account) {
                    sum.used += held.bytes;
                    sum.reserved += self.reserved(*repo);
                }
                sum
            }
        }
    }
}
