//! The hub's waker as Rust's.
//!
//! For the time of one poll it is borrowed, and costs nothing; what waits longer clones it, and then owns one.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use ballast_abi::{self as abi, WakerTable, read_table};

/// Polls with the waker of a context.
///
/// # Safety
///
/// `context` is good for this call.
pub(crate) unsafe fn with<R>(context: *const abi::Context, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
    // Never dropped, because it is not ours.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(context.cast(), &BORROWED)) });
    poll(&mut Context::from_waker(&waker))
}

/// A waker that is ours, until it is dropped.
struct Owned {
    waker: *const c_void,
    table: WakerTable,
}

// The hub's wakers may be used from any thread.
unsafe impl Send for Owned {}
unsafe impl Sync for Owned {}

impl Owned {
    fn wake_by_ref(&self) {
        if let Some(wake) = self.table.wake_by_ref {
            unsafe { wake(self.waker) };
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(drop) = self.table.drop {
            unsafe { drop(self.waker) };
        }
    }
}

impl std::task::Wake for Owned {
    fn wake(self: Arc<Self>) {
        Owned::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Owned::wake_by_ref(self);
    }
}

static BORROWED: RawWakerVTable = RawWakerVTable::new(clone, wake_by_ref, wake_by_ref, leave);

unsafe fn clone(context: *const ()) -> RawWaker {
    let context = unsafe { &*context.cast::<abi::Context>() };
    let owned = unsafe { read_table(context.table) }.ok().and_then(|table| {
        let clone = table.clone?;
        Some(Owned { waker: unsafe { clone(context.waker) }, table })
    });
    let waker = owned.map_or_else(|| Waker::noop().clone(), |owned| Waker::from(Arc::new(owned)));
    let waker = ManuallyDrop::new(waker);
    RawWaker::new(waker.data(), waker.vtable())
}

unsafe fn wake_by_ref(context: *const ()) {
    let context = unsafe { &*context.cast::<abi::Context>() };
    if let Ok(WakerTable { wake_by_ref: Some(wake), .. }) = unsafe { read_table(context.table) } {
        unsafe { wake(context.waker) };
    }
}

unsafe fn leave(_: *const ()) {}
