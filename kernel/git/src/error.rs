//! Why a conversation ends early.

use ballast_services::Failure;

/// The result of a conversation.
pub type Result<T> = std::result::Result<T, WireError>;

/// Why it ends early.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side does not speak git's language; the sentence says where.
    #[error("{0}")]
    Protocol(String),
    /// Nobody takes the answer any more.
    #[error("the connection ended")]
    Gone,
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Read(std::io::Error),
}

impl WireError {
    /// What the other side is told; `of_failure` has the words for what went wrong in the hub.
    pub fn told(self, of_failure: fn(Failure) -> String) -> String {
        match self {
            Self::Failure(failure) => of_failure(failure),
            other => other.to_string(),
        }
    }

    /// The other side said less than it was about to.
    pub fn early() -> Self {
        Self::protocol("the request ended early")
    }

    /// A sentence on what the other side said.
    pub fn protocol(text: impl Into<String>) -> Self {
        Self::Protocol(text.into())
    }
}

impl From<std::io::Error> for WireError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::early(),
            _ => Self::Read(error),
        }
    }
}
