//! What somebody can do to a hub who means it no good: every attack against the real binary, with somebody else beside
//! it who must be served as before, and with a bound on the hub's memory.
//!
//! Limits are set low, so that a test sees their end. `BALLAST_TEST_ALL=1` makes the numbers those of a bad day.

#![allow(clippy::unwrap_used)]

mod bodies;
mod connections;
mod cut;
mod framing;
mod fuzz;
mod headers;
mod http2;
mod siege;
mod slow;
mod unread;
