//! A provider on its bad days: each request ends in success, or in an error that says what happened and what to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ballast_contract::storage::{Storage, StorageKey};
use ballast_contract::{ByteStream, Component, ErrorKind};
use ballast_storage_opendal::{OpendalConfig, OpendalStorage, open};
use ballast_tests::bucket::{Bucket, Provider, SECRET_KEY};
use ballast_tests::unruly::{Mood, Unruly};
use ballast_tests::{Deployment, Hub, Repository, lines, sha256};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::TryStreamExt;

use crate::conformance::config;

const SLOW_DOWN: Mood =
    Mood::Answer(503, "<Error><Code>SlowDown</Code><Message>Please reduce your rate</Message></Error>");
const SKEWED: Mood =
    Mood::Answer(403, "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large</Message></Error>");

fn key(text: &str) -> StorageKey {
    text.parse().unwrap()
}

/// A storage behind somebody unruly, with little patience.
async fn storage(bucket: &Bucket, unruly: &Unruly) -> OpendalStorage {
    let config = OpendalConfig {
        endpoint: unruly.endpoint(),
        retries: 2,
        timeout_seconds: 1,
        transfer_timeout_seconds: 1,
        ..config(bucket)
    };
    let storage = open(config).await.unwrap();
    storage.start().await.unwrap();
    storage
}

async fn put(storage: &OpendalStorage, at: &str, bytes: Bytes) -> ballast_contract::Result<u64> {
    let mut writer = storage.create(&key(at)).await?;
    writer.write(bytes).await?;
    writer.commit().await
}

async fn read(storage: &OpendalStorage, at: &str, size: u64) -> ballast_contract::Result<Vec<u8>> {
    let bytes: ByteStream = storage.read(&key(at), ByteRange::whole(size)).await?;
    Ok(bytes.try_collect::<Vec<Bytes>>().await?.concat())
}

fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at % 253) as u8).collect()
}

/// Every request fails once in this mood before it passes.
fn once(mood: Mood) -> impl FnMut(&str) -> Mood + Send + 'static {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    move |line| {
        let count = seen.entry(line.to_owned()).or_default();
        *count += 1;
        if (*count).is_multiple_of(2) { Mood::Good } else { mood.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_to_slow_down_asks_again_and_succeeds() {
    let bucket = Bucket::new();
    let unruly = Unruly::before(bucket.provider.address());
    let storage = storage(&bucket, &unruly).await;
    unruly.behave(once(SLOW_DOWN));
    let bytes = pattern((11 << 20) + 7);
    assert_eq!(put(&storage, "a/large", bytes.clone()).await.unwrap(), bytes.len() as u64);
    assert_eq!(put(&storage, "a/small", Bytes::from("small")).await.unwrap(), 5);
    assert!(read(&storage, "a/large", bytes.len() as u64).await.unwrap() == bytes);
    assert_eq!(storage.list(None, 10).await.unwrap().items.len(), 2);
    let presign = storage.presign().unwrap();
    let upload = presign.create_multipart(&key("b")).await.unwrap();
    assert!(presign.list_parts(&key("b"), &upload).await.unwrap().is_empty());
    presign.abort_multipart(&key("b"), &upload).await.unwrap();
    storage.delete(&key("a/small")).await.unwrap();
    storage.delete_many(&[key("a/large")]).await.unwrap();
    assert!(storage.list(None, 10).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_goes_on_like_that_ends_in_an_error_that_says_what_and_where() {
    let bucket = Bucket::new();
    let unruly = Unruly::before(bucket.provider.address());
    let storage = storage(&bucket, &unruly).await;
    put(&storage, "there", Bytes::from("there")).await.unwrap();
    let place = format!("bucket '{}' at {}", bucket.name, unruly.endpoint());
    for (mood, words) in [
        (SLOW_DOWN, "SlowDown"),
        (SKEWED, "set this machine's clock"),
        (Mood::Answer(403, "<Error><Code>AccessDenied</Code></Error>"), "see that the key may"),
        (Mood::Answer(404, "<Error><Code>NoSuchBucket</Code></Error>"), "make the bucket"),
        (Mood::Answer(500, "<html>a page</html>"), "it gave no reason; see that it is up"),
        (Mood::Silent, "timeout"),
    ] {
        let begun = Instant::now();
        unruly.behave({
            let mood = mood.clone();
            move |_| mood.clone()
        });
        let errors = [
            put(&storage, "new", Bytes::from("new")).await.unwrap_err(),
            storage.list(None, 10).await.unwrap_err(),
            read(&storage, "there", 5).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind, ErrorKind::Unavailable, "{mood:?}: {error}");
            let text = error.to_string();
            assert!(text.contains(&place) && text.contains(words), "{mood:?}: {text}");
            assert!(!text.contains(SECRET_KEY) && !text.contains("X-Amz-Signature"), "{text}");
        }
        let signed = storage.presign().unwrap().create_multipart(&key("new")).await.unwrap_err();
        assert!(signed.is(ErrorKind::Unavailable) && signed.to_string().contains(&place), "{mood:?}: {signed}");
        assert!(!signed.to_string().contains("X-Amz-"), "{signed}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{mood:?} took {:?}", begun.elapsed());
    }
    unruly.behave(|_| Mood::Good);
    assert_eq!(read(&storage, "there", 5).await.unwrap(), b"there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_cut_is_read_on_or_is_an_error_and_never_short() {
    let bucket = Bucket::new();
    let unruly = Unruly::before(bucket.provider.address());
    let storage = storage(&bucket, &unruly).await;
    let bytes = pattern(3 << 20);
    put(&storage, "cut", bytes.clone()).await.unwrap();
    let cuts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cuts);
    let mut gets = 0;
    unruly.behave(move |line| {
        gets += usize::from(line.starts_with("GET "));
        match line.starts_with("GET ") && gets % 3 != 0 {
            true => {
                counted.fetch_add(1, Ordering::Relaxed);
                Mood::Short(500_000)
            }
            false => Mood::Good,
        }
    });
    for _ in 0..3 {
        assert!(read(&storage, "cut", bytes.len() as u64).await.unwrap() == bytes);
    }
    assert!(cuts.load(Ordering::Relaxed) >= 3);
    unruly.behave(|line| if line.starts_with("GET ") { Mood::Short(0) } else { Mood::Good });
    let error = read(&storage, "cut", bytes.len() as u64).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
}

/// A hub behind somebody unruly, with little patience.
fn hub(bucket: &Bucket, unruly: &Unruly, presign: &str) -> Hub {
    let setting = |deployment: Deployment, (key, value): (&str, &str)| {
        deployment.environment(&format!("BALLAST_STORAGE__MAIN__CONFIG__{key}"), value)
    };
    let endpoint = unruly.endpoint();
    let settings = [("ENDPOINT", endpoint.as_str()), ("RETRIES", "1"), ("TIMEOUT_SECONDS", "1")];
    let settings = settings.into_iter().chain([("TRANSFER_TIMEOUT_SECONDS", "1")]);
    settings.fold(Deployment::new().over(bucket, presign), setting).start()
}

#[test]
fn a_hub_whose_provider_fails_says_503_and_goes_on_when_it_is_well_again() {
    for presign in ["off", "on"] {
        let bucket = Bucket::new();
        let unruly = Unruly::before(bucket.provider.address());
        let hub = hub(&bucket, &unruly, presign);
        let repository = hub.model();
        repository.add_large("before.bin", b"before");
        repository.add("small.txt", "small");
        for mood in [SLOW_DOWN, SKEWED, Mood::Silent, Mood::Answer(404, "<Error><Code>NoSuchBucket</Code></Error>")] {
            let held = mood.clone();
            unruly.behave(move |_| held.clone());
            let tip = repository.tip();
            let commit = repository.commit(&[lines::file("new.txt", "new")]);
            assert_eq!(commit.status, 503, "{mood:?}: {}", commit.text());
            let oid = sha256(b"uploaded");
            let asked = repository.batch(&upload_of(&oid, 8));
            let answers = match asked.status {
                200 => {
                    let action = &asked.ok()["objects"][0]["actions"]["upload"]["href"];
                    vec![hub.client().put(hub.client().target(action.as_str().unwrap())).body(b"uploaded").send()]
                }
                _ => vec![asked],
            };
            let small = repository.client.get(repository.resolve("small.txt")).send();
            for answer in answers.iter().chain([&small, &commit]) {
                assert_eq!(answer.status, 503, "{mood:?}, presign {presign}: {} {}", answer.asked, answer.text());
                assert!(!answer.text().contains(SECRET_KEY) && !answer.text().contains("X-Amz"), "{}", answer.text());
            }
            unruly.behave(|_| Mood::Good);
            assert_eq!(repository.tip(), tip);
            assert_eq!(repository.read("small.txt"), b"small");
        }
        assert_eq!(repository.read("before.bin"), b"before");
        repository.add_large("after.bin", b"after");
        assert_eq!(repository.read("after.bin"), b"after");
        let log = hub.log();
        assert!(!log.contains(SECRET_KEY) && !log.contains("X-Amz-Signature"), "{log}");
        assert!(log.contains(&format!("bucket '{}'", bucket.name)), "{log}");
        hub.stop();
    }
}

fn upload_of(oid: &str, size: usize) -> serde_json::Value {
    serde_json::json!({ "operation": "upload", "transfers": ["basic"], "objects": [{ "oid": oid, "size": size }] })
}

#[test]
fn a_provider_that_stops_and_starts_under_load_costs_no_acknowledged_byte() {
    let provider = Provider::start();
    let bucket = provider.bucket();
    let unruly = Unruly::before(provider.address());
    let hub = hub(&bucket, &unruly, "on");
    let done = AtomicBool::new(false);
    let repositories: Vec<Repository> = (0..4).map(|_| hub.model()).collect();
    let kept = std::thread::scope(|scope| {
        let writers: Vec<_> =
            repositories.iter().map(|repository| scope.spawn(|| write_until(&done, repository))).collect();
        for _ in 0..3 {
            wait_for_commits(&repositories);
            provider.stop();
            // As long as it takes somebody to be refused.
            while repositories[0].client.get(repositories[0].resolve("none-yet")).send().status == 503 {}
            assert_eq!(repositories[0].commit(&[lines::file("down.txt", "down")]).status, 503);
            provider.resume();
        }
        wait_for_commits(&repositories);
        done.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    for (repository, written) in repositories.iter().zip(kept) {
        assert!(!written.is_empty());
        for (path, bytes) in written {
            assert!(repository.read(&path) == bytes, "{path} is not what was acknowledged");
        }
    }
    let verified = hub.deployment.run(["storage", "verify"]);
    verified.ok();
}

/// Until every repository has a commit more than now.
fn wait_for_commits(repositories: &[Repository]) {
    let before: Vec<String> = repositories.iter().map(Repository::tip).collect();
    let begun = Instant::now();
    while repositories.iter().zip(&before).any(|(repository, tip)| repository.tip() == *tip) {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody commits any more");
        std::thread::yield_now();
    }
}

/// Commits small and large files; those that were acknowledged.
fn write_until(done: &AtomicBool, repository: &Repository) -> Vec<(String, Vec<u8>)> {
    let mut kept = Vec::new();
    for n in 0.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let (small, large) = (format!("small {n} of {}", repository.id), format!("large {n} of {}", repository.id));
        let oid = sha256(&large);
        let answer = repository.batch(&upload_of(&oid, large.len()));
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        let action = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
        let link = action["objects"][0]["actions"]["upload"]["href"].as_str().map(str::to_owned);
        // The provider may be gone: then the link leads nowhere.
        if link.is_none_or(|link| send(&link, large.as_bytes()).is_none()) {
            continue;
        }
        let (small_path, large_path) = (format!("s{n}.txt"), format!("l{n}.bin"));
        let operations = [lines::file(&small_path, &small), lines::large_file(&large_path, &oid, large.len())];
        let commit = repository.commit(&operations);
        match commit.status {
            200 => kept.extend([(small_path, small.into_bytes()), (large_path, large.into_bytes())]),
            status => assert_eq!(status, 503, "{}", commit.text()),
        }
    }
    kept
}

fn send(link: &str, bytes: &[u8]) -> Option<()> {
    use std::io::Write;
    let (provider, target) = ballast_tests::Client::at(link);
    let mut stream = provider.try_connect().ok()?;
    stream.write_all(&provider.put(target).head_for(bytes.len())).ok()?;
    stream.write_all(bytes).ok()?;
    let answer = ballast_tests::read_answer(&mut stream, false).ok()?;
    (answer.status == 200).then_some(())
}
