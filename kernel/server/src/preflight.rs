//! What can be known to be wrong before anything is opened.

use ballast_config::{Loaded, Problem, Problems};
use ballast_database::{Database, Options as DatabaseOptions};
use ballast_loader::{Deps, Plugins, Registry};

use crate::cli::Options;
use crate::exit::Exit;
use crate::{endpoints, logging};

/// The configuration that the command line, the system's file and the environment make, or every mistake in it that can
/// be seen by looking at it, the plugins' keys included. The libraries that it allows are inspected, and none is opened.
pub fn load(options: &Options, registry: &mut Registry) -> Result<Loaded, Exit> {
    let (loaded, mut problems) = match options.layers().load() {
        Ok(loaded) => (loaded, Vec::new()),
        Err(mistakes) => (*mistakes.rest, mistakes.problems.0),
    };
    registry.inspect(&loaded);
    problems.extend(registry.mistakes(&loaded));
    problems.extend(logging::filter(&loaded).err());
    problems.extend(database(&loaded));
    problems.extend(endpoints::document(registry, &loaded).err());
    Problems::check(problems)?;
    Ok(loaded)
}

/// Whether the plugins would take this configuration, and which secrets cannot be read here. They are opened (which
/// does no I/O) over a database in memory, and not started.
pub async fn check(loaded: &Loaded, registry: &Registry) -> Result<Vec<Problem>, Exit> {
    let database = Database::open("sqlite://:memory:", &DatabaseOptions::default()).await.map_err(Exit::failure)?;
    let mut unreadable = loaded.unreadable_secrets();
    unreadable.extend(Plugins::check(registry, loaded, &Deps { database }).await?);
    Ok(unreadable)
}

fn database(loaded: &Loaded) -> Option<Problem> {
    let url = loaded.config.database.url.as_ref()?.read().ok()?;
    let error = Database::check_url(url.expose()).err()?;
    Some(Problem::new("database.url", loaded.origins.of_key("database.url"), error.to_string()))
}
