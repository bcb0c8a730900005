//! Bytes of blobs on their way out.

mod buffer;
mod chunks;
mod pieces;
mod room;

use ballast_services::{Delivery, Failure};
use futures::TryStreamExt;
use futures::stream::try_unfold;
use poem::Body;

use chunks::Chunks;
use pieces::Pieces;
use room::Room;

/// Files up to this length go out in one piece, in bytes.
const SMALL: u64 = 64 * 1024;

/// The body for some bytes.
pub async fn body(delivery: Delivery) -> Result<Body, Failure> {
    match delivery {
        Delivery::File { file, range, checks } if range.len() <= SMALL => {
            let piece = Pieces::new(file, range, checks, Room::new()).next().await?;
            Ok(piece.map_or_else(Body::empty, |(bytes, _)| Body::from_bytes(bytes)))
        }
        Delivery::File { file, range, checks } => {
            let pieces = try_unfold(Pieces::new(file, range, checks, Room::new()), Pieces::next);
            Ok(Body::from_bytes_stream(pieces.map_err(std::io::Error::other)))
        }
        Delivery::Chunks(chunks) => {
            let pieces = try_unfold(Chunks::new(chunks, Room::new()), Chunks::next);
            Ok(Body::from_bytes_stream(pieces.map_err(std::io::Error::other)))
        }
        Delivery::Stream(stream) => {
            let room = Room::new();
            let pieces = stream.and_then(move |bytes| {
                let room = room.clone();
                async move { Ok(room.take(bytes).await) }
            });
            Ok(Body::from_bytes_stream(pieces.map_err(std::io::Error::other)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ballast_services::Checks;
    use ballast_types::ByteRange;

    use super::*;

    const PIECE: u64 = 512 * 1024;

    #[tokio::test]
    async fn a_range_of_a_file_goes_out_whole_and_in_order_whatever_its_length() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..3 * PIECE + 17).map(|at| (at / 1000) as u8).collect();
        file.write_all(&content).unwrap();
        for (start, end) in [(0, 5), (3, 3), (1, SMALL + 2), (7, 2 * PIECE + 9), (0, content.len() as u64)] {
            let range = ByteRange { start, end };
            let checks = Checks::of(&content);
            let delivery = Delivery::File { file: file.try_clone().unwrap(), range, checks };
            let sent = body(delivery).await.unwrap().into_bytes().await.unwrap();
            assert!(sent[..] == content[start as usize..end as usize], "{start}..{end}");
        }
    }

    #[tokio::test]
    async fn what_is_not_in_memory_is_read_all_the_same() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..5 * PIECE + 3).map(|at| (at / 1000) as u8).collect();
        file.write_all(&content).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let delivery =
            Delivery::File { file, range: ByteRange { start: 9, end: 5 * PIECE }, checks: Checks::of(&content) };
        let sent = body(delivery).await.unwrap().into_bytes().await.unwrap();
        assert!(sent[..] == content[9..5 * PIECE as usize]);
    }

    #[tokio::test]
    async fn memory_that_is_used_again_shows_nothing_of_before() {
        let files: Vec<_> = (1..=40_u8).map(|byte| vec![byte; 1000 * usize::from(byte)]).collect();
        for content in files.iter().chain(files.iter().rev()) {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            let (range, checks) = (ByteRange::whole(content.len() as u64), Checks::of(content));
            let sent = body(Delivery::File { file, range, checks }).await.unwrap().into_bytes().await.unwrap();
            assert!(sent[..] == content[..]);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error_and_not_a_short_answer() {
        let file = tempfile::tempfile().unwrap();
        for end in [10, 10 * PIECE] {
            let checks = Checks::of(&vec![0; end as usize]);
            let delivery = Delivery::File { file: file.try_clone().unwrap(), range: ByteRange::whole(end), checks };
            let sent = match body(delivery).await {
                Ok(body) => body.into_bytes().await.map(drop).map_err(|error| error.to_string()),
                Err(failure) => Err(failure.to_string()),
            };
            assert!(sent.is_err());
        }
    }

    #[tokio::test]
    async fn a_flipped_bit_is_never_sent_and_its_neighbours_are() {
        let mut file = tempfile::tempfile().unwrap();
        let mut content: Vec<u8> = (0..PIECE + 1000).map(|at| (at / 1000) as u8).collect();
        let checks = Checks::of(&content);
        content[PIECE as usize + 7] ^= 4;
        file.write_all(&content).unwrap();
        let sent = async |start, end| {
            let (file, range) = (file.try_clone().unwrap(), ByteRange { start, end });
            body(Delivery::File { file, range, checks: checks.clone() }).await.ok()?.into_bytes().await.ok()
        };
        assert!(sent(5, PIECE).await.unwrap()[..] == content[5..PIECE as usize]);
        assert_eq!(sent(PIECE, PIECE + 1).await, None, "of the same piece");
        assert_eq!(sent(0, PIECE + 1000).await, None);
    }
}
