//! The git wire: what `git clone`, `fetch` and `push` say and hear, over whatever carries bytes.
//!
//! [`upload_pack`] answers who fetches and [`receive_pack`] takes what is pushed; both speak pkt-lines ([`pkt_line`]) and
//! packs ([`pack`]), and get and give objects by way of the services. Sources: git's `gitprotocol-common`,
//! `gitprotocol-v2`, `gitprotocol-pack`, `gitprotocol-http` and `gitformat-pack`.

mod advertise;
mod error;
pub mod fsck;
mod output;
pub mod pack;
mod packs;
pub mod pkt_line;
pub mod receive_pack;
pub mod ssh;
pub mod upload_pack;

pub use advertise::{Service, advertise};
pub use error::{Result, WireError};
pub use output::{Answer, Output, answer, stream};
pub use packs::Packs;

/// What all fetches and pushes of a process share.
pub struct Wire {
    pub gate: receive_pack::Gate,
    pub packs: Packs,
}

/// Where a request comes from.
pub type Input = std::pin::Pin<Box<dyn tokio::io::AsyncRead + Send>>;

/// How requests and answers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// One request and its answer (HTTP): whoever asks again says again what was said.
    Once,
    /// A conversation (SSH).
    Conversation,
}
