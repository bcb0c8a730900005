//! Many calls in no order that anybody thought of.

use std::sync::Arc;

use ballast_contract::quota::{Account, Held, Limit, Reservation, Scope};
use ballast_types::{NamespaceKey, RepoKey, ReservationId, Timestamp, Visibility};
use futures::future::join_all;

use super::model::{Model, Step};
use super::{Instance, LATER, usage};
use crate::Random;

const REPOSITORIES: i64 = 5;
const ACCOUNTS: [Account; 4] = [account(1, true), account(1, false), account(2, true), account(2, false)];

const fn account(namespace: i64, private: bool) -> Account {
    let visibility = if private { Visibility::Private } else { Visibility::Public };
    Account { namespace: NamespaceKey(namespace), visibility }
}

/// Steps by chance.
struct Dice(Random);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        self.0.below(end as usize) as u64
    }

    fn key(&self, end: i64) -> i64 {
        self.below(end.unsigned_abs()) as i64
    }

    fn account(&self) -> Account {
        ACCOUNTS[self.below(4) as usize]
    }

    fn ids(&self) -> Vec<ReservationId> {
        (0..self.below(4)).map(|_| ReservationId(self.key(30))).collect()
    }

    fn promises(&self) -> Vec<Reservation> {
        let mut ids = self.ids();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(|id| Reservation { id, bytes: self.below(200) }).collect()
    }

    /// One revision always holds the same.
    fn held(&self) -> Held {
        let revision = self.below(20);
        Held { revision, bytes: revision * 37 % 400 }
    }

    fn step(&self) -> Step {
        let repo = RepoKey(self.key(REPOSITORIES));
        match self.below(20) {
            0..4 => Step::Place(repo, self.account(), self.below(4) == 0),
            4..11 => Step::Reserve(repo, self.promises(), Timestamp(self.key(100))),
            11..15 => Step::Settle(repo, self.held(), self.ids()),
            15..17 => Step::Release(self.ids()),
            17 => Step::Forget(repo),
            18 if self.below(2) == 0 => Step::SetLimit(self.account(), Limit::Default),
            18 => Step::SetLimit(self.account(), Limit::Bytes(self.below(1200))),
            _ => Step::Expire(Timestamp(self.key(100))),
        }
    }
}

pub(super) async fn random_schedules_agree_with_a_simple_model(quota: &Instance) {
    let mut scopes: Vec<_> = ACCOUNTS.into_iter().map(Scope::Account).collect();
    scopes.extend((0..REPOSITORIES).map(|repo| Scope::Repository(RepoKey(repo))));
    let mut model = Model::default();
    let dice = Dice(Random::new(20_261_121));
    for number in 0..400 {
        let step = dice.step();
        let expected = model.apply(step.clone());
        assert_eq!(step.clone().apply(quota.as_ref()).await, expected, "step {number}: {step:?}");
        let standing: Vec<_> = scopes.iter().map(|scope| model.usage(*scope)).collect();
        assert_eq!(quota.usage(&scopes).await.unwrap(), standing, "after step {number}: {step:?}");
    }
}

/// Each task knows its own repository exactly; the accounts are common to all, and one of them is tight.
pub(super) async fn writers_of_many_repositories_add_up(quota: &Instance) {
    const TASKS: i64 = 16;
    const TIGHT: u64 = 3000;
    quota.set_limit(Scope::Account(ACCOUNTS[0]), Limit::Bytes(TIGHT)).await.unwrap();
    let tasks = (0..TASKS).map(|task| tokio::spawn(write(Arc::clone(quota), task)));
    let held: Vec<_> = join_all(tasks).await.into_iter().map(|written| written.unwrap()).collect();
    for account in ACCOUNTS {
        let sum: u64 = held.iter().filter(|(place, _)| *place == account).map(|(_, bytes)| bytes).sum();
        let standing = usage(quota, Scope::Account(account)).await;
        assert_eq!((standing.used, standing.reserved), (sum, 0), "{account:?}");
    }
}

/// Writes, moves and gives up for a while; answers where the repository is in the end, and what it holds.
async fn write(quota: Instance, task: i64) -> (Account, u64) {
    let repo = RepoKey(100 + task);
    let dice = Dice(Random::new(task.unsigned_abs()));
    let (mut place, mut bytes) = (dice.account(), 0);
    quota.place(repo, place, false).await.unwrap();
    for turn in 0..12 {
        let promise = Reservation { id: ReservationId(task * 1000 + turn), bytes: dice.below(300) };
        if quota.reserve(repo, &[promise], LATER).await.is_ok() {
            if dice.below(3) == 0 {
                quota.release(&[promise.id]).await.unwrap();
            } else {
                bytes += promise.bytes;
                let held = Held { bytes, revision: turn.unsigned_abs() + 1 };
                quota.settle(repo, held, &[promise.id]).await.unwrap();
            }
        }
        let to = dice.account();
        if quota.place(repo, to, false).await.is_ok() {
            place = to;
        }
        let tight = usage(&quota, Scope::Account(ACCOUNTS[0])).await;
        assert!(tight.limit.is_some_and(|limit| tight.used + tight.reserved <= limit), "{tight:?}");
        let own = usage(&quota, Scope::Repository(repo)).await;
        assert_eq!((own.used, own.reserved), (bytes, 0), "{repo}");
    }
    (place, bytes)
}
