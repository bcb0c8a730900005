//! What the messages of all roles have in common.

use serde::Serialize;

use crate::{Error, ErrorKind, Result};

/// An answer as it crosses.
pub(crate) fn json<T: Serialize>(answer: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|error| Error::new(ErrorKind::Internal, "plugin.answer", error.to_string()))
}
