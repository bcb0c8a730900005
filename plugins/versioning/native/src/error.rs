//! Errors in the contract's words.

use ballast_contract::{Error, ErrorKind};
use ballast_database as database;

pub use ballast_contract::versioning::failure::{
    conflict, corrupt, internal, invalid, missing, no_commit, no_repository,
};

/// A database call of this operation failed.
pub fn stored(operation: &'static str) -> impl Fn(database::Error) -> Error {
    move |error| {
        let (kind, context) = match &error {
            database::Error::Unavailable(_) => (ErrorKind::Unavailable, "the engine's database does not answer"),
            database::Error::Full(_) => (ErrorKind::NoRoom, "the engine's database has no room left on its disk"),
            database::Error::Corrupt(_) => (ErrorKind::Corrupt, "the engine's database is damaged"),
            _ => (ErrorKind::Internal, "the engine's database refused a call"),
        };
        Error::new(kind, operation, context).with_source(error)
    }
}
