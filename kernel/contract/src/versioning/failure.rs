//! What engines say when they fail.

use ballast_types::{CommitId, RepoKey};

use crate::{Error, ErrorKind};

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
