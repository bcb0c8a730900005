//! Small files.

use std::collections::HashSet;

use ballast_contract::ErrorKind;
use ballast_types::ByteRange;
use ballast_types::git::{ObjectKind, object_id};
use bytes::Bytes;

use crate::world::{ALICE, BOB, World, in_an_hour, sha256, store_all};

in_each_world! {
    async fn the_small_files_of_one_call_are_one_object(world: &World) {
        let lease = world.lease(ALICE).await;
        let files: Vec<Bytes> = ["one", "", "three", "one"].into_iter().map(Bytes::from).collect();
        let stored = store_all(&world.content, lease, files.clone()).await.unwrap();
        for (file, bytes) in stored.iter().zip(&files) {
            assert_eq!((file.sha256, file.size), (sha256(bytes), bytes.len() as u64));
            assert_eq!(file.oid, object_id(ObjectKind::Blob, bytes));
            assert_eq!(world.read(file.sha256, ByteRange::whole(file.size)).await.unwrap(), *bytes);
        }
        let keys = world.keys().await;
        assert!(keys.len() == 1 && keys[0].starts_with("packs/"), "{keys:?}");
        assert_eq!(world.storage.stat(&keys[0].parse().unwrap()).await.unwrap(), 8, "a file is stored once");
        assert_eq!(world.content.leased_blobs(lease).await.unwrap().len(), 3);
    }

    async fn what_is_stored_already_is_leased_and_not_written_again(world: &World) {
        let first = world.commit(ALICE, &["one", "two"]).await;
        let before = world.keys().await;
        let lease = world.lease(BOB).await;
        assert_eq!(world.store(lease, "one").await, first[0]);
        assert_eq!(world.keys().await, before);
        assert_eq!(world.content.leased_blobs(lease).await.unwrap(), [first[0]]);
        let files = vec![Bytes::from("two"), Bytes::from("new")];
        let stored = store_all(&world.content, lease, files).await.unwrap();
        assert_eq!(world.keys().await.len(), 2);
        assert_eq!(world.read(stored[1].sha256, ByteRange { start: 1, end: 3 }).await.unwrap(), b"ew");
    }

    async fn only_what_the_repository_does_not_hold_is_new(world: &World) {
        world.commit(ALICE, &["held", "also held"]).await;
        let other = world.lease(ALICE).await;
        let digest = world.store(other, "pending").await;
        world.content.hold(other, &[digest]).await.unwrap();
        let texts = |texts: &[&'static str]| texts.iter().map(|text| Bytes::from(*text)).collect::<Vec<_>>();
        let lease = world.lease(ALICE).await;
        for (files, new) in [
            (vec!["held", "also held", "held"], 0),
            (vec!["held", "new", "new"], 3),
            (vec!["new", "newer"], 5),
            // Somebody else's commit may come to nothing.
            (vec!["pending"], 7),
        ] {
            let small = world.content.begin_small(lease, texts(&files)).await.unwrap();
            assert_eq!(small.new_bytes(), new, "{files:?}");
            world.content.store_small(small).await.unwrap();
        }
        let small = world.content.begin_small(world.lease(BOB).await, texts(&["held", "held"])).await.unwrap();
        assert_eq!(small.new_bytes(), 4, "another repository holds it, not this one");
    }

    async fn what_was_not_new_stays_held_until_the_commit(world: &World) {
        let held = world.commit(ALICE, &["held"]).await;
        let lease = world.lease(ALICE).await;
        let small = world.content.begin_small(lease, vec![Bytes::from("held")]).await.unwrap();
        let pruned = world.content.prune(ALICE, &HashSet::new(), in_an_hour()).await.unwrap();
        assert_eq!((small.new_bytes(), pruned.blobs, pruned.settlement.held.bytes), (0, 0, 4));
        world.content.store_small(small).await.unwrap();
        world.content.hold(lease, &held).await.unwrap();
        assert_eq!(world.content.confirm(lease, &[]).await.unwrap().held.bytes, 4);
    }

    async fn thousands_of_files_are_stored_at_once(world: &World) {
        let lease = world.lease(ALICE).await;
        let files: Vec<Bytes> = (0..5000).map(|n| Bytes::from(format!("file {n}"))).collect();
        let stored = store_all(&world.content, lease, files.clone()).await.unwrap();
        assert_eq!((stored.len(), world.keys().await.len()), (5000, 1));
        for n in [0, 1, 2500, 4999] {
            assert_eq!(world.content.read_small(stored[n].sha256, 100).await.unwrap(), files[n]);
        }
        let digests: Vec<_> = stored.iter().map(|file| file.sha256).collect();
        world.content.hold(lease, &digests).await.unwrap();
        let bytes: u64 = files.iter().map(|file| file.len() as u64).sum();
        assert_eq!(world.content.confirm(lease, &[]).await.unwrap().held.bytes, bytes);
    }

    async fn a_lease_that_has_ended_stores_nothing(world: &World) {
        let lease = world.lease(ALICE).await;
        world.content.drop_lease(lease).await.unwrap();
        let refused = store_all(&world.content, lease, vec![Bytes::from("x")]).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(world.keys().await.is_empty());
        assert_eq!(world.count("objects").await, 0);
    }

    async fn a_blob_over_the_cap_is_not_read_at_once(world: &World) {
        let digest = world.commit(ALICE, &["12345"]).await[0];
        assert_eq!(world.content.read_small(digest, 5).await.unwrap(), "12345");
        assert_eq!(world.content.read_small(digest, 4).await.unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(world.read(digest, ByteRange { start: 0, end: 6 }).await.unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(world.read(digest, ByteRange { start: 5, end: 5 }).await.unwrap(), b"");
    }
}
