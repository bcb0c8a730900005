//! The nouns of Ballast: names, ids, digests, paths, ranges and git's pure encodings.
//!
//! Everything here is parsed once, at the edge, and is valid from then on. Nothing here does I/O.

mod address;
mod digest;
pub mod git;
mod key;
mod name;
mod path;
mod range;
mod repo;
mod revision;
mod secret;
mod signature;
mod time;

pub use address::is_public;
pub use digest::{CommitId, GitOid, InvalidDigest, Sha256, XetHash};
pub use key::{LeaseId, NamespaceKey, OperationId, RepoKey, ReservationId, UserKey};
pub use name::{InvalidName, Name};
pub use path::{InvalidPath, RepoPath};
pub use range::ByteRange;
pub use repo::{RepoId, RepoKind, Right, UnknownKind, Visibility};
pub use revision::{InvalidRef, RefKind, RefName, Revision};
pub use secret::Secret;
pub use signature::Signature;
pub use time::Timestamp;
