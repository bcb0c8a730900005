//! What can be known to be wrong before anything is opened.

use ballast_config::{Loaded, Problem, Problems};
use ballast_database::Database;
use ballast_loader::Registry;

use crate::logging;

/// Every mistake of the configuration, or the secrets that cannot be read here and now. Nothing is opened but the
/// files of secrets.
pub fn check(loaded: &Loaded, registry: &Registry) -> Result<Vec<Problem>, Problems> {
    let (mut mistakes, mut unreadable) = match registry.check(loaded) {
        Ok(unreadable) => (Vec::new(), unreadable),
        Err(Problems(mistakes)) => (mistakes, Vec::new()),
    };
    mistakes.extend(logging::filter(loaded).err());
    mistakes.extend(database(loaded));
    unreadable.extend(loaded.unreadable_secrets());
    Problems::check(mistakes).map(|()| unreadable)
}

fn database(loaded: &Loaded) -> Option<Problem> {
    let url = loaded.config.database.url.as_ref()?.read().ok()?;
    let error = Database::check_url(url.expose()).err()?;
    Some(Problem::new("database.url", loaded.origins.of_key("database.url"), error.to_string()))
}
