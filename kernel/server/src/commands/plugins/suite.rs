//! `ballast plugins test FILE`: the role's suite, run against the library as the hub would use it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use ballast_config::{Loaded, Role};
use ballast_contract::auth::Auth;
use ballast_contract::downloader::{Downloader, Source};
use ballast_contract::endpoints::Endpoints;
use ballast_contract::quota::Quota;
use ballast_contract::storage::Storage;
use ballast_database::{Database, Options as DatabaseOptions};
use ballast_loader::{Library, Opened, Trial, state_of};
use ballast_types::Revision;
use futures::FutureExt;
use tempfile::TempDir;

use crate::cli::Options;
use crate::exit::Exit;
use crate::output;

/// How many keys are deleted at once.
const PAGE: usize = 1000;

/// Runs the suite on every instance of the configuration that names the plugin.
pub fn run(options: &Options, file: &Path, repository: Option<&str>) -> Result<(), Exit> {
    let library = Library::inspect_anywhere(file);
    let library = library.map_err(|why| Exit::failure(format!("{}: {why}", file.display())))?;
    let plugin = library.manifest().id.clone();
    let loaded = options.layers().load().map_err(|mistakes| Exit::Configuration(mistakes.problems))?;
    let trials = Trial::all(library, &loaded)?;
    crate::commands::runtime()?.block_on(async {
        for trial in &trials {
            let tried = Tried { trial, loaded: &loaded };
            let passes = match trial.role {
                Role::Auth => {
                    tried.auth().await?;
                    passes(ballast_testkit::auth::conforms(async || expected(tried.auth().await))).await
                }
                Role::Quota => {
                    tried.quota().await?;
                    passes(ballast_testkit::quota::conforms(async || expected(tried.quota().await))).await
                }
                Role::Downloader => {
                    let source = source(repository)?;
                    let (downloader, _place) = tried.downloader().await?;
                    downloader.start().await.map_err(Exit::failure)?;
                    passes(ballast_testkit::downloader::reads(&downloader, &source)).await
                }
                Role::Endpoints => {
                    tried.endpoints().await?;
                    let part = trial.part().ok_or_else(|| Exit::failure("it brings no part of the document"))?;
                    passes(ballast_testkit::endpoints::conforms(part, async || expected(tried.endpoints().await))).await
                }
                _ => {
                    tried.is_empty().await?;
                    passes(ballast_testkit::storage::conforms(async || expected(tried.emptied().await))).await
                }
            };
            let instance = format!("{}.{} ({plugin})", trial.role, trial.name);
            if !passes {
                return Err(Exit::failure(format!("{instance} does not pass; see above")));
            }
            output::print(&format!("{instance} passes the suite of {}\n", trial.role))?;
        }
        Ok(())
    })
}

/// What a downloader is tried on.
fn source(repository: Option<&str>) -> Result<Source, Exit> {
    let wanted = "a downloader is tried on a repository that its remote hub has: --repository models/acme/bert";
    let (kind, repo) = repository.and_then(|named| named.split_once('/')).ok_or_else(|| Exit::misuse(wanted))?;
    let kind = kind.parse().map_err(Exit::misuse)?;
    Ok(Source { kind, repo: repo.to_owned(), revision: Revision::main(), token: None })
}

async fn passes(suite: impl Future<Output = ()>) -> bool {
    AssertUnwindSafe(suite).catch_unwind().await.is_ok()
}

/// An instance that a suite wants and that was there a moment ago.
fn expected<T>(made: Result<T, Exit>) -> T {
    made.unwrap_or_else(|why| std::panic::panic_any(words(why)))
}

/// An instance that can be made as often as wanted, each time with a durable space of its own that is empty.
struct Tried<'a> {
    trial: &'a Trial,
    loaded: &'a Loaded,
}

impl Tried<'_> {
    /// A new instance, not started, and what its space lies in.
    async fn open(&self) -> Result<(Opened, TempDir), Exit> {
        let place = tempfile::tempdir().map_err(Exit::failure)?;
        let url = format!("sqlite://{}", place.path().join("state.db").display());
        let database = Database::open(&url, &DatabaseOptions::default()).await.map_err(Exit::failure)?;
        let state = state_of(database, &format!("{}.{}", self.trial.role, self.trial.name));
        Ok((self.trial.open(self.loaded, state).await?, place))
    }

    async fn auth(&self) -> Result<(Arc<dyn Auth>, TempDir), Exit> {
        match self.open().await? {
            (Opened::Auth(auth), place) => Ok((auth, place)),
            _ => Err(Exit::failure("it is no auth")),
        }
    }

    async fn quota(&self) -> Result<(Arc<dyn Quota>, TempDir), Exit> {
        match self.open().await? {
            (Opened::Quota(quota), place) => Ok((quota, place)),
            _ => Err(Exit::failure("it is no quota")),
        }
    }

    async fn downloader(&self) -> Result<(Arc<dyn Downloader>, TempDir), Exit> {
        match self.open().await? {
            (Opened::Downloader(downloader), place) => Ok((downloader, place)),
            _ => Err(Exit::failure("it is no downloader")),
        }
    }

    async fn endpoints(&self) -> Result<(Arc<dyn Endpoints>, TempDir), Exit> {
        match self.open().await? {
            (Opened::Endpoints(endpoints), place) => Ok((endpoints, place)),
            _ => Err(Exit::failure("it is no endpoints")),
        }
    }

    async fn storage(&self) -> Result<(Arc<dyn Storage>, TempDir), Exit> {
        match self.open().await? {
            (Opened::Storage(storage), place) => Ok((storage, place)),
            _ => Err(Exit::failure("it is no storage")),
        }
    }

    /// Refuses a store that somebody uses: the suite deletes all that it finds.
    async fn is_empty(&self) -> Result<(), Exit> {
        let (storage, _place) = self.storage().await?;
        storage.start().await.map_err(Exit::failure)?;
        let first = storage.list(None, 1).await.map_err(Exit::failure)?;
        storage.stop().await;
        match first.items.first() {
            None => Ok(()),
            Some(key) => Err(Exit::failure(format!(
                "storage.{} is not empty: it has {key}, and the suite would delete it; name a place that is empty",
                self.trial.name
            ))),
        }
    }

    /// A storage that is empty and not started.
    async fn emptied(&self) -> Result<(Arc<dyn Storage>, TempDir), Exit> {
        let (storage, _place) = self.storage().await?;
        storage.start().await.map_err(Exit::failure)?;
        loop {
            let page = storage.list(None, PAGE).await.map_err(Exit::failure)?;
            if page.items.is_empty() {
                break;
            }
            storage.delete_many(&page.items).await.map_err(Exit::failure)?;
        }
        storage.stop().await;
        self.storage().await
    }
}

fn words(exit: Exit) -> String {
    match exit {
        Exit::Configuration(problems) => problems.to_string(),
        Exit::Ended { why, .. } | Exit::Failure(why) => why,
        Exit::Unread => String::new(),
    }
}
