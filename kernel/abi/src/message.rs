//! The roles that are asked by messages: a call is some JSON, and bytes stream beside it where there are any.

use std::ffi::c_void;

use crate::{Buf, Failure, Future, Reader, Str, Table};

/// Capability of auth: it keeps passwords, tokens, sessions and public keys of its own.
pub const CAN_KEEP: u64 = 1;
/// Capability of auth: it has rules that take rights away.
pub const CAN_NARROW: u64 = 2;

/// A role that is asked by messages: since 1.1 auth and quota, since 1.2 downloader, versioning and endpoints.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MessageTable {
    pub size: usize,
    /// One JSON message in `call`, whose key `call` says what is asked, and a `Buf` with the JSON answer to it in `out`.
    /// `UNSUPPORTED` to what is not known. `call` is good for this call alone, and not while it is polled.
    pub call: Option<unsafe extern "C" fn(data: *mut c_void, call: Str) -> Future>,
    /// Since 1.2. The same with bytes beside the message, and a `Streamed` in `out`. What endpoints answer a request with,
    /// and what a downloader fetches. `bytes` is lent for this call alone: who keeps them moves them out. Null where no
    /// call of the role has bytes.
    pub stream: Option<unsafe extern "C" fn(data: *mut c_void, call: Str, bytes: *mut Buf) -> Future>,
}

unsafe impl Table for MessageTable {}

/// An answer with bytes behind it.
#[repr(C)]
#[derive(Debug)]
pub struct Streamed {
    /// The JSON answer.
    pub answer: Buf,
    /// The bytes. Without `next` there are none.
    pub bytes: Reader,
}

impl Streamed {
    /// An answer without bytes.
    pub const fn of(answer: Buf) -> Self {
        Self { answer, bytes: Reader::NONE }
    }
}

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
