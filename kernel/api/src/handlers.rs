//! One file per group of operations. A handler reads, asks and answers; what may be done is decided where handles are
//! granted.

mod access;
mod account;
mod accounts;
mod administration;
mod audit;
mod avatars;
mod browser;
mod collections;
mod commit;
mod device;
mod discussions;
mod files;
mod git;
mod history;
mod imports;
mod inventory;
mod invitations;
mod jobs;
mod large_files;
mod lfs_files;
mod lfs_locks;
mod objects;
mod organizations;
mod people;
mod quota;
mod refs;
mod repositories;
mod rewriting;
mod sessions;
mod settings;
mod site;
mod social;
mod ssh_keys;
mod tokens;
mod tree;
mod webhooks;
mod xet;

pub use access::Access;
pub use account::Account;
pub use accounts::Accounts;
pub use administration::Administration;
pub use audit::Audit;
pub use avatars::Avatars;
pub use browser::Browser;
pub use collections::Collections;
pub use commit::Commits;
pub use device::Device;
pub use discussions::Discussions;
pub use files::Files;
pub use git::Git;
pub use history::History;
pub use imports::Imports;
pub use inventory::Inventory;
pub use invitations::Invitations;
pub use jobs::Jobs;
pub use large_files::LargeFiles;
pub(crate) use large_files::challenge;
pub use lfs_files::LfsFiles;
pub use lfs_locks::LfsFileLocks;
pub use objects::Objects;
pub use organizations::Organizations;
pub use people::People;
pub use quota::Quota;
pub use refs::Refs;
pub use repositories::Repositories;
pub use rewriting::Rewriting;
pub use sessions::Sessions;
pub use settings::Settings;
pub use site::Site;
pub use social::Social;
pub use ssh_keys::SshKeys;
pub use tokens::Tokens;
pub use tree::Tree;
pub use webhooks::Webhooks;
pub use xet::Xet;

use ballast_services::{Destination, Failure};
use ballast_types::{RepoKind, Revision};
use poem_openapi::Tags;

use crate::extract::Flag;

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
    /// What is talked about, and what is proposed.
    Discussions,
    /// git itself: clone, fetch and push.
    Git,
    /// git-lfs.
    Lfs,
    /// Uploads and downloads by chunks.
    Xet,
    /// Who gets the files of a gated repository.
    Access,
    /// Likes, downloads, and what is downloaded most.
    Social,
    /// Lists of repositories that somebody keeps.
    Collections,
    /// Who is told what happens.
    Webhooks,
    /// Downloads from other hubs, into a cache.
    Downloads,
    /// Repositories of other hubs, taken over.
    Imports,
    /// Room for bytes.
    Quota,
    /// Who is calling, and what lets them in.
    Account,
    /// What users and organisations show of themselves.
    People,
    /// Organisations and who belongs to them.
    Organizations,
    /// Pages for a browser.
    Pages,
    /// For administrators of the hub, with a session or a token of role admin.
    Administration,
    /// The hub itself.
    Site,
}

/// Where what is uploaded is to be committed: with `create_pr`, to a pull request that is still to be opened.
fn destination(create_pr: Option<Flag>, revision: &Revision) -> Destination {
    match create_pr {
        Some(Flag(true)) => Destination::Proposal,
        _ => Destination::Ref(revision.clone()),
    }
}

/// What somebody searches for, word by word.
fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// A repository's type in a body; models are meant where none is named.
fn kind(word: Option<&str>) -> Result<RepoKind, Failure> {
    match word {
        None => Ok(RepoKind::Model),
        Some(word @ ("bucket" | "kernel")) => {
            Err(Failure::Unsupported(format!("This hub keeps models, datasets and spaces, and no {word}s")))
        }
        Some(word) => word.parse().map_err(Failure::invalid),
    }
}
