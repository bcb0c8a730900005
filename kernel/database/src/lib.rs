//! Pools, transactions and migrations for SQLite and PostgreSQL. No tables: those belong to the rooms that own
//! facts. A database is also [copied](Database::copy_to) here, whatever tables it has.
//!
//! Repository code is written once, inside [`for_both!`], and compiled for both databases; [`read!`], [`write!`] and
//! [`transaction!`] run it on the one that the URL named. Two rules make that safe:
//!
//! * **A call that has begun runs to its end**, on a task of its own, whether or not anybody still waits for it. A
//!   client that goes away never leaves half a transaction or a connection in an unknown state. Arguments are therefore
//!   owned values.
//! * **Every read-modify-write is one statement, a version check or a row lock**: PostgreSQL at READ COMMITTED loses
//!   what SQLite's single writer serialises.

mod copy;
mod error;
mod fixed;
mod macros;
mod migrate;
mod pool;
mod recent;
mod statements;
mod stretch;
pub mod testing;

pub use copy::{Checksum, CopiedTable, CopyError, CopyProgress, CopyStep, CopyWatcher};
pub use error::{Error, Result};
pub use fixed::{Fixed, fixed};
pub use migrate::Migrations;
pub use pool::{Connections, Database, Options, Postgres, Sqlite};
pub use recent::{Mark, Outdated, Recent};

#[doc(hidden)]
pub mod support {
    //! What the macros expand to.
    pub use crate::pool::{connect, on_own_task};
    pub use crate::statements::as_one;
    pub use crate::stretch::{at_a_stretch, begin_immediate, conclude};
    pub use diesel;
    pub use diesel_async;

    /// What a query answers with: compiled once, where it is written.
    pub type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}
