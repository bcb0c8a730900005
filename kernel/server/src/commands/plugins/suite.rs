//! `ballast plugins test FILE`: the role's suite, run against the library as the hub would use it.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use ballast_config::Loaded;
use ballast_contract::storage::Storage;
use ballast_loader::{Library, Trial};
use futures::FutureExt;

use crate::cli::Options;
use crate::exit::Exit;
use crate::output;

/// How many keys are deleted at once.
const PAGE: usize = 1000;

/// Runs the suite on every instance of the configuration that names the plugin.
pub fn run(options: &Options, file: &Path) -> Result<(), Exit> {
    let library = Library::inspect_anywhere(file);
    let library = library.map_err(|why| Exit::failure(format!("{}: {why}", file.display())))?;
    let plugin = library.manifest().id.clone();
    let loaded = options.layers().load().map_err(|mistakes| Exit::Configuration(mistakes.problems))?;
    let trials = Trial::all(library, &loaded)?;
    crate::commands::runtime()?.block_on(async {
        for trial in &trials {
            prepare(trial, &loaded).await?;
            let fresh =
                async || (emptied(trial, &loaded).await.unwrap_or_else(|why| std::panic::panic_any(words(why))), ());
            let suite = ballast_testkit::storage::conforms(fresh);
            let failed = AssertUnwindSafe(suite).catch_unwind().await.is_err();
            if failed {
                return Err(Exit::failure(format!("storage.{} ({plugin}) does not pass; see above", trial.name)));
            }
            output::print(&format!("storage.{} ({plugin}) passes the suite of storage\n", trial.name))?;
        }
        Ok(())
    })
}

/// Refuses a store that somebody uses: the suite deletes all that it finds.
async fn prepare(trial: &Trial, loaded: &Loaded) -> Result<(), Exit> {
    let storage = trial.storage(loaded).await?;
    storage.start().await.map_err(Exit::failure)?;
    let first = storage.list(None, 1).await.map_err(Exit::failure)?;
    storage.stop().await;
    match first.items.first() {
        None => Ok(()),
        Some(key) => Err(Exit::failure(format!(
            "storage.{} is not empty: it has {key}, and the suite would delete it; name a place that is empty",
            trial.name
        ))),
    }
}

/// An instance that is empty and not started.
async fn emptied(trial: &Trial, loaded: &Loaded) -> Result<Arc<dyn Storage>, Exit> {
    let storage = trial.storage(loaded).await?;
    storage.start().await.map_err(Exit::failure)?;
    loop {
        let page = storage.list(None, PAGE).await.map_err(Exit::failure)?;
        if page.items.is_empty() {
            break;
        }
        storage.delete_many(&page.items).await.map_err(Exit::failure)?;
    }
    storage.stop().await;
    Ok(trial.storage(loaded).await?)
}

fn words(exit: Exit) -> String {
    match exit {
        Exit::Configuration(problems) => problems.to_string(),
        Exit::Ended { why, .. } | Exit::Failure(why) => why,
        Exit::Unread => String::new(),
    }
}
