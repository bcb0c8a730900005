//! What stands around every call from outside: the library's runtime inside, no panic outside.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use ballast_abi::{END, FAILED, Failure, PENDING, READY};
use ballast_contract::Result;

use crate::failure::{failed, panicked};
use crate::host::Shared;
use crate::runtime;

/// Polls once, writes what came of it, and answers with its code.
///
/// # Safety
///
/// `out` and `failure` can be written.
pub(crate) unsafe fn poll<T>(
    out: *mut T,
    failure: *mut Failure,
    work: impl FnOnce() -> Poll<Option<Result<T>>>,
) -> u32 {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let _entered = runtime::enter();
        work()
    }));
    let failure_of = |this| unsafe {
        failure.write(this);
        FAILED
    };
    match worked {
        Ok(Poll::Pending) => PENDING,
        Ok(Poll::Ready(None)) => END,
        Ok(Poll::Ready(Some(Ok(done)))) => unsafe {
            out.write(done);
            READY
        },
        Ok(Poll::Ready(Some(Err(error)))) => failure_of(failed(&error)),
        Err(panic) => failure_of(panicked(&words(&*panic))),
    }
}

/// Drops what the hub held. A panic in it has nobody to answer to, and is reported.
///
/// # Safety
///
/// `data` came of `Box::into_raw` of a `T`, and is not used again.
pub(crate) unsafe fn drop_box<T: Held>(data: *mut c_void) {
    let held = unsafe { Box::from_raw(data.cast::<T>()) };
    let shared = held.shared();
    quietly(&shared, || drop(held));
}

/// Does what nobody waits for.
pub(crate) fn quietly(shared: &Shared, work: impl FnOnce()) {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        let _entered = runtime::enter();
        work();
    }));
    if let Err(panic) = worked {
        shared.fault(&format!("it panicked while something of it was dropped: {}", words(&*panic)));
    }
}

/// What the hub holds of an instance.
pub(crate) trait Held {
    /// What its instance shares.
    fn shared(&self) -> Shared;
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without words".to_owned())
}
