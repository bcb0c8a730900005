//! What comes in with a request: bodies under a limit, and the spellings that old clients use.

mod fetch;
mod flag;
mod form;
mod json;
mod picture;
mod plain_form;
mod streamed;

pub use fetch::FetchBody;
pub use flag::Flag;
pub use form::PathsBody;
pub(crate) use json::parse;
pub use json::{JsonBody, LfsBody, OptionalJson};
pub use picture::Picture;
pub use plain_form::FormBody;
pub use streamed::{NdJson, Octets, PushBody};

use std::time::Duration;

use ballast_services::Failure;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use poem::http::{StatusCode, header};
use poem::{Body, Request, RequestBody};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::error::ApiError;

/// The most that a body may have that is read in one piece, in bytes. A preupload of a thousand files with their
/// samples and longest paths stays below it.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Bodies up to this length are read at once, in bytes: what ordinary questions have.
const SMALL: usize = 64 * 1024;

/// What all longer ones that are being read may have together, in KiB. Others wait.
const ROOM: u32 = 64 * 1024;
static LARGE: Semaphore = Semaphore::const_new(ROOM as usize);

/// How long a longer one may wait for its room, and then for its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for room for so many bytes.
async fn room(bytes: usize) -> Result<SemaphorePermit<'static>, ApiError> {
    let waited = timeout(PATIENCE, LARGE.acquire_many(bytes.div_ceil(1024) as u32)).await;
    Ok(waited.map_err(|_| busy())?.map_err(|_| busy())?)
}

/// All of a body that is short enough to be in memory: what is longer than `limit` is refused.
pub async fn limited(bytes: Octets, limit: usize) -> Result<Bytes, ApiError> {
    let _room = room(limit).await?;
    let mut all = BytesMut::new();
    match gather(&mut std::pin::pin!(bytes.into_pieces()), &mut all, limit).await? {
        true => Err(Failure::TooLarge(format!("The request's body is longer than {limit} bytes")).into()),
        false => Ok(all.freeze()),
    }
}

/// A body of at most so many bytes, in one piece: what is longer is refused, before it is read where it says so itself.
pub async fn at_most(request: &Request, body: &mut RequestBody, limit: usize) -> Result<Bytes, ApiError> {
    let announced = announced(request);
    if announced.is_some_and(|length| length > limit) {
        return Err(Failure::TooLarge(format!("The request's body is longer than {limit} bytes")).into());
    }
    let octets = Octets::of(taken(request, body)?);
    let slow = |_| Failure::Interrupted(format!("The request's body was not whole after {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, limited(octets, announced.unwrap_or(limit))).await.map_err(slow)?
}

/// How long the body is, where the request says so.
fn announced(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// The body of a request. One that is packed is refused, not unpacked: a few bytes could stand for very many.
fn taken(request: &Request, body: &mut RequestBody) -> Result<Body, ApiError> {
    let packed = |coding: &&poem::http::HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if let Some(coding) = request.headers().get_all(header::CONTENT_ENCODING).iter().find(packed) {
        let coding = String::from_utf8_lossy(coding.as_bytes());
        let why = format!("Content-Encoding: send the body as it is, not as '{}'", coding.escape_debug());
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", why));
    }
    Ok(body.take().unwrap_or_else(|_| Body::empty()))
}

/// A body as pieces; that it ended too early is the sender's failure, not the hub's.
fn pieces(body: Body) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    body.into_bytes_stream().map(|piece| piece.map_err(interrupted))
}

fn interrupted(error: std::io::Error) -> Failure {
    Failure::Interrupted(format!("The request's body ended before it was whole: {error}"))
}

/// A body that was read in one piece, with the room that it takes.
struct Whole {
    bytes: Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// A whole body of at most [`MAX_BODY`]. However many come at once, they take no more than [`ROOM`] while they are
/// read and parsed; one of ordinary length never waits for one of another.
async fn whole(request: &Request, body: &mut RequestBody) -> Result<Whole, ApiError> {
    whole_of(request, taken(request, body)?).await
}

/// The same of a body that may be packed.
async fn whole_of(request: &Request, body: Body) -> Result<Whole, ApiError> {
    let mut pieces = std::pin::pin!(pieces(body));
    let mut all = BytesMut::new();
    let announced = announced(request);
    if announced.is_none_or(|length| length <= SMALL) && !gather(&mut pieces, &mut all, SMALL).await? {
        return Ok(Whole { bytes: all.freeze(), _room: None });
    }
    let most = announced.unwrap_or(MAX_BODY);
    if most > MAX_BODY {
        return Err(too_large().into());
    }
    let room = room(most).await?;
    let slow = |_| Failure::Interrupted(format!("The request's body was not whole after {} s", PATIENCE.as_secs()));
    if timeout(PATIENCE, gather(&mut pieces, &mut all, most)).await.map_err(slow)?? {
        return Err(too_large().into());
    }
    Ok(Whole { bytes: all.freeze(), _room: Some(room) })
}

/// Reads until the end, or until there is more than `limit`; says whether there is.
async fn gather(
    pieces: &mut (impl Stream<Item = Result<Bytes, Failure>> + Unpin),
    all: &mut BytesMut,
    limit: usize,
) -> Result<bool, Failure> {
    while all.len() <= limit {
        let Some(piece) = pieces.next().await else { return Ok(false) };
        all.extend_from_slice(&piece?);
    }
    Ok(true)
}

fn too_large() -> Failure {
    Failure::TooLarge(format!("The request's body is longer than {MAX_BODY} bytes"))
}

fn busy() -> Failure {
    let why = "too many long requests are being read";
    Failure::Unavailable(ballast_contract::Error::new(ballast_contract::ErrorKind::Unavailable, "api.receive", why))
}
