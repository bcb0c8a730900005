//! Imports: repositories of other hubs, taken over into repositories of this one.
//!
//! A repository has at most one import, which is a row; whichever node takes it first works on it (`work`). What the
//! source has and the repository lacks streams into content under a lease that outlives a crash (`gather`), and then the
//! same commit is made that a client would make (`take_over`). So room, rules and rights are those of any upload, and a
//! branch shows a commit of the source whole or not at all.

mod gather;
mod order;
mod progress;
mod stream;
mod take_over;
mod tree;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ballast_catalog::{Import, ImportProgress};
use ballast_contract::downloader::Downloader;
use ballast_types::{RepoId, RepoKey, RepoKind};
use tokio::sync::Notify;

use crate::jobs::JobAccess;
use crate::{Caller, Failure, Hub, Result};

pub use order::ImportRequest;
pub(crate) use stream::{Blame, Upstream};
pub(crate) use work::Live;

/// A hub that imports may come from.
#[derive(Clone)]
pub struct ImportSource {
    /// What the operator calls it.
    pub name: String,
    pub downloader: Arc<dyn Downloader>,
    /// Whether it is shown the token of downloads. Any other has its own.
    pub takes_job_token: bool,
}

/// An import as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportView {
    pub kind: RepoKind,
    /// The repository that it goes to.
    pub id: RepoId,
    pub import: Import,
}

impl ImportView {
    /// How far it is.
    pub fn progress(&self) -> ImportProgress {
        self.import.progress
    }
}

/// What this process knows of imports besides their rows.
#[derive(Default)]
pub(crate) struct Imports {
    /// Those that are worked on here.
    live: Mutex<HashMap<RepoKey, Arc<Live>>>,
    /// An import waits.
    waits: Notify,
}

impl Imports {
    fn live(&self, repo: RepoKey) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).get(&repo).cloned()
    }
}

/// The right to take repositories over from other hubs.
#[derive(Clone)]
pub struct Importing {
    hub: Hub,
    caller: Caller,
}

impl Hub {
    fn imports(&self) -> &Imports {
        &self.0.imports
    }

    /// The right to import, of an account that may download from other hubs. `Forbidden` where it is not the caller's; where
    /// downloads are for who knows a password, imports are for administrators.
    pub fn importing(&self, caller: &Caller) -> Result<Importing> {
        let known = caller.known()?;
        let may = match self.job_access() {
            JobAccess::Everybody => true,
            JobAccess::Accounts(users) => {
                known.is_administrator()
                    || (known.credential.repositories.is_none() && users.contains(&known.user.name))
            }
            JobAccess::Password { .. } => known.is_administrator(),
        };
        if !may {
            let why =
                "Imports from other hubs are for administrators, and for users whom the operator names in jobs.users";
            return Err(Failure::Forbidden(why.to_owned()));
        }
        self.job_parts()?;
        Ok(Importing { hub: self.clone(), caller: caller.clone() })
    }

    /// The hub that an import is to come from, by its name in the configuration or its address; without, the first.
    fn import_source(&self, from: Option<&str>) -> Result<&ImportSource> {
        let sources = &self.job_parts()?.sources;
        let address = |text: &str| text.trim_end_matches('/').to_lowercase();
        let is = |source: &&ImportSource, from: &str| {
            source.name == from || address(&source.downloader.endpoint()) == address(from)
        };
        let found = match from {
            None => sources.first(),
            Some(from) => sources.iter().find(|source| is(source, from)),
        };
        found.ok_or_else(|| {
            let known: Vec<String> =
                sources.iter().map(|source| format!("{} ({})", source.name, source.downloader.endpoint())).collect();
            let from = from.unwrap_or_default().chars().take(200).collect::<String>();
            Failure::Invalid(format!(
                "from: this hub does not import from '{}'; it does from {}. Its operator would add another as \
                 [downloader.NAME]",
                from.escape_debug(),
                known.join(", ")
            ))
        })
    }

    /// The addresses of the hubs that this one reads.
    fn import_endpoints(&self) -> Vec<String> {
        let sources = self.job_parts().map(|parts| parts.sources.as_slice()).unwrap_or_default();
        sources.iter().map(|source| source.downloader.endpoint()).collect()
    }
}
