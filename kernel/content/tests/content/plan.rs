//! What a sweep says it would do is what it does.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ballast_types::{RepoKey, Sha256, Timestamp};

use crate::world::{ALICE, BOB, GRACE, World, in_an_hour, much_later, pattern, receive, sha256};

/// Something of everything: kept, thrown away, held by another, leased, given up, half written.
async fn a_bit_of_everything(world: &World) {
    let digests = world.commit(ALICE, &["kept", "thrown away", "by both", "gone too", "and this"]).await;
    world.commit(BOB, &["by both", "bob's"]).await;
    let lease = world.lease(ALICE).await;
    receive(&world.content, lease, &pattern(5000, 1)).await.unwrap();
    world.store(lease, "never committed").await;
    let unfinished = "INSERT INTO objects (id, storage, \"key\", packed, lease, created, deleting) \
                      VALUES (77, 'main', 'blobs/4d/unfinished', false, 5, 0, false)";
    world.execute(unfinished).await;
    let long = world.content.create_lease(BOB, much_later().after(GRACE * 5)).await.unwrap();
    world.store(long, "leased for long").await;
    world.content.claim(long, &digests[3..4]).await.unwrap();
    world.content.promise(lease, &[(sha256(b"y"), ballast_types::ReservationId(7))]).await.unwrap();
}

async fn agrees(world: &World, now: Timestamp, grace: Duration) {
    let dropped = HashMap::new();
    let planned = world.content.plan_sweep(now, grace, &dropped).await.unwrap();
    let done = world.content.sweep_after(now, grace).await.unwrap();
    assert_eq!(planned, done, "at {now} with {grace:?}");
}

in_each_world! {
    async fn a_plan_and_what_is_done_agree_at_every_stage(world: &World) {
        a_bit_of_everything(world).await;
        agrees(world, Timestamp::now(), GRACE).await;
        let keep: HashSet<Sha256> = [sha256(b"kept"), sha256(b"by both")].into();
        let mark = in_an_hour();
        let planned = world.content.plan_prune(ALICE, &keep, mark).await.unwrap();
        let pruned = world.content.prune(ALICE, &keep, mark).await.unwrap();
        assert_eq!(pruned.blobs, planned.len() as u64);
        assert_eq!(pruned.bytes, planned.iter().map(|(_, size)| size).sum::<u64>());
        assert_eq!(pruned.blobs, 3);
        for hours in [1, 2, 3, 4, 8, 30] {
            agrees(world, Timestamp::now().after(Duration::from_secs(3600 * hours)), GRACE).await;
        }
        assert!(world.content.read_small(sha256(b"kept"), 4).await.is_ok());
    }

    async fn with_no_grace_a_plan_knows_what_the_same_collection_lets_go(world: &World) {
        a_bit_of_everything(world).await;
        let keep: HashSet<Sha256> = [sha256(b"kept")].into();
        let mark = in_an_hour();
        let gone = world.content.plan_prune(ALICE, &keep, mark).await.unwrap();
        let dropped: HashMap<Sha256, HashSet<RepoKey>> =
            gone.into_iter().map(|(sha256, _)| (sha256, HashSet::from([ALICE]))).collect();
        let now = in_an_hour().after(Duration::from_secs(60));
        let planned = world.content.plan_sweep(now, Duration::ZERO, &dropped).await.unwrap();
        world.content.prune(ALICE, &keep, mark).await.unwrap();
        let done = world.content.sweep_after(now, Duration::ZERO).await.unwrap();
        assert_eq!(planned, done);
        assert!(done.blobs >= 4 && done.compacted > 0 && done.leases == 1, "{done:?}");
    }

    async fn a_plan_changes_nothing(world: &World) {
        a_bit_of_everything(world).await;
        let rows = async || {
            let mut rows = vec![];
            for table in ["blobs", "objects", "locations", "holdings", "leases", "blobs WHERE idle_since IS NULL"] {
                rows.push(world.count(table).await);
            }
            (rows, world.keys().await)
        };
        let before = rows().await;
        world.content.plan_sweep(much_later(), Duration::ZERO, &HashMap::new()).await.unwrap();
        world.content.plan_prune(ALICE, &HashSet::new(), in_an_hour()).await.unwrap();
        assert_eq!(rows().await, before);
    }
}
