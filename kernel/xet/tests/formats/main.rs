//! The formats of Xet: held against what the real client and the reference sent, and against everything that is damaged.

#![allow(clippy::unwrap_used)]

mod chunks;
mod client;
mod content;
mod damage;
mod files;
mod frames;
mod hashes;
mod plans;
mod records;
mod reference;
mod shards;
mod xorbs;
