//! Bytes on their way from the hub.

use std::ffi::c_void;
use std::task::{Context, Poll, ready};

use ballast_abi::{self as abi, Buf, Failure};
use ballast_contract::storage::StorageWriter;
use ballast_contract::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::guard::{self, Held};
use crate::host::Shared;
use crate::{future, waker};

type Open = Box<dyn StorageWriter>;

struct Writing {
    shared: Shared,
    stage: Stage,
}

enum Stage {
    Idle(Open),
    Writes(BoxFuture<'static, (Open, Result<()>)>),
    Commits(BoxFuture<'static, Result<u64>>),
    Aborts(BoxFuture<'static, Result<()>>),
    Ended,
}

impl Held for Writing {
    fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

/// Hands a writer to the hub.
pub(crate) fn writer(shared: &Shared, open: Open) -> abi::Writer {
    let data = Box::into_raw(Box::new(Writing { shared: shared.clone(), stage: Stage::Idle(open) })).cast();
    abi::Writer { data, write: Some(write), commit: Some(commit), abort: Some(abort), drop: Some(drop) }
}

impl Writing {
    /// Waits for the write that is under way.
    fn settle(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Stage::Writes(writes) = &mut self.stage else { return Poll::Ready(Ok(())) };
        let (open, outcome) = ready!(writes.poll_unpin(context));
        self.stage = Stage::Idle(open);
        Poll::Ready(outcome)
    }

    /// The writer, where nothing is under way.
    fn take(&mut self) -> Result<Open> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Idle(open) => Ok(open),
            _ => Err(Error::new(ErrorKind::Internal, "storage.write", "the writer has ended")),
        }
    }

    fn write(&mut self, buf: &mut Buf, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.settle(context))?;
        if buf.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let (mut open, bytes) = (self.take()?, Bytes::from_owner(buf.take()));
        let work = async move {
            let outcome = open.write(bytes).await;
            (open, outcome)
        };
        self.stage = Stage::Writes(future::run(&self.shared, work));
        self.settle(context)
    }

    fn commit(&mut self, context: &mut Context<'_>) -> Poll<Result<u64>> {
        if !matches!(self.stage, Stage::Commits(_)) {
            ready!(self.settle(context))?;
            let open = self.take()?;
            self.stage = Stage::Commits(future::run(&self.shared, open.commit()));
        }
        match &mut self.stage {
            Stage::Commits(commits) => commits.poll_unpin(context),
            _ => Poll::Pending,
        }
    }

    fn abort(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if !matches!(self.stage, Stage::Aborts(_)) {
            // What became of a write before does not matter any more.
            let _ = ready!(self.settle(context));
            let open = self.take()?;
            self.stage = Stage::Aborts(future::run(&self.shared, open.abort()));
        }
        match &mut self.stage {
            Stage::Aborts(aborts) => aborts.poll_unpin(context),
            _ => Poll::Pending,
        }
    }
}

unsafe extern "C" fn write(
    data: *mut c_void,
    context: *const abi::Context,
    buf: *mut Buf,
    failure: *mut Failure,
) -> u32 {
    unsafe {
        let (writing, buf) = (&mut *data.cast::<Writing>(), &mut *buf);
        guard::poll(&mut (), failure, || waker::with(context, |context| writing.write(buf, context)).map(Some))
    }
}

unsafe extern "C" fn commit(
    data: *mut c_void,
    context: *const abi::Context,
    out: *mut u64,
    failure: *mut Failure,
) -> u32 {
    unsafe {
        let writing = &mut *data.cast::<Writing>();
        guard::poll(out, failure, || waker::with(context, |context| writing.commit(context)).map(Some))
    }
}

unsafe extern "C" fn abort(data: *mut c_void, context: *const abi::Context, failure: *mut Failure) -> u32 {
    unsafe {
        let writing = &mut *data.cast::<Writing>();
        guard::poll(&mut (), failure, || waker::with(context, |context| writing.abort(context)).map(Some))
    }
}

unsafe extern "C" fn drop(data: *mut c_void) {
    unsafe { guard::drop_box::<Writing>(data) };
}
