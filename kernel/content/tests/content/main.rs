//! Content on both databases, over a folder and over memory.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod world;
mod assembled;
mod claims;
mod compact;
mod crash;
mod cut;
mod damage;
mod direct;
mod holdings;
mod lost_parts;
mod multipart;
mod plan;
mod receive;
mod small;
mod sweep;
mod transfer;
mod xet;
