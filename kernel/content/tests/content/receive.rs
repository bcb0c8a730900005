//! Large files.

use ballast_content::{Delivery, Expected};
use ballast_contract::{Error, ErrorKind};
use ballast_types::ByteRange;
use ballast_types::git::{ObjectKind, object_id};
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};

use crate::world::{ALICE, BOB, World, body, pattern, receive, sha256};

/// That nothing of it was stored, and nothing was begun that stays.
async fn nothing_is_stored(world: &World) {
    assert!(world.keys().await.is_empty());
    assert_eq!(world.count("objects").await + world.count("blobs").await, 0);
}

in_each_world! {
    async fn a_large_file_is_kept_whole_where_an_operator_finds_it(world: &World) {
        let bytes = pattern(3_000_000, 1);
        let lease = world.lease(ALICE).await;
        let blob = receive(&world.content, lease, &bytes).await.unwrap();
        let name = blob.sha256.to_string();
        assert_eq!(world.keys().await, [format!("lfs/{}/{}/{name}", &name[..2], &name[2..4])]);
        assert!(world.read(blob.sha256, ByteRange::whole(blob.size)).await.unwrap() == bytes);
        let range = ByteRange { start: 1_000_000, end: 1_000_010 };
        assert_eq!(world.read(blob.sha256, range).await.unwrap(), bytes[1_000_000..1_000_010]);
        let file = matches!(world.content.open(blob.sha256, range).await.unwrap(), Delivery::File { .. });
        assert_eq!(file, world.storage.files().is_some());
    }

    async fn an_empty_large_file_is_a_file(world: &World) {
        let lease = world.lease(ALICE).await;
        let blob = receive(&world.content, lease, &Bytes::new()).await.unwrap();
        assert_eq!(world.content.read_small(blob.sha256, 0).await.unwrap(), "");
    }

    async fn lies_and_broken_bodies_store_nothing(world: &World) {
        let bytes = pattern(1_500_000, 2);
        let (digest, size) = (Expected::Sha256(sha256(&bytes)), bytes.len() as u64);
        let lease = world.lease(ALICE).await;
        let other = Expected::Sha256(sha256(b"other"));
        for (expected, size) in [(other, size), (digest, size - 1), (digest, size + 1), (digest, 0)] {
            let refused = world.content.receive(lease, expected, size, body(&bytes)).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
            nothing_is_stored(world).await;
        }
        let broken = || Error::new(ErrorKind::Unavailable, "test", "the client went away");
        let cut = body(&bytes).take(9).chain(stream::iter([Err(broken())])).boxed();
        let refused = world.content.receive(lease, digest, size, cut).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unavailable);
        nothing_is_stored(world).await;
        assert!(world.content.leased_blobs(lease).await.unwrap().is_empty());
        receive(&world.content, lease, &bytes).await.unwrap();
    }

    async fn an_error_says_what_is_wrong(world: &World) {
        let lease = world.lease(ALICE).await;
        let digest = Expected::Sha256(sha256(b"12345"));
        let short = world.content.receive(lease, digest, 5, body(&Bytes::from("123"))).await.unwrap_err();
        assert_eq!(short.context, "the body ended after 3 of 5 bytes");
        let long = world.content.receive(lease, digest, 5, body(&Bytes::from("123456"))).await.unwrap_err();
        assert_eq!(long.context, "the body is longer than the 5 bytes that were announced");
        let other = world.content.receive(lease, digest, 5, body(&Bytes::from("54321"))).await.unwrap_err();
        assert!(other.context.starts_with("the SHA-256 of the body is "), "{other}");
    }

    async fn a_blob_that_others_stored_must_be_shown_all_the_same(world: &World) {
        let bytes = pattern(200_000, 3);
        receive(&world.content, world.lease(ALICE).await, &bytes).await.unwrap();
        let (lease, digest, size) = (world.lease(BOB).await, Expected::Sha256(sha256(&bytes)), bytes.len() as u64);
        for lie in [Bytes::new(), bytes.slice(1..), pattern(200_000, 4)] {
            let refused = world.content.receive(lease, digest, size, body(&lie)).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid);
            assert_eq!(world.content.claim(lease, &[sha256(&bytes)]).await.unwrap(), [None]);
        }
        receive(&world.content, lease, &bytes).await.unwrap();
        assert_eq!(world.content.leased_blobs(lease).await.unwrap(), [sha256(&bytes)]);
        assert_eq!(world.keys().await.len(), 1, "and is not written again");
    }

    async fn a_file_known_by_its_git_id_is_verified_by_it(world: &World) {
        let bytes = pattern(1_200_000, 5);
        let (oid, size) = (object_id(ObjectKind::Blob, &bytes), bytes.len() as u64);
        let lease = world.lease(ALICE).await;
        let other = Expected::Git(object_id(ObjectKind::Blob, b"other"));
        let refused = world.content.receive(lease, other, size, body(&bytes)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid);
        nothing_is_stored(world).await;
        let blob = world.content.receive(lease, Expected::Git(oid), size, body(&bytes)).await.unwrap();
        assert_eq!((blob.sha256, blob.oid), (sha256(&bytes), Some(oid)));
        assert!(world.read(blob.sha256, ByteRange::whole(size)).await.unwrap() == bytes);
        world.content.receive(lease, Expected::Git(oid), size, body(&bytes)).await.unwrap();
        assert_eq!(world.keys().await.len(), 1, "the second copy is thrown away");
    }

    async fn the_same_file_at_once_from_many_is_stored_once(world: &World) {
        let bytes = pattern(700_000, 6);
        let upload = async |n: i64| {
            let lease = world.lease(ballast_types::RepoKey(n % 3)).await;
            receive(&world.content, lease, &bytes).await.unwrap();
            world.content.leased_blobs(lease).await.unwrap()
        };
        for leased in join_all((0..6).map(upload)).await {
            assert_eq!(leased, [sha256(&bytes)]);
        }
        assert_eq!((world.keys().await.len(), world.count("objects").await), (1, 1));
        assert!(world.read(sha256(&bytes), ByteRange::whole(700_000)).await.unwrap() == bytes);
    }

    async fn a_lie_beside_the_truth_harms_nobody(world: &World) {
        let bytes = pattern(700_000, 7);
        let (digest, size) = (Expected::Sha256(sha256(&bytes)), bytes.len() as u64);
        let (alice, bob) = (world.lease(ALICE).await, world.lease(BOB).await);
        for _ in 0..4 {
            let lie = pattern(700_000, 8);
            let lies = world.content.receive(bob, digest, size, body(&lie));
            let (lied, told) = futures::join!(lies, receive(&world.content, alice, &bytes));
            assert_eq!(lied.unwrap_err().kind, ErrorKind::Invalid);
            told.unwrap();
            assert!(world.read(sha256(&bytes), ByteRange::whole(size)).await.unwrap() == bytes);
        }
        assert_eq!(world.keys().await.len(), 1);
    }

    async fn an_ended_lease_receives_nothing(world: &World) {
        let lease = world.lease(ALICE).await;
        world.content.drop_lease(lease).await.unwrap();
        let refused = receive(&world.content, lease, &pattern(10, 9)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        nothing_is_stored(world).await;
    }

    async fn a_lease_that_ends_meanwhile_leaves_nothing(world: &World) {
        let (lease, bytes) = (world.lease(ALICE).await, pattern(300_000, 10));
        let (content, all) = (world.content.clone(), bytes.clone());
        let then_drop = stream::once(async move {
            content.drop_lease(lease).await.unwrap();
            Ok(all.slice(100..))
        });
        let late = stream::iter([Ok(bytes.slice(..100))]).chain(then_drop).boxed();
        let refused = world.content.receive(lease, Expected::Sha256(sha256(&bytes)), 300_000, late).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
        nothing_is_stored(world).await;
    }

    async fn bytes_that_are_gone_are_told_as_corruption(world: &World) {
        let bytes = pattern(1000, 11);
        let blob = receive(&world.content, world.lease(ALICE).await, &bytes).await.unwrap();
        world.read(blob.sha256, ByteRange::whole(1000)).await.unwrap();
        world.storage.delete(&world.keys().await[0].parse().unwrap()).await.unwrap();
        let lost = world.read(blob.sha256, ByteRange::whole(1000)).await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::Corrupt, "{lost}");
        let unknown = world.read(sha256(b"never"), ByteRange::whole(1)).await.unwrap_err();
        assert_eq!(unknown.kind, ErrorKind::Corrupt, "{unknown}");
    }
}
