//! What is in a cache, and what becomes of it.

use std::collections::BTreeSet;
use std::fs;

use ballast_contract::ErrorKind;
use ballast_landing::{Cache, Flaw};
use ballast_types::{RepoId, RepoKind};

use crate::remote::{COMMIT, Fault, Remote, options};

fn id() -> RepoId {
    RepoId { namespace: "acme".parse().unwrap(), name: "bert".parse().unwrap() }
}

async fn filled() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("hub"));
    let remote = Remote::new(&[("a.bin", vec![1; 100]), ("b/c.txt", vec![2; 10]), ("b/same.txt", vec![2; 10])]);
    remote.download(&cache, options()).run().await.unwrap();
    (folder, cache)
}

#[tokio::test]
async fn a_cache_says_what_it_has() {
    let (_folder, cache) = filled().await;
    fs::create_dir_all(cache.root().join("not a repository")).unwrap();
    let listed = cache.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].kind, &listed[0].id, listed[0].size, listed[0].blobs), (RepoKind::Model, &id(), 110, 2));
    let inventory = cache.inventory(RepoKind::Model, &id()).unwrap().unwrap();
    let snapshot = &inventory.snapshots[0];
    assert_eq!((snapshot.commit, snapshot.refs.as_slice()), (COMMIT, ["main".to_owned()].as_slice()));
    let files: Vec<_> = snapshot.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(files, [("a.bin", 100), ("b/c.txt", 10), ("b/same.txt", 10)]);
    assert!(cache.inventory(RepoKind::Dataset, &id()).unwrap().is_none());
    assert!(Cache::new("/nowhere/at/all").list().unwrap().is_empty());
}

#[tokio::test]
async fn verification_names_what_is_damaged_and_what_is_missing() {
    let (_folder, cache) = filled().await;
    let verify = || cache.verify(RepoKind::Model, &id(), |_| {}).unwrap().unwrap();
    assert_eq!((verify().blobs, verify().flaws), (2, vec![]));
    let inventory = cache.inventory(RepoKind::Model, &id()).unwrap().unwrap();
    let blob = |at: usize| inventory.snapshots[0].files[at].blob.clone();
    let blobs = inventory.repository.path.join("blobs");
    fs::write(blobs.join(blob(0)), "other").unwrap();
    fs::remove_file(blobs.join(blob(1))).unwrap();
    let missing = |path: &str| Flaw::Missing { path: format!("{COMMIT}/{path}") };
    let expected = [Flaw::Damaged { blob: blob(0) }, missing("b/c.txt"), missing("b/same.txt")];
    assert_eq!(verify().flaws, expected);
}

#[tokio::test]
async fn a_repository_is_taken_away_whole() {
    let (_folder, cache) = filled().await;
    assert_eq!(cache.delete(RepoKind::Model, &id()).unwrap(), Some(110));
    assert_eq!(cache.delete(RepoKind::Model, &id()).unwrap(), None);
    assert_eq!(fs::read_dir(cache.root().join(".locks")).unwrap().count(), 0, "nothing of it is left");
}

#[tokio::test]
async fn a_commit_goes_with_the_blobs_that_only_it_needs() {
    let (_folder, cache) = filled().await;
    let other = "b".repeat(40);
    let snapshots = cache.root().join("models--acme--bert/snapshots");
    fs::create_dir_all(snapshots.join(&other)).unwrap();
    let inventory = cache.inventory(RepoKind::Model, &id()).unwrap().unwrap();
    let shared = &inventory.snapshots[0].files[0].blob;
    std::os::unix::fs::symlink(format!("../../blobs/{shared}"), snapshots.join(&other).join("kept.bin")).unwrap();
    assert_eq!(cache.delete_snapshots(RepoKind::Model, &id(), &BTreeSet::from([COMMIT])).unwrap(), 10);
    let left = cache.inventory(RepoKind::Model, &id()).unwrap().unwrap();
    assert_eq!(left.snapshots.len(), 1);
    assert_eq!((left.snapshots[0].files.len(), left.repository.size), (1, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_away_while_somebody_fetches_into_it() {
    let (_folder, cache) = filled().await;
    let remote = Remote::new(&[("new.bin", vec![3; 100])]);
    remote.be(Fault::Stalls);
    let download = remote.download(&cache, options());
    let delete = async {
        while remote.requests.load(std::sync::atomic::Ordering::Acquire) == 0 {
            tokio::task::yield_now().await;
        }
        cache.delete(RepoKind::Model, &id())
    };
    tokio::select! {
        _ = download.run() => panic!("it cannot end"),
        deleted = delete => assert!(deleted.unwrap_err().is(ErrorKind::Conflict)),
    }
}
