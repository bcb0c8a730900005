//! Bytes on their way from a library: exactly as many as were promised.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ballast_abi::{Buf, END, Failure, Reader};
use ballast_contract::Result;
use bytes::Bytes;
use futures::Stream;

use super::call::{Of, Patience};
use super::waker;

pub(super) struct Pieces {
    reader: Reader,
    /// In all; none where as many come as there are.
    promised: Option<u64>,
    seen: u64,
    of: Of,
    patience: Patience,
    ended: bool,
}

impl Pieces {
    pub(super) fn new(reader: Reader, promised: Option<u64>, of: Of, limit: Duration) -> Self {
        Self { reader, promised, seen: 0, of, patience: Patience::new(limit), ended: false }
    }

    /// Holds it to so many bytes.
    pub(super) fn promise(&mut self, bytes: u64) {
        self.promised = Some(bytes);
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
            Poll::Ready(Ok(END)) => Poll::Ready(self.whole().map(|()| None)),
            Poll::Ready(Ok(_)) => Poll::Ready(self.taken(buf).map(Some)),
        }
    }

    fn taken(&mut self, buf: Buf) -> Result<Bytes> {
        self.patience.renew();
        if buf.ptr.is_null() && buf.len > 0 {
            return Err(self.of.misbehaved("it handed over bytes that are nowhere"));
        }
        self.seen = self.seen.saturating_add(buf.len as u64);
        match self.promised {
            Some(promised) if self.seen > promised => {
                let how = format!("it handed over more than the {promised} bytes that were asked for");
                Err(self.of.misbehaved(how))
            }
            _ => Ok(Bytes::from_owner(buf)),
        }
    }

    fn whole(&self) -> Result<()> {
        match self.promised {
            Some(promised) if self.seen < promised => {
                let left = promised - self.seen;
                Err(self.of.misbehaved(format!("it ended {left} bytes short of the {promised} that were asked for")))
            }
            _ => Ok(()),
        }
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
