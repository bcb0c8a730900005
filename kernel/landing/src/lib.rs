//! Downloads on disk: bytes at their offsets, a journal of what is whole, links, and the Hugging Face cache.
//!
//! [`Download`] brings what somebody wants of a remote repository into a [`Cache`]. It asks a downloader for bytes and
//! knows nothing of HTTP; the cache is laid out so that huggingface_hub finds in it what it would have fetched itself.

mod cache;
mod digest;
mod download;
mod failure;
mod lock;
mod partial;
mod plan;
mod progress;
mod schedule;
mod selection;
mod throttle;
mod transfer;

pub use cache::{Cache, CachedFile, CachedRepository, CachedSnapshot, Flaw, Inventory, RepositoryFolder, Verified};
pub use download::{Download, Options, Order};
pub use plan::list_files;
pub use progress::{FileMoment, FileProgress, FileStatus, Progress};
pub use selection::{Selected, Selection};
pub use throttle::Throttle;
