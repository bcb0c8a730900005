//! Puts the hub together: its database, its plugins, its rooms.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballast_catalog::Catalog;
use ballast_config::{HubConfig, Loaded, MailTransport, Problems, UploadRoute};
use ballast_content::{Content, ContentOptions};
use ballast_contract::versioning::Versioning;
use ballast_database::{Database, Options};
use ballast_loader::{Deps, Plugins, Registry};
use ballast_services::{Deduplication, Hub, LfsSettings, Mail, Parts, Registration, Route, Settings, WebhookSettings};
use ballast_types::{Name, Timestamp};

use crate::data_dir;
use crate::exit::Exit;
use crate::remote::Elsewhere;
use crate::{jobs, libraries, mirror};

/// A hub whose plugins have started.
pub struct Opened {
    pub hub: Hub,
    pub plugins: Plugins,
    pub database: Database,
}

/// What a hub is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: on SQLite, as the one process that does.
    Serve,
    /// One command, perhaps beside a hub that serves.
    Command,
}

/// Opens and starts everything that the configuration names, and migrates what is older than this program.
pub async fn open(loaded: &Loaded, registry: &Registry, purpose: Purpose) -> Result<Opened, Exit> {
    open_reading(loaded, registry, purpose, None).await
}

/// The same, reading another hub than the configuration says.
pub async fn open_reading(
    loaded: &Loaded,
    registry: &Registry,
    purpose: Purpose,
    elsewhere: Option<Elsewhere>,
) -> Result<Opened, Exit> {
    Problems::check(loaded.unreadable_secrets())?;
    data_dir::make(loaded.data_dir())?;
    let database = database(loaded, purpose).await?;
    let plugins = Plugins::open(registry, loaded, &Deps { database: database.clone() }).await;
    let catalog = Catalog::new(database.clone());
    catalog.migrate().await.map_err(Exit::failure)?;
    if purpose == Purpose::Serve {
        libraries::record(&catalog, &settings(&loaded.config).node, registry).await?;
    }
    let plugins = plugins?;
    let content = content(&loaded.config, database.clone(), &plugins).await?;
    plugins.start().await.map_err(Exit::failure)?;

    let parts = Parts {
        catalog,
        content,
        engine: plugins.versioning.instance.clone(),
        engines: engines(&plugins),
        auth: plugins.auth.iter().map(|auth| (auth.name.clone(), auth.instance.clone())).collect(),
        quota: plugins.quota.instance.clone(),
        endpoints: plugins.endpoints.iter().map(|one| (one.name.clone(), one.instance.clone())).collect(),
        mail: mail(loaded)?,
        jobs: jobs::parts(loaded, &plugins, elsewhere)?,
        mirror: mirror::parts(loaded, &plugins)?,
        settings: settings(&loaded.config),
        clock: Arc::new(Timestamp::now),
    };
    match Hub::open(parts).await {
        Ok(hub) => Ok(Opened { hub, plugins, database }),
        Err(failure) => {
            plugins.stop().await;
            Err(Exit::failure(failure))
        }
    }
}

/// Every engine with its name, the one that serves first.
fn engines(plugins: &Plugins) -> Vec<(String, Arc<dyn Versioning>)> {
    let serving = &plugins.versioning;
    let others = plugins.versionings.iter().filter(|engine| engine.name != serving.name);
    std::iter::once(serving).chain(others).map(|engine| (engine.name.clone(), engine.instance.clone())).collect()
}

/// Brings every table up to date that any part of the program has, whatever the configuration makes of it.
pub async fn migrate(database: &Database, registry: &Registry) -> Result<(), Exit> {
    Catalog::new(database.clone()).migrate().await.map_err(Exit::failure)?;
    ballast_content::migrate(database).await.map_err(Exit::failure)?;
    registry.migrate(database).await.map_err(Exit::failure)
}

/// The configured database.
pub async fn database(loaded: &Loaded, purpose: Purpose) -> Result<Database, Exit> {
    let config = &loaded.config.database;
    let options = Options {
        connections: config.connections,
        wait: Duration::from_secs(config.wait_seconds.into()),
        alone: purpose == Purpose::Serve,
    };
    let Some(url) = &config.url else { return Err(Exit::failure("database.url: missing")) };
    let url = loaded.secret("database.url", url)?;
    Database::open(url.expose(), &options).await.map_err(|error| unopened(url.expose(), &error))
}

/// Says which database does not open and what helps, where that tells no password.
pub fn unopened(url: &str, error: &ballast_database::Error) -> Exit {
    match url.starts_with("postgres") {
        true => Exit::failure(error),
        false => Exit::failure(format!("{url}: {error}; see that its folder is writable and its disk has room")),
    }
}

async fn content(config: &HubConfig, database: Database, plugins: &Plugins) -> Result<Content, Exit> {
    let stores = plugins.storages.iter().map(|store| (store.name.clone(), store.instance.clone())).collect();
    let routed = config.uploads.routes.iter().map(|route| route.storage.clone()).collect();
    let options = ContentOptions { grace: config.uploads.grace(), routed, ..ContentOptions::default() };
    let content = Content::new(database, stores, plugins.storage.name.clone(), options);
    let content = content.map_err(Exit::failure)?;
    content.migrate().await.map_err(Exit::failure)?;
    Ok(content)
}

fn settings(config: &HubConfig) -> Settings {
    let lfs = &config.lfs;
    Settings {
        site_name: config.server.site_name.clone(),
        lfs: LfsSettings {
            threshold: lfs.threshold,
            suffixes: lfs.suffixes.iter().map(|suffix| suffix.to_lowercase()).collect(),
            keep_versions: lfs.keep_versions,
            auto_prune: lfs.auto_prune,
            multipart_threshold: lfs.multipart_threshold,
            part_size: lfs.part_size,
        },
        deduplication: match config.xet.deduplication {
            ballast_config::Deduplication::Hub => Deduplication::Hub,
            ballast_config::Deduplication::Namespace => Deduplication::Namespace,
            ballast_config::Deduplication::Repository => Deduplication::Repository,
            ballast_config::Deduplication::Off => Deduplication::Off,
        },
        chunk_uploads: config.xet.chunk_uploads,
        routes: config.uploads.routes.iter().map(route).collect(),
        pushed_file: config.git.max_file_bytes,
        lease: config.uploads.lease(),
        operation: config.uploads.operation(),
        grace: config.uploads.grace(),
        download_session: Duration::from_secs(60 * u64::from(config.statistics.download_bucket_minutes)),
        registration: match config.accounts.registration {
            ballast_config::Registration::Open => Registration::Open,
            ballast_config::Registration::Invitation => Registration::Invitation,
            ballast_config::Registration::Closed => Registration::Closed,
        },
        provision: config.accounts.provision.clone(),
        require_email_verification: config.accounts.require_email_verification,
        link_base: link_base(config),
        session: Duration::from_secs(u64::from(config.accounts.session_days) * 24 * 60 * 60),
        min_password: config.accounts.min_password,
        webhooks: WebhookSettings {
            allow_private: config.webhooks.allow_private,
            timeout: Duration::from_secs(config.webhooks.timeout_seconds.into()),
        },
        node: config.audit.node.clone().unwrap_or_else(machine),
        audit_keep: config.audit.keep_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
        no_reply_host: no_reply_host(config),
    }
}

fn route(route: &UploadRoute) -> Route {
    Route {
        storage: route.storage.clone(),
        kinds: route.kinds.clone(),
        namespaces: route.namespaces.iter().map(Name::lower).collect(),
    }
}

/// What the machine is called.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What links in mails begin with, never a request: that may come under any name.
fn link_base(config: &HubConfig) -> String {
    let base = config.server.public_url.clone();
    base.unwrap_or_else(|| format!("http://{}", config.server.listen)).trim_end_matches('/').to_owned()
}

fn mail(loaded: &Loaded) -> Result<Mail, Exit> {
    let config = &loaded.config.mail;
    let host = no_reply_host(&loaded.config);
    let host = host.trim_start_matches("users.noreply.");
    // An address in digits is no host of a sender.
    let is_name = host.starts_with(|c: char| c.is_ascii_alphabetic());
    let usual = || format!("hub@{}", if is_name { host } else { "localhost" });
    let from = config.from.clone().unwrap_or_else(usual);
    let opened = match config.transport {
        MailTransport::Log => Mail::log(&from),
        MailTransport::File => {
            let folder = config.folder.as_ref().map_or_else(|| loaded.data_dir().join("mail"), PathBuf::from);
            let made = std::fs::create_dir_all(&folder);
            made.map_err(|error| Exit::failure(format!("mail.folder: {}: {error}", folder.display())))?;
            Mail::file(&from, &folder)
        }
        MailTransport::Smtp if loaded.config.server.public_url.is_none() => {
            return Err(Exit::failure("server.public_url: missing; links in mails begin with it"));
        }
        MailTransport::Smtp => {
            let missing = || Exit::failure("mail.url: missing; mail.transport is \"smtp\"");
            let url = loaded.secret("mail.url", config.url.as_ref().ok_or_else(missing)?)?;
            Mail::smtp(&from, url.expose())
        }
    };
    opened.map_err(|why| Exit::failure(format!("mail: {why}")))
}

/// The host that clients know the hub by, without its port.
fn no_reply_host(config: &HubConfig) -> String {
    let url = config.server.public_url.as_deref().unwrap_or("http://localhost");
    let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    format!("users.noreply.{host}")
}
