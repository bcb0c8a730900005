//! `versioning.lakefs` over a lakeFS server: the one that the harness plays, or the real one that `LAKEFS_URL`,
//! `LAKEFS_ACCESS_KEY_ID` and `LAKEFS_SECRET_ACCESS_KEY` name. Tests of faults and of what lies behind the API run on the
//! former alone.
#![allow(clippy::unwrap_used)]

mod beside;
mod conformance;
mod crash;
mod hub;
mod mirrors;
mod same;
mod upkeep;
mod world;
