//! What a call costs, and how fast bytes go, of a storage in memory: linked into this program, or loaded as a library.
//! And what a message costs, of a quota that is a library.
//! `tests/bench/workloads/plugins.py` runs it; it prints one number.
//!
//! ```text
//! plugin_cost FILE|built-in stat|read|write COUNT
//! plugin_cost FILE message COUNT
//! ```
//!
//! `stat` and `message`: nanoseconds a call. `read` and `write`: GB/s of COUNT pieces of 1 MiB.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/plugins/misbehaving/src/fault.rs"]
mod fault;
#[path = "../../../tests/plugins/misbehaving/src/memory.rs"]
mod memory;
#[path = "../../../tests/plugins/misbehaving/src/unruly.rs"]
mod unruly;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ballast_config::Layers;
use ballast_contract::quota::Quota;
use ballast_contract::storage::{Storage, StorageKey};
use ballast_database::{Database, Options};
use ballast_loader::{Library, Opened, Trial, state_of};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::TryStreamExt;

const PIECE: usize = 1 << 20;
/// Of an object that is read again and again, in pieces.
const OBJECT: usize = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, form, what, count] = arguments.as_slice() else {
        panic!("plugin_cost FILE|built-in stat|read|write|message COUNT")
    };
    let (what, count) = (what.clone(), count.parse().unwrap());
    if what == "message" {
        let Opened::Quota(quota) = loaded(form).await else { panic!("{form} is no quota") };
        quota.start().await.unwrap();
        println!("{}", tokio::spawn(async move { messages(&*quota, count).await }).await.unwrap());
        return;
    }
    let storage = opened(form).await;
    storage.start().await.unwrap();
    // As the hub does: on a worker of the runtime.
    let measured = tokio::spawn(async move { measure(&*storage, &what, count).await }).await.unwrap();
    println!("{measured}");
}

async fn opened(form: &str) -> Arc<dyn Storage> {
    if form == "built-in" {
        return Arc::new(unruly::Unruly::new(fault::Faults(BTreeMap::new())));
    }
    let Opened::Storage(storage) = loaded(form).await else { panic!("{form} is no storage") };
    storage
}

async fn loaded(file: &str) -> Opened {
    let loaded = Layers { data_dir: "data".into(), ..Layers::default() }.load().unwrap();
    let library = Library::inspect_anywhere(Path::new(file)).unwrap();
    let database = Database::open("sqlite://:memory:", &Options::default()).await.unwrap();
    let state = state_of(database, "tried");
    Trial::all(library, &loaded).unwrap()[0].open(&loaded, state).await.unwrap()
}

/// Messages that ask for nothing to be done.
async fn messages(quota: &dyn Quota, count: usize) -> f64 {
    let begun = Instant::now();
    for _ in 0..count {
        quota.release(black_box(&[])).await.unwrap();
    }
    begun.elapsed().as_nanos() as f64 / count as f64
}

async fn measure(storage: &dyn Storage, what: &str, count: usize) -> f64 {
    let key: StorageKey = "xorbs/ab/abcdef0123456789".parse().unwrap();
    let mut writer = storage.create(&key).await.unwrap();
    for _ in 0..OBJECT {
        writer.write(vec![7; PIECE].into()).await.unwrap();
    }
    let size = writer.commit().await.unwrap();
    let begun = match what {
        "stat" => {
            stat(storage, &key, count / 10).await;
            let begun = Instant::now();
            stat(storage, &key, count).await;
            return begun.elapsed().as_nanos() as f64 / count as f64;
        }
        "read" => {
            read(storage, &key, size, OBJECT).await;
            let begun = Instant::now();
            read(storage, &key, size, count).await;
            begun
        }
        _ => {
            let piece = Bytes::from(vec![3; PIECE]);
            write(storage, &piece, OBJECT).await;
            let begun = Instant::now();
            write(storage, &piece, count).await;
            begun
        }
    };
    (count * PIECE) as f64 / begun.elapsed().as_secs_f64() / 1e9
}

async fn stat(storage: &dyn Storage, key: &StorageKey, count: usize) {
    for _ in 0..count {
        black_box(storage.stat(key).await.unwrap());
    }
}

/// Reads, and looks at every byte, as whoever sends or hashes it does.
async fn read(storage: &dyn Storage, key: &StorageKey, size: u64, count: usize) {
    for _ in 0..count.div_ceil(OBJECT) {
        let mut stream = storage.read(key, ByteRange::whole(size)).await.unwrap();
        while let Some(piece) = stream.try_next().await.unwrap() {
            black_box(piece.iter().fold(0u8, |all, byte| all ^ byte));
        }
    }
}

/// Writes objects that the plugin copies into its memory.
async fn write(storage: &dyn Storage, piece: &Bytes, count: usize) {
    let key: StorageKey = "written".parse().unwrap();
    for _ in 0..count.div_ceil(OBJECT) {
        let mut writer = storage.create(&key).await.unwrap();
        for _ in 0..OBJECT {
            writer.write(piece.clone()).await.unwrap();
        }
        writer.commit().await.unwrap();
    }
}
