//! A library that misbehaves: each way is a report on its instance, and the instance goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_config::{Layers, Loaded, Problems};
use ballast_contract::storage::{Storage, StorageKey};
use ballast_contract::{Error, ErrorKind, Health, Result};
use ballast_database::{Database, Options};
use ballast_loader::{Library, Opened, Trial, state_of};
use ballast_types::ByteRange;
use futures::{FutureExt, TryStreamExt};

use crate::built;

fn key(text: &str) -> StorageKey {
    text.parse().unwrap()
}

/// The misbehaving library with these faults.
fn trial(faults: &str) -> (Trial, Loaded, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("hub.toml");
    let library = built::misbehaving();
    let keys = "[storage.main]\nplugin = \"storage.misbehaving\"\n[storage.main.config.faults]\n";
    std::fs::write(&file, format!("{}{keys}{faults}\n", library.load())).unwrap();
    let layers = Layers { files: vec![file], data_dir: "data".into(), ..Layers::default() };
    let loaded = layers.load().unwrap_or_else(|mistakes| panic!("{}", mistakes.problems));
    let library = Library::inspect(&loaded.config.plugins.load[0]).unwrap();
    let trial = Trial::all(library, &loaded).unwrap().remove(0);
    (trial, loaded, place)
}

/// A new instance, not started.
async fn made((trial, loaded): (&Trial, &Loaded)) -> std::result::Result<Arc<dyn Storage>, Problems> {
    let database = Database::open("sqlite://:memory:", &Options::default()).await.unwrap();
    match trial.open(loaded, state_of(database, "storage.main")).await? {
        Opened::Storage(storage) => Ok(storage),
        _ => panic!("it is no storage"),
    }
}

/// An instance with these faults, started, with one object in it where it can be written.
async fn instance(faults: &str) -> Arc<dyn Storage> {
    let (trial, loaded, _place) = trial(faults);
    let storage = made((&trial, &loaded)).await.unwrap();
    storage.start().await.unwrap();
    storage
}

async fn put(storage: &Arc<dyn Storage>) -> Result<u64> {
    let mut writer = storage.create(&key("a")).await?;
    writer.write("some bytes".into()).await?;
    writer.commit().await
}

async fn read(storage: &Arc<dyn Storage>) -> Result<Vec<u8>> {
    let stream = storage.read(&key("a"), ByteRange::whole(10)).await?;
    Ok(stream.try_collect::<Vec<_>>().await?.concat())
}

/// Does what the fault is in.
async fn at(storage: &Arc<dyn Storage>, place: &str) -> Result<()> {
    match place {
        "stat" => storage.stat(&key("a")).await.map(drop),
        "read" | "piece" => read(storage).await.map(drop),
        "create" | "write" | "commit" => put(storage).await.map(drop),
        "abort" => storage.create(&key("b")).await?.abort().await,
        "remove" => storage.delete(&key("b")).await,
        "list" => storage.list(None, 1).await.map(drop),
        "copy" => storage.copy(&key("a"), &key("b")).await,
        other => unreachable!("{other}"),
    }
}

const PLACES: [&str; 10] = ["stat", "read", "piece", "create", "write", "commit", "abort", "remove", "list", "copy"];

/// What goes on after a fault at a place.
async fn goes_on(storage: &Arc<dyn Storage>, place: &str) {
    for other in PLACES.into_iter().filter(|other| *other != place) {
        // What comes behind the fault in the same journey fails with it.
        let behind =
            matches!((place, other), ("create", "write" | "commit" | "abort") | ("write", "create" | "commit"))
                || matches!((place, other), ("commit", "create" | "write") | ("read", "piece") | ("piece", "read"));
        let outcome = at(storage, other).await;
        let absent = outcome.as_ref().is_err_and(|error| error.is(ErrorKind::NotFound));
        assert!(behind || absent || outcome.is_ok(), "{other} after {place}: {outcome:?}");
    }
    let held = storage.stat(&key("held-buffers")).await.unwrap();
    assert_eq!(held, 1000, "after {place}, buffers are held or were released twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_any_operation_is_an_error_of_that_operation() {
    for place in PLACES {
        let storage = instance(&format!("{place} = \"panic\"")).await;
        let written = put(&storage).await.is_ok();
        let reads = matches!(place, "read" | "piece" | "stat" | "copy");
        assert!(written || !reads, "{place}");
        if place == "piece" {
            // The second piece, so one is wanted.
            let long = long_object(&storage).await;
            let stream = storage.read(&key("long"), ByteRange::whole(long)).await.unwrap();
            let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
            assert_eq!(error.to_string(), "storage.read: the plugin panicked: on purpose, in piece");
        } else {
            let error = at(&storage, place).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Internal, "{place}");
            assert!(error.to_string().ends_with(&format!("the plugin panicked: on purpose, in {place}")), "{error}");
        }
        goes_on(&storage, place).await;
        storage.stop().await;
    }
}

/// An object of three pieces; its size.
async fn long_object(storage: &Arc<dyn Storage>) -> u64 {
    let mut writer = storage.create(&key("long")).await.unwrap();
    writer.write(vec![7; 3 << 20].into()).await.unwrap();
    writer.commit().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_something_is_dropped_is_counted_and_nothing_worse() {
    for place in PLACES {
        let storage = instance(&format!("{place} = \"panic_in_drop\"")).await;
        for _ in 0..3 {
            let _ = put(&storage).await;
            if place == "piece" {
                let long = long_object(&storage).await;
                let mut stream = storage.read(&key("long"), ByteRange::whole(long)).await.unwrap();
                for _ in 0..2 {
                    stream.try_next().await.unwrap();
                }
            } else {
                let _ = at(&storage, place).await;
            }
        }
        goes_on(&storage, place).await;
        let Health::Degraded(why) = storage.health().await else { panic!("{place}: not degraded") };
        assert!(why.contains(&format!("on purpose, in the drop of {place}")), "{why}");
    }
    let storage = instance("destroy = \"panic_in_drop\"").await;
    storage.stop().await;
    drop(storage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_panics_or_never_ends_is_a_failed_start() {
    for (fault, expected) in [
        ("start = \"panic\"", "storage.start: the plugin panicked: on purpose, in start"),
        ("start = \"never\"", "1 seconds"),
        ("start = \"block\"", "storage.start: storage.start took longer than 1 seconds"),
    ] {
        let (trial, loaded, _place) = trial(fault);
        let storage = made((&trial, &loaded)).await.unwrap();
        let error = storage.start().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{fault}: {error}");
        assert_eq!(storage.stat(&key("a")).await.unwrap_err().kind, ErrorKind::Unavailable);
        storage.stop().await;
    }
    for (fault, expected) in [
        ("open = \"panic\"", "the plugin panicked: on purpose, in open"),
        ("open = \"block\"", "making the instance took longer than 1 seconds"),
    ] {
        let (trial, loaded, _place) = trial(fault);
        let refused = made((&trial, &loaded)).await.err().unwrap().to_string();
        assert!(refused.contains("storage.main.plugin") && refused.contains(expected), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_answers_fails_in_time_as_unavailable() {
    let one = async |place: &'static str| {
        let storage = instance(&format!("{place} = \"never\"")).await;
        if place == "piece" {
            let long = long_object(&storage).await;
            let stream = storage.read(&key("long"), ByteRange::whole(long)).await.unwrap();
            let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
            assert_eq!(error.to_string(), "storage.read: the plugin did not answer within 1 seconds");
            return;
        }
        if matches!(place, "read" | "stat") {
            put(&storage).await.unwrap();
        }
        let begun = Instant::now();
        let error: Error = at(&storage, place).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{place}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{place}");
    };
    // Finishing and copying may take ten times as long.
    let places = PLACES.into_iter().filter(|place| !matches!(*place, "commit" | "copy"));
    futures::future::join_all(places.map(|place| one(place).boxed())).await;
    let storage = instance("health = \"never\"").await;
    assert!(matches!(storage.health().await, Health::Unavailable(why) if why.contains("1 seconds")));
    let storage = instance("stop = \"block\"").await;
    storage.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_or_fewer_bytes_than_were_promised_are_an_error() {
    for (fault, place, expected) in [
        ("fewer", "piece", "storage.read: it ended 1 bytes short of the 10 that were asked for"),
        ("more", "piece", "storage.read: it handed over more than the 10 bytes that were asked for"),
        ("fewer", "commit", "storage.commit: it says that it keeps 9 bytes of the 10 that were written"),
        ("more", "commit", "storage.commit: it says that it keeps 11 bytes of the 10 that were written"),
        ("more", "list", "storage.list: it listed 2 keys, and 1 were asked for"),
    ] {
        let storage = instance(&format!("{place} = \"{fault}\"")).await;
        let put = put(&storage).await;
        let error = if place == "commit" { put.map(drop) } else { at(&storage, place).await }.unwrap_err();
        assert_eq!((error.kind, error.to_string().as_str()), (ErrorKind::Internal, expected), "{place} {fault}");
        goes_on(&storage, place).await;
    }
    let storage = instance("list = \"more\"").await;
    put(&storage).await.unwrap();
    let error = storage.list(None, 10).await.unwrap_err().to_string();
    assert_eq!(error, "storage.list: it listed keys that are not in byte order from behind the one that was given");
}
