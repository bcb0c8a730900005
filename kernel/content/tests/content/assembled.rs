//! Uploads whose parts are written at their places.

use std::os::unix::fs::FileExt;

use ballast_content::{Content, NewUpload, UploadId};
use ballast_contract::ErrorKind;
use ballast_contract::storage::UploadedPart;
use ballast_testkit::polled;
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};
use tokio::sync::oneshot;

use crate::world::{ALICE, World, body, pattern, receive, sha256};

const SIZE: usize = 700_000;
const PART: usize = 300_000;

async fn begin(world: &World, bytes: &Bytes) -> UploadId {
    let new = NewUpload { sha256: sha256(bytes), size: SIZE as u64, part_size: PART as u64 };
    let lease = world.lease(ALICE).await;
    world.content.begin_multipart(lease, &[new]).await.unwrap()[0]
}

fn part(bytes: &Bytes, number: u32) -> Bytes {
    let start = (number as usize - 1) * PART;
    bytes.slice(start..SIZE.min(start + PART))
}

async fn send(content: &Content, upload: UploadId, bytes: &Bytes) -> Vec<UploadedPart> {
    let send = async |number| {
        let etag = content.receive_part(upload, number, body(&part(bytes, number))).await.unwrap();
        UploadedPart { number, etag }
    };
    join_all((1..=3).map(send)).await
}

async fn is_whole(world: &World, bytes: &Bytes) {
    assert!(world.read(sha256(bytes), ByteRange::whole(SIZE as u64)).await.unwrap() == *bytes);
    assert!(world.unpublished().is_empty());
}

in_each_world! {
    async fn parts_are_one_file_from_the_beginning(world: &World) {
        let bytes = pattern(SIZE, 1);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &bytes).await;
        if let [file] = &world.unpublished()[..] {
            assert!(std::fs::read(file).unwrap() == bytes);
            assert_eq!(world.count("objects").await, 1);
        } else {
            assert!(world.storage.assembly().is_none());
        }
        world.content.complete_multipart(upload, &parts).await.unwrap();
        assert_eq!((world.count("objects").await, world.count("parts").await), (1, 0));
        is_whole(world, &bytes).await;
    }

    async fn a_part_that_still_comes_when_the_upload_is_completed_changes_nothing(world: &World) {
        let bytes = pattern(SIZE, 2);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &bytes).await;
        let (begun, go_on) = (oneshot::channel(), oneshot::channel::<()>());
        let slow = stream::once(async move {
            begun.0.send(()).unwrap();
            let _ = go_on.1.await;
            Ok(pattern(PART, 3))
        });
        let content = world.content.clone();
        let late = tokio::spawn(async move { content.receive_part(upload, 2, slow.boxed()).await });
        begun.1.await.unwrap();
        world.content.complete_multipart(upload, &parts).await.unwrap();
        go_on.0.send(()).unwrap();
        let refused = late.await.unwrap().unwrap_err();
        assert!(matches!(refused.kind, ErrorKind::Invalid | ErrorKind::NotFound), "{refused}");
        is_whole(world, &bytes).await;
    }

    async fn a_part_that_breaks_off_when_it_is_sent_again_is_told(world: &World) {
        let bytes = pattern(SIZE, 4);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &bytes).await;
        let broken = stream::iter([Ok(pattern(1000, 5)), Err(ballast_contract::Error::new(ErrorKind::Unavailable, "test", "gone"))]);
        world.content.receive_part(upload, 2, broken.boxed()).await.unwrap_err();
        if world.storage.assembly().is_some() && std::fs::read(&world.unpublished()[0]).unwrap() != bytes {
            let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
            assert_eq!((refused.kind, &*refused.context), (ErrorKind::Invalid, "part 2 was lost; upload it again"));
            world.content.receive_part(upload, 2, body(&part(&bytes, 2))).await.unwrap();
        }
        world.content.complete_multipart(upload, &parts).await.unwrap();
        is_whole(world, &bytes).await;
    }

    async fn a_file_that_ends_early_is_told(world: &World) {
        let bytes = pattern(SIZE, 6);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &bytes).await;
        if let [file] = &world.unpublished()[..] {
            std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(650_000).unwrap();
            let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
            assert_eq!((refused.kind, &*refused.context), (ErrorKind::Invalid, "part 3 was lost; upload it again"));
            std::fs::remove_file(file).unwrap();
            let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
            assert_eq!(refused.context, "the parts were lost; upload all of them again");
            send(&world.content, upload, &bytes).await;
        }
        world.content.complete_multipart(upload, &parts).await.unwrap();
        is_whole(world, &bytes).await;
    }

    async fn two_nodes_take_parts_and_complete_at_once(world: &World) {
        let bytes = pattern(SIZE, 7);
        let upload = begin(world, &bytes).await;
        let other = world.node(crate::world::GRACE);
        let parts = send(&world.content, upload, &bytes).await;
        assert_eq!(send(&other, upload, &bytes).await, parts);
        let nodes = [&world.content, &other, &world.content, &other];
        for done in join_all(nodes.map(|node| node.complete_multipart(upload, &parts))).await {
            done.unwrap();
        }
        assert_eq!(world.keys().await.len(), 1);
        is_whole(world, &bytes).await;
    }

    async fn a_completion_that_is_cut_off_anywhere_can_be_asked_for_again(world: &World) {
        for point in 1_usize.. {
            let mut bytes = pattern(SIZE, 13).to_vec();
            bytes[..8].copy_from_slice(&point.to_le_bytes());
            let bytes = Bytes::from(bytes);
            let upload = begin(world, &bytes).await;
            let parts = send(&world.content, upload, &bytes).await;
            let node = world.node(crate::world::GRACE);
            let done = polled::at_most(&mut Box::pin(node.complete_multipart(upload, &parts)), point).await;
            // By another, which does not know that the first goes on.
            world.content.complete_multipart(upload, &parts).await.unwrap();
            is_whole(world, &bytes).await;
            if done.is_some() {
                break;
            }
        }
    }

    async fn what_somebody_else_has_stored_meanwhile_is_not_kept_twice(world: &World) {
        let bytes = pattern(SIZE, 8);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &bytes).await;
        receive(&world.content, world.lease(ALICE).await, &bytes).await.unwrap();
        world.content.complete_multipart(upload, &parts).await.unwrap();
        assert_eq!((world.keys().await.len(), world.count("objects").await), (1, 1));
        is_whole(world, &bytes).await;
    }

    async fn an_upload_that_ends_takes_its_file_with_it(world: &World) {
        let bytes = pattern(SIZE, 9);
        let upload = begin(world, &bytes).await;
        send(&world.content, upload, &bytes).await;
        world.content.abort_multipart(upload).await.unwrap();
        assert_eq!((world.unpublished().len(), world.count("objects").await), (0, 0));
        let upload = begin(world, &bytes).await;
        send(&world.content, upload, &bytes).await;
        world.is_swept_clean().await;
        let late = world.content.receive_part(upload, 1, body(&part(&bytes, 1))).await.unwrap_err();
        assert_eq!(late.kind, ErrorKind::NotFound, "{late}");
        assert!(world.unpublished().is_empty());
    }

    async fn other_bytes_than_those_announced_are_refused_and_can_be_replaced(world: &World) {
        let bytes = pattern(SIZE, 10);
        let upload = begin(world, &bytes).await;
        let parts = send(&world.content, upload, &pattern(SIZE, 11)).await;
        let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
        assert!(refused.is(ErrorKind::Invalid) && refused.context.contains("SHA-256"), "{refused}");
        let parts = send(&world.content, upload, &bytes).await;
        world.content.complete_multipart(upload, &parts).await.unwrap();
        is_whole(world, &bytes).await;
    }
}

/// The disk's own damage, which no etag tells, is found by the digest of the whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_that_changes_on_disk_before_the_end_is_never_served() {
    let world = World::in_folder(ballast_database::testing::sqlite().await).await;
    let bytes = pattern(SIZE, 12);
    let upload = begin(&world, &bytes).await;
    let parts = send(&world.content, upload, &bytes).await;
    let file = std::fs::OpenOptions::new().write(true).open(&world.unpublished()[0]).unwrap();
    file.write_all_at(&[!bytes[400_000]], 400_000).unwrap();
    let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
    assert_eq!(refused.context, "part 2 was lost; upload it again");
    assert_eq!(world.count("blobs").await, 0);
}
