//! Files that lie in xorbs.
//!
//! A xorb holds chunks of many files; a file is a list of terms, which are runs of chunks. To this room a xorb is one
//! more blob: its bytes as they are stored have a SHA-256, an object, checksums and a verdict, and are swept, verified
//! and healed like all others. A file in xorbs is a blob too, named by its SHA-256, held and leased as if it lay in an
//! object of its own. What is new are the rows that say which chunks make which file.
//!
//! Nothing is believed: a xorb's chunks are hashed as they arrive, the terms of a file are held against the xorbs that
//! are here, and its SHA-256 is worked out from them before anything may name it. To know the name of a xorb opens no
//! door: who names its chunks must know the hashes of all of them (`FileCheck`), and no answer tells those.

mod answer;
mod cut;
mod facts;
mod grant;
mod rebuild;
mod receive;
mod register;
pub(crate) mod spare;
mod thin;

pub use answer::ChunkHolder;
pub use grant::XorbGrant;
pub use rebuild::{Rebuilding, Reconstruction};
pub use receive::ReceivedXorb;

use ballast_contract::Error;
use ballast_types::{Sha256, XetHash};
use ballast_xet::xorb::Record;

use crate::failure::Failure;

type Result<T, E = Error> = std::result::Result<T, E>;

/// A xorb that is stored.
#[derive(Debug)]
pub(crate) struct Xorb {
    /// Of its bytes as they are stored.
    pub(crate) sha256: Sha256,
    pub(crate) record: Record,
}

impl Xorb {
    /// How much memory it takes, in bytes.
    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.record.as_bytes().len() + 200).unwrap_or(u32::MAX)
    }
}

/// A column of a Xet hash.
pub(crate) fn xet_hash_of(bytes: &[u8]) -> Result<XetHash, Failure> {
    XetHash::from_slice(bytes).ok_or_else(|| ballast_database::Error::corrupt("a Xet hash of another length").into())
}

/// Columns of Xet hashes, each once and in order.
fn xet_columns(hashes: impl IntoIterator<Item = XetHash>) -> Vec<Vec<u8>> {
    let distinct: std::collections::BTreeSet<XetHash> = hashes.into_iter().collect();
    distinct.into_iter().map(|hash| hash.0.to_vec()).collect()
}
