//! What the author of a third-party plugin depends on: the contract's traits, and [`export_plugin!`].
//!
//! A plugin is an ordinary implementation of a trait of the contract, in a crate of type `cdylib` in any workspace, with
//! any version of tokio and of everything else. The SDK stands between it and the C tables of `ballast-abi`:
//!
//! - The library has one tokio runtime of its own, which is entered in every call from outside, drops included:
//!   `tokio::spawn`, timers, files and sockets work in all of the plugin's code.
//! - A panic in the plugin's code becomes an error of that one operation, and the next call works. So a plugin is built
//!   with `panic = "unwind"`, and does not compile otherwise.
//! - What is logged with [`tracing`] appears in the hub's log.
//! - A call that the hub gives up is dropped where it waits, as a future is in Rust.
//!
//! `ballast plugins new storage NAME` writes a plugin to begin with; `examples/plugin/README.md` is the guide.
#![allow(unsafe_code)]

pub mod export;
mod failure;
mod future;
mod guard;
mod host;
mod life;
mod log;
mod message_table;
mod reader;
mod runtime;
mod schema;
mod state;
mod storage_table;
mod waker;
mod writer;

pub use async_trait::async_trait;
pub use ballast_abi as abi;
pub use ballast_contract::{
    ByteStream, Component, Error, ErrorKind, Health, Page, Result, State, Versioned, WriteIf, auth, downloader,
    endpoints, quota, storage,
};
pub use ballast_types as types;
pub use bytes;
pub use export::{Exports, Polling};
pub use futures;
pub use host::Slots;
pub use schemars;
pub use serde;
pub use serde_json;
pub use tracing;

#[doc(hidden)]
pub use schema::{assert_current, assert_part, schema_of};
