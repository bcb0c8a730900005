//! Opaque, stable keys. Names change; these never do, so every role refers to things by key.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! key {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

key!(
    /// A repository, through every rename and move.
    RepoKey,
    /// A user or an organisation.
    NamespaceKey,
    /// A user. Its number is that of the user's own namespace.
    UserKey,
    /// One write under way; see `contract::Versioning::conclude`.
    OperationId,
    /// A time-limited hold on blobs that no commit names yet.
    LeaseId,
    /// Bytes that the quota plugin promised.
    ReservationId,
);

impl UserKey {
    /// The namespace that every user has.
    pub fn namespace(self) -> NamespaceKey {
        NamespaceKey(self.0)
    }
}
