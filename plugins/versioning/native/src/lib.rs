//! The native versioning engine: a versioned map of paths with structural sharing, whose commits are git commits and
//! whose git trees are derived.
//!
//! A commit costs what it changes, not what exists. Its entries are a sorted map ([`key`]) in nodes ([`node`]) that are
//! cut where a keyed hash of a key says so ([`cut`]), so that equal content has equal nodes whatever its history. A
//! second map with the same keys says which commit last changed each path. Both are written by [`edit`], read by
//! [`walk`], kept by [`store`]; [`draft`] applies a commit's changes, [`trees`] derives git's trees, and [`commit`]
//! puts it all into one transaction whose only truth is the move of the ref; [`rewrite`] makes commits of other commits,
//! by [`merge`] and [`fork`]. [`git`] answers fetches and takes pushes. [`relocation`] takes in whole histories of other
//! engines. [`upkeep`] checks what is stored and clears away what nobody needs.

mod commit;
#[cfg(test)]
mod costs;
mod cut;
mod difference;
mod draft;
mod edit;
mod encoding;
mod engine;
mod error;
mod files;
mod fork;
mod git;
mod history;
mod key;
mod length;
mod merge;
mod node;
mod reading;
mod refs;
mod relocation;
mod rewrite;
mod rows;
#[cfg(test)]
mod scaffold;
mod store;
mod trees;
mod upkeep;
mod walk;

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use ballast_contract::{Component, Error, ErrorKind, Health, Result};
use ballast_database::{Database, Migrations, Recent};
use ballast_types::{CommitId, RepoKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::commit::Turns;
use crate::cut::Cutter;
use crate::error::{corrupt, internal, stored};
use crate::files::Files;
use crate::history::History;
pub use crate::store::Counts;
use crate::store::Store;

const OPERATION: &str = "versioning.start";
/// How many revisions are known by heart: some 200 bytes each.
const REVISIONS: u64 = 20_000;

/// How the native engine works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NativeConfig {
    /// How much memory the engine may use to keep trees, commits and facts of files at hand, in bytes. With room for
    /// what is read often, reading needs hardly any database: a million files take some 100 MB.
    pub cache_bytes: u64,
}

impl Default for NativeConfig {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20 }
    }
}

/// The engine. What it knows is in its database; several nodes may share one.
pub struct Native {
    database: Database,
    store: Store,
    files: Files,
    history: History,
    /// What a revision's text means by way of a ref. On a shared database nothing: a branch moves elsewhere too.
    resolved: Recent<(RepoKey, String), CommitId>,
    turns: Turns,
    cutter: OnceLock<Cutter>,
}

/// Prepares the engine; `start` migrates its tables.
pub async fn open(config: NativeConfig, database: Database) -> Result<Native> {
    let eighth = config.cache_bytes / 8;
    Ok(Native {
        store: Store::new(database.clone(), config.cache_bytes - 3 * eighth),
        files: Files::new(database.clone(), 2 * eighth),
        history: History::new(database.clone(), eighth),
        resolved: Recent::new(&database, REVISIONS, Duration::ZERO),
        turns: Turns::new(),
        cutter: OnceLock::new(),
        database,
    })
}

/// Its tables.
pub fn migrations() -> Migrations {
    ballast_database::migrations!()
}

impl Native {
    /// What reading and writing nodes has cost so far.
    pub fn counts(&self) -> Counts {
        self.store.counts()
    }

    /// Empties all caches, as a restart does.
    pub fn forget_caches(&self) {
        self.store.forget();
        self.forget_repositories();
    }

    /// Empties the caches of what ends with its repository. Deleting one is rare enough to forget them all.
    fn forget_repositories(&self) {
        self.files.forget();
        self.history.forget();
    }

    fn cutter(&self) -> Result<&Cutter> {
        let early = || Error::new(ErrorKind::Unavailable, OPERATION, "the engine has not started yet");
        self.cutter.get().ok_or_else(early)
    }
}

/// Whether these bytes are a node of a map: what the engine asks of a row before it believes it, apart from the hash.
/// `Corrupt` where they are none. It takes any bytes, never panics, and needs memory in proportion to their number.
pub fn check_node(bytes: &[u8]) -> Result<()> {
    let read = |_: node::Node| ();
    encoding::decode(bytes).map(read).map_err(|error| corrupt("versioning.node", "these bytes").with_source(error))
}

#[async_trait]
impl Component for Native {
    async fn start(&self) -> Result<()> {
        self.database.migrate(migrations()).await.map_err(stored(OPERATION))?;
        let mut proposed = [0; 32];
        getrandom::fill(&mut proposed)
            .map_err(|error| internal(OPERATION, format!("the operating system gave no random bytes: {error}")))?;
        let secret = rows::nodes::secret(&self.database, proposed.to_vec()).await.map_err(stored(OPERATION))?;
        let secret = secret.as_slice().try_into().map_err(|_| corrupt(OPERATION, "the secret has a wrong length"))?;
        // A second start finds the same secret.
        let _ = self.cutter.set(Cutter::new(secret));
        Ok(())
    }

    async fn health(&self) -> Health {
        match self.database.ping().await {
            Ok(()) => Health::Ready,
            Err(error) => Health::Unavailable(error.to_string()),
        }
    }
}
