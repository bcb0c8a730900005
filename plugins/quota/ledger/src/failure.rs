//! What can go wrong inside a transaction, before it is told in the contract's words.

use ballast_contract::{Error, ErrorKind};
use ballast_database::Error as Database;

/// A failed call; what was begun is rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database failed.
    Database(Database),
    /// The books do not admit it.
    Refused(ErrorKind, String),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Turns a failure into an error of the contract that says what was being done.
pub(crate) fn during(operation: &str) -> impl Fn(Failure) -> Error {
    move |failure| {
        let error = match failure {
            Failure::Refused(kind, context) => return Error::new(kind, operation, context),
            Failure::Database(error) => error,
        };
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

impl From<Database> for Failure {
    fn from(error: Database) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}
