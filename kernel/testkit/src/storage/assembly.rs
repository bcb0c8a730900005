//! What a storage that puts objects together in place keeps its promises by.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::storage::Assembly;
use bytes::Bytes;
use futures::future::join_all;

use super::{Instance, each, get, is_absent, key, keys, pattern, put};

/// Runs every check; none where the storage has no assembly.
pub(super) async fn conforms<K>(fresh: &impl AsyncFn() -> (Instance, K)) {
    if fresh().await.0.assembly().is_none() {
        return;
    }
    each! { fresh:
        parts_in_any_order_are_one_object
        nothing_of_it_is_visible_before_it_is_published
        a_part_written_again_replaces_itself
        a_writer_that_is_given_up_leaves_the_other_parts
        a_closed_object_takes_no_parts_until_it_is_dropped
        who_closes_it_as_well_waits_and_finds_it_published
        what_was_published_and_not_told_is_closed_again
        what_is_discarded_or_deleted_is_gone
        it_takes_the_place_of_an_object
    }
}

const PART: usize = 2_500_000;

fn assembly(storage: &Instance) -> &dyn Assembly {
    storage.assembly().unwrap()
}

async fn write(storage: &Instance, at: &str, start: usize, bytes: Bytes) -> u64 {
    let mut writer = assembly(storage).write_part(&key(at), start as u64).await.unwrap();
    for piece in bytes.chunks(700_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    writer.commit().await.unwrap()
}

async fn publish(storage: &Instance, at: &str) {
    let closed = assembly(storage).close(&key(at)).await.unwrap();
    closed.flush().await.unwrap();
    closed.publish().await.unwrap();
}

/// The kind of refusal that the next part meets, when it begins or when it is written.
async fn refusal(storage: &Instance, at: &str) -> Option<ErrorKind> {
    let written = async {
        let mut writer = assembly(storage).write_part(&key(at), 0).await?;
        writer.write(Bytes::from_static(b"late")).await?;
        writer.commit().await
    };
    written.await.err().map(|error| error.kind)
}

async fn parts_in_any_order_are_one_object(storage: &Instance) {
    let whole = pattern(4 * PART - 100, 1);
    let parts = (0..4).rev().map(|n| (n * PART, whole.slice(n * PART..whole.len().min((n + 1) * PART))));
    let written = join_all(parts.map(|(start, part)| write(storage, "a/whole", start, part))).await;
    assert_eq!(written.iter().sum::<u64>(), whole.len() as u64);
    publish(storage, "a/whole").await;
    assert!(get(storage, "a/whole").await == whole);
    assert_eq!(keys(storage).await, ["a/whole"]);
}

async fn nothing_of_it_is_visible_before_it_is_published(storage: &Instance) {
    write(storage, "a/b", 0, pattern(1000, 1)).await;
    is_absent(storage, "a/b").await;
    assert!(keys(storage).await.is_empty());
    let closed = assembly(storage).close(&key("a/b")).await.unwrap();
    assert_eq!(closed.file().metadata().unwrap().len(), 1000);
    is_absent(storage, "a/b").await;
    drop(closed);
    is_absent(storage, "a/b").await;
}

async fn a_part_written_again_replaces_itself(storage: &Instance) {
    let (first, second) = (pattern(3000, 1), pattern(3000, 2));
    write(storage, "a", 0, first.clone()).await;
    write(storage, "a", 1000, second.slice(1000..2000)).await;
    publish(storage, "a").await;
    assert_eq!(get(storage, "a").await, [&first[..1000], &second[1000..2000], &first[2000..]].concat());
}

async fn a_writer_that_is_given_up_leaves_the_other_parts(storage: &Instance) {
    let whole = pattern(2000, 3);
    write(storage, "a", 0, whole.slice(..1000)).await;
    for aborted in [false, true] {
        let mut writer = assembly(storage).write_part(&key("a"), 1000).await.unwrap();
        writer.write(Bytes::from_static(b"something else")).await.unwrap();
        if aborted {
            writer.abort().await.unwrap();
        }
    }
    write(storage, "a", 1000, whole.slice(1000..)).await;
    publish(storage, "a").await;
    assert!(get(storage, "a").await == whole);
}

async fn a_closed_object_takes_no_parts_until_it_is_dropped(storage: &Instance) {
    let mut early = assembly(storage).write_part(&key("a"), 0).await.unwrap();
    early.write(Bytes::from_static(b"early")).await.unwrap();
    write(storage, "a", 0, pattern(1000, 4)).await;
    let closed = assembly(storage).close(&key("a")).await.unwrap();
    assert_eq!(refusal(storage, "a").await, Some(ErrorKind::Conflict));
    assert_eq!(early.commit().await.unwrap_err().kind, ErrorKind::Conflict, "one that had begun");
    drop(closed);
    assert_eq!(refusal(storage, "a").await, None);
    publish(storage, "a").await;
    assert_eq!(get(storage, "a").await, [&b"late"[..], &pattern(1000, 4)[4..]].concat());
}

async fn who_closes_it_as_well_waits_and_finds_it_published(storage: &Instance) {
    write(storage, "a", 0, pattern(1000, 5)).await;
    let first = assembly(storage).close(&key("a")).await.unwrap();
    let other = tokio::spawn({
        let storage = Arc::clone(storage);
        async move { assembly(&storage).close(&key("a")).await.map(|closed| closed.file().metadata().unwrap().len()) }
    });
    first.publish().await.unwrap();
    drop(first);
    assert_eq!(other.await.unwrap().unwrap(), 1000);
    assert!(get(storage, "a").await == pattern(1000, 5));
}

async fn what_was_published_and_not_told_is_closed_again(storage: &Instance) {
    write(storage, "a/b", 0, pattern(1000, 6)).await;
    for _ in 0..2 {
        publish(storage, "a/b").await;
        assert!(get(storage, "a/b").await == pattern(1000, 6));
    }
}

async fn what_is_discarded_or_deleted_is_gone(storage: &Instance) {
    for deleted in [false, true] {
        write(storage, "a/b", 0, pattern(1000, 7)).await;
        match deleted {
            true => storage.delete(&key("a/b")).await.unwrap(),
            false => assembly(storage).discard(&key("a/b")).await.unwrap(),
        }
        assert_eq!(assembly(storage).close(&key("a/b")).await.err().unwrap().kind, ErrorKind::NotFound);
        assembly(storage).discard(&key("a/b")).await.unwrap();
    }
    // Of what is published, nothing.
    put(storage, "a/b", "kept").await;
    assembly(storage).discard(&key("a/b")).await.unwrap();
    assert_eq!(get(storage, "a/b").await, b"kept");
}

async fn it_takes_the_place_of_an_object(storage: &Instance) {
    put(storage, "a", "before").await;
    write(storage, "a", 0, Bytes::from_static(b"after")).await;
    assert_eq!(get(storage, "a").await, b"before");
    publish(storage, "a").await;
    assert_eq!(get(storage, "a").await, b"after");
}
