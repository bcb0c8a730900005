//! The database's errors in the contract's words.

use ballast_contract::{Error, ErrorKind};
use ballast_database::Error as Database;

/// Turns an error of the database into one of the contract that says what was being done.
pub(crate) fn during(operation: &str) -> impl Fn(Database) -> Error {
    move |error| {
        let kind = match &error {
            Database::NotFound => ErrorKind::NotFound,
            Database::Exists { .. } => ErrorKind::AlreadyExists,
            Database::Unavailable(_) => ErrorKind::Unavailable,
            Database::Full(_) => ErrorKind::NoRoom,
            Database::Cursor(_) => ErrorKind::Invalid,
            Database::Corrupt(_) => ErrorKind::Corrupt,
            Database::Statement(_) | Database::Migration(_) | Database::Url(_) => ErrorKind::Internal,
        };
        Error::new(kind, operation, error.to_string())
    }
}
