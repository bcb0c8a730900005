//! An instance of a library, for as long as anything of it is in use.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use ballast_abi::LifeTable;

/// An instance. Calls, readers and writers hold it, so that it is destroyed after the last of them.
pub(super) struct Held {
    data: *mut c_void,
    life: LifeTable,
    started: AtomicBool,
}

// The tables promise that an instance may be used from any thread.
unsafe impl Send for Held {}
unsafe impl Sync for Held {}

impl Held {
    pub(super) fn new(data: *mut c_void, life: LifeTable) -> Self {
        Self { data, life, started: AtomicBool::new(false) }
    }

    /// What its calls are made with.
    pub(super) fn data(&self) -> *mut c_void {
        self.data
    }

    pub(super) fn life(&self) -> &LifeTable {
        &self.life
    }

    /// Whether it was started and not stopped again.
    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn set_started(&self, started: bool) {
        self.started.store(started, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(destroy) = self.life.destroy {
            unsafe { destroy(self.data) };
        }
    }
}
