//! The suite that every storage of Ballast passes.

use std::sync::Arc;

use ballast_sdk::storage::Storage;
use storage_folder::Folder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_conforms() {
    ballast_testkit::storage::conforms(async || {
        let place = tempfile::tempdir().expect("a folder");
        (Arc::new(Folder::new(place.path().join("made/at/start"))) as Arc<dyn Storage>, place)
    })
    .await;
}
