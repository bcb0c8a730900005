//! From one database, storage or engine to another, with everything that is there.
#![allow(clippy::unwrap_used)]

mod database;
mod routes;
mod steps;
mod storage;
mod versioning;
mod world;
