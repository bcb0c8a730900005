//! The storage suite, on every scheme that is built in.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ballast_contract::storage::Storage;
use ballast_storage_opendal::{OpendalConfig, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_conforms() {
    ballast_testkit::storage::conforms(async || {
        let place = tempfile::tempdir().unwrap();
        let storage = open(OpendalConfig::folder(&place.path().join("made/at/start"))).await.unwrap();
        (Arc::new(storage) as Arc<dyn Storage>, place)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    ballast_testkit::storage::conforms(async || {
        (Arc::new(open(OpendalConfig::memory()).await.unwrap()) as Arc<dyn Storage>, ())
    })
    .await;
}

#[tokio::test]
async fn a_folder_without_a_root_is_refused() {
    let refused = open(OpendalConfig::default()).await.err().unwrap().to_string();
    assert!(refused.contains("needs 'root'"), "{refused}");
}

#[tokio::test]
async fn nothing_is_touched_before_the_start() {
    let place = tempfile::tempdir().unwrap();
    let storage = open(OpendalConfig::folder(&place.path().join("later"))).await.unwrap();
    assert!(!place.path().join("later").exists());
    assert!(storage.list(None, 1).await.is_err());
    assert!(!place.path().join("later").exists());
}
