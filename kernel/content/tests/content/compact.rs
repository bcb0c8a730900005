//! Packs of which most is gone are rewritten, and readers notice nothing.

use std::collections::HashSet;
use std::time::Duration;

use ballast_content::{Depth, Verdict};
use ballast_types::{ByteRange, Sha256, Timestamp};

use crate::world::{ALICE, BOB, GRACE, World, in_an_hour, much_later, read_from};

/// Ten files in one pack, of which these are kept.
async fn thinned(world: &World, keep: std::ops::Range<usize>) -> Vec<Sha256> {
    let texts: Vec<String> = (0..10).map(|n| format!("file number {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let digests = world.commit(ALICE, &texts).await;
    let kept = HashSet::from_iter(digests[keep].iter().copied());
    let pruned = world.content.prune(ALICE, &kept, in_an_hour()).await.unwrap();
    assert_eq!((pruned.blobs, pruned.bytes), (10 - kept.len() as u64, 130 - 13 * kept.len() as u64));
    digests
}

in_each_world! {
    async fn a_pack_of_which_most_is_gone_is_rewritten(world: &World) {
        let digests = thinned(world, 3..6).await;
        let old = world.keys().await;
        let swept = world.content.sweep(much_later()).await.unwrap();
        assert_eq!((swept.blobs, swept.bytes, swept.compacted), (7, 91, 1));
        assert_eq!((swept.objects, swept.freed, swept.failed), (1, 91, 0));
        let new = world.keys().await;
        assert!(new.len() == 1 && new != old, "{old:?} became {new:?}");
        assert_eq!(world.storage.stat(&new[0].parse().unwrap()).await.unwrap(), 39);
        for (n, digest) in digests.iter().enumerate().take(6).skip(3) {
            let text = format!("file number {n}");
            assert_eq!(world.read(*digest, ByteRange { start: 5, end: 13 }).await.unwrap(), text.as_bytes()[5..]);
        }
        assert_eq!(world.count("leases").await, 0);
        assert_eq!(world.content.sweep(much_later()).await.unwrap(), Default::default(), "it is as it should be");
    }

    async fn a_pack_of_which_half_is_needed_stays(world: &World) {
        thinned(world, 0..5).await;
        let old = world.keys().await;
        assert_eq!(world.content.sweep(much_later()).await.unwrap().compacted, 0);
        assert_eq!(world.keys().await, old);
    }

    async fn a_reader_that_knows_the_old_place_finds_the_new_one(world: &World) {
        let digests = thinned(world, 4..5).await;
        let reader = world.node(GRACE);
        assert_eq!(read_from(&reader, digests[4], ByteRange::whole(13)).await.unwrap(), b"file number 4");
        assert_eq!(world.content.sweep(much_later()).await.unwrap().compacted, 1);
        assert_eq!(read_from(&reader, digests[4], ByteRange::whole(13)).await.unwrap(), b"file number 4");
    }

    async fn readers_beside_compactions_always_get_their_bytes(world: &World) {
        let reader = world.node(GRACE);
        for round in 0..8 {
            let texts: Vec<String> = (0..6).map(|n| format!("{round} and {n}")).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let digests = world.commit(BOB, &texts).await;
            let read = async |n: usize| {
                for _ in 0..10 {
                    assert_eq!(read_from(&reader, digests[n], ByteRange::whole(7)).await.unwrap(), texts[n].as_bytes());
                }
            };
            let thin = async {
                for last in [2, 1] {
                    let kept = HashSet::from_iter(digests[..last].iter().copied());
                    world.content.prune(BOB, &kept, in_an_hour()).await.unwrap();
                    world.content.sweep(much_later()).await.unwrap();
                }
            };
            futures::join!(read(0), read(0), thin);
        }
    }

    async fn a_damaged_file_stays_behind_and_the_others_are_saved(world: &World) {
        let digests = thinned(world, 2..5).await;
        world.flip(&world.keys().await[0], 3 * 13).await;
        assert_eq!(world.content.sweep(much_later()).await.unwrap().compacted, 1);
        assert_eq!(world.keys().await.len(), 2, "for somebody to look at");
        assert_eq!(world.content.read_small(digests[2], 13).await.unwrap(), "file number 2");
        assert_eq!(world.content.read_small(digests[4], 13).await.unwrap(), "file number 4");
        assert!(world.content.read_small(digests[3], 13).await.is_err());
        let packs = world.content.list_objects(None, 10).await.unwrap();
        let mut bad = vec![];
        for pack in &packs {
            bad.extend(world.content.examine_object(pack, Depth::Bytes).await.unwrap());
        }
        assert!(matches!(&bad[..], [one] if one.sha256 == digests[3] && matches!(one.verdict, Verdict::Damaged(_))));
        world.commit(ALICE, &["file number 3"]).await;
        world.content.sweep(much_later()).await.unwrap();
        assert_eq!(world.content.read_small(digests[3], 13).await.unwrap(), "file number 3");
        assert_eq!(world.keys().await.len(), 2, "the damaged one is gone");
    }

    async fn a_compaction_beside_commits_of_the_same_files_loses_none(world: &World) {
        let hasty = world.node(Duration::ZERO);
        for _ in 0..6 {
            let digests = thinned(world, 0..2).await;
            let now = Timestamp::now().after(Duration::from_millis(1));
            let (swept, again, other) = futures::join!(
                hasty.sweep(now),
                world.commit(ALICE, &["file number 1", "file number 7"]),
                world.commit(BOB, &["file number 0", "file number 8"]),
            );
            swept.unwrap();
            hasty.sweep(now).await.unwrap();
            assert_eq!((again[0], other[0]), (digests[1], digests[0]));
            for n in [0, 1, 7, 8] {
                assert_eq!(world.content.read_small(digests[n], 13).await.unwrap(), format!("file number {n}"));
            }
            world.content.forget(ALICE).await.unwrap();
            world.content.forget(BOB).await.unwrap();
        }
        world.is_swept_clean().await;
    }
}
