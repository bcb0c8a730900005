//! How what waits is woken.

use std::ffi::c_void;

use crate::Table;

/// What can be done with a waker. All of it may be called from any thread, and none of it blocks.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WakerTable {
    pub size: usize,
    /// A waker of one's own, of one that was borrowed or is owned.
    pub clone: Option<unsafe extern "C" fn(waker: *const c_void) -> *const c_void>,
    /// Wakes, and ends a waker that is owned.
    pub wake: Option<unsafe extern "C" fn(waker: *const c_void)>,
    /// Wakes by a waker that is kept.
    pub wake_by_ref: Option<unsafe extern "C" fn(waker: *const c_void)>,
    /// Ends a waker that is owned.
    pub drop: Option<unsafe extern "C" fn(waker: *const c_void)>,
}

unsafe impl Table for WakerTable {}

/// Who is to be woken. It is borrowed for one poll; what waits longer clones the waker.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub size: usize,
    pub waker: *const c_void,
    /// Lives as long as the process.
    pub table: *const WakerTable,
}
