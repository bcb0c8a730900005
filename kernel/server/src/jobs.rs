//! What downloads from other hubs are made with, out of the configuration.

use std::path::PathBuf;
use std::sync::Arc;

use ballast_config::{JobsConfig, Loaded, Problem};
use ballast_loader::Plugins;
use ballast_services::{Cache, ImportSource, JobAccess, JobParts, JobSettings, Throttle, Verify};

use crate::remote::Elsewhere;

/// None where no other hub is read. A command may read one that is not in the configuration, and then none else.
pub fn parts(loaded: &Loaded, plugins: &Plugins, elsewhere: Option<Elsewhere>) -> Result<Option<JobParts>, Problem> {
    let config = &loaded.config.jobs;
    let sources = match elsewhere {
        Some(Elsewhere(downloader)) => {
            vec![ImportSource { name: downloader.endpoint(), downloader, takes_job_token: false }]
        }
        None => sources(plugins),
    };
    let Some(first) = sources.first() else { return Ok(None) };
    Ok(Some(JobParts {
        downloader: Arc::clone(&first.downloader),
        sources,
        cache: Cache::new(folder(loaded)?.join("hub")),
        access: access(loaded, config)?,
        settings: JobSettings {
            token: config.token.as_ref().map(|token| loaded.secret("jobs.token", token)).transpose()?,
            connections: config.connections,
            max_active: config.max_active,
            multipart_threshold: config.multipart_threshold,
            verify: match config.verify {
                ballast_config::JobVerify::None => Verify::None,
                ballast_config::JobVerify::Size => Verify::Size,
                ballast_config::JobVerify::Sha256 => Verify::Sha256,
            },
            retries: config.retries,
        },
        at_once: config.at_once as usize,
        throttle: Arc::new(Throttle::new(config.bytes_per_second)),
        flush: config.flush,
    }))
}

/// Every hub that is configured; what is set for downloads is shown to the first alone.
fn sources(plugins: &Plugins) -> Vec<ImportSource> {
    let source = |(at, found): (usize, &ballast_loader::Named<dyn ballast_contract::downloader::Downloader>)| {
        let (name, downloader) = (found.name.clone(), Arc::clone(&found.instance));
        ImportSource { name, downloader, takes_job_token: at == 0 }
    };
    plugins.downloaders.iter().enumerate().map(source).collect()
}

/// The folder around the cache, as whoever looks at it from elsewhere would write it.
fn folder(loaded: &Loaded) -> Result<PathBuf, Problem> {
    let folder = loaded.config.jobs.folder.as_ref();
    let folder = folder.map_or_else(|| loaded.data_dir().join("huggingface"), PathBuf::from);
    std::path::absolute(&folder).map_err(|error| problem(loaded, "jobs.folder", error.to_string()))
}

fn access(loaded: &Loaded, config: &JobsConfig) -> Result<JobAccess, Problem> {
    match config.access {
        ballast_config::JobAccess::Everybody => Ok(JobAccess::Everybody),
        ballast_config::JobAccess::Accounts => {
            let users = config.users.iter().map(|name| {
                name.parse()
                    .map_err(|error: ballast_types::InvalidName| problem(loaded, "jobs.users", error.to_string()))
            });
            Ok(JobAccess::Accounts(users.collect::<Result<_, _>>()?))
        }
        ballast_config::JobAccess::Password => {
            let missing = |key: &'static str| problem(loaded, key, "missing; jobs.access is \"password\"".to_owned());
            let user = config.auth_user.clone().ok_or_else(|| missing("jobs.auth_user"))?;
            let password = config.auth_pass.as_ref().ok_or_else(|| missing("jobs.auth_pass"))?;
            Ok(JobAccess::Password { user, password: loaded.secret("jobs.auth_pass", password)? })
        }
    }
}

fn problem(loaded: &Loaded, key: &str, why: String) -> Problem {
    Problem::new(key, loaded.origins.of_key(key), why)
}
