//! What the hub lends a plugin.

use std::ffi::c_void;

use crate::{Reply, Str, Table};

pub const ERROR: u32 = 1;
pub const WARN: u32 = 2;
pub const INFO: u32 = 3;
pub const DEBUG: u32 = 4;
pub const TRACE: u32 = 5;

/// What the hub lends an instance. It lives as long as the process, and so do its texts; all of it may be called from
/// any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    pub size: usize,
    /// The minor version that both sides speak.
    pub minor: u32,
    /// 0.
    pub reserved: u32,
    pub data: *const c_void,
    /// The name of the instance: `storage.main`.
    pub instance: Str,
    /// Whether the hub writes down what is logged at a level, from `ERROR` to `TRACE`: 0 or 1.
    pub logs: Option<unsafe extern "C" fn(data: *const c_void, level: u32) -> u32>,
    /// Writes a line into the hub's log. `fields` is a JSON object, or no text.
    pub log: Option<unsafe extern "C" fn(data: *const c_void, level: u32, target: Str, message: Str, fields: Str)>,
    /// Reports a fault of the instance that no call can answer with, such as a panic in a destructor.
    pub fault: Option<unsafe extern "C" fn(data: *const c_void, what: Str)>,
    /// Since 1.1. Asks the durable space of the instance, the same on every node, with one JSON message in `call`. Null
    /// where the manifest's `requires` does not name `state`.
    pub state: Option<unsafe extern "C" fn(data: *const c_void, call: Str, reply: Reply)>,
}

// The hub promises it.
unsafe impl Send for Host {}
unsafe impl Sync for Host {}
unsafe impl Table for Host {}
