//! Futures as the hub polls them.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ballast_abi::{self as abi, Failure};
use ballast_contract::{Error, ErrorKind, Result};
use futures::future::BoxFuture;
use tokio::task::{JoinError, JoinHandle};

use crate::guard::{self, Held, words};
use crate::host::Shared;
use crate::runtime::runtime;
use crate::{Polling, waker};

/// Hands a call to the hub.
pub(crate) fn future<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> abi::Future {
    // Spawning is all that could panic, and a call must not end in one.
    let made = catch_unwind(AssertUnwindSafe(|| match shared.polling() {
        Polling::Inline => polled(shared, work),
        Polling::Spawn => polled(shared, spawned(work)),
    }));
    made.unwrap_or_else(|panic| {
        let why = words(&*panic);
        polled(shared, async move { Err::<T, _>(Error::new(ErrorKind::Internal, "plugin.call", why)) })
    })
}

/// A part of a call, run as the plugin wants it.
pub(crate) fn run<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    match (shared.polling(), runtime()) {
        (Polling::Spawn, Some(runtime)) => Box::pin(Joined(runtime.spawn(work))),
        _ => Box::pin(work),
    }
}

async fn spawned<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match runtime() {
        Some(runtime) => Joined(runtime.spawn(work)).await,
        None => work.await,
    }
}

/// A task of the runtime that ends when nobody waits for it, and whose panic is the waiter's.
struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(context)).map_err(JoinError::try_into_panic) {
            Ok(done) => Poll::Ready(done),
            Err(Ok(panic)) => resume_unwind(panic),
            // Only the end of the runtime cancels it, and that is the end of the process.
            Err(Err(_)) => Poll::Pending,
        }
    }
}

impl<T> Drop for Joined<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Polled<F> {
    shared: Shared,
    work: F,
}

impl<F> Held for Polled<F> {
    fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

fn polled<T, F: Future<Output = Result<T>> + Send + 'static>(shared: &Shared, work: F) -> abi::Future {
    unsafe extern "C" fn poll<T, F: Future<Output = Result<T>>>(
        data: *mut c_void,
        context: *const abi::Context,
        out: *mut c_void,
        failure: *mut Failure,
    ) -> u32 {
        unsafe {
            // It stays where it was boxed until it is dropped there.
            let work = Pin::new_unchecked(&mut (*data.cast::<Polled<F>>()).work);
            guard::poll(out.cast::<T>(), failure, || waker::with(context, |context| work.poll(context)).map(Some))
        }
    }
    unsafe extern "C" fn drop<F>(data: *mut c_void) {
        unsafe { guard::drop_box::<Polled<F>>(data) };
    }
    let data = Box::into_raw(Box::new(Polled { shared: shared.clone(), work })).cast();
    abi::Future { data, poll: Some(poll::<T, F>), drop: Some(drop::<F>) }
}
