//! A part of a file as a stream.

use std::io::{Error, ErrorKind as IoKind, Read, Seek, SeekFrom};
use std::path::Path;

use ballast_sdk::bytes::Bytes;
use ballast_sdk::futures::{StreamExt, stream};
use ballast_sdk::types::ByteRange;
use ballast_sdk::{ByteStream, ErrorKind};

/// So many bytes go at a time.
const PIECE: u64 = 1 << 20;

/// The bytes of a range, which the file has.
pub async fn reading(path: &Path, range: ByteRange) -> std::io::Result<ByteStream> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let pieces = stream::unfold(Some((file, range.len())), |rest| async move {
        let (mut file, left) = rest.filter(|(_, left)| *left > 0)?;
        match piece(&mut file, left.min(PIECE)) {
            Ok(bytes) => {
                let left = left - bytes.len() as u64;
                Some((Ok(bytes), Some((file, left))))
            }
            Err(error) => Some((Err(broken(&error)), None)),
        }
    });
    Ok(pieces.boxed())
}

fn piece(file: &mut std::fs::File, length: u64) -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes.into()),
        false => Err(Error::new(IoKind::UnexpectedEof, "the file became shorter")),
    }
}

fn broken(error: &Error) -> ballast_sdk::Error {
    ballast_sdk::Error::new(ErrorKind::Unavailable, "downloader.fetch", error.to_string())
}
