//! How files get into the cache, and what never does.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ballast_contract::ErrorKind;
use ballast_landing::{Cache, FileStatus, Options};

use crate::remote::{COMMIT, Fault, Remote, noise, options};

const LARGE: usize = 9 << 20;

fn world() -> (tempfile::TempDir, Cache, Arc<Remote>) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("hub"));
    let remote = Remote::new(&[
        ("model.bin", noise(LARGE)),
        ("config.json", b"{}".to_vec()),
        ("data/empty", vec![]),
        ("data/words.txt", noise(70_000)),
    ]);
    (folder, cache, remote)
}

fn snapshot(cache: &Cache) -> std::path::PathBuf {
    cache.root().join("models--acme--bert/snapshots").join(COMMIT.to_string())
}

fn assert_whole(cache: &Cache) {
    assert_eq!(fs::read(snapshot(cache).join("model.bin")).unwrap(), noise(LARGE));
    assert_eq!(fs::read(snapshot(cache).join("config.json")).unwrap(), b"{}");
    assert_eq!(fs::read(snapshot(cache).join("data/empty")).unwrap(), b"");
    assert_eq!(fs::read(snapshot(cache).join("data/words.txt")).unwrap(), noise(70_000));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_lies_in_the_cache_as_hugging_face_lays_it_out() {
    let (folder, cache, remote) = world();
    let download = remote.download(&cache, options());
    download.run().await.unwrap();
    assert_whole(&cache);
    let repository = cache.root().join("models--acme--bert");
    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT.to_string());
    let mut etags: Vec<_> = remote.listing().iter().map(|file| file.expected.to_string()).collect();
    etags.sort();
    assert_eq!(names(&repository.join("blobs")), etags);
    let link = fs::read_link(snapshot(&cache).join("data/words.txt")).unwrap();
    assert!(link.starts_with("../../../blobs"), "{}", link.display());
    assert!(download.progress().files.iter().all(|file| file.now().status == FileStatus::Complete));
    // The friendly view beside it.
    assert_eq!(fs::read(folder.path().join("models/acme/bert/model.bin")).unwrap(), noise(LARGE));
    assert_eq!(download.progress().fetched(), LARGE as u64 + 2 + 70_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_fetched_again() {
    let (_folder, cache, remote) = world();
    remote.download(&cache, options()).run().await.unwrap();
    let before = remote.requests.load(Ordering::Acquire);
    remote.download(&cache, options()).run().await.unwrap();
    assert_eq!(remote.requests.load(Ordering::Acquire), before);
    // Nor what another repository of the cache has.
    remote.download_as(&cache, "other/copy", options()).run().await.unwrap();
    assert_eq!(remote.requests.load(Ordering::Acquire), before);
    let copy = cache.root().join("models--other--copy/snapshots").join(COMMIT.to_string()).join("model.bin");
    assert_eq!(fs::read(copy).unwrap(), noise(LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_of_another_repository_is_not_borrowed() {
    let (_folder, cache, remote) = world();
    remote.download(&cache, options()).run().await.unwrap();
    let blob = fs::canonicalize(snapshot(&cache).join("model.bin")).unwrap();
    let mut bytes = noise(LARGE);
    bytes[17] ^= 1;
    fs::write(&blob, bytes).unwrap();
    remote.download_as(&cache, "other/copy", options()).run().await.unwrap();
    let copy = cache.root().join("models--other--copy/snapshots").join(COMMIT.to_string()).join("model.bin");
    assert_eq!(fs::read(copy).unwrap(), noise(LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_fetches_the_file_where_parts_cannot_be_had() {
    let (_folder, cache, remote) = world();
    remote.be(Fault::IgnoresRange);
    remote.download(&cache, options()).run().await.unwrap();
    assert_whole(&cache);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_are_taken_up_where_they_broke() {
    let (_folder, cache, remote) = world();
    remote.be(Fault::Breaks(1_500_000));
    let download = remote.download(&cache, options());
    download.run().await.unwrap();
    assert_whole(&cache);
    assert_eq!(download.progress().fetched(), LARGE as u64 + 2 + 70_000, "nothing was fetched twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_hub_that_refuses_parallel_connections_is_asked_by_fewer() {
    let (_folder, cache, remote) = world();
    remote.be(Fault::OneAtATime);
    // Files take their turns as well.
    let patient = Options { retries: 6, active: 1, connections: 3, ..options() };
    let only = Remote::new(&[("model.bin", noise(LARGE))]);
    only.be(Fault::OneAtATime);
    only.download(&cache, patient).run().await.unwrap();
    assert_eq!(fs::read(snapshot(&cache).join("model.bin")).unwrap(), noise(LARGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_promised_get_no_name() {
    let (_folder, cache, _) = world();
    for size in [LARGE, 100] {
        let remote = Remote::new(&[("model.bin", noise(size))]);
        remote.be(Fault::Lies);
        let error = remote.download(&cache, options()).run().await.unwrap_err();
        assert!(error.is(ErrorKind::Corrupt), "{error}");
        assert!(names(&cache.root().join("models--acme--bert/blobs")).is_empty());
    }
    assert!(!cache.root().join("models--acme--bert/refs").exists(), "what is not whole has no ref");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_at_the_source_ends_the_download() {
    let (_folder, cache, remote) = world();
    remote.be(Fault::Changed);
    let error = remote.download(&cache, options()).run().await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict), "{error}");
    assert!(remote.requests.load(Ordering::Acquire) < 20, "it is not asked for again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_was_cut_off_goes_on_with_the_pieces_that_are_missing() {
    let (_folder, cache, _) = world();
    let remote = Remote::new(&[("model.bin", noise(LARGE))]);
    let one = Options { connections: 1, ..options() };
    let first = remote.download(&cache, one.clone());
    {
        let watch = async {
            // The first piece of 4 MiB is whole, and the second one is not.
            while first.progress().files[0].now().downloaded < 5 << 20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = first.run() => panic!("it was not cut off"),
            () = watch => {}
        }
    }
    let second = remote.download(&cache, one);
    second.run().await.unwrap();
    assert_eq!(fs::read(snapshot(&cache).join("model.bin")).unwrap(), noise(LARGE));
    assert!(second.progress().fetched() <= LARGE as u64 - (4 << 20), "{}", second.progress().fetched());
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_were_damaged_between_two_runs_are_found_and_fetched_anew() {
    let (_folder, cache, _) = world();
    let remote = Remote::new(&[("model.bin", noise(LARGE))]);
    remote.be(Fault::Breaks(5 << 20));
    let blobs = cache.root().join("models--acme--bert/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let etag = remote.listing()[0].expected;
    let partial = blobs.join(format!("{etag}.ballast"));
    fs::write(&partial, vec![0; LARGE]).unwrap();
    let header = format!("{{\"version\":1,\"size\":{LARGE},\"piece\":{}}}\n0\n", 4 << 20);
    fs::write(blobs.join(format!("{etag}.ballast.journal")), header).unwrap();
    remote.download(&cache, options()).run().await.unwrap();
    assert_eq!(fs::read(snapshot(&cache).join("model.bin")).unwrap(), noise(LARGE));
    assert!(!partial.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_downloads_of_one_file_fetch_it_once() {
    let (_folder, cache, remote) = world();
    let (first, second) = (remote.download(&cache, options()), remote.download(&cache, options()));
    let (one, two) = futures::future::join(first.run(), second.run()).await;
    one.unwrap();
    two.unwrap();
    assert_whole(&cache);
    assert_eq!(remote.sent.load(Ordering::Acquire), LARGE as u64 + 2 + 70_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_dropped_while_the_remote_hub_says_nothing_lets_its_lock_go() {
    let (_folder, cache, remote) = world();
    remote.be(Fault::Stalls);
    let download = remote.download(&cache, options());
    let ended = tokio::time::timeout(Duration::from_millis(300), download.run()).await;
    assert!(ended.is_err());
    drop(download);
    remote.be(Fault::None);
    let again = remote.download(&cache, options());
    tokio::time::timeout(Duration::from_secs(20), again.run()).await.unwrap().unwrap();
    assert_whole(&cache);
}
