//! The role of storage: keys to bytes.

use std::ffi::c_void;

use crate::{Failure, Future, Str, Table};

/// Capability: URLs can be signed for reading.
pub const CAN_SIGN: u64 = 1;
/// Capability: URLs can be signed for writing as well.
pub const CAN_SIGN_UPLOADS: u64 = 2;
/// Capability: objects are files of this machine.
pub const CAN_FILES: u64 = 4;

/// Flag of `create`: a power cut may lose the object.
pub const PASSING: u32 = 1;
/// Flag of `open_file`: only where the system need not ask a disk.
pub const AT_ONCE: u32 = 1;

/// A store of immutable objects. An object is there, whole and durable, or it is not there at all. Keys are segments of
/// `[a-z0-9._-]` with `/` between them, at most 512 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StorageTable {
    pub size: usize,
    /// Writes the object's size, a `uint64_t`, to `out`. `NOT_FOUND` where there is none.
    pub stat: Option<unsafe extern "C" fn(data: *mut c_void, key: Str) -> Future>,
    /// Writes a `Reader` of exactly the bytes from `start` to before `end` to `out`. `NOT_FOUND`; `INVALID` where the
    /// range ends behind the object or begins behind its end.
    pub read: Option<unsafe extern "C" fn(data: *mut c_void, key: Str, start: u64, end: u64) -> Future>,
    /// Writes a `Writer` to `out`. Nothing is visible before its commit, which replaces the object whole.
    pub create: Option<unsafe extern "C" fn(data: *mut c_void, key: Str, flags: u32) -> Future>,
    /// Removes objects for good. An absent key is no error. Where it fails, some may be gone. `keys` is good for this
    /// call alone, and not while it is polled.
    pub remove: Option<unsafe extern "C" fn(data: *mut c_void, keys: *const Str, count: usize) -> Future>,
    /// Writes a `Buf` of JSON to `out`: `{"items": ["a/b", …], "next": null}`, the keys in byte order from behind
    /// `after` (no text: from the first one), at most `limit`; `next` is a text where there are more.
    pub list: Option<unsafe extern "C" fn(data: *mut c_void, after: Str, limit: u64) -> Future>,
    /// Makes `to` the same bytes as `from`. `NOT_FOUND` where there is no `from`.
    pub copy: Option<unsafe extern "C" fn(data: *mut c_void, from: Str, to: Str) -> Future>,
    /// Signed URLs, with `CAN_SIGN`: one JSON message in `call`, and a `Buf` with the JSON answer to it in `out`.
    pub sign: Option<unsafe extern "C" fn(data: *mut c_void, call: Str) -> Future>,
    /// A descriptor of an object that is a file, with `CAN_FILES`: `READY` with a descriptor in `out` that the hub
    /// closes, `FAILED`, or `END` where `AT_ONCE` was asked for and it is not.
    pub open_file: Option<
        unsafe extern "C" fn(data: *mut c_void, key: Str, flags: u32, out: *mut i32, failure: *mut Failure) -> u32,
    >,
}

unsafe impl Table for StorageTable {}
