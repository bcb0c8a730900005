//! Bytes that a disk has changed are never given out, and come back with an upload.

use std::time::Duration;

use ballast_content::{Content, Verdict};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Held;
use ballast_types::{ByteRange, Sha256};
use bytes::Bytes;

use crate::world::{ALICE, World, pattern, receive, sha256, store_all};

/// Waits until a blob that has read badly is known to be damaged: nobody may claim it.
async fn is_known(world: &World, sha256: Sha256) {
    let known = async {
        while world.content.find_known(ALICE, &[sha256]).await.unwrap()[0].is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), known).await.expect("the damage becomes known");
}

async fn verdict(content: &Content, sha256: Sha256) -> Verdict {
    let mut examined = content.examine(sha256).await.unwrap();
    assert_eq!(examined.len(), 1);
    examined.remove(0).verdict
}

async fn is_refused(world: &World, sha256: Sha256, range: ByteRange) {
    let read = world.read(sha256, range).await;
    assert!(read.as_ref().is_err_and(|error| error.is(ErrorKind::Corrupt)), "{read:?}");
}

in_each_world! {
    async fn a_flipped_bit_of_a_large_file_is_not_given_out_and_an_upload_heals_it(world: &World) {
        let (bytes, lease) = (pattern(300_000, 1), world.lease(ALICE).await);
        let digest = receive(&world.content, lease, &bytes).await.unwrap().sha256;
        world.content.hold(lease, &[digest]).await.unwrap();
        let level = world.content.confirm(lease, &[]).await.unwrap().held;
        world.flip(&world.keys().await[0], 200_000).await;

        let before = ByteRange { start: 10, end: 100_000 };
        assert_eq!(world.read(digest, before).await.unwrap(), bytes[10..100_000], "another piece is as good as ever");
        is_refused(world, digest, ByteRange { start: 199_999, end: 200_002 }).await;
        is_known(world, digest).await;
        for range in [ByteRange::whole(300_000), before] {
            is_refused(world, digest, range).await;
            is_refused_by_another_node(world, digest, range).await;
        }
        let again = world.lease(ALICE).await;
        assert_eq!(world.content.claim(again, &[digest]).await.unwrap(), [None]);
        assert!(world.content.find_held(ALICE, &[digest]).await.unwrap()[0].is_some(), "it is held all the same");
        assert!(matches!(verdict(&world.content, digest).await, Verdict::Damaged(_)));

        receive(&world.content, again, &bytes).await.unwrap();
        assert!(world.read(digest, ByteRange::whole(300_000)).await.unwrap() == bytes);
        assert!(world.content.claim(again, &[digest]).await.unwrap()[0].is_some());
        assert_eq!(verdict(&world.content, digest).await, Verdict::Whole);
        assert_eq!(world.content.held(ALICE).await.unwrap(), level);
        world.content.sweep(crate::world::in_an_hour()).await.unwrap();
        assert_eq!(world.keys().await.len(), 1, "the damaged object is gone");
    }

    async fn a_flipped_bit_in_a_pack_spoils_one_small_file_alone(world: &World) {
        let digests = world.commit(ALICE, &["first", "second", "third"]).await;
        world.flip(&world.keys().await[0], 6).await;
        assert_eq!(world.read(digests[0], ByteRange::whole(5)).await.unwrap(), b"first");
        is_refused(world, digests[1], ByteRange { start: 3, end: 4 }).await;
        is_known(world, digests[1]).await;
        assert_eq!(world.content.read_small(digests[2], 5).await.unwrap(), "third");
        assert!(world.content.read_small(digests[1], 6).await.is_err());
        assert_eq!(world.commit(ALICE, &["second"]).await, [digests[1]]);
        assert_eq!(world.content.read_small(digests[1], 6).await.unwrap(), "second");
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held { bytes: 16, revision: 1 });
    }

    async fn what_only_seemed_damaged_is_served_again(world: &World) {
        let digest = world.commit(ALICE, &["seems"]).await[0];
        let key = world.keys().await.remove(0);
        world.flip(&key, 2).await;
        assert!(matches!(verdict(&world.content, digest).await, Verdict::Damaged(_)));
        is_refused(world, digest, ByteRange::whole(5)).await;
        world.flip(&key, 2).await;
        assert_eq!(verdict(&world.content, digest).await, Verdict::Whole);
        assert_eq!(world.read(digest, ByteRange::whole(5)).await.unwrap(), b"seems");
    }

    async fn a_lost_object_is_found_missing_and_comes_back(world: &World) {
        let digest = world.commit(ALICE, &["lost"]).await[0];
        world.storage.delete(&world.keys().await[0].parse().unwrap()).await.unwrap();
        is_refused(world, digest, ByteRange::whole(4)).await;
        is_known(world, digest).await;
        assert_eq!(verdict(&world.content, digest).await, Verdict::Missing);
        world.commit(ALICE, &["lost"]).await;
        assert_eq!(world.content.read_small(digest, 4).await.unwrap(), "lost");
    }

    async fn a_blob_without_sums_is_proven_before_it_is_first_given_out(world: &World) {
        let (bytes, lease) = (pattern(100_000, 2), world.lease(ALICE).await);
        let digests = [receive(&world.content, lease, &bytes).await.unwrap().sha256, world.store(lease, "old").await];
        world.execute("UPDATE blobs SET sums = NULL").await;
        let node = world.node(Duration::ZERO);
        assert!(crate::world::read_from(&node, digests[0], ByteRange::whole(100_000)).await.unwrap() == bytes);
        assert_eq!(world.count("blobs WHERE sums IS NOT NULL").await, 1, "they are kept");
        let pack = world.keys().await.into_iter().find(|key| key.starts_with("packs/")).unwrap();
        world.flip(&pack, 0).await;
        assert!(node.read_small(digests[1], 3).await.unwrap_err().is(ErrorKind::Corrupt));
    }

    async fn two_uploads_that_heal_at_once_leave_one_object(world: &World) {
        let bytes = pattern(80_000, 3);
        let first = world.lease(ALICE).await;
        let digest = receive(&world.content, first, &bytes).await.unwrap().sha256;
        world.flip(&world.keys().await[0], 1).await;
        verdict(&world.content, digest).await;
        let (one, two) = (world.lease(ALICE).await, world.lease(ALICE).await);
        let text = [Bytes::from("beside")];
        let (a, b, c) = futures::join!(
            receive(&world.content, one, &bytes),
            receive(&world.content, two, &bytes),
            store_all(&world.content, two, text.to_vec()),
        );
        a.unwrap();
        b.unwrap();
        c.unwrap();
        assert!(world.read(digest, ByteRange::whole(80_000)).await.unwrap() == bytes);
        world.content.sweep(crate::world::in_an_hour()).await.unwrap();
        assert_eq!(world.keys().await.len(), 2);
        assert_eq!(sha256(&bytes), digest);
    }
}

async fn is_refused_by_another_node(world: &World, sha256: Sha256, range: ByteRange) {
    let read = crate::world::read_from(&world.node(Duration::ZERO), sha256, range).await;
    assert!(read.is_err_and(|error| error.is(ErrorKind::Corrupt)));
}
