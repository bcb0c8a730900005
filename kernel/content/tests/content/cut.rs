//! Large files that came whole, cut into chunks afterwards.

use std::time::Duration;

use ballast_contract::ErrorKind;
use ballast_testkit::XetUpload;
use ballast_types::{ByteRange, RepoKey, Sha256, Timestamp};
use bytes::Bytes;

use crate::world::{ALICE, BOB, World, body, pattern, receive, sha256};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Uploads a file as LFS does, and commits it.
async fn commit(world: &World, repo: RepoKey, bytes: &Bytes) -> Sha256 {
    let lease = world.lease(repo).await;
    let blob = receive(&world.content, lease, bytes).await.unwrap();
    world.content.hold(lease, &[blob.sha256]).await.unwrap();
    world.content.confirm(lease, &[]).await.unwrap();
    world.content.drop_lease(lease).await.unwrap();
    blob.sha256
}

/// Sweeps at a time so many days from now.
async fn sweep_in(world: &World, days: u32) -> u64 {
    world.content.sweep(Timestamp::now().after(DAY * days)).await.unwrap().spares
}

async fn reads_as(world: &World, bytes: &Bytes) {
    let (digest, length) = (sha256(bytes), bytes.len() as u64);
    for (start, end) in [(0, length), (1, 2), (length / 3, length / 2), (length - 1, length)] {
        let read = world.read(digest, ByteRange { start, end }).await.unwrap();
        assert!(read == bytes[start as usize..end as usize], "{start}..{end}");
    }
}

fn edited(bytes: &Bytes, at: usize) -> Bytes {
    [&bytes[..at], b"a few more bytes", &bytes[at..]].concat().into()
}

in_each_world! {
    async fn a_file_that_is_cut_reads_the_same_and_its_piece_goes_when_the_grace_is_over(world: &World) {
        let bytes = pattern(3_000_000, 1);
        let digest = commit(world, ALICE, &bytes).await;
        assert_eq!(world.content.list_uncut(None, 1).await.unwrap(), [digest]);
        let written = world.content.cut_up(digest).await.unwrap().unwrap();
        assert!((3_000_000..3_100_000).contains(&written), "{written}");
        assert_eq!(world.content.list_uncut(None, 1).await.unwrap(), []);
        assert_eq!(world.keys().await.len(), 2);
        reads_as(world, &bytes).await;

        let plan = world.content.plan_sweep(Timestamp::now().after(DAY * 3), world.content.grace(), &[].into()).await;
        assert_eq!(sweep_in(world, 0).await, 0, "somebody may read it");
        assert_eq!(sweep_in(world, 3).await, 1);
        assert_eq!(plan.unwrap().spares, 1);
        assert_eq!(world.keys().await.len(), 1);
        reads_as(world, &bytes).await;
        assert_eq!(world.content.held(ALICE).await.unwrap().bytes, 3_000_000);
        assert!(world.content.find_known(ALICE, &[digest]).await.unwrap()[0].is_some());
        assert!(world.content.find_known(BOB, &[digest]).await.unwrap()[0].is_none());
    }

    async fn what_is_cut_has_the_chunks_that_a_client_makes(world: &World) {
        let made = XetUpload::of(&pattern(3_000_000, 1));
        let digest = commit(world, ALICE, &made.bytes).await;
        world.content.cut_up(digest).await.unwrap().unwrap();
        assert_eq!(world.content.xet_hashes(&[digest]).await.unwrap(), [Some(made.file.file)]);
        let lease = world.lease(BOB).await;
        let sent = world.content.receive_xorb(lease, made.xorb, body(&made.stored)).await.unwrap();
        assert!(!sent.inserted, "what a client sends later is here");
    }

    async fn a_new_version_takes_little_more_room_than_what_changed(world: &World) {
        let bytes = pattern(5_000_000, 1);
        let first = commit(world, ALICE, &bytes).await;
        world.content.cut_up(first).await.unwrap().unwrap();
        let next = edited(&edited(&bytes, 4_000_000), 1_000_000);
        let second = commit(world, ALICE, &next).await;
        let written = world.content.cut_up(second).await.unwrap().unwrap();
        assert!(written < 700_000, "{written}");
        reads_as(world, &next).await;

        // It lives on when the first is gone.
        world.content.prune(ALICE, &[second].into(), Timestamp::now().after(DAY)).await.unwrap();
        for _ in 0..3 {
            sweep_in(world, 100).await;
        }
        assert_eq!(world.content.find_known(ALICE, &[first]).await.unwrap(), [None]);
        reads_as(world, &next).await;
    }

    async fn a_file_that_came_both_ways_is_kept_once(world: &World) {
        let made = XetUpload::of(&pattern(900_000, 1));
        let digest = commit(world, ALICE, &made.bytes).await;
        let lease = world.lease(BOB).await;
        world.content.receive_xorb(lease, made.xorb, body(&made.stored)).await.unwrap();
        world.content.register_file(lease, &made.file).await.unwrap();
        assert_eq!(world.content.list_uncut(None, 1).await.unwrap(), [digest]);
        assert_eq!(world.content.cut_up(digest).await.unwrap(), Some(0));
        world.content.drop_lease(lease).await.unwrap();
        sweep_in(world, 3).await;
        assert_eq!(world.keys().await.len(), 1);
        reads_as(world, &made.bytes).await;
    }

    async fn what_repeats_is_stored_once_and_reads_back(world: &World) {
        let zeros = Bytes::from(vec![0; 3_000_000]);
        let twice: Bytes = [pattern(2_000_000, 1), pattern(2_000_000, 1)].concat().into();
        for (bytes, most) in [(&zeros, 10_000), (&twice, 2_300_000)] {
            let digest = commit(world, ALICE, bytes).await;
            let written = world.content.cut_up(digest).await.unwrap().unwrap();
            assert!(written < most, "{written}");
            sweep_in(world, 3).await;
            reads_as(world, bytes).await;
        }
    }

    async fn a_damaged_file_is_not_cut_and_leaves_nothing(world: &World) {
        let digest = commit(world, ALICE, &pattern(3_000_000, 1)).await;
        world.flip(&world.keys().await[0], 2_500_000).await;
        let cut = world.content.cut_up(digest).await;
        assert!(cut.as_ref().is_err_and(|error| error.is(ErrorKind::Corrupt)), "{cut:?}");
        assert_eq!(world.keys().await.len(), 1);
        for table in ["xorbs", "xet_files", "xet_chunks", "leases"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
    }

    async fn a_piece_stays_while_a_xorb_of_its_file_is_damaged(world: &World) {
        let bytes = pattern(900_000, 1);
        let digest = commit(world, ALICE, &bytes).await;
        let piece = world.keys().await;
        world.content.cut_up(digest).await.unwrap().unwrap();
        let xorb = world.keys().await.into_iter().find(|key| !piece.contains(key)).unwrap();
        world.flip(&xorb, 500_000).await;
        let blob = XetUpload::of(&bytes).stored;
        world.content.examine(sha256(&blob)).await.unwrap();
        assert_eq!(sweep_in(world, 3).await, 0);
        reads_as(world, &bytes).await;
    }

    async fn small_files_in_packs_and_what_nobody_holds_are_left_alone(world: &World) {
        let small = world.commit(ALICE, &["a small file"]).await;
        let lease = world.lease(ALICE).await;
        let waiting = receive(&world.content, lease, &pattern(900_000, 1)).await.unwrap();
        assert_eq!(world.content.list_uncut(None, 1).await.unwrap(), []);
        assert_eq!(world.content.cut_up(small[0]).await.unwrap(), None);
        assert!(world.content.list_uncut(Some(waiting.sha256), 1).await.unwrap().is_empty());
    }
}
