//! The one error of the contract.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What went wrong, as far as the kernel must tell cases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// What was asked for is not there.
    NotFound,
    /// What should be made is there already.
    AlreadyExists,
    /// Somebody else was faster: the state that the call expected is gone.
    Conflict,
    /// The caller is known and may not.
    Denied,
    /// The credential is wrong, expired or revoked.
    Unauthenticated,
    /// A limit that somebody set is reached.
    OverLimit,
    /// The disk or the service behind it is full, until somebody makes room.
    NoRoom,
    /// The call itself makes no sense.
    Invalid,
    /// This plugin does not do that.
    Unsupported,
    /// Not now; the same call may work later.
    Unavailable,
    /// What is stored is not what was stored.
    Corrupt,
    /// A fault of the plugin's own.
    Internal,
}

impl ErrorKind {
    /// Every kind, each at the place of its code.
    const CODED: [Self; 12] = [
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Denied,
        Self::Unauthenticated,
        Self::OverLimit,
        Self::NoRoom,
        Self::Invalid,
        Self::Unsupported,
        Self::Unavailable,
        Self::Corrupt,
        Self::Internal,
    ];

    /// Its number in the C tables, from 1 on.
    pub fn code(self) -> u32 {
        let place = Self::CODED.iter().position(|kind| *kind == self);
        place.map_or(0, |place| place as u32 + 1)
    }

    /// The kind of this number; one that is not known is a fault of the plugin's own.
    pub fn of_code(code: u32) -> Self {
        let place = usize::try_from(code).ok().and_then(|code| code.checked_sub(1));
        place.and_then(|place| Self::CODED.get(place)).copied().unwrap_or(Self::Internal)
    }
}

/// All that a plugin may return when it fails.
#[derive(Clone, Serialize, Deserialize)]
pub struct Error {
    /// Which case it is.
    pub kind: ErrorKind,
    /// What was being done, for the log: `storage.read`.
    pub operation: String,
    /// What it was done to and why it failed: a sentence without secrets.
    pub context: String,
    /// Whether the same call, unchanged, may succeed later.
    pub retryable: bool,
    /// The cause, where there is one and it did not cross a library boundary.
    #[serde(skip)]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The result of a call to a plugin.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind; only `Unavailable` is retryable to begin with.
    pub fn new(kind: ErrorKind, operation: impl Into<String>, context: impl Into<String>) -> Self {
        let retryable = kind == ErrorKind::Unavailable;
        Self { kind, operation: operation.into(), context: context.into(), retryable, source: None }
    }

    /// The same error with its cause.
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.kind == kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {self}", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
