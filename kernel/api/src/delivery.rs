//! Bytes of blobs on their way out.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_services::{Checks, Delivery, Failure};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use poem::Body;

/// How much of a file is read at once, in bytes. Reads of 4 KiB reach a twentieth of the speed of these.
const PIECE: u64 = 512 * 1024;

/// Files up to this length go out in one piece, in bytes.
const SMALL: u64 = 64 * 1024;

/// Pieces that are read ahead of a slow client.
const AHEAD: usize = 2;

/// The body for some bytes.
pub async fn body(delivery: Delivery) -> std::result::Result<Body, Failure> {
    match delivery {
        Delivery::File { file, range, checks } if range.len() <= SMALL => {
            Ok(Body::from_bytes(piece(file.into(), range, checks).await?))
        }
        Delivery::File { file, range, checks } => {
            let pieces = pieces(file.into(), range, checks);
            Ok(Body::from_bytes_stream(pieces.map_err(std::io::Error::other)))
        }
        Delivery::Stream(stream) => Ok(Body::from_bytes_stream(stream.map_err(std::io::Error::other))),
    }
}

/// Each piece is read by a thread of its own, so a client that is slow holds memory and no thread.
fn pieces(file: Arc<File>, range: ByteRange, checks: Checks) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let parts = checks.parts(range, PIECE);
    let read = move |part| piece(file.clone(), part, checks.clone());
    futures::stream::iter(parts).map(read).buffered(AHEAD)
}

/// Reads a little more than it answers, and checks it: damaged bytes are an error in their place.
async fn piece(file: Arc<File>, range: ByteRange, checks: Checks) -> Result<Bytes> {
    let read = move || {
        let cover = checks.cover(range);
        let mut bytes = vec![0; cover.len() as usize];
        file.read_exact_at(&mut bytes, cover.start).map_err(lost)?;
        checks.check(range, bytes.into())
    };
    let broken = |error| Error::new(ErrorKind::Internal, "api.deliver", format!("a worker broke off: {error}"));
    tokio::task::spawn_blocking(read).await.map_err(broken)?
}

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Corrupt, "api.deliver", "a file is shorter than it was").with_source(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

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
