//! An instance, and what every instance has.

use std::ffi::c_void;
use std::ptr;

use crate::{Future, Table};

/// An instance of a plugin in one role.
#[repr(C)]
#[derive(Debug)]
pub struct Instance {
    pub data: *mut c_void,
    /// What it can besides its role's common work: bits that the role's table names.
    pub capabilities: u64,
    /// Lives as long as the process.
    pub life: *const LifeTable,
    /// The table of the role that it was created for, such as `StorageTable`. Lives as long as the process.
    pub role: *const c_void,
}

impl Instance {
    /// An instance that is none.
    pub const NONE: Self = Self { data: ptr::null_mut(), capabilities: 0, life: ptr::null(), role: ptr::null() };
}

/// The life of an instance: created, started, asked for its health, stopped, destroyed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LifeTable {
    pub size: usize,
    /// Connects and prepares. Null where there is nothing to do.
    pub start: Option<unsafe extern "C" fn(data: *mut c_void) -> Future>,
    /// Writes a `Buf` of JSON to `out`: `{"state": "ready"}`, or `"degraded"` or `"unavailable"` with a `reason`. Null
    /// where it is always ready.
    pub health: Option<unsafe extern "C" fn(data: *mut c_void) -> Future>,
    /// Ends the work; idempotent, and safe after a start that failed. Null where there is nothing to do.
    pub stop: Option<unsafe extern "C" fn(data: *mut c_void) -> Future>,
    /// Ends the instance, when nothing of it is in use any more. Null where there is nothing to do.
    pub destroy: Option<unsafe extern "C" fn(data: *mut c_void)>,
}

unsafe impl Table for LifeTable {}
