//! This side's wakers, as a library sees them.

use std::ffi::c_void;
use std::mem::size_of;
use std::task::{Context, Waker};

use ballast_abi::{self as abi, WakerTable};

/// What a poll lends: borrowed and owned wakers are both pointers to a [`Waker`].
pub(super) fn lent(context: &Context<'_>) -> abi::Context {
    let waker: *const Waker = context.waker();
    abi::Context { size: size_of::<abi::Context>(), waker: waker.cast(), table: &raw const TABLE }
}

static TABLE: WakerTable = WakerTable {
    size: size_of::<WakerTable>(),
    clone: Some(clone),
    wake: Some(wake),
    wake_by_ref: Some(wake_by_ref),
    drop: Some(release),
};

unsafe extern "C" fn clone(waker: *const c_void) -> *const c_void {
    let waker = unsafe { &*waker.cast::<Waker>() };
    Box::into_raw(Box::new(waker.clone())).cast_const().cast()
}

unsafe extern "C" fn wake(waker: *const c_void) {
    unsafe { Box::from_raw(waker.cast_mut().cast::<Waker>()) }.wake();
}

unsafe extern "C" fn wake_by_ref(waker: *const c_void) {
    unsafe { &*waker.cast::<Waker>() }.wake_by_ref();
}

unsafe extern "C" fn release(waker: *const c_void) {
    drop(unsafe { Box::from_raw(waker.cast_mut().cast::<Waker>()) });
}
