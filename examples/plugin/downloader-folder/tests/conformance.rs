//! The suite of the role, in this process, over a folder that is the remote hub. `ballast plugins test` reads a repository
//! through the library.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_sdk::downloader::Downloader;
use ballast_sdk::types::RepoKind;
use ballast_sdk::{Slots, serde_json};
use ballast_testkit::downloader::Remote;
use downloader_folder::open;
use sha2::{Digest, Sha256};

/// Repositories on a disk.
struct Disk(tempfile::TempDir);

impl Remote for Disk {
    fn put(&self, kind: RepoKind, repo: &str, files: &[(String, Vec<u8>)]) {
        let folder = self.0.path().join(kind.plural()).join(repo);
        for (path, bytes) in files {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(&folder)).expect("a folder");
            std::fs::write(file, bytes).expect("a file");
        }
    }

    fn guard(&self, token: &str) {
        let digest: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        for repository in repositories(self.0.path().to_owned(), 3) {
            std::fs::write(repository.join(".readers"), format!("{digest}\n")).expect("a file");
        }
    }
}

/// The folders that lie so deep.
fn repositories(folder: PathBuf, depth: usize) -> Vec<PathBuf> {
    if depth == 0 {
        return vec![folder];
    }
    let entries = std::fs::read_dir(folder).expect("a folder");
    let folders = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    folders.flat_map(|folder| repositories(folder, depth - 1)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_conforms() {
    let fresh = async || {
        let disk = Disk(tempfile::tempdir().expect("a folder"));
        let config = serde_json::json!({ "folder": disk.0.path() });
        let config = serde_json::from_value(config).expect("keys");
        let folder: Arc<dyn Downloader> = Arc::new(open(config, Slots::of("downloader.main", None)).expect("a folder"));
        (folder, disk)
    };
    ballast_testkit::downloader::conforms(fresh).await;
}
