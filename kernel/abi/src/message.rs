//! The roles that are asked by messages: where no bytes stream, a call is some JSON.

use std::ffi::c_void;

use crate::{Buf, Failure, Future, Str, Table};

/// Capability of auth: it keeps passwords, tokens, sessions and public keys of its own.
pub const CAN_KEEP: u64 = 1;
/// Capability of auth: it has rules that take rights away.
pub const CAN_NARROW: u64 = 2;

/// A role that is asked by messages, since 1.1: auth and quota.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MessageTable {
    pub size: usize,
    /// One JSON message in `call`, whose key `call` says what is asked, and a `Buf` with the JSON answer to it in `out`.
    /// `UNSUPPORTED` to what is not known. `call` is good for this call alone, and not while it is polled.
    pub call: Option<unsafe extern "C" fn(data: *mut c_void, call: Str) -> Future>,
}

unsafe impl Table for MessageTable {}

/// Who is told what came of a message to the hub.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub context: *mut c_void,
    /// Called exactly once, from any thread, perhaps before the message's call returns: with `READY` and the JSON answer
    /// in `answer`, or with `FAILED` and why. Both are lent; who keeps the bytes moves them out. It does not block.
    pub done: Option<unsafe extern "C" fn(context: *mut c_void, code: u32, answer: *mut Buf, failure: *mut Failure)>,
}

// It may be called from any thread.
unsafe impl Send for Reply {}
unsafe impl Sync for Reply {}
