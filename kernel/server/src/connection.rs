//! What is known of a connection while it is served: how much moved on it, and whose turn it is.
//!
//! A hub cannot tell a slow client from one that only pretends to be slow, but it can tell both from its own work: as
//! long as the hub reads, computes or waits for a disk, nothing is held against the client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// How long what was not read of a request may still come once its answer is out. Who sends it needs a moment to see the
/// answer: a connection that ends before is reset, which proxies take for a hub that is gone.
const LINGER: Duration = Duration::from_secs(2);

/// And how much of it, in bytes: what a fast line brings before its sender has heard.
const LINGER_MOST: usize = 32 << 20;

/// The counts of one connection. They only ever tell how it stands; nothing is decided here.
#[derive(Debug, Default)]
pub struct Pace {
    requests: AtomicU64,
    under_way: AtomicU32,
    working: AtomicU32,
    read: AtomicU64,
    written: AtomicU64,
    /// The client takes nothing of what is there for it.
    full: AtomicBool,
    /// The last request was answered before it was read to its end.
    unread: AtomicBool,
    end: Notify,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that ever began.
    pub requests: u64,
    /// Requests that are not answered to their end yet.
    pub under_way: u32,
    /// Those of them in which it is the hub's turn; none while the client takes nothing of what is there for it.
    pub working: u32,
    /// Bytes that came, headers and all.
    pub read: u64,
    /// Bytes that went.
    pub written: u64,
}

impl Pace {
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Relaxed),
            under_way: self.under_way.load(Relaxed),
            working: if self.full.load(Relaxed) { 0 } else { self.working.load(Relaxed) },
            read: self.read.load(Relaxed),
            written: self.written.load(Relaxed),
        }
    }

    /// Adds bytes that came.
    pub fn came(&self, bytes: u64) {
        self.read.fetch_add(bytes, Relaxed);
    }

    /// Adds bytes that went, or says that none do at the moment.
    pub fn went(&self, bytes: Option<u64>) {
        self.full.store(bytes.is_none(), Relaxed);
        self.written.fetch_add(bytes.unwrap_or_default(), Relaxed);
    }

    /// Asks whoever serves the connection to drop it.
    pub fn end(&self) {
        self.end.notify_one();
    }

    /// Ends when [`end`](Self::end) was called.
    pub async fn ended(&self) {
        self.end.notified().await;
    }
}

/// A connection whose bytes are counted.
pub struct Counted {
    stream: TcpStream,
    pace: Arc<Pace>,
    /// Once our own side is closed, and something of a request is unread.
    lingering: Option<Lingering>,
}

/// What still comes, and is thrown away: until when, and how much it was.
struct Lingering {
    limit: Pin<Box<Sleep>>,
    taken: usize,
}

impl Counted {
    pub fn new(stream: TcpStream, pace: Arc<Pace>) -> Self {
        Self { stream, pace, lingering: None }
    }

    fn wrote(&self, answer: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &answer {
            Poll::Ready(Ok(count)) => self.pace.went(Some(*count as u64)),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pace.went(None),
        }
        answer
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let answer = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.pace.came((buffer.filled().len() - before) as u64);
        answer
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let answer = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(answer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let answer = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.wrote(answer)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.pace.unread.load(Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering = this.lingering.get_or_insert_with(|| Lingering { limit: Box::pin(sleep(LINGER)), taken: 0 });
        let mut piece = [0; 8 * 1024];
        while lingering.taken < LINGER_MOST && lingering.limit.as_mut().poll(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => lingering.taken += rest.filled().len(),
                // The other side has closed, or is gone.
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A request from its headers to the last byte of its answer, and whose turn it is in it. It begins as the hub's.
pub struct Exchange {
    pace: Arc<Pace>,
    working: AtomicBool,
}

impl Exchange {
    pub fn begin(pace: Arc<Pace>) -> Arc<Self> {
        pace.requests.fetch_add(1, Relaxed);
        pace.under_way.fetch_add(1, Relaxed);
        pace.working.fetch_add(1, Relaxed);
        Arc::new(Self { pace, working: AtomicBool::new(true) })
    }

    /// Says that the request is not read to its end, so that its connection ends with the answer.
    pub fn leaves_unread(&self) {
        self.pace.unread.store(true, Relaxed);
    }

    /// Says whose turn it is: the hub's, or the client's.
    fn turn(&self, working: bool) {
        match (self.working.swap(working, Relaxed), working) {
            (false, true) => drop(self.pace.working.fetch_add(1, Relaxed)),
            (true, false) => drop(self.pace.working.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.turn(false);
        self.pace.under_way.fetch_sub(1, Relaxed);
    }
}

/// A body that says whose turn it is as it goes by.
pub struct Watched<B> {
    body: B,
    exchange: Arc<Exchange>,
    coming: bool,
}

impl<B> Watched<B> {
    /// The body of a request: while none of it is there, it is the client's turn.
    pub fn coming(body: B, exchange: Arc<Exchange>) -> Self {
        Self { body, exchange, coming: true }
    }

    /// The body of an answer: while no more of it is asked for, it is the client's turn.
    pub fn going(body: B, exchange: Arc<Exchange>) -> Self {
        Self { body, exchange, coming: false }
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.exchange.turn(polled.is_ready() == self.coming);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
