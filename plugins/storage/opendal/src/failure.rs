//! OpenDAL's and the system's errors in the words of the contract.

use std::io;

use ballast_contract::{Error, ErrorKind};

/// What OpenDAL said while `what` was worked on.
pub(crate) fn told(error: opendal::Error, operation: &str, what: &str) -> Error {
    // A folder in the place of an object reaches us only as the system's own error.
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let kind = match error.kind() {
        opendal::ErrorKind::NotFound | opendal::ErrorKind::IsADirectory | opendal::ErrorKind::NotADirectory => {
            ErrorKind::NotFound
        }
        _ if cause.is_some_and(is_absence) => ErrorKind::NotFound,
        _ if cause.is_some_and(is_fullness) => ErrorKind::NoRoom,
        opendal::ErrorKind::RangeNotSatisfied => ErrorKind::Invalid,
        opendal::ErrorKind::Unsupported => ErrorKind::Unsupported,
        opendal::ErrorKind::ConfigInvalid => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, operation, what).with_source(error)
}

/// What the system said while `what` was worked on.
pub(crate) fn system(error: io::Error, operation: &str, what: &str) -> Error {
    let kind = match &error {
        error if is_absence(error) => ErrorKind::NotFound,
        error if is_fullness(error) => ErrorKind::NoRoom,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, operation, what).with_source(error)
}

/// Whether it is as good as that nothing is there.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory)
}

fn is_fullness(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An object that is not there.
pub(crate) fn absent(operation: &str, key: &str) -> Error {
    Error::new(ErrorKind::NotFound, operation, format!("there is no object {key}"))
}
