//! Errors in the contract's words.

use ballast_contract::{Error, ErrorKind};
use ballast_database as database;
use ballast_types::{CommitId, RepoKey};

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

/// What was asked for is not there.
pub fn missing(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotFound, operation, context)
}

/// There is no such repository, or no longer.
pub fn no_repository(operation: &'static str, repo: RepoKey) -> Error {
    missing(operation, format!("there is no repository {repo}"))
}

/// The repository has no such commit.
pub fn no_commit(operation: &'static str, repo: RepoKey, commit: CommitId) -> Error {
    missing(operation, format!("repository {repo} has no commit {commit}"))
}

/// The call itself makes no sense.
pub fn invalid(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, operation, context)
}

/// Somebody else was faster.
pub fn conflict(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conflict, operation, context)
}

/// What is stored is not what was stored.
pub fn corrupt(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, operation, context)
}

/// A fault of the engine's own.
pub fn internal(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, operation, context)
}
