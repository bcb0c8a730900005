//! One file per group of operations. A handler reads, asks and answers; what may be done is decided where handles are
//! granted.

mod account;
mod commit;
mod files;
mod history;
mod large_files;
mod objects;
mod refs;
mod repositories;
mod site;
mod tree;
mod xet;

pub use account::Account;
pub use commit::Commits;
pub use files::Files;
pub use history::History;
pub use large_files::LargeFiles;
pub(crate) use large_files::challenge;
pub use objects::Objects;
pub use refs::Refs;
pub use repositories::Repositories;
pub use site::Site;
pub use tree::Tree;
pub use xet::Xet;

use ballast_services::Failure;
use ballast_types::RepoKind;
use poem_openapi::Tags;

/// The groups of operations in the document.
#[derive(Tags)]
pub enum Group {
    /// Making, finding and deleting repositories.
    Repositories,
    /// What lies in a repository.
    Tree,
    /// The bytes of files.
    Files,
    /// Uploading.
    Commits,
    /// Branches, tags and history.
    History,
    /// git-lfs.
    Lfs,
    /// Uploads and downloads by chunks.
    Xet,
    /// Who is calling.
    Account,
    /// The hub itself.
    Site,
}

/// A repository's type in a body; models are meant where none is named.
fn kind(word: Option<&str>) -> Result<RepoKind, Failure> {
    word.map_or(Ok(RepoKind::Model), |word| word.parse().map_err(Failure::invalid))
}
