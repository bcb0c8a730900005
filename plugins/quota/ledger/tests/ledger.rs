//! The promises of the role, and what is this plugin's own, on both databases.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ballast_contract::quota::{Account, Held, Limit, Quota, Reservation, Scope, Usage};
use ballast_contract::{Component, ErrorKind};
use ballast_database::on_both;
use ballast_database::testing::{Scratch, postgres, sqlite};
use ballast_quota_ledger::{Ledger, LedgerConfig, open};
use ballast_testkit::quota::conforms;
use ballast_types::{NamespaceKey, RepoKey, ReservationId, Timestamp, Visibility};

const PRIVATE: Account = Account { namespace: NamespaceKey(1), visibility: Visibility::Private };
const PUBLIC: Account = Account { namespace: NamespaceKey(1), visibility: Visibility::Public };
const REPO: RepoKey = RepoKey(10);

async fn instance(scratch: Scratch) -> (Arc<dyn Quota>, Scratch) {
    (Arc::new(open(LedgerConfig::default(), scratch.database.clone()).await.unwrap()), scratch)
}

async fn with_private_default(scratch: &Scratch, bytes: u64) -> Ledger {
    let config = LedgerConfig { default_private_bytes: Some(bytes), default_public_bytes: None };
    let ledger = open(config, scratch.database.clone()).await.unwrap();
    ledger.start().await.unwrap();
    ledger
}

fn promise(id: i64, bytes: u64) -> [Reservation; 1] {
    [Reservation { id: ReservationId(id), bytes }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_quota_on_sqlite() {
    conforms(async || instance(sqlite().await).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_quota_on_postgres() {
    if postgres().await.is_some() {
        conforms(async || instance(postgres().await.unwrap()).await).await;
    }
}

on_both! {
    async fn a_changed_default_applies_where_no_limit_was_set(scratch: &Scratch) {
        let before = with_private_default(scratch, 100).await;
        before.place(REPO, PRIVATE, false).await.unwrap();
        before.set_limit(Scope::Account(PUBLIC), Limit::Bytes(7)).await.unwrap();
        let error = before.reserve(REPO, &promise(1, 101), Timestamp(1)).await.unwrap_err();
        assert!(error.is(ErrorKind::OverLimit), "{error:?}");
        let after = with_private_default(scratch, 200).await;
        after.reserve(REPO, &promise(1, 101), Timestamp(1)).await.unwrap();
        let scopes = [Scope::Account(PRIVATE), Scope::Repository(REPO), Scope::Account(PUBLIC)];
        let limits: Vec<_> = after.usage(&scopes).await.unwrap().iter().map(|usage| usage.limit).collect();
        assert_eq!(limits, [Some(200), Some(200), Some(7)]);
        assert_eq!(after.limits(&scopes).await.unwrap(), [Limit::Default, Limit::Default, Limit::Bytes(7)]);
    }

    async fn a_namespace_nobody_wrote_to_has_the_default(scratch: &Scratch) {
        let ledger = with_private_default(scratch, 100).await;
        let usage = ledger.usage(&[Scope::Account(PRIVATE), Scope::Account(PUBLIC)]).await.unwrap();
        assert_eq!(usage, [Usage { limit: Some(100), ..Usage::default() }, Usage::default()]);
    }

    async fn a_refusal_is_a_sentence(scratch: &Scratch) {
        let ledger = with_private_default(scratch, 100).await;
        ledger.place(REPO, PRIVATE, false).await.unwrap();
        ledger.settle(REPO, Held { bytes: 90, revision: 1 }, &[]).await.unwrap();
        let error = ledger.reserve(REPO, &promise(1, 20), Timestamp(1)).await.unwrap_err();
        assert_eq!(error.context, "the private space of this namespace holds 90 of 100 bytes: 20 more do not fit");
        ledger.reserve(REPO, &promise(2, 5), Timestamp(1)).await.unwrap();
        let error = ledger.reserve(REPO, &promise(1, 20), Timestamp(1)).await.unwrap_err();
        let expected = "the private space of this namespace holds 90 of 100 bytes, \
             5 more are promised to uploads under way: 20 more do not fit";
        assert_eq!(error.context, expected);
    }

    async fn a_default_that_the_database_cannot_hold_is_refused(scratch: &Scratch) {
        let config = LedgerConfig { default_private_bytes: None, default_public_bytes: Some(u64::MAX) };
        let error = open(config, scratch.database.clone()).await.err().unwrap();
        assert!(error.is(ErrorKind::Invalid), "{error:?}");
    }
}
