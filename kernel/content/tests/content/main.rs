//! Content on both databases, over a folder and over memory.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod world;
mod claims;
mod crash;
mod damage;
mod holdings;
mod multipart;
mod receive;
mod small;
mod sweep;
