//! What an operator asks of an engine: is everything there that should be, and away with what nobody needs.

use async_trait::async_trait;
use ballast_types::{CommitId, RepoKey, RepoPath, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Page, Result};

/// What sort of thing is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damaged {
    /// A ref that leads nowhere.
    Ref,
    /// A commit or an annotated tag that is absent, or whose bytes are not those of its id.
    Commit,
    /// A piece of the engine's own storage that is absent, unreadable or inconsistent.
    Node,
    /// What is known of a file besides its place in a tree is absent or contradicts itself.
    File,
    /// A folder's git tree id is not that of what the folder holds.
    Tree,
}

/// Something that is not what was stored, or is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    pub what: Damaged,
    /// Of what is damaged: a ref's name, or a commit's, node's, file's or tree's id as the engine writes it.
    pub id: String,
    /// A commit from which it was reached, where it was.
    pub commit: Option<CommitId>,
    /// Where in that commit, where it has one place.
    pub path: Option<RepoPath>,
    /// What is wrong, in a sentence.
    pub sentence: String,
}

/// What may be swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRequest {
    /// Only what was last written before this moment. It spares readers of what was just given up; no commit depends
    /// on it.
    pub cutoff: Timestamp,
    /// Says what would go, and leaves it.
    pub dry_run: bool,
}

/// What a sweep found and did, counted in the engine's own pieces of storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Pieces that are needed, or too young to go.
    pub kept: u64,
    /// Pieces that nothing leads to and that are gone (in a dry run: would go).
    pub removed: u64,
    /// What these occupied, in bytes.
    pub bytes: u64,
}

/// Looking after what an engine has stored. Everything here is safe beside readers, commits and other processes.
///
/// **What is kept.** A commit that was acknowledged stays readable while its repository lives, whether or not a ref
/// still leads to it: clients hold commit ids, and a branch that was moved or deleted can be brought back. So garbage
/// comes from deleted repositories and from work that was never recorded. A capability that takes history away, as
/// squashing does, must say itself how long it keeps what it took.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// A part of a walk over everything that a repository keeps, read from the storage itself and not from memory:
    /// refs and tags lead to commits; commits parse and have their ids; all pieces of their trees are there, have
    /// their ids and can be read; every file's facts are there; every folder's tree id is that of its content.
    ///
    /// `limit` bounds the work, as about so many pieces read, and not only the damage found: a page may be empty and
    /// have a `next`, and is over `limit` where one folder alone is. What several commits share is walked once.
    /// Damage is an item and no error; `NotFound` where there is no such repository.
    async fn verify(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Damage>>;

    /// Removes what nothing leads to, in all repositories. `Corrupt`, and nothing is removed, where damage hides what
    /// is needed: `verify` says what.
    async fn sweep(&self, request: &SweepRequest) -> Result<Swept>;
}
