//! A call under way in a library, as a future of this side.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ballast_abi::{self as abi, Buf, END, FAILED, Failure, PENDING, READY, Reader, Streamed, Writer};
use ballast_contract::{Error, ErrorKind, Result};
use tokio::time::{Sleep, sleep};

use super::failure::{misbehaved, told};
use super::held::Held;
use super::host::Faults;
use super::waker;

/// Whose call it is, and what it is called.
#[derive(Clone)]
pub(super) struct Of {
    pub held: Arc<Held>,
    pub faults: Arc<Faults>,
    pub operation: &'static str,
}

impl Of {
    /// A promise that was not kept; it is counted.
    pub(super) fn misbehaved(&self, how: impl Into<String>) -> Error {
        let error = misbehaved(self.operation, how);
        self.faults.count(&error);
        error
    }

    /// What came of one poll.
    pub(super) fn polled(&self, code: u32, failure: &Failure) -> Poll<Result<u32>> {
        match code {
            PENDING => Poll::Pending,
            READY | END => Poll::Ready(Ok(code)),
            FAILED => {
                let told = told(failure, self.operation);
                if told.panicked {
                    self.faults.count(&told.error);
                }
                Poll::Ready(Err(told.error))
            }
            other => {
                Poll::Ready(Err(self.misbehaved(format!("it answered with the code {other}, which means nothing"))))
            }
        }
    }
}

/// A limit on waiting, which costs nothing where nobody waits.
pub(super) struct Patience {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, sleep: None }
    }

    /// After something that is still awaited was polled; whether it has taken too long.
    pub(super) fn ends(&mut self, of: &Of, context: &mut Context<'_>) -> Poll<Error> {
        let limit = self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        sleep.as_mut().poll(context).map(|()| {
            let how = format!("the plugin did not answer within {} seconds", limit.as_secs());
            let error = Error::new(ErrorKind::Unavailable, of.operation, how);
            of.faults.count(&error);
            error
        })
    }

    /// Something came: the next wait begins anew.
    pub(super) fn renew(&mut self) {
        self.sleep = None;
    }
}

/// What a call may write as its answer.
///
/// # Safety
///
/// It fits [`Space`], and is valid where all of its bytes are zero.
pub(super) unsafe trait Answer: Send {}

unsafe impl Answer for () {}
unsafe impl Answer for u64 {}
unsafe impl Answer for Buf {}
unsafe impl Answer for Reader {}
unsafe impl Answer for Writer {}
unsafe impl Answer for Streamed {}

/// Room for any answer.
type Space = [u64; 8];

/// A call of a library. Dropping it ends it, where it waits.
pub(super) struct Call<T> {
    raw: abi::Future,
    of: Of,
    patience: Patience,
    answer: PhantomData<fn() -> T>,
}

impl<T: Answer> Call<T> {
    pub(super) fn new(raw: abi::Future, of: Of, limit: Duration) -> Self {
        const { assert!(size_of::<T>() <= size_of::<Space>() && align_of::<T>() <= align_of::<Space>()) };
        Self { raw, of, patience: Patience::new(limit), answer: PhantomData }
    }

    /// Waits for so long.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.patience = Patience::new(limit);
    }
}

impl<T: Answer> Future for Call<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Some(poll) = self.raw.poll else {
            return Poll::Ready(Err(self.of.misbehaved("it answered with no future")));
        };
        let (lent, mut space, mut failure) = (waker::lent(context), Space::default(), Failure::empty());
        let code = unsafe { poll(self.raw.data, &lent, (&raw mut space).cast::<c_void>(), &mut failure) };
        match self.of.polled(code, &failure) {
            Poll::Ready(Ok(END)) => Poll::Ready(Err(self.of.misbehaved("it ended without an answer"))),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(unsafe { (&raw const space).cast::<T>().read() })),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let this = &mut *self;
                this.patience.ends(&this.of, context).map(Err)
            }
        }
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        if let Some(drop) = self.raw.drop.take() {
            unsafe { drop(self.raw.data) };
        }
    }
}
