//! Why something failed: a code, and JSON for people.

use crate::Buf;

/// What was asked for is not there.
pub const NOT_FOUND: u32 = 1;
/// What should be made is there already.
pub const ALREADY_EXISTS: u32 = 2;
/// Somebody else was faster.
pub const CONFLICT: u32 = 3;
/// The caller is known and may not.
pub const DENIED: u32 = 4;
/// The credential is wrong, expired or revoked.
pub const UNAUTHENTICATED: u32 = 5;
/// A limit that somebody set is reached.
pub const OVER_LIMIT: u32 = 6;
/// The disk or the service behind it is full.
pub const NO_ROOM: u32 = 7;
/// The call itself makes no sense.
pub const INVALID: u32 = 8;
/// This plugin does not do that.
pub const UNSUPPORTED: u32 = 9;
/// Not now; the same call may work later.
pub const UNAVAILABLE: u32 = 10;
/// What is stored is not what was stored.
pub const CORRUPT: u32 = 11;
/// A fault of the plugin's own.
pub const INTERNAL: u32 = 12;
/// The plugin's code panicked. The next call works.
pub const PANICKED: u32 = 100;

/// Why something failed.
#[repr(C)]
#[derive(Debug)]
pub struct Failure {
    /// One of the codes above; one that is not known counts as `INTERNAL`.
    pub code: u32,
    /// 0.
    pub reserved: u32,
    /// Nothing, or an object of which each key may be missing: `operation` (what was being done), `context` (what it
    /// was done to and why it failed, without secrets), `retryable` (whether the same call may succeed later), `path`
    /// (of a `check`: the key that is wrong).
    pub json: Buf,
}

impl Failure {
    /// A failure that nobody has described.
    pub const fn empty() -> Self {
        Self { code: 0, reserved: 0, json: Buf::EMPTY }
    }
}
