//! The native engine on both databases: what its role promises, and what it promises beyond.

#![allow(clippy::unwrap_used)]

mod conformance;
mod engine;
mod memory;
mod scale;
mod upkeep;
mod world;
