//! What a disk can do wrong, in the contract's words.

use std::io;
use std::path::Path;

use ballast_contract::{Error, ErrorKind};

/// An error of the disk, with what it was about.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoRoom,
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, "landing", path.display().to_string()).with_source(error)
    }
}

/// Work on the disk, on a thread that may wait for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> ballast_contract::Result<T> + Send + 'static,
) -> ballast_contract::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            Err(Error::new(ErrorKind::Internal, "landing", "the work on the disk was cut off").with_source(error))
        }
    }
}
