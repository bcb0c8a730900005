//! Xet, by its own verbs: tokens for one repository, xorbs and shards in, and what to fetch for a file.
//!
//! A token is a signed statement, so that a store of its own need not be asked; but every use of it is held against the
//! credential that it was made from and the rights of today, as any other call is. Its bearer may put xorbs into the
//! hub; they become somebody's only when a shard makes a file of them and a commit names that file.

mod grant;
mod read;
mod receive;
mod token;

pub use grant::XorbUpload;
pub use read::{ToFetch, WayToBytes};
pub use token::{XetReader, XetToken, XetWriter};
