//! The C tables that the hub and a third-party plugin speak with each other.
//!
//! A plugin is a shared library that exports one data symbol, [`Declaration`]. Nothing else is looked up in it, and
//! nothing of a compiler, a runtime or another library crosses: plain C values, borrowed texts, owned buffers with their
//! release, and what is polled with a borrowed waker. Every table begins with its size and only grows at its end, so
//! that an older side reads what it knows and finds the rest absent. Frozen per [`MAJOR`]: `tests/golden` holds the
//! layout, `include/ballast_plugin.h` is the same for C, generated from here.
//!
//! Rules of every call:
//!
//! - Texts are UTF-8, borrowed for the call, and not closed by a zero byte.
//! - A call may come from any thread, and several at once, except that what is polled is polled by one at a time. A
//!   call does not block: what has to wait answers [`PENDING`] and wakes.
//! - What is polled is not polled again after another answer than [`PENDING`], and is dropped exactly once, at any time.
//! - `out` and `failure` are written only with the answer that they belong to: `out` with [`READY`], `failure` with
//!   [`FAILED`].
//! - No panic, exception or long jump leaves a call.
#![allow(unsafe_code)]

mod bytes;
mod declaration;
mod failure;
mod host;
mod instance;
mod message;
mod polled;
mod storage;
mod table;
mod waker;

pub use bytes::{Buf, Str};
pub use declaration::{Declaration, MAGIC, MAJOR, MINOR, SECTION, SYMBOL};
pub use failure::{
    ALREADY_EXISTS, CONFLICT, CORRUPT, DENIED, Failure, INTERNAL, INVALID, NO_ROOM, NOT_FOUND, OVER_LIMIT, PANICKED,
    UNAUTHENTICATED, UNAVAILABLE, UNSUPPORTED,
};
pub use host::{DEBUG, ERROR, Host, INFO, TRACE, WARN};
pub use instance::{Instance, LifeTable};
pub use message::{CAN_KEEP, CAN_NARROW, MessageTable, Reply, Streamed};
pub use polled::{END, FAILED, Future, PENDING, READY, Reader, Writer};
pub use storage::{AT_ONCE, CAN_FILES, CAN_SIGN, CAN_SIGN_UPLOADS, PASSING, StorageTable};
pub use table::{Table, TableFault, read_table};
pub use waker::{Context, WakerTable};
