//! Many clients at once, on one hub and on two that share a database, and what they saw checked as a whole.
//!
//! `branch` lets 64 clients commit to one branch while others read it, and while other branches and tags come and go;
//! `history`, `line` and `register` say whether what all of them were told can have happened. `quota` lets 64 clients
//! upload into too little room. `at_once` has the smaller cases.

#![allow(clippy::unwrap_used)]

mod actor;
mod at_once;
mod branch;
mod cluster;
mod history;
mod line;
mod quota;
mod register;

/// Whether `tests/run --all` asks for the long form.
fn all() -> bool {
    std::env::var_os("BALLAST_TEST_ALL").is_some()
}
