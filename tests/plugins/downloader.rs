//! The downloader that reads hubs as huggingface.co keeps its promise, against one that the harness plays; and so does one
//! that is a library, and reads folders.

use std::sync::Arc;

use ballast_config::Layers;
use ballast_contract::downloader::Downloader;
use ballast_database::{Database, Options};
use ballast_downloader_huggingface::{HuggingFaceConfig, open};
use ballast_loader::{Library, Opened, Trial, state_of};
use ballast_testkit::downloader::{Remote, conforms};
use ballast_tests::{Deployment, Manner, RemoteHub, Repository, sha256};
use ballast_types::RepoKind;
use serde_json::json;

use crate::built;

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

/// Repositories in a folder.
struct Disk(tempfile::TempDir);

impl Remote for Disk {
    fn put(&self, kind: RepoKind, repo: &str, files: &[(String, Vec<u8>)]) {
        let folder = self.0.path().join(kind.plural()).join(repo);
        for (path, bytes) in files {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
    }

    fn guard(&self, token: &str) {
        let readers = self.0.path().join("models/acme/bert/.readers");
        std::fs::write(readers, sha256(token)).unwrap();
    }
}

/// The keys of a downloader that reads this folder, and the lines that load it.
fn reading(folder: &std::path::Path) -> String {
    let keys = format!("[downloader.main.config]\nfolder = {:?}\n", folder.display().to_string());
    format!("{}[downloader.main]\nplugin = \"downloader.folder\"\n{keys}", built::reading().load_patiently())
}

/// An instance of the library, not started.
async fn loaded(disk: &Disk) -> Arc<dyn Downloader> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("hub.toml");
    std::fs::write(&file, reading(disk.0.path())).unwrap();
    let layers = Layers { files: vec![file], data_dir: "data".into(), ..Layers::default() };
    let loaded = layers.load().unwrap_or_else(|mistakes| panic!("{}", mistakes.problems));
    let library = Library::inspect(&loaded.config.plugins.load[0]).unwrap();
    let trial = Trial::all(library, &loaded).unwrap().remove(0);
    let database = Database::open("sqlite://:memory:", &Options::default()).await.unwrap();
    match trial.open(&loaded, state_of(database, "downloader.main")).await.unwrap() {
        Opened::Downloader(downloader) => downloader,
        _ => panic!("it is no downloader"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_downloader_that_is_a_library_conforms() {
    conforms(async || {
        let disk = Disk(tempfile::tempdir().unwrap());
        (loaded(&disk).await, disk)
    })
    .await;
}

#[test]
fn a_repository_is_taken_over_through_a_library() {
    let disk = Disk(tempfile::tempdir().unwrap());
    let large: Vec<u8> = (0..3_000_000).map(|at| (at % 251) as u8).collect();
    let files = [("config.json".to_owned(), b"{}".to_vec()), ("model.safetensors".to_owned(), large.clone())];
    disk.put(RepoKind::Model, "acme/bert", &files);
    let deployment = Deployment::new().config(&reading(disk.0.path()));
    let file = built::reading().file().display().to_string();
    let test = ["plugins", "test", file.as_str()];
    let said = deployment.run(test).ended(2).errors;
    assert!(said.contains("--repository models/acme/bert"), "{said}");
    let said = deployment.run(test.into_iter().chain(["--repository", "models/acme/bert"])).ok();
    assert!(said.contains("downloader.main (downloader.folder) passes the suite of downloader"), "{said}");
    let hub = deployment.start();
    let report = hub.admin().get("/api/admin/plugins").send().ok()["plugins"].clone();
    let report = report.as_array().unwrap().iter().find(|one| one["role"] == "downloader").unwrap().clone();
    assert_eq!((&report["plugin"], &report["state"]), (&json!("downloader.folder"), &json!("ready")));
    let token = hub.admin_token();
    hub.stop();
    deployment.run(["import", "acme/bert", "admin/bert"]).ok();
    let hub = deployment.start();
    let target = Repository { client: hub.client().with_token(&token), kinds: "models", id: "admin/bert".to_owned() };
    assert!(target.read("model.safetensors") == large);
    assert_eq!(target.read("config.json"), b"{}");
    hub.stop();
}
