//! The versioning suite.

use std::sync::Arc;

use ballast_contract::versioning::Versioning;
use ballast_contract::{Component, ErrorKind, Health};
use ballast_database::testing;
use ballast_loader::state_of;
use ballast_tests::LakeServer;
use ballast_types::Secret;
use ballast_versioning_lakefs::{LakefsConfig, open};

use crate::world::{any, config, engine};

ballast_database::on_both! {
    async fn the_engine_conforms(scratch: &Scratch) {
        ballast_testkit::versioning::conforms(any(&scratch.database).await).await;
    }
}

#[tokio::test]
async fn a_wrong_key_and_a_server_that_is_not_there_are_told_without_the_secret() {
    let scratch = testing::sqlite().await;
    let state = || state_of(scratch.database.clone(), "versioning.main");
    let server = LakeServer::start();
    let wrong = LakefsConfig { secret_access_key: Some(Secret::new("hunter2")), ..config(&server) };
    let refused = open(wrong, state()).await.unwrap().start().await.unwrap_err();
    assert!(refused.is(ErrorKind::Unavailable) && refused.context.contains("refuses the key"), "{refused}");
    assert!(!refused.to_string().contains("hunter2"));
    let nowhere = LakefsConfig { endpoint: "http://127.0.0.1:1".to_owned(), retries: 0, ..config(&server) };
    let engine = open(nowhere, state()).await.unwrap();
    let refused = engine.start().await.unwrap_err();
    assert!(refused.context.contains("cannot be reached"), "{refused}");
    assert!(matches!(engine.health().await, Health::Unavailable(why) if why.contains("cannot be reached")));
}

#[tokio::test]
async fn what_it_cannot_do_is_a_capability_that_is_off() {
    let scratch = testing::sqlite().await;
    let engine: Arc<dyn Versioning> = engine(config(&LakeServer::start()), &scratch.database).await;
    assert!(engine.git().is_some_and(|git| git.pushes().is_none()), "it fetches and takes no pushes");
    assert!(engine.rewriting().is_some() && engine.upkeep().is_some());
}
