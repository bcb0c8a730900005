//! The downloader that reads hubs as huggingface.co keeps its promise, against one that the harness plays.

use std::sync::Arc;

use ballast_contract::downloader::Downloader;
use ballast_downloader_huggingface::{HuggingFaceConfig, open};
use ballast_testkit::downloader::{Remote, conforms};
use ballast_tests::{Manner, RemoteHub};
use ballast_types::RepoKind;

struct Played(RemoteHub);

impl Remote for Played {
    fn put(&self, kind: RepoKind, repo: &str, files: &[(String, Vec<u8>)]) {
        let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        self.0.put(&format!("{}/{repo}", kind.plural()), &files);
    }

    fn guard(&self, token: &str) {
        let right = format!("Bearer {token}");
        self.0.behave(move |asked| match asked.authorization.as_ref() {
            Some(shown) if *shown == right => Manner::Good,
            Some(_) => Manner::Status(404, None),
            None => Manner::Status(401, None),
        });
    }
}

#[tokio::test]
async fn the_downloader_of_hubs_conforms() {
    conforms(async || {
        let remote = RemoteHub::start();
        let config = HuggingFaceConfig { endpoint: remote.endpoint(), retries: 0, ..HuggingFaceConfig::default() };
        let downloader: Arc<dyn Downloader> = Arc::new(open(config).await.unwrap());
        (downloader, Played(remote))
    })
    .await;
}
