//! Uploads in parts.

use ballast_content::{NewUpload, UploadId};
use ballast_contract::ErrorKind;
use ballast_contract::storage::UploadedPart;
use ballast_types::{ByteRange, Sha256};
use bytes::Bytes;
use futures::future::join_all;

use crate::world::{ALICE, BOB, World, body, pattern, receive, sha256};

const PART: u64 = 300_000;

async fn begin(world: &World, digest: Sha256, size: u64) -> UploadId {
    let lease = world.lease(ALICE).await;
    let new = NewUpload { sha256: digest, size, part_size: PART };
    world.content.begin_multipart(lease, &[new]).await.unwrap()[0]
}

async fn send(world: &World, upload: UploadId, bytes: &Bytes) -> Vec<UploadedPart> {
    let step = usize::try_from(PART).unwrap();
    let parts = (1..).zip(0..bytes.len().div_ceil(step)).map(async |(number, at)| {
        let part = bytes.slice(at * step..bytes.len().min((at + 1) * step));
        UploadedPart { number, etag: world.content.receive_part(upload, number, body(&part)).await.unwrap() }
    });
    join_all(parts).await
}

in_each_world! {
    async fn parts_become_the_announced_blob(world: &World) {
        let bytes = pattern(1_000_000, 1);
        let upload = begin(world, sha256(&bytes), 1_000_000).await;
        // Sent once more, a part replaces itself.
        world.content.receive_part(upload, 2, body(&pattern(300_000, 9))).await.unwrap();
        let parts = send(world, upload, &bytes).await;
        assert_eq!(parts.len(), 4);
        match world.storage.assembly() {
            // Each an object by itself, or all in one file.
            None => assert_eq!(world.keys().await.len(), 4),
            Some(_) => assert_eq!((world.keys().await.len(), world.unpublished().len()), (0, 1)),
        }
        for _ in 0..2 {
            let blob = world.content.complete_multipart(upload, &parts).await.unwrap();
            assert_eq!((blob.sha256, blob.size), (sha256(&bytes), 1_000_000));
        }
        let name = sha256(&bytes).to_string();
        assert_eq!(world.keys().await, [format!("lfs/{}/{}/{name}", &name[..2], &name[2..4])]);
        assert!(world.read(sha256(&bytes), ByteRange::whole(1_000_000)).await.unwrap() == bytes);
        let found = world.content.find_upload(upload).await.unwrap().unwrap();
        assert_eq!((found.repo, found.completed), (ALICE, true));
        assert_eq!(world.content.leased_blobs(found.lease).await.unwrap(), [sha256(&bytes)]);
        let late = world.content.receive_part(upload, 1, body(&bytes.slice(..300_000))).await.unwrap_err();
        assert_eq!(late.kind, ErrorKind::Invalid);
    }

    async fn etags_may_come_back_in_quotes(world: &World) {
        let bytes = pattern(10, 2);
        let upload = begin(world, sha256(&bytes), 10).await;
        let mut parts = send(world, upload, &bytes).await;
        parts[0].etag = format!("\"{}\"", parts[0].etag);
        world.content.complete_multipart(upload, &parts).await.unwrap();
    }

    async fn a_part_of_another_length_or_number_is_refused(world: &World) {
        let bytes = pattern(700_000, 3);
        let upload = begin(world, sha256(&bytes), 700_000).await;
        for (number, length) in [(0, 300_000), (4, 300_000), (u32::MAX, 1), (1, 299_999), (1, 300_001), (3, 300_000), (3, 0)] {
            let refused = world.content.receive_part(upload, number, body(&pattern(length, 3))).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "part {number} of {length}: {refused}");
        }
        assert!(world.keys().await.is_empty());
        // Where parts are written in place, an object was begun.
        world.content.abort_multipart(upload).await.unwrap();
        assert_eq!((world.count("objects").await, world.unpublished().len()), (0, 0));
    }

    async fn a_list_of_parts_that_lies_is_refused(world: &World) {
        let bytes = pattern(700_000, 4);
        let upload = begin(world, sha256(&bytes), 700_000).await;
        let parts = send(world, upload, &bytes).await;
        let mut lies = vec![parts[..2].to_vec(), vec![parts[0].clone(); 3], Vec::new()];
        let mut swapped = parts.clone();
        swapped.swap(0, 1);
        lies.push(swapped);
        let mut forged = parts.clone();
        forged[1].etag = "0".repeat(64);
        lies.push(forged);
        for lie in lies {
            let refused = world.content.complete_multipart(upload, &lie).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{lie:?}: {refused}");
        }
        world.content.complete_multipart(upload, &parts).await.unwrap();
    }

    async fn a_missing_part_and_other_bytes_are_refused_and_can_be_put_right(world: &World) {
        let bytes = pattern(600_000, 5);
        let upload = begin(world, sha256(&bytes), 600_000).await;
        let etag = world.content.receive_part(upload, 1, body(&pattern(300_000, 6))).await.unwrap();
        let mut parts = vec![UploadedPart { number: 1, etag }, UploadedPart { number: 2, etag: "x".to_owned() }];
        let missing = world.content.complete_multipart(upload, &parts).await.unwrap_err();
        assert_eq!(missing.context, "part 2 has not arrived; upload it");
        parts[1].etag = world.content.receive_part(upload, 2, body(&bytes.slice(300_000..))).await.unwrap();
        let other = world.content.complete_multipart(upload, &parts).await.unwrap_err();
        assert_eq!(other.kind, ErrorKind::Invalid);
        assert!(other.context.starts_with("the SHA-256"), "{other}");
        assert_eq!(world.count("blobs").await, 0);
        parts[0].etag = world.content.receive_part(upload, 1, body(&bytes.slice(..300_000))).await.unwrap();
        world.content.complete_multipart(upload, &parts).await.unwrap();
    }

    async fn an_upload_completed_by_many_at_once_is_one_blob(world: &World) {
        let bytes = pattern(900_000, 7);
        let upload = begin(world, sha256(&bytes), 900_000).await;
        let parts = send(world, upload, &bytes).await;
        for done in join_all((0..4).map(|_| world.content.complete_multipart(upload, &parts))).await {
            assert_eq!(done.unwrap().sha256, sha256(&bytes));
        }
        assert_eq!(world.keys().await.len(), 1);
    }

    async fn an_aborted_upload_leaves_nothing(world: &World) {
        let bytes = pattern(600_000, 8);
        let upload = begin(world, sha256(&bytes), 600_000).await;
        let parts = send(world, upload, &bytes).await;
        for _ in 0..2 {
            world.content.abort_multipart(upload).await.unwrap();
        }
        assert!(world.keys().await.is_empty());
        assert_eq!(world.count("objects").await, 0);
        for gone in [
            world.content.complete_multipart(upload, &parts).await.map(drop),
            world.content.receive_part(upload, 1, body(&bytes)).await.map(drop),
        ] {
            assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
        }
    }

    async fn an_upload_whose_lease_ends_is_swept_with_its_parts(world: &World) {
        let bytes = pattern(600_000, 9);
        let upload = begin(world, sha256(&bytes), 600_000).await;
        send(world, upload, &bytes).await;
        world.is_swept_clean().await;
        assert_eq!(world.content.find_upload(upload).await.unwrap(), None);
    }

    async fn parts_of_a_blob_that_others_stored_prove_it_as_well(world: &World) {
        let bytes = pattern(600_000, 10);
        receive(&world.content, world.lease(BOB).await, &bytes).await.unwrap();
        let upload = begin(world, sha256(&bytes), 600_000).await;
        let parts = send(world, upload, &bytes).await;
        world.content.complete_multipart(upload, &parts).await.unwrap();
        assert!(world.content.find_known(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_some());
        assert_eq!(world.keys().await.len(), 1);
    }

    async fn sizes_that_make_no_parts_are_refused(world: &World) {
        let lease = world.lease(ALICE).await;
        for (size, part_size) in [(0, 5), (5, 0), (10_001, 1), (u64::MAX, 1 << 20)] {
            let wrong = NewUpload { sha256: sha256(b"x"), size, part_size };
            let right = NewUpload { sha256: sha256(b"y"), size: 10, part_size: 5 };
            let refused = world.content.begin_multipart(lease, &[right, wrong]).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{size} in {part_size}");
        }
    }
}
