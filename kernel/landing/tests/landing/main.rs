//! Downloads into a cache, from a remote hub that does not always do what it should.

#![allow(clippy::unwrap_used)]

mod caches;
mod downloads;
mod remote;
