//! Bytes of blobs on their way out.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ballast_services::{Delivery, Failure};
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
pub async fn body(delivery: Delivery) -> Result<Body, Failure> {
    match delivery {
        Delivery::File { file, range } if range.len() <= SMALL => {
            Ok(Body::from_bytes(piece(file.into(), range).await.map_err(lost)?))
        }
        Delivery::File { file, range } => Ok(Body::from_bytes_stream(pieces(file.into(), range))),
        Delivery::Stream(stream) => Ok(Body::from_bytes_stream(stream.map_err(std::io::Error::other))),
    }
}

/// Each piece is read by a thread of its own, so a client that is slow holds memory and no thread.
fn pieces(file: Arc<File>, range: ByteRange) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let starts = (range.start..range.end).step_by(PIECE as usize);
    let cut = move |start: u64| ByteRange { start, end: range.end.min(start + PIECE) };
    futures::stream::iter(starts.map(move |start| piece(file.clone(), cut(start)))).buffered(AHEAD)
}

async fn piece(file: Arc<File>, range: ByteRange) -> std::io::Result<Bytes> {
    let read = move || {
        let mut bytes = vec![0; range.len() as usize];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(Bytes::from(bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

fn lost(error: std::io::Error) -> Failure {
    let cause = ballast_contract::Error::new(
        ballast_contract::ErrorKind::Corrupt,
        "api.deliver",
        "a file is shorter than it was",
    );
    Failure::Broken(cause.with_source(error))
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
            let delivery = Delivery::File { file: file.try_clone().unwrap(), range };
            let sent = body(delivery).await.unwrap().into_bytes().await.unwrap();
            assert!(sent[..] == content[start as usize..end as usize], "{start}..{end}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error_and_not_a_short_answer() {
        let file = tempfile::tempfile().unwrap();
        for end in [10, 10 * PIECE] {
            let delivery = Delivery::File { file: file.try_clone().unwrap(), range: ByteRange { start: 0, end } };
            let sent = match body(delivery).await {
                Ok(body) => body.into_bytes().await.map(drop).map_err(|error| error.to_string()),
                Err(failure) => Err(failure.to_string()),
            };
            assert!(sent.is_err());
        }
    }
}
