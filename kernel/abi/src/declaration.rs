//! What a plugin says of itself.

use crate::{Failure, Host, Instance, Str, Table};

/// The first bytes of a declaration.
pub const MAGIC: [u8; 8] = *b"BALLASTP";
/// Both sides must have the same.
pub const MAJOR: u32 = 1;
/// The lower one of both sides counts.
pub const MINOR: u32 = 2;
/// The name of the symbol that a plugin exports.
pub const SYMBOL: &str = "ballast_plugin";
/// The name of the section that the manifest lies in, so that it can be read without running the plugin.
#[cfg(not(target_vendor = "apple"))]
pub const SECTION: &str = ".ballast";
/// The same where sections lie in segments.
#[cfg(target_vendor = "apple")]
pub const SECTION: &str = "__ballast";

/// The exported symbol. Its fields up to `size` are the same in all major versions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    pub magic: [u8; 8],
    pub major: u32,
    pub minor: u32,
    /// Of this whole table.
    pub size: usize,
    /// JSON, and the same that lies in the section: `abi` (`{"major": 1, "minor": 2}`), `id` (`storage.example`),
    /// `version`, `about` (a sentence), `roles` (`["storage"]`; since 1.1 also `auth` or `quota`, since 1.2 `downloader`,
    /// `versioning` or `endpoints`), `requires` (what it cannot do without of what a hub lends; since 1.1, `state`),
    /// `config` (the JSON Schema of the plugin's keys, in which `writeOnly` marks secrets), `openapi` (of endpoints, since
    /// 1.2: their part of the document), `built_with` (texts that are shown and never compared).
    pub manifest: Str,
    /// Whether the config of an instance makes sense; does no I/O. `READY`, or `FAILED` with the key's `path`. Null where the schema says all.
    pub check: Option<unsafe extern "C" fn(role: Str, config: Str, failure: *mut Failure) -> u32>,
    /// Makes an instance of a config that was checked; does no I/O. `READY` with the instance in `out`, or `FAILED`.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const Host,
            role: Str,
            config: Str,
            out: *mut Instance,
            failure: *mut Failure,
        ) -> u32,
    >,
}

// Texts and functions that live as long as the process.
unsafe impl Send for Declaration {}
unsafe impl Sync for Declaration {}

unsafe impl Table for Declaration {
    const SIZE_AT: usize = std::mem::offset_of!(Declaration, size);
}
