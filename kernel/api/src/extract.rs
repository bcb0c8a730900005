//! What comes in with a request: bodies under a limit, and the spellings that old clients use.

mod flag;
mod form;
mod json;
mod streamed;

pub use flag::Flag;
pub use form::PathsBody;
pub use json::{JsonBody, LfsBody, OptionalJson};
pub use streamed::{NdJson, Octets};

use ballast_services::Failure;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use poem::{Body, RequestBody};

/// The most that a body may have that is read in one piece, in bytes. A preupload of a thousand files with their
/// samples and longest paths stays below it.
const MAX_BODY: usize = 16 * 1024 * 1024;

fn taken(body: &mut RequestBody) -> Body {
    body.take().unwrap_or_else(|_| Body::empty())
}

/// A body as pieces; that it ended too early is the sender's failure, not the hub's.
fn pieces(body: Body) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    body.into_bytes_stream().map(|piece| piece.map_err(interrupted))
}

fn interrupted(error: std::io::Error) -> Failure {
    Failure::Interrupted(format!("The request's body ended before it was whole: {error}"))
}

/// A whole body of at most `limit` bytes.
async fn whole(body: Body, limit: usize) -> Result<Bytes, Failure> {
    let mut pieces = std::pin::pin!(pieces(body));
    let mut all = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if all.len() + piece.len() > limit {
            return Err(Failure::TooLarge(format!("The request's body is longer than {limit} bytes")));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}
