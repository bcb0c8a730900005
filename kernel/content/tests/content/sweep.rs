//! What goes, when, and what never does.

use std::collections::HashSet;
use std::time::Duration;

use ballast_contract::quota::Held;
use ballast_types::{ByteRange, ReservationId, Sha256, Timestamp};
use bytes::Bytes;
use futures::future::join_all;

use crate::world::{ALICE, BOB, GRACE, World, in_an_hour, much_later, pattern, read_from, receive, sha256, store_all};

const MINUTE: Duration = Duration::from_secs(60);

fn none() -> HashSet<Sha256> {
    HashSet::new()
}

in_each_world! {
    async fn a_blob_goes_when_nobody_names_it_and_its_grace_is_over(world: &World) {
        let lease = world.lease(ALICE).await;
        let digest = world.store(lease, "left").await;
        let before = Timestamp::now();
        world.content.drop_lease(lease).await.unwrap();
        let early = world.content.sweep(before.after(GRACE).before(MINUTE)).await.unwrap();
        assert_eq!((early.objects, early.bytes), (0, 0));
        assert_eq!(world.read(digest, ByteRange::whole(4)).await.unwrap(), b"left");
        let late = world.content.sweep(Timestamp::now().after(GRACE)).await.unwrap();
        assert_eq!((late.objects, late.bytes), (1, 4));
        assert!(world.keys().await.is_empty());
        assert!(world.read(digest, ByteRange::whole(4)).await.is_err());
    }

    async fn what_is_held_or_leased_stays(world: &World) {
        let held = world.commit(ALICE, &["held"]).await[0];
        let lease = world.content.create_lease(BOB, much_later().after(GRACE)).await.unwrap();
        let leased = receive(&world.content, lease, &pattern(1000, 1)).await.unwrap().sha256;
        let pending = world.store(lease, "pending").await;
        world.content.hold(lease, &[pending]).await.unwrap();
        for _ in 0..2 {
            assert_eq!(world.content.sweep(much_later()).await.unwrap(), Default::default());
        }
        for (digest, size) in [(held, 4), (leased, 1000), (pending, 7)] {
            world.read(digest, ByteRange::whole(size)).await.unwrap();
        }
    }

    async fn a_lease_whose_time_is_over_goes_with_its_reservations(world: &World) {
        let (over, extended) = (world.lease(ALICE).await, world.lease(ALICE).await);
        for (lease, reservation) in [(over, 1), (extended, 2)] {
            world.content.promise(lease, &[(sha256(b"x"), ReservationId(reservation))]).await.unwrap();
        }
        world.content.extend_lease(extended, much_later().after(GRACE)).await.unwrap();
        world.content.extend_lease(extended, in_an_hour()).await.unwrap();
        assert_eq!(world.content.sweep(Timestamp::now()).await.unwrap().reservations, []);
        assert_eq!(world.content.sweep(much_later()).await.unwrap().reservations, [ReservationId(1)]);
        assert!(world.content.extend_lease(over, much_later()).await.is_err());
        world.store(extended, "lives").await;
    }

    async fn a_pack_goes_when_the_last_of_its_blobs_does(world: &World) {
        let both = world.commit(ALICE, &["one", "two"]).await;
        let mark = in_an_hour();
        world.content.prune(ALICE, &HashSet::from([both[1]]), mark).await.unwrap();
        let first = world.content.sweep(much_later()).await.unwrap();
        assert_eq!((first.objects, first.bytes), (0, 3));
        assert_eq!(world.read(both[1], ByteRange::whole(3)).await.unwrap(), b"two");
        world.content.prune(ALICE, &none(), mark).await.unwrap();
        let second = world.content.sweep(much_later()).await.unwrap();
        assert_eq!((second.objects, second.bytes), (1, 3));
        world.is_swept_clean().await;
    }

    async fn pruning_takes_what_is_unreachable_and_counts_it(world: &World) {
        let digests = world.commit(ALICE, &["keep", "throw away"]).await;
        world.commit(BOB, &["throw away"]).await;
        let level = world.content.prune(ALICE, &HashSet::from([digests[0]]), in_an_hour()).await.unwrap().settlement.held;
        assert_eq!(level, Held { bytes: 4, revision: 2 });
        assert_eq!(world.content.prune(ALICE, &HashSet::from([digests[0]]), in_an_hour()).await.unwrap().settlement.held, level);
        assert_eq!(world.content.find_held(ALICE, &digests).await.unwrap()[1], None);
        world.content.sweep(much_later()).await.unwrap();
        assert_eq!(world.read(digests[1], ByteRange::whole(10)).await.unwrap(), b"throw away", "others hold it");
    }

    async fn pruning_leaves_what_is_leased_or_was_named_after_the_mark(world: &World) {
        let digests = world.commit(ALICE, &["leased", "named again", "young"]).await;
        let before = Timestamp::now().before(MINUTE);
        assert_eq!(world.content.prune(ALICE, &none(), before).await.unwrap().settlement.held.revision, 1, "all are younger");
        let lease = world.lease(ALICE).await;
        world.content.claim(lease, &digests[..1]).await.unwrap();
        let level = world.content.prune(ALICE, &none(), in_an_hour()).await.unwrap().settlement.held;
        assert_eq!(level, Held { bytes: 6, revision: 2 });
        assert!(world.content.find_held(ALICE, &digests).await.unwrap()[0].is_some());
    }

    async fn a_commit_that_names_an_old_blob_again_makes_it_young(world: &World) {
        let digest = world.commit(ALICE, &["again"]).await[0];
        let mark = Timestamp::now().after(Duration::from_millis(1));
        // The clock has moved on when the blob is named again.
        while Timestamp::now() <= mark {
            tokio::task::yield_now().await;
        }
        world.commit(ALICE, &["again"]).await;
        let level = world.content.prune(ALICE, &none(), mark).await.unwrap().settlement.held;
        assert_eq!(level, Held { bytes: 5, revision: 1 });
        assert!(world.content.find_held(ALICE, &[digest]).await.unwrap()[0].is_some());
    }

    async fn what_a_commit_never_confirmed_is_put_right(world: &World) {
        let lease = world.lease(ALICE).await;
        let (kept, lost) = (world.store(lease, "committed").await, world.store(lease, "never").await);
        world.content.hold(lease, &[kept, lost]).await.unwrap();
        let reachable = HashSet::from([kept]);
        assert_eq!(world.content.prune(ALICE, &reachable, in_an_hour()).await.unwrap().settlement.held.bytes, 0, "under way");
        world.content.drop_lease(lease).await.unwrap();
        let level = world.content.prune(ALICE, &reachable, in_an_hour()).await.unwrap().settlement.held;
        assert_eq!(level, Held { bytes: 9, revision: 1 });
        world.content.sweep(much_later()).await.unwrap();
        assert_eq!(world.count("blobs").await, 1);
    }

    async fn a_sweep_beside_uploads_takes_nothing_from_them(world: &World) {
        let hasty = world.node(Duration::ZERO);
        let (text, bytes) = (Bytes::from("raced"), pattern(50_000, 2));
        for _ in 0..15 {
            let old = world.lease(ALICE).await;
            world.store(old, "raced").await;
            receive(&world.content, old, &bytes).await.unwrap();
            world.content.drop_lease(old).await.unwrap();
            let (small, large) = (world.lease(ALICE).await, world.lease(BOB).await);
            let now = Timestamp::now().after(Duration::from_millis(1));
            let (stored, received, swept) = futures::join!(
                store_all(&world.content, small, vec![text.clone()]),
                receive(&world.content, large, &bytes),
                async { (hasty.sweep(now).await, hasty.sweep(now).await) },
            );
            stored.unwrap();
            swept.0.unwrap();
            swept.1.unwrap();
            // With no grace at all, what was seen as stored may be gone before the bytes were shown: sent again.
            if let Err(error) = received {
                assert!(error.retryable, "{error}");
                receive(&world.content, large, &bytes).await.unwrap();
            }
            hasty.sweep(now).await.unwrap();
            assert_eq!(world.read(sha256(&text), ByteRange::whole(5)).await.unwrap(), text);
            assert!(world.read(sha256(&bytes), ByteRange::whole(50_000)).await.unwrap() == bytes);
            world.content.drop_lease(small).await.unwrap();
            world.content.drop_lease(large).await.unwrap();
        }
        world.is_swept_clean().await;
    }

    async fn a_claim_beside_a_sweep_gets_the_blob_or_nothing(world: &World) {
        let hasty = world.node(Duration::ZERO);
        let mut seen = [0, 0];
        for n in 0..30 {
            let text = format!("claimed {n}");
            let digest = world.commit(ALICE, &[&text]).await[0];
            let (lease, wanted) = (world.lease(ALICE).await, [digest]);
            let (claimed, collected) = futures::join!(world.content.claim(lease, &wanted), async {
                hasty.prune(ALICE, &none(), in_an_hour()).await?;
                hasty.sweep(Timestamp::now().after(Duration::from_millis(1))).await
            });
            collected.unwrap();
            let claimed = claimed.unwrap()[0];
            seen[usize::from(claimed.is_some())] += 1;
            if let Some(blob) = claimed {
                assert_eq!(world.read(digest, ByteRange::whole(blob.size)).await.unwrap(), text.as_bytes());
                world.content.hold(lease, &[digest]).await.unwrap();
                world.content.confirm(lease, &[]).await.unwrap();
            }
        }
        println!("{} lost and {} won", seen[0], seen[1]);
    }

    async fn sweeps_and_commits_at_once_keep_exact_count(world: &World) {
        let hasty = world.node(Duration::ZERO);
        let commits = async {
            for n in 0..10 {
                world.commit(ALICE, &["always", &format!("{n:04}"), &format!("{:04}", n / 2)]).await;
            }
        };
        let sweeps = async {
            for _ in 0..10 {
                hasty.sweep(Timestamp::now()).await.unwrap();
            }
        };
        futures::join!(commits, sweeps, async { join_all((0..5).map(|_| world.commit(BOB, &["always"]))).await });
        assert_eq!(world.content.held(ALICE).await.unwrap().bytes, 6 + 10 * 4);
        assert_eq!(world.content.held(BOB).await.unwrap(), Held { bytes: 6, revision: 1 });
        assert_eq!(world.content.read_small(sha256(b"always"), 6).await.unwrap(), "always");
    }

    async fn a_node_that_remembers_an_old_place_finds_the_new_one(world: &World) {
        let (here, there) = (world.node(GRACE), world.node(GRACE));
        let bytes = pattern(1000, 3);
        let lease = world.lease(ALICE).await;
        store_all(&there, lease, vec![bytes.clone()]).await.unwrap();
        assert!(read_from(&here, sha256(&bytes), ByteRange::whole(1000)).await.unwrap() == bytes);
        there.drop_lease(lease).await.unwrap();
        there.sweep(much_later()).await.unwrap();
        let lease = world.lease(ALICE).await;
        store_all(&there, lease, vec![Bytes::from("in front"), bytes.clone()]).await.unwrap();
        assert!(read_from(&here, sha256(&bytes), ByteRange::whole(1000)).await.unwrap() == bytes);
    }
}
