//! What a transaction of this room may end with, and how it is told.

use ballast_contract::{Error, ErrorKind};
use ballast_database as database;
use ballast_types::{LeaseId, Sha256};

/// Why a transaction was rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    Database(database::Error),
    /// The lease was dropped, or collected after its end.
    LeaseEnded(LeaseId),
    /// A blob that a commit wants to name and that its lease does not have.
    Unleased(Sha256),
    /// What a writer relied on was collected while it worked.
    Collected,
    NoUpload(i64),
}

impl From<database::Error> for Failure {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Failure {
    /// The same in the words of the contract; `operation` is for the log.
    pub(crate) fn during(self, operation: &str) -> Error {
        let (kind, context) = match &self {
            Self::Database(error) => (kind_of(error), error.to_string()),
            Self::LeaseEnded(lease) => (
                ErrorKind::Conflict,
                format!("lease {lease} has ended because the upload took too long; start it again"),
            ),
            Self::Unleased(sha256) => {
                (ErrorKind::NotFound, format!("no object {sha256} was uploaded to this repository; upload it first"))
            }
            Self::Collected => {
                (ErrorKind::Unavailable, "the bytes were collected as garbage meanwhile; send them again".to_owned())
            }
            Self::NoUpload(id) => (
                ErrorKind::NotFound,
                format!("no multipart upload {id}; it was aborted or took too long, begin it again"),
            ),
        };
        Error::new(kind, operation, context)
    }
}

fn kind_of(error: &database::Error) -> ErrorKind {
    match error {
        database::Error::NotFound => ErrorKind::NotFound,
        database::Error::Exists { .. } => ErrorKind::Conflict,
        database::Error::Unavailable(_) => ErrorKind::Unavailable,
        database::Error::Full(_) => ErrorKind::NoRoom,
        database::Error::Cursor(_) => ErrorKind::Invalid,
        database::Error::Corrupt(_) => ErrorKind::Corrupt,
        database::Error::Statement(_) | database::Error::Migration(_) | database::Error::Url(_) => ErrorKind::Internal,
    }
}
