//! What mirrors are made with, out of the configuration.

use std::sync::Arc;
use std::time::Duration;

use ballast_config::{Loaded, MirrorSourceConfig, Problem};
use ballast_loader::Plugins;
use ballast_services::{MirrorParts, MirrorRules, MirrorSource};

const DAY: u64 = 24 * 60 * 60;

/// None where nothing is mirrored.
pub fn parts(loaded: &Loaded, plugins: &Plugins) -> Result<Option<MirrorParts>, Problem> {
    let config = &loaded.config.mirror;
    if config.sources.is_empty() {
        return Ok(None);
    }
    let sources = config.sources.iter().map(|source| read(loaded, plugins, source)).collect::<Result<_, _>>()?;
    Ok(Some(MirrorParts {
        sources,
        fresh: Duration::from_secs(config.fresh_seconds.into()),
        trust: Duration::from_secs(config.trust_seconds.into()),
        keep: Duration::from_secs(u64::from(config.keep_days) * DAY),
        patience: Duration::from_secs(config.patience_seconds.into()),
        retries: loaded.config.jobs.retries,
    }))
}

fn read(loaded: &Loaded, plugins: &Plugins, source: &MirrorSourceConfig) -> Result<MirrorSource, Problem> {
    let found = plugins.downloaders.iter().find(|downloader| downloader.name == source.from);
    // The plan of the configuration has looked before.
    let found = found.ok_or_else(|| {
        let what = format!("there is no downloader '{}'", source.from.escape_debug());
        Problem::new("mirror.sources", loaded.origins.of_key("mirror.sources"), what)
    })?;
    let rules = MirrorRules {
        allow: source.allow.clone(),
        deny: source.deny.clone(),
        licenses: source.licenses.clone(),
        denied_licenses: source.denied_licenses.clone(),
        safetensors_only: source.safetensors_only,
        max_file_bytes: source.max_file_bytes,
        max_repository_bytes: source.max_repository_bytes,
        min_age: Duration::from_secs(u64::from(source.min_age_days) * DAY),
    };
    Ok(MirrorSource { downloader: Arc::clone(&found.instance), rules })
}
