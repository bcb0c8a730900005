//! The role's promises, kept on both databases.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ballast_contract::Component;
use ballast_database::on_both;
use ballast_testkit::versioning::conforms;
use ballast_versioning_native::{NativeConfig, open};

on_both! {
    async fn the_engine_keeps_the_promises_of_its_role(scratch: &Scratch) {
        let engine = open(NativeConfig::default(), scratch.database.clone()).await.unwrap();
        engine.start().await.unwrap();
        conforms(Arc::new(engine)).await;
    }
}
