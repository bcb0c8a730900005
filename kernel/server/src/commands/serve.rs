//! `ballast serve`: the hub itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast_api::{ApiOptions, Most, RateLimits};
use ballast_config::{HubConfig, Loaded, Problem, ServerConfig};
use ballast_loader::Registry;
use ballast_services::Sender;
use tokio::net::TcpListener;

use crate::background::{Background, Webhooks};
use crate::cli::Options;
use crate::exit::Exit;
use crate::first_start::{self, FirstStart};
use crate::hub::{self, Opened, Purpose};
use crate::status::{self, Serving};
use crate::{builtins, data_dir, declared, endpoints, http, logging, output, preflight, shutdown, ssh};

/// Serves until Ctrl-C or SIGTERM.
pub fn run(options: &Options) -> Result<(), Exit> {
    let mut registry = builtins::registry();
    let loaded = preflight::load(options, &mut registry)?;
    super::runtime()?.block_on(serve(&loaded, &registry))
}

async fn serve(loaded: &Loaded, registry: &Registry) -> Result<(), Exit> {
    logging::start(loaded)?;
    let metrics = status::record()?;
    let asked = shutdown::asked()?;
    data_dir::make(loaded.data_dir())?;
    let _lock = data_dir::Lock::take(loaded.data_dir())?;
    let server = &loaded.config.server;
    let listener = listen(loaded).await?;
    let address = listener.local_addr().map_err(Exit::failure)?;
    let bootstrap = declared::read(loaded)?;

    let Opened { hub, plugins, database } = hub::open(loaded, registry, Purpose::Serve).await?;
    let plugins = Arc::new(plugins);
    let served = async {
        if !bootstrap.has_administrator()
            && let Some(first) = first_start::make(&hub.operator(), loaded.data_dir()).await?
        {
            output::print(&welcome(&first, &endpoint(server, address)))?;
        }
        hub.operator().apply(&bootstrap).await.map_err(Exit::failure)?;
        let serving = Arc::new(Serving::new(Arc::clone(&plugins), metrics));
        let count = Duration::from_secs(loaded.config.statistics.write_seconds.into());
        let sender = Sender::new(hub.settings().webhooks).map_err(Exit::failure)?;
        let look = Duration::from_secs(loaded.config.webhooks.look_seconds.into());
        let webhooks = Webhooks { sender, base: endpoint(server, address), look };
        let background = Background::start(&hub, &serving, &database, count, webhooks);
        let wire = ssh::wire(loaded);
        let _ssh = ssh::start(loaded, &hub, &wire, endpoint(server, address)).await?;
        output::print(&format!("listening on http://{address}\n"))?;
        let options = ApiOptions {
            public_url: server.public_url.clone(),
            cors_origins: server.cors_origins.clone(),
            rate_limits: rate_limits(&loaded.config),
            status: serving.clone(),
            git: wire,
            endpoints: endpoints::mounted(registry, loaded),
        };
        let asked = async move {
            asked.await;
            serving.drain();
        };
        http::serve(listener, ballast_api::endpoint(hub.clone(), options), server, asked).await;
        let (jobs, imports) = (hub.jobs_here(), hub.imports_here());
        drop(background);
        if let Err(error) = hub.leave_jobs(jobs).await {
            tracing::warn!(%error, "downloads wait until other nodes notice that this one is gone");
        }
        if let Err(error) = hub.leave_imports(imports).await {
            tracing::warn!(%error, "imports wait until other nodes notice that this one is gone");
        }
        if let Err(error) = hub.write_downloads().await {
            tracing::warn!(%error, "the last downloads were not counted");
        }
        if let Err(error) = hub.seal_audit().await {
            tracing::warn!(%error, "the last records of the audit log wait for the next start");
        }
        Ok(())
    };
    let outcome = served.await;
    plugins.stop().await;
    outcome
}

async fn listen(loaded: &Loaded) -> Result<TcpListener, Exit> {
    let listen = &loaded.config.server.listen;
    TcpListener::bind(listen).await.map_err(|error| {
        let key = "server.listen";
        Exit::failure(Problem::new(key, loaded.origins.of_key(key), format!("{listen}: {error}")))
    })
}

/// How many requests there may be, where there is a limit.
fn rate_limits(config: &HubConfig) -> Option<RateLimits> {
    let limits = &config.rate_limits;
    limits.are_on(&config.server.listen).then(|| RateLimits {
        window: Duration::from_secs(limits.window_seconds.into()),
        account: Most { api: limits.api, resolve: limits.resolve, pages: limits.pages },
        address: Most { api: limits.anonymous_api, resolve: limits.anonymous_resolve, pages: limits.anonymous_pages },
    })
}

/// Where a client on this machine, or else anywhere, reaches the hub.
fn endpoint(server: &ServerConfig, address: SocketAddr) -> String {
    match &server.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if address.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    }
}

fn welcome(first: &FirstStart, endpoint: &str) -> String {
    let (name, token, path) = (&first.administrator, first.token.expose(), first.path.display());
    format!(
        "This is a new hub. Its administrator is '{name}', whose token is kept in {path}.\n\
         Paste this to use the hub:\n\
         \n    export HF_ENDPOINT={endpoint}\
         \n    export HF_TOKEN={token}\
         \n    hf upload {name}/my-model ./my-model\n\n"
    )
}
