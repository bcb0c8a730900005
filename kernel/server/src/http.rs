//! HTTP: the API behind a listener, until the hub is asked to end.

use std::sync::Arc;
use std::time::Duration;

use ballast_api::ApiOptions;
use ballast_config::ServerConfig;
use ballast_services::Hub;
use poem::Server;
use poem::listener::TcpAcceptor;

use crate::exit::Exit;
use crate::status::Serving;

/// Serves until `asked` ends, and then lets requests under way end within `server.drain_seconds`.
pub async fn serve(
    listener: std::net::TcpListener,
    hub: Hub,
    serving: Arc<Serving>,
    config: &ServerConfig,
    asked: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Exit> {
    let acceptor = TcpAcceptor::from_std(listener).map_err(Exit::failure)?;
    let options = ApiOptions {
        public_url: config.public_url.clone(),
        cors_origins: config.cors_origins.clone(),
        status: serving.clone(),
    };
    let asked = async move {
        asked.await;
        serving.drain();
    };
    let seconds = |count: u32| Duration::from_secs(count.into());
    Server::new_with_acceptor(acceptor)
        .idle_timeout(seconds(config.idle_seconds))
        .run_with_graceful_shutdown(ballast_api::endpoint(hub, options), asked, Some(seconds(config.drain_seconds)))
        .await
        .map_err(Exit::failure)
}
