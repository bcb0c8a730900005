//! Bodies of requests that were answered before they were read: a refusal needs none.
//!
//! Where a body is not read to its end, hyper ends the connection, and a client that sends its next request at that
//! moment is told that the server went away. So a short rest is read, and otherwise the answer says that the
//! connection ends, which then lingers for a moment (see `connection`).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// The longest rest that is read, in bytes: the JSON of an ordinary question.
const LONGEST: u64 = 64 * 1024;

/// How long a rest may take to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body in the hands of a handler.
pub struct Lent(Arc<Mutex<Incoming>>);

/// What the handler may leave of it.
pub struct Rest(Arc<Mutex<Incoming>>);

impl Lent {
    pub fn of(body: Incoming) -> (Self, Rest) {
        let body = Arc::new(Mutex::new(body));
        (Self(Arc::clone(&body)), Rest(body))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Incoming) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.with(|body| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}

impl Rest {
    /// Reads what is left, where that is little. Says whether nothing is left, or a handler still reads.
    pub async fn read(self) -> bool {
        let Some(body) = Arc::into_inner(self.0) else { return true };
        let mut body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
        if body.is_end_stream() {
            return true;
        }
        let is_short = body.size_hint().upper().is_some_and(|rest| rest <= LONGEST);
        let rest = async { while let Some(Ok(_)) = body.frame().await {} };
        is_short && timeout(PATIENCE, rest).await.is_ok()
    }
}
