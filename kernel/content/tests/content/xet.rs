//! Files that lie in xorbs: what may become one, what it reads as, and how long its xorbs stay.

use std::time::Duration;

use ballast_content::{ChunkHolder, Content, Delivery, Expected};
use ballast_contract::{ErrorKind, Result};
use ballast_testkit::XetUpload;
use ballast_types::{ByteRange, LeaseId, RepoKey, Sha256, Timestamp, XetHash};
use ballast_xet::shard::{Shard, ShardFile};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::world::{ALICE, BOB, World, body, pattern, receive, sha256};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn send_xorb(content: &Content, lease: LeaseId, made: &XetUpload) -> Result<bool> {
    Ok(content.receive_xorb(lease, made.xorb, body(&made.stored)).await?.inserted)
}

/// Uploads a file and commits it.
async fn commit(world: &World, repo: RepoKey, made: &XetUpload) -> Sha256 {
    let lease = world.lease(repo).await;
    send_xorb(&world.content, lease, made).await.unwrap();
    let blob = world.content.register_file(lease, &made.file).await.unwrap();
    world.content.hold(lease, &[blob.sha256]).await.unwrap();
    world.content.confirm(lease, &[]).await.unwrap();
    world.content.drop_lease(lease).await.unwrap();
    blob.sha256
}

/// Sweeps at a time so many days from now, as often as it takes to end what began with an earlier sweep.
async fn sweep_in(world: &World, days: u32) {
    for _ in 0..3 {
        world.content.sweep(Timestamp::now().after(DAY * days)).await.unwrap();
    }
}

fn is_unavailable<T>(refused: &Result<T>) -> bool {
    refused.as_ref().is_err_and(|error| error.is(ErrorKind::Unavailable))
}

async fn is_invalid<T: std::fmt::Debug>(refused: Result<T>) {
    assert!(refused.as_ref().is_err_and(|error| error.is(ErrorKind::Invalid)), "{refused:?}");
}

async fn nothing_is_stored(world: &World) {
    assert_eq!(world.keys().await, Vec::<String>::new());
    for table in ["blobs", "xorbs", "xet_files", "xet_uses", "xet_chunks", "locations", "objects"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

in_each_world! {
    async fn a_file_in_xorbs_reads_as_what_it_is_by_any_range(world: &World) {
        let made = XetUpload::of(&pattern(3_000_000, 1));
        let digest = commit(world, ALICE, &made).await;
        assert_eq!(digest, sha256(&made.bytes));
        for (start, end) in [(0, 3_000_000), (0, 1), (2_999_999, 3_000_000), (1_048_575, 1_048_577), (65_000, 2_000_001)] {
            let read = world.read(digest, ByteRange { start, end }).await.unwrap();
            assert!(read == made.bytes[start as usize..end as usize], "{start}..{end}");
        }
        assert!(world.read(digest, ByteRange { start: 5, end: 5 }).await.unwrap().is_empty());
        is_invalid(world.read(digest, ByteRange { start: 0, end: 3_000_001 }).await).await;
        assert_eq!(world.content.held(ALICE).await.unwrap().bytes, 3_000_000, "a file counts with its own length");
        assert_eq!(world.content.xet_hashes(&[digest, Sha256([1; 32])]).await.unwrap(), [Some(made.file.file), None]);
    }

    async fn what_compresses_and_what_repeats_reads_back(world: &World) {
        let text: Bytes = (0..400_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        let twice: Bytes = [pattern(500_000, 2), pattern(500_000, 2)].concat().into();
        for bytes in [text, Bytes::from(vec![0; 2_000_000]), twice] {
            let made = XetUpload::of(&bytes);
            let digest = commit(world, ALICE, &made).await;
            assert!(world.read(digest, ByteRange::whole(bytes.len() as u64)).await.unwrap() == bytes);
        }
    }

    async fn a_xorb_that_is_not_what_its_name_says_is_refused_and_leaves_nothing(world: &World) {
        let (made, other) = (XetUpload::of(&pattern(300_000, 1)), XetUpload::of(&pattern(300_000, 2)));
        let lease = world.lease(ALICE).await;
        let receive = async |body_bytes: Bytes| world.content.receive_xorb(lease, made.xorb, body(&body_bytes)).await;
        is_invalid(receive(other.stored.clone()).await).await;
        for cut in [0, 1, 7, 8, 9, 150_000, made.stored.len() - 1] {
            is_invalid(receive(made.stored.slice(..cut)).await).await;
        }
        let mut flipped = made.stored.to_vec();
        flipped[100_000] ^= 1;
        is_invalid(receive(flipped.into()).await).await;
        is_invalid(receive([&made.stored[..], b"\0"].concat().into()).await).await;
        nothing_is_stored(world).await;
    }

    async fn a_xorb_that_is_here_is_not_stored_twice(world: &World) {
        let made = XetUpload::of(&pattern(300_000, 1));
        let (alice, bob) = (world.lease(ALICE).await, world.lease(BOB).await);
        assert!(send_xorb(&world.content, alice, &made).await.unwrap());
        assert!(!send_xorb(&world.content, bob, &made).await.unwrap());
        assert_eq!(world.keys().await.len(), 1);
        is_invalid(world.content.receive_xorb(bob, made.xorb, body(&made.stored.slice(1..))).await).await;
    }

    async fn whoever_says_the_name_of_a_xorb_and_sends_other_bytes_leases_nothing(world: &World) {
        let (made, other) = (XetUpload::of(&pattern(300_000, 1)), XetUpload::of(&pattern(300_000, 2)));
        send_xorb(&world.content, world.lease(ALICE).await, &made).await.unwrap();
        let leased = world.count("lease_blobs").await;
        let bob = world.lease(BOB).await;
        is_invalid(world.content.receive_xorb(bob, made.xorb, body(&other.stored)).await).await;
        assert_eq!(world.count("lease_blobs").await, leased);
        send_xorb(&world.content, bob, &made).await.unwrap();
        assert_eq!(world.count("lease_blobs").await, leased + 1);
    }

    async fn a_file_whose_terms_are_not_true_is_refused(world: &World) {
        let (made, other) = (XetUpload::of(&pattern(900_000, 1)), XetUpload::of(&pattern(900_000, 2)));
        let lease = world.lease(ALICE).await;
        is_invalid(world.content.register_file(lease, &made.file).await).await;
        send_xorb(&world.content, lease, &made).await.unwrap();
        send_xorb(&world.content, lease, &other).await.unwrap();

        let with = |change: &dyn Fn(&mut ShardFile)| {
            let mut file = made.file.clone();
            change(&mut file);
            file
        };
        let wrong: [(&str, ShardFile); 7] = [
            ("the hash of a term", with(&|file| file.term_hashes[0].0[0] ^= 1)),
            ("no hash of its terms", with(&|file| file.term_hashes.clear())),
            ("another name", with(&|file| file.file.0[0] ^= 1)),
            ("another length", with(&|file| file.terms[0].length -= 1)),
            ("a chunk behind the last", with(&|file| file.terms[0].chunks.end += 1)),
            ("another xorb", with(&|file| file.terms[0].xorb = other.xorb)),
            ("no SHA-256", with(&|file| file.sha256 = None)),
        ];
        for (what, file) in wrong {
            let refused = world.content.register_file(lease, &file).await;
            assert!(refused.as_ref().is_err_and(|error| error.is(ErrorKind::Invalid)), "{what}: {refused:?}");
        }
        is_invalid(world.content.register_file(lease, &with(&|file| file.sha256 = other.file.sha256)).await).await;
        assert_eq!(world.count("xet_files").await, 0);

        world.content.register_file(lease, &made.file).await.unwrap();
        is_invalid(world.content.register_file(lease, &with(&|file| file.sha256 = other.file.sha256)).await).await;
    }

    async fn files_of_a_shard_are_registered_all_or_none(world: &World) {
        let made = XetUpload::of(&pattern(300_000, 1));
        let lease = world.lease(ALICE).await;
        send_xorb(&world.content, lease, &made).await.unwrap();
        let last = u32::try_from(made.chunks.len()).unwrap();
        let parts: Vec<ShardFile> = (0..last).map(|chunk| made.rearranged(std::slice::from_ref(&(chunk..chunk + 1))).file).collect();
        // The same bytes twice, as a folder may have them.
        let mut files: Vec<ShardFile> = parts.iter().chain(&parts[..1]).chain([&made.file]).cloned().collect();
        let digests: Vec<Sha256> = files.iter().map(|file| file.sha256.unwrap()).collect();
        files.last_mut().unwrap().term_hashes[0].0[0] ^= 1;
        is_invalid(world.content.register_files(lease, &files).await).await;
        assert_eq!(world.count("xet_files").await, 0);
        assert!(world.content.find_known(ALICE, &digests).await.unwrap().iter().all(Option::is_none));

        *files.last_mut().unwrap() = made.file.clone();
        world.content.register_files(lease, &files).await.unwrap();
        world.content.register_files(lease, &files).await.unwrap();
        assert_eq!(world.count("xet_files").await, i64::from(last) + 1);
        assert!(world.content.find_known(ALICE, &digests).await.unwrap().iter().all(Option::is_some));
        assert_eq!(world.read(digests[0], ByteRange::whole(parts[0].size())).await.unwrap().len() as u64, parts[0].size());
    }

    async fn to_know_the_names_of_a_file_is_not_to_have_it(world: &World) {
        let made = XetUpload::of(&pattern(300_000, 1));
        let digest = commit(world, ALICE, &made).await;
        let bob = world.lease(BOB).await;
        assert_eq!(world.content.find_known(BOB, &[digest]).await.unwrap(), [None]);
        assert_eq!(world.content.claim(bob, &[digest]).await.unwrap(), [None]);
        let mut guessed = made.file.clone();
        guessed.term_hashes = vec![XetHash([7; 32])];
        is_invalid(world.content.register_file(bob, &guessed).await).await;
        assert_eq!(world.content.find_known(BOB, &[digest]).await.unwrap(), [None]);

        world.content.register_file(bob, &made.file).await.unwrap();
        assert!(world.content.find_known(BOB, &[digest]).await.unwrap()[0].is_some(), "he has shown its chunks");
    }

    async fn a_xorb_stays_while_a_file_uses_it_and_a_month_longer(world: &World) {
        let made = XetUpload::of(&pattern(300_000, 1));
        let digest = commit(world, ALICE, &made).await;
        sweep_in(world, 400).await;
        assert!(world.read(digest, ByteRange::whole(300_000)).await.unwrap() == made.bytes);

        world.content.forget(ALICE).await.unwrap();
        sweep_in(world, 2).await;
        assert_eq!((world.count("xet_files").await, world.count("xorbs").await), (0, 1), "the file goes, the xorb stays");
        let lease = world.lease(BOB).await;
        world.content.register_file(lease, &made.file).await.unwrap();
        assert!(world.read(digest, ByteRange::whole(300_000)).await.unwrap() == made.bytes, "whoever remembers it is right");
        world.content.drop_lease(lease).await.unwrap();

        sweep_in(world, 5).await;
        assert_eq!(world.count("xorbs").await, 1);
        sweep_in(world, 40).await;
        nothing_is_stored(world).await;
    }

    async fn a_xorb_that_no_shard_named_goes_in_time(world: &World) {
        let made = XetUpload::of(&pattern(300_000, 1));
        let lease = world.lease(ALICE).await;
        send_xorb(&world.content, lease, &made).await.unwrap();
        sweep_in(world, 20).await;
        assert_eq!(world.count("xorbs").await, 1, "the client may still send its shard");
        sweep_in(world, 60).await;
        nothing_is_stored(world).await;
    }

    async fn a_file_keeps_the_xorb_that_it_shares_with_one_that_goes(world: &World) {
        let one = XetUpload::of(&pattern(900_000, 1));
        let digest = commit(world, ALICE, &one).await;
        // All but the first two chunks, and these once more.
        let count = one.chunks.len() as u32;
        let lease = world.lease(BOB).await;
        let other = one.rearranged(&[2..count, 0..2]);
        let second = world.content.register_file(lease, &other.file).await.unwrap();
        world.content.hold(lease, &[second.sha256]).await.unwrap();
        world.content.confirm(lease, &[]).await.unwrap();
        world.content.drop_lease(lease).await.unwrap();

        world.content.forget(ALICE).await.unwrap();
        sweep_in(world, 100).await;
        assert_eq!(world.content.find_known(ALICE, &[digest]).await.unwrap(), [None]);
        assert!(world.read(second.sha256, ByteRange::whole(900_000)).await.unwrap() == other.bytes);
        assert_eq!(world.keys().await.len(), 1);
    }

    async fn a_xorb_of_which_little_is_used_is_rewritten_when_clients_have_forgotten_it(world: &World) {
        let made = XetUpload::of(&pattern(3_000_000, 1));
        let count = made.chunks.len() as u32;
        commit(world, ALICE, &made).await;
        let part = made.rearranged(&[3..6, count - 2..count, 0..1]);
        let digest = commit(world, BOB, &part).await;
        let before = world.keys().await;
        world.content.forget(ALICE).await.unwrap();
        sweep_in(world, 10).await;
        assert_eq!(world.keys().await, before, "a client may still name any chunk of it");

        let reading = world.content.open(digest, ByteRange::whole(part.bytes.len() as u64)).await.unwrap();
        let later = Timestamp::now().after(DAY * 45);
        assert_eq!(world.content.plan_sweep(later, DAY * 2, &[].into()).await.unwrap().compacted, 1);
        assert_eq!(world.content.sweep(later).await.unwrap().compacted, 1);
        sweep_in(world, 50).await;
        let after = world.keys().await;
        assert!(after.len() == 1 && after != before, "{before:?}, {after:?}");
        let Delivery::Chunks(reading) = reading else { panic!("it lies in chunks") };
        let read: Vec<Bytes> = reading.into_stream().try_collect().await.unwrap();
        assert!(read.concat() == part.bytes, "who began before reads on");
        assert!(world.read(digest, ByteRange::whole(part.bytes.len() as u64)).await.unwrap() == part.bytes);
        assert_eq!(world.content.xet_hashes(&[digest]).await.unwrap(), [Some(part.file.file)]);
        assert_eq!(world.content.sweep(later).await.unwrap().compacted, 0, "it is looked at once");

        world.content.forget(BOB).await.unwrap();
        for days in [60, 70, 140, 200] {
            sweep_in(world, days).await;
        }
        nothing_is_stored(world).await;
    }

    async fn a_xorb_that_is_mostly_used_stays_as_it_is(world: &World) {
        let made = XetUpload::of(&pattern(3_000_000, 1));
        let count = made.chunks.len() as u32;
        let digest = commit(world, ALICE, &made.rearranged(std::slice::from_ref(&(0..count - 3)))).await;
        let before = world.keys().await;
        sweep_in(world, 100).await;
        assert_eq!(world.keys().await, before);
        assert!(world.content.find_known(ALICE, &[digest]).await.unwrap()[0].is_some());
    }

    async fn a_flipped_bit_of_a_xorb_is_not_given_out_and_an_upload_heals_it(world: &World) {
        let made = XetUpload::of(&pattern(900_000, 1));
        let digest = commit(world, ALICE, &made).await;
        world.flip(&world.keys().await[0], 500_000).await;
        let read = world.read(digest, ByteRange::whole(900_000)).await;
        assert!(read.as_ref().is_err_and(|error| error.is(ErrorKind::Corrupt)), "{read:?}");
        let unknown = async {
            while world.content.find_known(ALICE, &[digest]).await.unwrap()[0].is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), unknown).await.expect("the damage becomes known");

        let lease = world.lease(ALICE).await;
        assert!(send_xorb(&world.content, lease, &made).await.unwrap() || world.count("xorbs").await == 1);
        assert!(world.read(digest, ByteRange::whole(900_000)).await.unwrap() == made.bytes);
        assert!(world.content.find_known(ALICE, &[digest]).await.unwrap()[0].is_some());
    }

    async fn a_file_in_xorbs_that_comes_whole_is_stored_again_only_where_a_xorb_is_damaged(world: &World) {
        let made = XetUpload::of(&pattern(900_000, 1));
        let digest = commit(world, ALICE, &made).await;
        let before = world.keys().await;
        let lease = world.lease(BOB).await;
        assert_eq!(receive(&world.content, lease, &made.bytes).await.unwrap().sha256, digest);
        assert_eq!(world.content.leased_blobs(lease).await.unwrap().len(), 1);
        assert_eq!(world.keys().await, before);
        let other = Expected::Sha256(digest);
        let lied = world.content.receive(lease, other, 900_000, body(&pattern(900_000, 2))).await;
        is_invalid(lied).await;

        world.flip(&before[0], 500_000).await;
        world.read(digest, ByteRange::whole(900_000)).await.unwrap_err();
        let stored = async {
            while world.keys().await == before {
                // Found while the bytes come, it asks for them again.
                let received = receive(&world.content, lease, &made.bytes).await;
                assert!(received.as_ref().is_ok_and(|blob| blob.sha256 == digest) || is_unavailable(&received));
            }
        };
        tokio::time::timeout(Duration::from_secs(20), stored).await.expect("the damage becomes known");
        assert!(world.read(digest, ByteRange::whole(900_000)).await.unwrap() == made.bytes);
    }

    async fn a_chunk_is_answered_with_keyed_names(world: &World) {
        let made = XetUpload::of(&pattern(900_000, 1));
        commit(world, ALICE, &made).await;
        let (first, second) = (made.chunks[0], made.chunks[1]);
        let by_alice = ChunkHolder { file: made.file.file, repository: ALICE };
        assert_eq!(world.content.holders_of_chunk(first).await.unwrap(), [by_alice]);
        let answer = world.content.answer_chunk(first, made.file.file).await.unwrap();
        if !ballast_xet::is_eligible(&second) {
            assert_eq!(world.content.holders_of_chunk(second).await.unwrap(), [], "not the first of a file");
        }

        let shard = Shard::parse(&answer).unwrap();
        let key = shard.footer.unwrap().key;
        assert!(shard.files.is_empty());
        let told: Vec<XetHash> = shard.xorbs[0].chunks.iter().map(|chunk| chunk.hash).collect();
        let keyed: Vec<XetHash> = made.chunks.iter().map(|chunk| ballast_xet::keyed(*chunk, &key)).collect();
        assert_eq!(told, keyed);
        assert!(told.iter().all(|name| !made.chunks.contains(name)), "no chunk is named as it is");
    }

    async fn what_to_fetch_covers_the_range_that_is_asked_for(world: &World) {
        let made = XetUpload::of(&pattern(900_000, 1));
        let digest = commit(world, ALICE, &made).await;
        let planned = world.content.reconstruct(digest, Some(ByteRange { start: 400_000, end: 400_001 })).await.unwrap();
        let planned = planned.unwrap();
        assert_eq!(planned.plan.terms.len(), 1);
        assert_eq!(planned.plan.terms[0].chunks.len(), 1, "the chunk that has the byte, and no other");
        assert!(planned.xorbs.contains_key(&made.xorb));
        let behind = ByteRange { start: 900_000, end: 900_001 };
        assert!(world.content.reconstruct(digest, Some(behind)).await.unwrap().is_none());
        let absent = world.content.reconstruct(Sha256([1; 32]), None).await;
        assert!(absent.is_err_and(|error| error.is(ErrorKind::NotFound)));
    }
}
