//! What a repository holds, and how much it is.

use std::collections::{BTreeSet, HashSet};

use ballast_content::Settlement;
use ballast_contract::ErrorKind;
use ballast_contract::quota::Held;
use ballast_types::{ByteRange, ReservationId};
use bytes::Bytes;
use futures::future::join_all;

use crate::world::{ALICE, BOB, World, in_an_hour, store_all};

in_each_world! {
    async fn a_commit_counts_when_it_is_confirmed_and_once(world: &World) {
        let lease = world.lease(ALICE).await;
        let digest = world.store(lease, "12345").await;
        for _ in 0..2 {
            world.content.hold(lease, &[digest]).await.unwrap();
            assert_eq!(world.content.held(ALICE).await.unwrap(), Held { bytes: 0, revision: 0 });
        }
        for _ in 0..2 {
            let confirmed = world.content.confirm(lease, &[]).await.unwrap();
            assert_eq!(confirmed.held, Held { bytes: 5, revision: 1 });
        }
        world.content.unhold(lease).await.unwrap();
        world.content.drop_lease(lease).await.unwrap();
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held { bytes: 5, revision: 1 });
        world.commit(ALICE, &["12345", "678"]).await;
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held { bytes: 8, revision: 2 });
        assert_eq!(world.content.held(BOB).await.unwrap(), Held::default());
    }

    async fn a_commit_that_is_given_up_leaves_what_was_held_before(world: &World) {
        let before = world.commit(ALICE, &["old"]).await[0];
        let lease = world.lease(ALICE).await;
        let new = world.store(lease, "new").await;
        assert!(world.content.claim(lease, &[before]).await.unwrap()[0].is_some());
        world.content.hold(lease, &[before, new]).await.unwrap();
        for _ in 0..2 {
            world.content.unhold(lease).await.unwrap();
        }
        let held = world.content.find_held(ALICE, &[before, new]).await.unwrap();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert_eq!(world.content.confirm(lease, &[]).await.unwrap().held, Held { bytes: 3, revision: 1 });
    }

    async fn a_blob_that_two_commits_hold_stays_for_either(world: &World) {
        let (one, two) = (world.lease(ALICE).await, world.lease(ALICE).await);
        let digest = world.store(one, "both").await;
        world.store(two, "both").await;
        for _ in 0..2 {
            world.content.hold(one, &[digest]).await.unwrap();
            world.content.hold(two, &[digest]).await.unwrap();
        }
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held::default(), "neither is done");
        for _ in 0..2 {
            world.content.unhold(one).await.unwrap();
        }
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held::default(), "the other is not done");
        for _ in 0..2 {
            assert_eq!(world.content.confirm(two, &[]).await.unwrap().held, Held { bytes: 4, revision: 1 });
        }
        assert!(world.content.find_held(ALICE, &[digest]).await.unwrap()[0].is_some());
    }

    async fn a_blob_that_three_commits_hold_counts_with_the_first_that_is_done(world: &World) {
        let leases = [world.lease(ALICE).await, world.lease(ALICE).await, world.lease(ALICE).await];
        for lease in leases {
            let digest = world.store(lease, "all").await;
            world.content.hold(lease, &[digest]).await.unwrap();
        }
        let [one, two, three] = leases;
        world.content.unhold(two).await.unwrap();
        assert_eq!(world.content.confirm(three, &[]).await.unwrap().held, Held { bytes: 3, revision: 1 });
        world.content.unhold(one).await.unwrap();
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held { bytes: 3, revision: 1 }, "it is the third's");
        for lease in leases {
            world.content.drop_lease(lease).await.unwrap();
        }
        assert_eq!(world.count("also_pending").await, 0);
    }

    async fn a_blob_that_all_its_commits_give_up_is_not_held(world: &World) {
        let leases = [world.lease(ALICE).await, world.lease(ALICE).await, world.lease(ALICE).await];
        let mut digests = Vec::new();
        for lease in leases {
            digests = vec![world.store(lease, "all").await, world.store(lease, "more").await];
            world.content.hold(lease, &digests).await.unwrap();
        }
        for lease in leases {
            assert_eq!(world.count("holdings").await, 2);
            world.content.unhold(lease).await.unwrap();
            world.content.drop_lease(lease).await.unwrap();
        }
        assert_eq!((world.count("holdings").await, world.count("also_pending").await), (0, 0));
        assert_eq!(world.content.find_known(ALICE, &digests).await.unwrap(), [None, None]);
    }

    async fn a_commit_keeps_the_promises_of_uploads_it_used(world: &World) {
        let (upload, used, unused) = (world.lease(ALICE).await, ReservationId(7), ReservationId(8));
        let digest = world.store(upload, "uploaded").await;
        let other = world.store(upload, "not committed").await;
        world.content.promise(upload, &[(digest, used), (other, unused)]).await.unwrap();
        let elsewhere = world.lease(BOB).await;
        world.content.promise(elsewhere, &[(digest, ReservationId(9))]).await.unwrap();
        let lease = world.lease(ALICE).await;
        world.content.claim(lease, &[digest]).await.unwrap();
        world.content.hold(lease, &[digest]).await.unwrap();
        // Whoever concludes the commit after a crash is told again.
        for _ in 0..2 {
            let kept = world.content.confirm(lease, &[ReservationId(6)]).await.unwrap().kept;
            assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([ReservationId(6), used]));
        }
        assert_eq!(world.content.drop_lease(upload).await.unwrap(), [unused]);
        assert_eq!(world.content.drop_lease(upload).await.unwrap(), []);
        assert_eq!(world.content.settlement(ALICE).await.unwrap().kept.len(), 2);
        world.content.drop_lease(lease).await.unwrap();
        assert_eq!(world.content.settlement(ALICE).await.unwrap().kept, [], "the quota has been told");
    }

    async fn the_level_is_told_with_every_promise_that_is_in_it(world: &World) {
        let [one, two] = [(world.lease(ALICE).await, "first"), (world.lease(ALICE).await, "second")];
        for (lease, text) in [one, two] {
            let digest = world.store(lease, text).await;
            world.content.hold(lease, &[digest]).await.unwrap();
        }
        world.content.confirm(one.0, &[ReservationId(1)]).await.unwrap();
        // The first has not told the quota yet, and the level of the second has its bytes in it.
        let both = world.content.confirm(two.0, &[ReservationId(2)]).await.unwrap();
        assert_eq!((both.held.bytes, both.kept.len()), (11, 2));
        let pruned = world.content.prune(ALICE, &HashSet::new(), in_an_hour()).await.unwrap();
        assert_eq!(pruned.settlement, both, "what is leased stays");
        world.content.drop_lease(one.0).await.unwrap();
        assert_eq!(world.content.settlement(ALICE).await.unwrap().kept, [ReservationId(2)]);
        world.content.forget(ALICE).await.unwrap();
        assert_eq!(world.content.settlement(ALICE).await.unwrap(), Settlement::default());
        assert_eq!(world.count("kept_promises").await, 0);
    }

    async fn only_a_lease_that_lives_holds(world: &World) {
        let lease = world.lease(ALICE).await;
        let digest = world.store(lease, "x").await;
        world.content.drop_lease(lease).await.unwrap();
        for refused in [world.content.hold(lease, &[digest]).await, world.content.confirm(lease, &[]).await.map(drop)] {
            assert_eq!(refused.unwrap_err().kind, ErrorKind::Conflict);
        }
        world.content.unhold(lease).await.unwrap();
    }

    async fn commits_at_once_count_each_blob_once(world: &World) {
        let commit = async |n: usize| {
            let lease = world.lease(ALICE).await;
            // Each shares half of its files with the next.
            let files: Vec<_> = (n * 5..n * 5 + 10).map(|file| Bytes::from(format!("file {file:04}"))).collect();
            let stored = store_all(&world.content, lease, files).await.unwrap();
            let digests: Vec<_> = stored.iter().map(|file| file.sha256).collect();
            world.content.hold(lease, &digests).await.unwrap();
            if n % 4 == 3 {
                world.content.unhold(lease).await.unwrap();
            } else {
                world.content.confirm(lease, &[]).await.unwrap();
            }
            world.content.drop_lease(lease).await.unwrap();
            digests
        };
        let all: Vec<_> = join_all((0..12).map(commit)).await.concat();
        let held = world.content.find_held(ALICE, &all).await.unwrap();
        let mut distinct: Vec<_> = held.into_iter().flatten().collect();
        distinct.sort_unstable_by_key(|blob| blob.sha256);
        distinct.dedup();
        let bytes: u64 = distinct.iter().map(|blob| blob.size).sum();
        assert_eq!(world.content.held(ALICE).await.unwrap().bytes, bytes);
        assert!(bytes >= 9 * 5 * 9, "only {bytes}");
    }

    async fn a_deleted_repository_leaves_nothing_and_others_keep_theirs(world: &World) {
        let both = world.commit(ALICE, &["shared", "alice's"]).await;
        world.commit(BOB, &["shared"]).await;
        let open = world.lease(ALICE).await;
        world.store(open, "under way").await;
        for _ in 0..2 {
            world.content.forget(ALICE).await.unwrap();
        }
        assert_eq!(world.content.held(ALICE).await.unwrap(), Held::default());
        assert_eq!(world.content.find_known(ALICE, &both).await.unwrap(), [None, None]);
        assert_eq!(world.content.hold(open, &both).await.unwrap_err().kind, ErrorKind::Conflict);
        world.content.sweep(crate::world::much_later()).await.unwrap();
        assert_eq!(world.count("blobs").await, 1);
        assert_eq!(world.read(both[0], ByteRange::whole(6)).await.unwrap(), b"shared");
    }
}
