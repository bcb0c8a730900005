//! The promises of the role, and what is this plugin's own, on both databases.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use ballast_auth_local::{Local, LocalConfig, open};
use ballast_contract::auth::{Auth, Credential, Credentials, NewToken, Role};
use ballast_contract::{Component, ErrorKind};
use ballast_database::testing::{Scratch, postgres, sqlite};
use ballast_database::{Database, on_both};
use ballast_testkit::auth::conforms;
use ballast_types::{Secret, Timestamp};

/// Cheap hashes, though dear enough that leaving one out shows.
fn config() -> LocalConfig {
    LocalConfig { memory_kib: 4096, ..LocalConfig::default() }
}

async fn started(database: &Database) -> Local {
    let local = open(config(), database.clone()).await.unwrap();
    local.start().await.unwrap();
    local
}

async fn instance(scratch: Scratch, config: LocalConfig) -> (Arc<dyn Auth>, Scratch) {
    (Arc::new(open(config, scratch.database.clone()).await.unwrap()), scratch)
}

fn laptop() -> NewToken {
    NewToken { name: "laptop".to_owned(), role: Role::Write, repositories: None, expires_at: None, value: None }
}

fn bearer(token: &Secret) -> Credential {
    Credential::Bearer { token: token.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_auth_on_sqlite() {
    conforms(async || instance(sqlite().await, config()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_auth_on_postgres() {
    if postgres().await.is_some() {
        conforms(async || instance(postgres().await.unwrap(), config()).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_promises_of_auth_without_a_cache() {
    let config = LocalConfig { cache_seconds: 0, ..config() };
    conforms(async || instance(sqlite().await, config.clone()).await).await;
}

on_both! {
    async fn two_nodes_share_tokens_and_a_restart_keeps_them(scratch: &Scratch) {
        let (here, there) = tokio::join!(started(&scratch.database), started(&scratch.database));
        let (_, value) = here.create_token("ada", &laptop()).await.unwrap();
        assert_eq!(there.authenticate(&bearer(&value)).await.unwrap().unwrap().subject, "ada");
        here.stop().await;
        let later = started(&scratch.database).await;
        assert_eq!(later.authenticate(&bearer(&value)).await.unwrap().unwrap().subject, "ada");
    }

    async fn the_last_use_of_a_token_is_seen_here_and_survives_an_orderly_stop(scratch: &Scratch) {
        let local = started(&scratch.database).await;
        let (info, value) = local.create_token("ada", &laptop()).await.unwrap();
        assert_eq!(info.last_used, None);
        let before = Timestamp::now();
        local.authenticate(&bearer(&value)).await.unwrap();
        let used = local.tokens("ada", None, 1).await.unwrap().items[0].last_used;
        assert!(used >= Some(before), "{used:?}");
        local.stop().await;
        let later = started(&scratch.database).await;
        assert_eq!(later.tokens("ada", None, 1).await.unwrap().items[0].last_used, used);
    }

    async fn changed_parameters_reach_a_password_at_its_next_login(scratch: &Scratch) {
        let password = Secret::new("correct horse");
        let old = started(&scratch.database).await;
        old.set_password("ada", Some(&password)).await.unwrap();
        let dearer = LocalConfig { memory_kib: 8192, ..config() };
        let new = open(dearer, scratch.database.clone()).await.unwrap();
        new.start().await.unwrap();
        let first = new.check_password(Some("ada"), &password).await.unwrap().unwrap();
        let second = new.check_password(Some("ada"), &password).await.unwrap().unwrap();
        assert_eq!(first, second, "it is the same password still");
        assert_eq!(new.check_password(Some("ada"), &Secret::new("wrong")).await.unwrap(), None);
    }

    async fn an_instance_that_is_not_started_says_so(scratch: &Scratch) {
        let local = open(config(), scratch.database.clone()).await.unwrap();
        let error = local.authenticate(&bearer(&Secret::new("hf_something"))).await.unwrap_err();
        assert!(error.is(ErrorKind::Unavailable), "{error:?}");
        local.stop().await;
    }

    async fn a_token_revoked_on_another_node_ends_here_when_the_cache_has_forgotten_it(scratch: &Scratch) {
        let config = LocalConfig { cache_seconds: 1, ..config() };
        let here = open(config, scratch.database.clone()).await.unwrap();
        here.start().await.unwrap();
        let there = started(&scratch.database).await;
        let (info, value) = here.create_token("ada", &laptop()).await.unwrap();
        assert!(here.authenticate(&bearer(&value)).await.unwrap().is_some());
        there.revoke_token("ada", info.id).await.unwrap();
        let ended = async {
            while here.authenticate(&bearer(&value)).await.unwrap().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the token ends within seconds");
    }
}
