//! Bytes on their way from a library: exactly as many as were asked for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ballast_abi::{Buf, END, Failure, Reader};
use ballast_contract::Result;
use bytes::Bytes;
use futures::Stream;

use crate::library::call::{Of, Patience};
use crate::library::waker;

pub(super) struct Pieces {
    reader: Reader,
    promised: u64,
    left: u64,
    of: Of,
    patience: Patience,
    ended: bool,
}

impl Pieces {
    pub(super) fn new(reader: Reader, promised: u64, of: Of, limit: Duration) -> Self {
        Self { reader, promised, left: promised, of, patience: Patience::new(limit), ended: false }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Some(next) = self.reader.next else {
            return Poll::Ready(Err(self.of.misbehaved("it answered with no reader")));
        };
        let (lent, mut buf, mut failure) = (waker::lent(context), Buf::EMPTY, Failure::empty());
        let code = unsafe { next(self.reader.data, &lent, &mut buf, &mut failure) };
        match self.of.polled(code, &failure) {
            Poll::Pending => self.patience.ends(&self.of, context).map(Err),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(END)) if self.left > 0 => {
                let how = format!("it ended {} bytes short of the {} that were asked for", self.left, self.promised);
                Poll::Ready(Err(self.of.misbehaved(how)))
            }
            Poll::Ready(Ok(END)) => Poll::Ready(Ok(None)),
            Poll::Ready(Ok(_)) => Poll::Ready(self.taken(buf).map(Some)),
        }
    }

    fn taken(&mut self, buf: Buf) -> Result<Bytes> {
        self.patience.renew();
        if buf.ptr.is_null() && buf.len > 0 {
            return Err(self.of.misbehaved("it handed over bytes that are nowhere"));
        }
        let Some(left) = self.left.checked_sub(buf.len as u64) else {
            let how = format!("it handed over more than the {} bytes that were asked for", self.promised);
            return Err(self.of.misbehaved(how));
        };
        self.left = left;
        Ok(Bytes::from_owner(buf))
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.next(context).map(Result::transpose);
        self.ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Some(drop) = self.reader.drop.take() {
            unsafe { drop(self.reader.data) };
        }
    }
}
