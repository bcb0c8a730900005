//! What keeping a promise looks like: one conformance suite per role.
//!
//! A suite takes a way to make a fresh instance and runs every check against it; a plugin's tests call it, built in or
//! loaded. New behaviour of a role is written here first, and every plugin of the role passes it.

pub mod auth;
pub mod quota;
pub mod storage;
pub mod versioning;
