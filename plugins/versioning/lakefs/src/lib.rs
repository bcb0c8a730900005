//! `versioning.lakefs`: the versioning contract over a lakeFS server.
//!
//! **Who keeps what.** lakeFS keeps what commits hold: for each file a link with its real ids in its metadata
//! ([`publish`]), for each folder an index ([`folder`]), and each commit with git's id. The hub's state keeps what lakeFS
//! cannot ([`records`]): the refs that count, by their real names, which commit in lakeFS is which of git's, and what
//! became of operations. The branches and tags in lakeFS follow, under names that it takes ([`names`]), so that people
//! and their tools find there what the hub has; nothing in the hub reads them.
//!
//! **A commit** ([`commit`]) is made on a hidden branch of its own and counts from one compare-and-apply in the state.
//! So it is whole or not there, whoever else commits, stages or is cut off; ids are git's, computed before anything is
//! sent. **Reads** ([`reading`]) go by the id of a commit, never by a branch.
//!
//! **What it costs.** A commit of N files into F folders is some N + F + 5 calls to lakeFS; opening a folder of a commit
//! is one, and none when it is at hand. An index has all lines of its folder: a folder of a hundred thousand files is
//! some megabytes, sent again with each commit that touches it.
//!
//! **From other engines** ([`relocation`]) come whole histories, commit by commit, with the bytes that git gave them. Trees
//! that git wrote in a way of its own, and text that is no UTF-8, are refused.
//!
//! **Git** ([`git`]) gets its objects from what is stored: commits and tags are kept in git's own text, trees are the
//! indexes in another encoding, and blobs are content's. What a fetch lacks is found by walking the indexes of the commits
//! that it lacks, so the first one reads each index that is not at hand: a call to lakeFS for each folder that a commit
//! touched.
//!
//! **What it does not do.** It takes no pushes: a commit here is one lakeFS commit with everything in it made beforehand,
//! and a pushed history would be thousands of them, each some calls. lakeFS's own garbage collection must not be given rules for these repositories: it
//! would take the indexes of old commits. Only one git oid with two contents in one commit is refused, not one in two
//! commits.

mod client;
mod commit;
mod config;
mod difference;
mod draft;
mod engine;
mod folder;
mod git;
mod history;
mod names;
mod publish;
mod reading;
mod records;
mod refs;
mod relocation;
mod repositories;
mod rewrite;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::{Component, Health, Result, State};
use ballast_types::{CommitId, RepoKey};
use moka::sync::Cache;

use crate::client::Client;
use crate::commit::Turns;
pub use crate::config::LakefsConfig;
use crate::draft::NEW;
use crate::folder::{Folder, Sub};
use crate::reading::Folders;
use crate::records::{Commit, Records};

/// The engine. What it knows is in lakeFS and in its state; several nodes may share both.
pub struct Lakefs {
    client: Client,
    records: Records,
    folders: Folders,
    /// Commits never change.
    commits: Cache<(RepoKey, CommitId), Arc<Commit>>,
    turns: Turns,
    storage_namespace: String,
    objects: String,
    prefix: String,
    connections: usize,
}

/// Prepares the engine; nothing is asked of lakeFS before `start`. `Invalid` where a key makes no sense.
pub async fn open(config: LakefsConfig, state: Arc<dyn State>) -> Result<Lakefs> {
    let eighth = config.cache_bytes / 8;
    let folder = |_: &(RepoKey, CommitId, String), folder: &Arc<Folder>| folder.weight();
    let commit = |_: &(RepoKey, CommitId), commit: &Arc<Commit>| {
        let info = &commit.info;
        u32::try_from(600 + info.message.len() + info.parents.len() * size_of::<CommitId>()).unwrap_or(u32::MAX)
    };
    Ok(Lakefs {
        client: Client::new(&config)?,
        records: Records::new(state),
        folders: Cache::builder().max_capacity(config.cache_bytes - eighth).weigher(folder).build(),
        commits: Cache::builder().max_capacity(eighth).weigher(commit).build(),
        turns: Turns::default(),
        storage_namespace: config.storage_namespace.trim_end_matches('/').to_owned(),
        objects: config.objects(),
        prefix: config.repository_prefix.clone(),
        connections: config.connections.max(1) as usize,
    })
}

/// The root of the empty tree.
fn empty() -> Sub {
    Folder::default().sum(NEW)
}

#[async_trait]
impl Component for Lakefs {
    async fn start(&self) -> Result<()> {
        let version = self.client.version().await?.version;
        tracing::info!(version, "lakeFS answers");
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.client.version().await {
            Ok(_) => Health::Ready,
            Err(error) => Health::Unavailable(error.context),
        }
    }
}
