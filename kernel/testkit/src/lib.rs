//! What keeping a promise looks like: one conformance suite per role.
//!
//! A suite takes a way to make a fresh instance and runs every check against it; a plugin's tests call it, built in or
//! loaded. New behaviour of a role is written here first, and every plugin of the role passes it. Besides, what tests of
//! many rooms need: chance that can be repeated, stopping a future where it waits, a file on its way by Xet.

pub mod auth;
pub mod downloader;
pub mod endpoints;
pub mod polled;
pub mod quota;
mod random;
pub mod storage;
pub mod versioning;
#[cfg(feature = "xet")]
mod xet;

pub use random::Random;
#[cfg(feature = "xet")]
pub use xet::XetUpload;
