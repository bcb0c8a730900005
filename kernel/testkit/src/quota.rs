//! What a quota plugin keeps its promises by.
#![allow(clippy::unwrap_used)]

mod model;
mod schedule;

use std::sync::Arc;

use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_contract::{Error, ErrorKind, Health, Result};
use ballast_types::{NamespaceKey, RepoKey, ReservationId, Timestamp, Visibility};
use futures::future::join_all;
use schedule::{random_schedules_agree_with_a_simple_model, writers_of_many_repositories_add_up};

type Instance = Arc<dyn Quota>;

const PRIVATE: Account = Account { namespace: NamespaceKey(1), visibility: Visibility::Private };
const PUBLIC: Account = Account { namespace: NamespaceKey(1), visibility: Visibility::Public };
const REPO: RepoKey = RepoKey(10);
const OTHER: RepoKey = RepoKey(11);
const LATER: Timestamp = Timestamp(1_000_000);

/// Runs every check, each on a fresh instance that is not started and whose defaults are unlimited. `fresh` answers
/// with the instance what must live as long as it does.
pub async fn conforms<K>(fresh: impl AsyncFn() -> (Instance, K)) {
    macro_rules! each {
        ($($check:ident)*) => {$({
            let (quota, _kept) = fresh().await;
            // Shown by the test runner only where the check fails.
            println!("quota: {}", stringify!($check));
            quota.start().await.unwrap();
            assert_eq!(quota.health().await, Health::Ready);
            $check(&quota).await;
            quota.stop().await;
            quota.stop().await;
        })*};
    }
    each! {
        nothing_is_used_and_nothing_limited_to_begin_with
        a_repository_that_was_not_placed_gets_no_promise
        a_promise_counts_until_it_is_settled
        a_promise_counts_until_it_is_released
        a_promise_counts_until_its_time_is_over
        promises_are_made_all_or_none
        a_promise_made_again_is_passed_over
        the_last_byte_fits_and_no_further
        what_does_not_fit_is_told_in_numbers
        the_limit_of_a_repository_holds_beside_that_of_its_account
        a_limit_below_what_is_used_admits_nothing_more
        what_was_written_is_recorded_above_the_limit
        limits_are_as_set
        the_latest_revision_wins
        settling_ends_no_promise_of_another_repository
        a_repository_takes_its_bytes_along
        a_repository_moves_only_where_there_is_room
        a_forgotten_repository_leaves_nothing
        a_number_that_cannot_be_kept_is_refused
        many_at_once_never_share_the_last_byte
        the_same_promise_by_many_at_once_is_one
        random_schedules_agree_with_a_simple_model
        writers_of_many_repositories_add_up
    }
}

fn promise(id: i64, bytes: u64) -> Reservation {
    Reservation { id: ReservationId(id), bytes }
}

fn ids<const N: usize>(ids: [i64; N]) -> [ReservationId; N] {
    ids.map(ReservationId)
}

fn used(used: u64, reserved: u64) -> (u64, u64) {
    (used, reserved)
}

async fn usage(quota: &Instance, scope: Scope) -> Usage {
    let found = quota.usage(&[scope]).await.unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

async fn standing(quota: &Instance, scope: Scope) -> (u64, u64) {
    let Usage { used, reserved, .. } = usage(quota, scope).await;
    (used, reserved)
}

async fn placed(quota: &Instance) {
    quota.place(REPO, PRIVATE, false).await.unwrap();
    quota.place(OTHER, PRIVATE, false).await.unwrap();
}

async fn reserve(quota: &Instance, repo: RepoKey, id: i64, bytes: u64) -> Result<()> {
    quota.reserve(repo, &[promise(id, bytes)], LATER).await
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.map_err(|error: Error| error.kind).unwrap_err()
}

async fn nothing_is_used_and_nothing_limited_to_begin_with(quota: &Instance) {
    let scopes = [Scope::Account(PRIVATE), Scope::Repository(REPO), Scope::Account(PUBLIC)];
    assert_eq!(quota.usage(&scopes).await.unwrap(), [Usage::default(); 3]);
    assert_eq!(quota.limits(&scopes).await.unwrap(), [Limit::Default; 3]);
    assert_eq!(quota.usage(&[]).await.unwrap(), []);
    placed(quota).await;
    placed(quota).await;
    assert_eq!(quota.usage(&scopes).await.unwrap(), [Usage::default(); 3]);
}

async fn a_repository_that_was_not_placed_gets_no_promise(quota: &Instance) {
    assert_eq!(kind(reserve(quota, REPO, 1, 5).await), ErrorKind::NotFound);
    let held = Held { bytes: 5, revision: 1 };
    assert_eq!(kind(quota.settle(REPO, held, &[]).await), ErrorKind::NotFound);
}

async fn a_promise_counts_until_it_is_settled(quota: &Instance) {
    placed(quota).await;
    quota.reserve(REPO, &[promise(1, 30), promise(2, 7)], LATER).await.unwrap();
    for scope in [Scope::Account(PRIVATE), Scope::Repository(REPO)] {
        assert_eq!(standing(quota, scope).await, used(0, 37));
    }
    for _ in 0..2 {
        quota.settle(REPO, Held { bytes: 25, revision: 1 }, &ids([1])).await.unwrap();
        for scope in [Scope::Account(PRIVATE), Scope::Repository(REPO)] {
            assert_eq!(standing(quota, scope).await, used(25, 7));
        }
    }
    assert_eq!(standing(quota, Scope::Repository(OTHER)).await, used(0, 0));
    assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(0, 0));
}

async fn a_promise_counts_until_it_is_released(quota: &Instance) {
    placed(quota).await;
    quota.reserve(REPO, &[promise(1, 30), promise(2, 7)], LATER).await.unwrap();
    reserve(quota, OTHER, 3, 100).await.unwrap();
    quota.release(&ids([1, 3, 99])).await.unwrap();
    quota.release(&ids([1, 3, 99])).await.unwrap();
    quota.release(&[]).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 7));
    assert_eq!(standing(quota, Scope::Repository(OTHER)).await, used(0, 0));
}

async fn a_promise_counts_until_its_time_is_over(quota: &Instance) {
    placed(quota).await;
    let many: Vec<_> = (100..1300).map(|id| promise(id, 1)).collect();
    quota.reserve(REPO, &many, Timestamp(50)).await.unwrap();
    quota.reserve(OTHER, &[promise(1, 5)], Timestamp(60)).await.unwrap();
    quota.expire(Timestamp(49)).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 1205));
    quota.expire(Timestamp(50)).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 5));
    assert_eq!(standing(quota, Scope::Repository(REPO)).await, used(0, 0));
    quota.expire(Timestamp(61)).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 0));
}

async fn promises_are_made_all_or_none(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(100)).await.unwrap();
    let too_much = [promise(1, 60), promise(2, 41)];
    assert_eq!(kind(quota.reserve(REPO, &too_much, LATER).await), ErrorKind::OverLimit);
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 0));
    quota.reserve(REPO, &[promise(1, 60), promise(2, 40)], LATER).await.unwrap();
    quota.release(&ids([2])).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 60), "each has an end of its own");
}

async fn a_promise_made_again_is_passed_over(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(100)).await.unwrap();
    reserve(quota, REPO, 1, 90).await.unwrap();
    reserve(quota, REPO, 1, 90).await.unwrap();
    quota.reserve(REPO, &[promise(1, 90), promise(2, 10), promise(2, 10)], LATER).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 100));
}

async fn the_last_byte_fits_and_no_further(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(100)).await.unwrap();
    quota.settle(REPO, Held { bytes: 90, revision: 1 }, &[]).await.unwrap();
    assert_eq!(kind(reserve(quota, OTHER, 1, 11).await), ErrorKind::OverLimit);
    reserve(quota, OTHER, 1, 10).await.unwrap();
    assert_eq!(kind(reserve(quota, REPO, 2, 1).await), ErrorKind::OverLimit);
    reserve(quota, REPO, 3, 0).await.unwrap();
    quota.set_limit(Scope::Account(PRIVATE), Limit::Unlimited).await.unwrap();
    reserve(quota, REPO, 4, 1 << 40).await.unwrap();
}

async fn what_does_not_fit_is_told_in_numbers(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(1000)).await.unwrap();
    quota.settle(REPO, Held { bytes: 901, revision: 1 }, &[]).await.unwrap();
    reserve(quota, REPO, 1, 52).await.unwrap();
    let error = reserve(quota, REPO, 2, 73).await.unwrap_err();
    assert!(["901", "1000", "52", "73"].iter().all(|number| error.context.contains(number)), "{error}");
    assert!(!error.retryable, "it is the caller who must make room");
}

async fn the_limit_of_a_repository_holds_beside_that_of_its_account(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(100)).await.unwrap();
    quota.set_limit(Scope::Repository(REPO), Limit::Bytes(30)).await.unwrap();
    assert_eq!(usage(quota, Scope::Repository(REPO)).await.limit, Some(30));
    assert_eq!(usage(quota, Scope::Repository(OTHER)).await.limit, Some(100), "the default is the account's");
    assert_eq!(kind(reserve(quota, REPO, 1, 31).await), ErrorKind::OverLimit);
    reserve(quota, REPO, 1, 30).await.unwrap();
    assert_eq!(kind(reserve(quota, OTHER, 2, 71).await), ErrorKind::OverLimit);
    reserve(quota, OTHER, 2, 70).await.unwrap();
    quota.set_limit(Scope::Repository(REPO), Limit::Unlimited).await.unwrap();
    assert_eq!(kind(reserve(quota, REPO, 3, 1).await), ErrorKind::OverLimit, "the account is full all the same");
}

async fn a_limit_below_what_is_used_admits_nothing_more(quota: &Instance) {
    placed(quota).await;
    quota.settle(REPO, Held { bytes: 90, revision: 1 }, &[]).await.unwrap();
    reserve(quota, REPO, 1, 5).await.unwrap();
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(50)).await.unwrap();
    let expected = Usage { used: 90, reserved: 5, limit: Some(50) };
    assert_eq!(usage(quota, Scope::Account(PRIVATE)).await, expected);
    assert_eq!(kind(reserve(quota, REPO, 2, 1).await), ErrorKind::OverLimit);
    quota.settle(REPO, Held { bytes: 40, revision: 2 }, &ids([1])).await.unwrap();
    reserve(quota, REPO, 2, 10).await.unwrap();
}

async fn what_was_written_is_recorded_above_the_limit(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(50)).await.unwrap();
    quota.settle(REPO, Held { bytes: 70, revision: 1 }, &[]).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(70, 0));
}

async fn limits_are_as_set(quota: &Instance) {
    placed(quota).await;
    let scopes = [Scope::Repository(REPO), Scope::Account(PUBLIC), Scope::Account(PRIVATE)];
    for limit in [Limit::Bytes(0), Limit::Bytes(5), Limit::Unlimited, Limit::Bytes(1 << 50), Limit::Default] {
        for scope in scopes {
            quota.set_limit(scope, limit).await.unwrap();
        }
        assert_eq!(quota.limits(&scopes).await.unwrap(), [limit; 3]);
    }
    quota.place(REPO, PUBLIC, false).await.unwrap();
    assert_eq!(quota.limits(&[Scope::Repository(REPO)]).await.unwrap(), [Limit::Default]);
}

async fn the_latest_revision_wins(quota: &Instance) {
    placed(quota).await;
    reserve(quota, REPO, 1, 10).await.unwrap();
    quota.settle(REPO, Held { bytes: 70, revision: 5 }, &[]).await.unwrap();
    quota.settle(REPO, Held { bytes: 20, revision: 4 }, &ids([1])).await.unwrap();
    for scope in [Scope::Account(PRIVATE), Scope::Repository(REPO)] {
        assert_eq!(standing(quota, scope).await, used(70, 0), "late: its promises end, its bytes are old news");
    }
    quota.settle(REPO, Held { bytes: 30, revision: 6 }, &[]).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(30, 0));
}

async fn settling_ends_no_promise_of_another_repository(quota: &Instance) {
    placed(quota).await;
    reserve(quota, OTHER, 1, 10).await.unwrap();
    quota.settle(REPO, Held { bytes: 1, revision: 1 }, &ids([1])).await.unwrap();
    assert_eq!(standing(quota, Scope::Repository(OTHER)).await, used(0, 10));
}

async fn a_repository_takes_its_bytes_along(quota: &Instance) {
    placed(quota).await;
    quota.settle(REPO, Held { bytes: 70, revision: 1 }, &[]).await.unwrap();
    quota.settle(OTHER, Held { bytes: 5, revision: 1 }, &[]).await.unwrap();
    reserve(quota, REPO, 1, 8).await.unwrap();
    for _ in 0..2 {
        quota.place(REPO, PUBLIC, false).await.unwrap();
        assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(5, 0));
        assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(70, 8));
        assert_eq!(standing(quota, Scope::Repository(REPO)).await, used(70, 8));
    }
    quota.settle(REPO, Held { bytes: 75, revision: 2 }, &ids([1])).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(75, 0));
}

async fn a_repository_moves_only_where_there_is_room(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PUBLIC), Limit::Bytes(77)).await.unwrap();
    quota.settle(REPO, Held { bytes: 70, revision: 1 }, &[]).await.unwrap();
    reserve(quota, REPO, 1, 8).await.unwrap();
    assert_eq!(kind(quota.place(REPO, PUBLIC, false).await), ErrorKind::OverLimit);
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(70, 8));
    assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(0, 0));
    quota.place(OTHER, PUBLIC, false).await.unwrap();
    quota.place(REPO, PUBLIC, true).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(70, 8));
    quota.place(REPO, PUBLIC, false).await.unwrap();
    quota.place(REPO, PRIVATE, false).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PUBLIC)).await, used(0, 0));
}

async fn a_forgotten_repository_leaves_nothing(quota: &Instance) {
    placed(quota).await;
    quota.settle(REPO, Held { bytes: 70, revision: 9 }, &[]).await.unwrap();
    quota.set_limit(Scope::Repository(REPO), Limit::Bytes(500)).await.unwrap();
    reserve(quota, REPO, 1, 8).await.unwrap();
    reserve(quota, OTHER, 2, 3).await.unwrap();
    quota.forget(REPO).await.unwrap();
    quota.forget(REPO).await.unwrap();
    quota.release(&ids([1])).await.unwrap();
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 3));
    assert_eq!(usage(quota, Scope::Repository(REPO)).await, Usage::default());
    assert_eq!(kind(reserve(quota, REPO, 4, 1).await), ErrorKind::NotFound);
    quota.place(REPO, PRIVATE, false).await.unwrap();
    quota.settle(REPO, Held { bytes: 2, revision: 1 }, &[]).await.unwrap();
    assert_eq!(usage(quota, Scope::Repository(REPO)).await, Usage { used: 2, reserved: 0, limit: None });
}

async fn a_number_that_cannot_be_kept_is_refused(quota: &Instance) {
    placed(quota).await;
    assert_eq!(kind(reserve(quota, REPO, 1, u64::MAX).await), ErrorKind::Invalid);
    let both = [promise(1, i64::MAX as u64), promise(2, i64::MAX as u64)];
    assert_eq!(kind(quota.reserve(REPO, &both, LATER).await), ErrorKind::Invalid);
    let held = Held { bytes: u64::MAX, revision: 1 };
    assert_eq!(kind(quota.settle(REPO, held, &[]).await), ErrorKind::Invalid);
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 0));
}

async fn many_at_once_never_share_the_last_byte(quota: &Instance) {
    for repo in 0..8 {
        quota.place(RepoKey(repo), PRIVATE, false).await.unwrap();
    }
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(1000)).await.unwrap();
    let all = (0..64).map(|id| {
        let quota = Arc::clone(quota);
        tokio::spawn(async move { reserve(&quota, RepoKey(id % 8), id, 300).await })
    });
    let results: Vec<_> = join_all(all).await.into_iter().map(|result| result.unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    let refused = |result: &Result<()>| result.as_ref().is_err_and(|error| error.is(ErrorKind::OverLimit));
    assert_eq!(results.iter().filter(|result| refused(result)).count(), 61);
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 900));
}

async fn the_same_promise_by_many_at_once_is_one(quota: &Instance) {
    placed(quota).await;
    quota.set_limit(Scope::Account(PRIVATE), Limit::Bytes(10)).await.unwrap();
    let all = (0..16).map(|_| {
        let quota = Arc::clone(quota);
        tokio::spawn(async move { reserve(&quota, REPO, 1, 10).await.unwrap() })
    });
    for task in join_all(all).await {
        task.unwrap();
    }
    assert_eq!(standing(quota, Scope::Account(PRIVATE)).await, used(0, 10));
}
