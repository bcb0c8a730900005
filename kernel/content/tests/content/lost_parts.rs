//! Parts are not flushed: a power cut may take them, or their ends.

use std::os::unix::fs::FileExt;

use ballast_content::{NewUpload, UploadId};
use ballast_contract::ErrorKind;
use ballast_contract::storage::UploadedPart;
use ballast_types::ByteRange;
use bytes::Bytes;

use crate::world::{ALICE, World, body, pattern, sha256};

const PART: usize = 300_000;

async fn send(world: &World, upload: UploadId, bytes: &Bytes, number: u32) -> UploadedPart {
    let start = (number as usize - 1) * PART;
    let part = bytes.slice(start..bytes.len().min(start + PART));
    UploadedPart { number, etag: world.content.receive_part(upload, number, body(&part)).await.unwrap() }
}

/// What a power cut leaves: nothing, or a beginning.
async fn lose(world: &World, number: u32, left: &[u8]) {
    if let [file] = &world.unpublished()[..] {
        let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        let start = (number as usize - 1) * PART;
        file.write_all_at(&[0; PART], start as u64).unwrap();
        file.write_all_at(left, start as u64).unwrap();
        return;
    }
    let name = format!("/{number}.");
    let key = world.keys().await.into_iter().find(|key| key.starts_with("parts/") && key.contains(&name)).unwrap();
    let key = key.parse().unwrap();
    world.storage.delete(&key).await.unwrap();
    if !left.is_empty() {
        let mut writer = world.storage.create(&key).await.unwrap();
        writer.write(Bytes::copy_from_slice(left)).await.unwrap();
        writer.commit().await.unwrap();
    }
}

in_each_world! {
    async fn a_part_that_a_power_cut_took_is_asked_for_again(world: &World) {
        let bytes = pattern(700_000, 31);
        let lease = world.lease(ALICE).await;
        let new = NewUpload { sha256: sha256(&bytes), size: 700_000, part_size: PART as u64 };
        let upload = world.content.begin_multipart(lease, &[new]).await.unwrap()[0];
        let mut parts = Vec::new();
        for number in 1..=3 {
            parts.push(send(world, upload, &bytes, number).await);
        }
        for left in [&[][..], &bytes[PART..PART + 1000]] {
            lose(world, 2, left).await;
            let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
            assert!(refused.context.contains("part 2 was lost"), "{refused}");
            assert_eq!(world.count("blobs").await, 0);
            let again = send(world, upload, &bytes, 2).await;
            assert_eq!(again.etag, parts[1].etag, "the same bytes have the same etag");
        }
        // The right length, and other bytes.
        lose(world, 2, &[0; PART]).await;
        let refused = world.content.complete_multipart(upload, &parts).await.unwrap_err();
        let told = if world.storage.assembly().is_some() { "part 2 was lost; upload it again" } else { "the SHA-256" };
        assert!(refused.context.starts_with(told), "{refused}");
        send(world, upload, &bytes, 2).await;
        world.content.complete_multipart(upload, &parts).await.unwrap();
        assert!(world.read(sha256(&bytes), ByteRange::whole(700_000)).await.unwrap() == bytes);
    }
}
