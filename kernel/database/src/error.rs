//! What can go wrong between the repository code and its database.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The row that was asked for is not there.
    #[error("no such row")]
    NotFound,
    /// A row with the same unique columns is there already.
    #[error("a row like this exists already ({constraint})")]
    Exists {
        /// The violated constraint, as far as the database names it.
        constraint: String,
    },
    /// No connection, or the database did not answer in time: the same call may work later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk of the database is full: the same call works when somebody has made room.
    #[error("the database has no room left on its disk: {0}")]
    Full(String),
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Statement(Diesel),
    /// A migration failed, or the database is newer than this program.
    #[error("the database could not be brought up to date: {0}")]
    Migration(String),
    /// The place where a list was to go on is not one that this list gave: the caller's mistake, never the database's.
    #[error("a list cannot go on at '{0}'; begin it again")]
    Cursor(String),
    /// A stored value is not one that this program writes.
    #[error("the database holds a value that makes no sense: {0}")]
    Corrupt(String),
    /// The URL names no database that this program speaks.
    #[error("{0}")]
    Url(String),
}

/// The result of a database call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A stored value of the wrong shape; `what` names table and column.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::NotFound => Self::NotFound,
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                let constraint = info.constraint_name().unwrap_or_else(|| info.message()).to_owned();
                Self::Exists { constraint }
            }
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, info) => {
                Self::Unavailable(info.message().to_owned())
            }
            // The connection was lost within a transaction before: it is thrown away, and the next one is whole.
            Diesel::BrokenTransactionManager => {
                Self::Unavailable("the connection was lost in a transaction".to_owned())
            }
            Diesel::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            // SQLite tells of its disk, and PostgreSQL of its disk, of deadlocks and of its own end, only by their text.
            Diesel::DatabaseError(_, ref info) if is_full(info.message()) => Self::Full(info.message().to_owned()),
            Diesel::DatabaseError(_, ref info) if is_passing(info.message()) => {
                Self::Unavailable(info.message().to_owned())
            }
            other => Self::Statement(other),
        }
    }
}

fn is_full(message: &str) -> bool {
    ["database or disk is full", "No space left on device"].iter().any(|text| message.contains(text))
}

fn is_passing(message: &str) -> bool {
    let passing = [
        "database is locked",
        "deadlock detected",
        "disk I/O error",
        "readonly database",
        "unable to open database file",
        "connection closed",
        "error communicating with the server",
        "unexpected message from server",
        "terminating connection",
        "the database system is",
    ];
    passing.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: DatabaseErrorKind, message: &str) -> Error {
        Diesel::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_database_that_goes_away_is_unavailable_and_a_statement_that_is_wrong_is_not() {
        use DatabaseErrorKind::{UnableToSendCommand, Unknown};
        for (kind, message) in [
            (UnableToSendCommand, "connection closed"),
            (UnableToSendCommand, "error communicating with the server"),
            (Unknown, "terminating connection due to administrator command"),
            (Unknown, "terminating connection because of crash of another server process"),
            (Unknown, "the database system is shutting down"),
            (Unknown, "deadlock detected"),
        ] {
            assert!(told(kind, message).is_retryable(), "{message}");
        }
        assert!(Error::from(Diesel::BrokenTransactionManager).is_retryable());
        let closed = || Diesel::DatabaseError(UnableToSendCommand, Box::new("connection closed".to_owned()));
        let lost =
            Diesel::RollbackErrorOnCommit { rollback_error: Box::new(closed()), commit_error: Box::new(closed()) };
        assert!(Error::from(lost).is_retryable());
        for message in ["error serializing parameter 0", "syntax error at or near \"FROM\""] {
            assert!(matches!(told(UnableToSendCommand, message), Error::Statement(_)), "{message}");
        }
    }
}
