//! What a plugin promises: one trait per role, one error, one life.
//!
//! A built-in plugin implements these traits directly; a third-party one is wrapped by the loader in an adapter that
//! does. Only bytes stream. Everything else is one message or one page, small enough to be sent as JSON, so that a
//! trait can be carried over the C tables of a shared library. A plugin never sees the kernel's inside; what it may
//! use besides its own config is handed to it when it is opened.
//!
//! What each promise means in practice is written down as tests in `ballast-testkit`, and every plugin runs them.

pub mod auth;
mod component;
pub mod downloader;
pub mod endpoints;
mod error;
mod message;
mod page;
pub mod quota;
pub mod state;
pub mod storage;
pub mod versioning;

pub use component::{Component, Health};
pub use error::{Error, ErrorKind, Result};
pub use page::Page;
pub use state::{State, Versioned, WriteIf};

/// Bytes on their way. An error ends the stream.
pub type ByteStream = futures::stream::BoxStream<'static, Result<bytes::Bytes>>;
