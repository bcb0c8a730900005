//! Bytes on their way to the hub.

use std::ffi::c_void;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ballast_abi::{self as abi, Buf, Failure};
use ballast_contract::{ByteStream, Result};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc::{Receiver, channel};

use crate::guard::{self, Held};
use crate::host::Shared;
use crate::{Polling, future, waker};

/// How many pieces a spawned reader is ahead of the hub.
const AHEAD: usize = 4;

struct Reading {
    shared: Shared,
    stream: ByteStream,
}

impl Held for Reading {
    fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

/// Hands a stream to the hub.
pub(crate) fn reader(shared: &Shared, stream: ByteStream) -> abi::Reader {
    let stream = match shared.polling() {
        Polling::Inline => stream,
        Polling::Spawn => Pumped::new(shared, stream).boxed(),
    };
    let data = Box::into_raw(Box::new(Reading { shared: shared.clone(), stream })).cast();
    abi::Reader { data, next: Some(next), drop: Some(drop) }
}

unsafe extern "C" fn next(
    data: *mut c_void,
    context: *const abi::Context,
    out: *mut Buf,
    failure: *mut Failure,
) -> u32 {
    unsafe {
        let stream = &mut (*data.cast::<Reading>()).stream;
        guard::poll(out, failure, || {
            let polled = waker::with(context, |context| stream.as_mut().poll_next(context));
            polled.map(|piece| piece.map(|piece| piece.map(Buf::owning)))
        })
    }
}

unsafe extern "C" fn drop(data: *mut c_void) {
    unsafe { guard::drop_box::<Reading>(data) };
}

/// A stream that a task of the runtime reads ahead. The task is joined at the end: if it panicked, what has come so far
/// must not look like all there is.
struct Pumped {
    pieces: Receiver<Result<Bytes>>,
    pump: Option<BoxFuture<'static, ()>>,
}

impl Pumped {
    fn new(shared: &Shared, mut stream: ByteStream) -> Self {
        let (send, pieces) = channel(AHEAD);
        let pump = async move {
            while let Some(piece) = stream.next().await {
                if send.send(piece).await.is_err() {
                    break;
                }
            }
        };
        Self { pieces, pump: Some(future::run(shared, pump)) }
    }
}

impl Stream for Pumped {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(piece) = ready!(self.pieces.poll_recv(context)) {
            return Poll::Ready(Some(piece));
        }
        if let Some(pump) = &mut self.pump {
            ready!(pump.poll_unpin(context));
            self.pump = None;
        }
        Poll::Ready(None)
    }
}
