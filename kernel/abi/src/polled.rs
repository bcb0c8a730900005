//! What is polled: calls under way, bytes on their way out and in.

use std::ffi::c_void;
use std::ptr;

use crate::{Buf, Context, Failure};

/// Not yet: it is polled again after it has woken.
pub const PENDING: u32 = 0;
/// Done; `out` is written.
pub const READY: u32 = 1;
/// Failed; `failure` is written.
pub const FAILED: u32 = 2;
/// The end of a stream.
pub const END: u32 = 3;

/// A call under way. What it writes to `out` is said where the call is; where nothing is said, nothing.
#[repr(C)]
#[derive(Debug)]
pub struct Future {
    pub data: *mut c_void,
    /// Answers `PENDING`, `READY` or `FAILED`.
    pub poll: Option<
        unsafe extern "C" fn(
            data: *mut c_void,
            context: *const Context,
            out: *mut c_void,
            failure: *mut Failure,
        ) -> u32,
    >,
    /// Ends it, done or not. Null where there is nothing to end.
    pub drop: Option<unsafe extern "C" fn(data: *mut c_void)>,
}

// It may go from thread to thread; a shared one can only be looked at.
unsafe impl Send for Future {}
unsafe impl Sync for Future {}

/// Bytes on their way out.
#[repr(C)]
#[derive(Debug)]
pub struct Reader {
    pub data: *mut c_void,
    /// The next bytes: `PENDING`, `READY` with a buffer in `out`, `FAILED`, or `END`.
    pub next: Option<
        unsafe extern "C" fn(data: *mut c_void, context: *const Context, out: *mut Buf, failure: *mut Failure) -> u32,
    >,
    pub drop: Option<unsafe extern "C" fn(data: *mut c_void)>,
}

// It may go from thread to thread; a shared one can only be looked at.
unsafe impl Send for Reader {}
unsafe impl Sync for Reader {}

impl Reader {
    /// A reader that is none.
    pub const NONE: Self = Self { data: ptr::null_mut(), next: None, drop: None };
}

/// Bytes on their way in.
#[repr(C)]
#[derive(Debug)]
pub struct Writer {
    pub data: *mut c_void,
    /// Writes a buffer that is lent. `PENDING`: it is polled again with the same place, whether the buffer was taken
    /// out of it or not. `READY`: written. A buffer with bytes while an earlier one is still being written (whoever
    /// waited has given up) comes after that one.
    pub write: Option<
        unsafe extern "C" fn(data: *mut c_void, context: *const Context, buf: *mut Buf, failure: *mut Failure) -> u32,
    >,
    /// Makes the object visible and durable, and writes its size to `out`.
    pub commit: Option<
        unsafe extern "C" fn(data: *mut c_void, context: *const Context, out: *mut u64, failure: *mut Failure) -> u32,
    >,
    /// Throws the bytes away. Null where `drop` is enough.
    pub abort: Option<unsafe extern "C" fn(data: *mut c_void, context: *const Context, failure: *mut Failure) -> u32>,
    /// Ends it. Without a commit before, nothing becomes visible.
    pub drop: Option<unsafe extern "C" fn(data: *mut c_void)>,
}

// It may go from thread to thread; a shared one can only be looked at.
unsafe impl Send for Writer {}
unsafe impl Sync for Writer {}

impl Writer {
    /// A writer that is none.
    pub const NONE: Self = Self { data: ptr::null_mut(), write: None, commit: None, abort: None, drop: None };
}
