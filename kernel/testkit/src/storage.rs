//! What a storage plugin keeps its promises by.
#![allow(clippy::unwrap_used)]

mod assembly;
#[cfg(feature = "signed")]
mod signed;

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use ballast_contract::storage::{Storage, StorageKey};
use ballast_contract::{ErrorKind, Health, Result};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::join_all;

type Instance = Arc<dyn Storage>;

/// Runs checks, each on a fresh instance.
macro_rules! each {
    ($fresh:ident: $($check:ident)*) => {$({
        let (storage, _kept) = $fresh().await;
        // Shown by the test runner only where the check fails.
        println!("storage: {}", stringify!($check));
        storage.start().await.unwrap();
        $check(&storage).await;
        storage.stop().await;
        storage.stop().await;
    })*};
}
use each;

/// Runs every check, each on a fresh instance that is empty and not started. `fresh` answers with the instance what
/// must live as long as it does.
pub async fn conforms<K>(fresh: impl AsyncFn() -> (Instance, K)) {
    each! { fresh:
        a_started_instance_is_ready
        an_object_is_read_as_it_was_written
        an_empty_object_is_an_object
        nothing_is_visible_before_the_commit
        a_dropped_writer_leaves_nothing
        an_aborted_writer_leaves_nothing
        a_commit_replaces_the_object_whole
        a_reader_keeps_what_it_began_to_read_or_fails
        a_dropped_replacement_leaves_the_old_object
        ranges_are_exact
        a_range_behind_the_end_is_invalid
        what_is_not_there_is_not_found
        a_folder_of_keys_is_no_object
        deleting_is_idempotent
        many_are_deleted_at_once_whatever_of_them_is_there
        lists_are_in_byte_order_at_every_limit
        a_list_goes_on_from_a_key_that_is_gone
        a_copy_is_an_object_of_its_own
        a_copy_replaces_and_needs_its_source
        many_megabytes_arrive_in_odd_pieces
        many_writers_at_once_each_keep_their_object
        writers_of_one_key_leave_one_of_their_objects_whole
        objects_outlive_the_instances_use
        files_agree_with_reads
    }
    assembly::conforms(&fresh).await;
    #[cfg(feature = "signed")]
    signed::conforms(fresh).await;
    #[cfg(not(feature = "signed"))]
    assert!(
        fresh().await.0.presign().is_none(),
        "its signed URLs are tried with the feature `signed` of ballast-testkit"
    );
}

fn key(text: &str) -> StorageKey {
    text.parse().unwrap()
}

/// Bytes that differ from place to place.
fn pattern(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

async fn put(storage: &Instance, at: &str, bytes: impl Into<Bytes>) -> u64 {
    let mut writer = storage.create(&key(at)).await.unwrap();
    writer.write(bytes.into()).await.unwrap();
    writer.commit().await.unwrap()
}

async fn read(storage: &Instance, at: &str, range: ByteRange) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = storage.read(&key(at), range).await?.try_collect().await?;
    Ok(pieces.concat())
}

async fn get(storage: &Instance, at: &str) -> Vec<u8> {
    let size = storage.stat(&key(at)).await.unwrap();
    read(storage, at, ByteRange::whole(size)).await.unwrap()
}

async fn keys(storage: &Instance) -> Vec<String> {
    let page = storage.list(None, 1000).await.unwrap();
    assert_eq!(page.next, None, "fewer objects than the limit are all");
    page.items.iter().map(ToString::to_string).collect()
}

async fn is_absent(storage: &Instance, at: &str) {
    assert_eq!(storage.stat(&key(at)).await.unwrap_err().kind, ErrorKind::NotFound, "stat of {at}");
    assert_eq!(read(storage, at, ByteRange::whole(1)).await.unwrap_err().kind, ErrorKind::NotFound, "read of {at}");
}

async fn a_started_instance_is_ready(storage: &Instance) {
    assert_eq!(storage.health().await, Health::Ready);
}

async fn an_object_is_read_as_it_was_written(storage: &Instance) {
    let mut writer = storage.create(&key("lfs/ab/cd/abcd")).await.unwrap();
    for piece in ["one ", "", "two ", "three"] {
        writer.write(Bytes::from(piece)).await.unwrap();
    }
    assert_eq!(writer.commit().await.unwrap(), 13);
    assert_eq!(storage.stat(&key("lfs/ab/cd/abcd")).await.unwrap(), 13);
    assert_eq!(get(storage, "lfs/ab/cd/abcd").await, b"one two three");
    assert_eq!(keys(storage).await, ["lfs/ab/cd/abcd"]);
}

async fn an_empty_object_is_an_object(storage: &Instance) {
    assert_eq!(storage.create(&key("empty")).await.unwrap().commit().await.unwrap(), 0);
    assert_eq!(storage.stat(&key("empty")).await.unwrap(), 0);
    assert_eq!(get(storage, "empty").await, b"");
    assert_eq!(keys(storage).await, ["empty"]);
}

async fn nothing_is_visible_before_the_commit(storage: &Instance) {
    let mut writer = storage.create(&key("a/new")).await.unwrap();
    for _ in 0..5 {
        writer.write(pattern(1 << 20, 1)).await.unwrap();
        is_absent(storage, "a/new").await;
        assert!(keys(storage).await.is_empty());
    }
    assert_eq!(writer.commit().await.unwrap(), 5 << 20);
    assert_eq!(storage.stat(&key("a/new")).await.unwrap(), 5 << 20);
}

async fn a_dropped_writer_leaves_nothing(storage: &Instance) {
    for size in [0, 1, 3 << 20] {
        let mut writer = storage.create(&key("a/dropped")).await.unwrap();
        writer.write(pattern(size, 2)).await.unwrap();
        drop(writer);
        is_absent(storage, "a/dropped").await;
        assert!(keys(storage).await.is_empty());
    }
}

async fn an_aborted_writer_leaves_nothing(storage: &Instance) {
    let mut writer = storage.create(&key("a/aborted")).await.unwrap();
    writer.write(pattern(3 << 20, 3)).await.unwrap();
    writer.abort().await.unwrap();
    is_absent(storage, "a/aborted").await;
    assert!(keys(storage).await.is_empty());
}

async fn a_commit_replaces_the_object_whole(storage: &Instance) {
    put(storage, "a/b", "the first one, which is longer").await;
    assert_eq!(put(storage, "a/b", "the second").await, 10);
    assert_eq!(get(storage, "a/b").await, b"the second");
    assert_eq!(keys(storage).await, ["a/b"]);
}

async fn a_reader_keeps_what_it_began_to_read_or_fails(storage: &Instance) {
    let (old, new) = (pattern(4 << 20, 4), pattern(4 << 20, 5));
    put(storage, "a/b", old.clone()).await;
    let mut stream = storage.read(&key("a/b"), ByteRange::whole(4 << 20)).await.unwrap();
    let mut seen = stream.try_next().await.unwrap().unwrap().to_vec();
    put(storage, "a/b", new).await;
    let rest: Result<Vec<Bytes>> = stream.try_collect().await;
    if let Ok(rest) = rest {
        seen.extend(rest.concat());
        assert!(seen == old, "a stream of two objects mixed");
    }
}

async fn a_dropped_replacement_leaves_the_old_object(storage: &Instance) {
    put(storage, "a/b", "old").await;
    let mut writer = storage.create(&key("a/b")).await.unwrap();
    writer.write(pattern(2 << 20, 6)).await.unwrap();
    drop(writer);
    let mut writer = storage.create(&key("a/b")).await.unwrap();
    writer.write(pattern(2 << 20, 7)).await.unwrap();
    writer.abort().await.unwrap();
    assert_eq!(get(storage, "a/b").await, b"old");
}

async fn ranges_are_exact(storage: &Instance) {
    let bytes = pattern((3 << 20) + 17, 8);
    put(storage, "r", bytes.clone()).await;
    let size = bytes.len() as u64;
    let edges = [0, 1, 4095, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, size - 1, size];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let (from, to) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
            let got = read(storage, "r", ByteRange { start, end }).await.unwrap();
            assert!(got == bytes[from..to], "bytes {start}..{end}");
        }
    }
}

async fn a_range_behind_the_end_is_invalid(storage: &Instance) {
    put(storage, "r", "12345").await;
    for (start, end) in [(0, 6), (5, 6), (6, 6), (6, 7), (2, u64::MAX), (3, 2)] {
        let refused = read(storage, "r", ByteRange { start, end }).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{start}..{end}: {refused}");
    }
}

async fn what_is_not_there_is_not_found(storage: &Instance) {
    is_absent(storage, "a").await;
    put(storage, "a/b/c", "c").await;
    for near in ["a/b/d", "a/b/c/d", "a/b/c.d", "b"] {
        is_absent(storage, near).await;
    }
    let empty = read(storage, "a/b/d", ByteRange::whole(0)).await.unwrap_err();
    assert_eq!(empty.kind, ErrorKind::NotFound, "an empty range of nothing");
}

async fn a_folder_of_keys_is_no_object(storage: &Instance) {
    put(storage, "a/b/c", "c").await;
    for folder in ["a/b", "a"] {
        // A provider that keeps objects as files may have no answer for such a key, which the kernel never makes.
        let refused = storage.stat(&key(folder)).await.unwrap_err();
        assert!(matches!(refused.kind, ErrorKind::NotFound | ErrorKind::Unavailable), "stat of {folder}: {refused}");
        assert!(read(storage, folder, ByteRange::whole(1)).await.is_err(), "read of {folder}");
    }
}

async fn deleting_is_idempotent(storage: &Instance) {
    put(storage, "a/b", "b").await;
    put(storage, "a/c", "c").await;
    for _ in 0..2 {
        storage.delete(&key("a/b")).await.unwrap();
        is_absent(storage, "a/b").await;
    }
    storage.delete(&key("never/was")).await.unwrap();
    storage.delete(&key("a/c/below")).await.unwrap();
    assert_eq!(keys(storage).await, ["a/c"]);
}

async fn many_are_deleted_at_once_whatever_of_them_is_there(storage: &Instance) {
    let all: Vec<String> = (0..100).map(|n| format!("many/{}/{n}", n % 70)).collect();
    for at in all.iter().step_by(2).map(String::as_str).chain(["many/kept", "kept"]) {
        put(storage, at, "x").await;
    }
    let twice: Vec<StorageKey> = all.iter().chain(&all[..9]).map(|at| key(at)).chain([key("kept/below")]).collect();
    for _ in 0..2 {
        storage.delete_many(&twice).await.unwrap();
        assert_eq!(keys(storage).await, ["kept", "many/kept"]);
    }
    storage.delete_many(&[]).await.unwrap();
}

async fn lists_are_in_byte_order_at_every_limit(storage: &Instance) {
    // `-` and `.` come before `/`, digits and letters after.
    let mut written = vec!["a/b/c", "a-b", "a.b", "a/b.c", "a/b-c", "a0", "a_b", "b", "a/1", "a/b/0/x", "zz/y", "0"];
    for at in &written {
        put(storage, at, "x").await;
    }
    written.sort_unstable();
    for limit in 1..=written.len() + 1 {
        let (mut seen, mut after): (Vec<StorageKey>, Option<StorageKey>) = (Vec::new(), None);
        loop {
            let page = storage.list(after.as_ref(), limit).await.unwrap();
            assert!(page.items.len() <= limit, "a page of {} at a limit of {limit}", page.items.len());
            seen.extend(page.items);
            match page.next {
                Some(_) => after = seen.last().cloned(),
                None => break,
            }
        }
        assert_eq!(seen.iter().map(StorageKey::as_str).collect::<Vec<_>>(), written, "at a limit of {limit}");
    }
}

async fn a_list_goes_on_from_a_key_that_is_gone(storage: &Instance) {
    for at in ["a/1", "a/3", "b/1"] {
        put(storage, at, "x").await;
    }
    for (after, expected) in [("a/2", 2), ("a", 3), ("a/3/x", 1), ("a/zzz", 1), ("b/1", 0), ("c", 0)] {
        let page = storage.list(Some(&key(after)), 10).await.unwrap();
        assert_eq!(page.items.len(), expected, "behind {after}: {:?}", page.items);
        assert_eq!(page.next, None);
    }
}

async fn a_copy_is_an_object_of_its_own(storage: &Instance) {
    let bytes = pattern((2 << 20) + 3, 9);
    put(storage, "from/x", bytes.clone()).await;
    storage.copy(&key("from/x"), &key("to/y")).await.unwrap();
    storage.delete(&key("from/x")).await.unwrap();
    assert!(get(storage, "to/y").await == bytes);
    put(storage, "from/x", "other").await;
    assert!(get(storage, "to/y").await == bytes);
}

async fn a_copy_replaces_and_needs_its_source(storage: &Instance) {
    put(storage, "x", "new").await;
    put(storage, "y", "an old one").await;
    storage.copy(&key("x"), &key("y")).await.unwrap();
    assert_eq!(get(storage, "y").await, b"new");
    let missing = storage.copy(&key("none"), &key("y")).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(get(storage, "y").await, b"new");
}

async fn many_megabytes_arrive_in_odd_pieces(storage: &Instance) {
    let bytes = pattern((9 << 20) + 4321, 10);
    let mut writer = storage.create(&key("large")).await.unwrap();
    let (mut at, mut step) = (0, 1);
    while at < bytes.len() {
        let end = bytes.len().min(at + step);
        writer.write(bytes.slice(at..end)).await.unwrap();
        at = end;
        step = (step * 7 + 13) % 777_777;
    }
    assert_eq!(writer.commit().await.unwrap(), bytes.len() as u64);
    assert!(get(storage, "large").await == bytes);
}

async fn many_writers_at_once_each_keep_their_object(storage: &Instance) {
    let write = async |n: u64| put(storage, &format!("many/{}/{n}", n % 3), pattern(200_000, n)).await;
    join_all((0..24).map(write)).await;
    for n in 0..24 {
        assert!(get(storage, &format!("many/{}/{n}", n % 3)).await == pattern(200_000, n), "object {n}");
    }
    join_all((0..24).map(async |n| storage.delete(&key(&format!("many/{}/{n}", n % 3))).await.unwrap())).await;
    assert!(keys(storage).await.is_empty());
}

async fn writers_of_one_key_leave_one_of_their_objects_whole(storage: &Instance) {
    let write = async |n: u64| put(storage, "one/key", pattern(1_500_000 + usize::try_from(n).unwrap(), n)).await;
    join_all((0..8).map(write)).await;
    let left = get(storage, "one/key").await;
    let n = left.len() - 1_500_000;
    assert!(left == pattern(left.len(), n as u64), "a mixture was left");
    assert_eq!(keys(storage).await, ["one/key"]);
}

async fn objects_outlive_the_instances_use(storage: &Instance) {
    put(storage, "a", "kept").await;
    storage.start().await.unwrap();
    assert_eq!(get(storage, "a").await, b"kept");
}

async fn files_agree_with_reads(storage: &Instance) {
    let Some(files) = storage.files() else { return };
    let bytes = pattern(300_000, 11);
    put(storage, "f/g", bytes.clone()).await;
    for mut file in [files.open(&key("f/g")).unwrap()].into_iter().chain(files.open_at_once(&key("f/g"))) {
        assert_eq!(file.metadata().unwrap().len(), bytes.len() as u64);
        file.seek(SeekFrom::Start(100)).unwrap();
        let mut some = vec![0; 1000];
        file.read_exact(&mut some).unwrap();
        assert_eq!(some, read(storage, "f/g", ByteRange { start: 100, end: 1100 }).await.unwrap());
    }
    for absent in ["f/h", "f", "f/g/h"] {
        assert_eq!(files.open(&key(absent)).unwrap_err().kind, ErrorKind::NotFound, "{absent}");
        assert!(files.open_at_once(&key(absent)).is_none(), "{absent}");
    }
}
