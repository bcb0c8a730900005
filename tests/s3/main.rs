//! Everything that has to do with S3, against a real server of it.
#![allow(clippy::unwrap_used)]

mod abandoned;
mod conformance;
mod downloads;
mod faults;
mod uploads;
mod xet;
