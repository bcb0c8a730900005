//! HTTP: what is served where.

use std::sync::Arc;
use std::time::Duration;

use ballast_config::ServerConfig;
use ballast_contract::Health;
use ballast_loader::Plugins;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::Json;
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler};

use crate::exit::Exit;

/// Serves until `asked` ends, and then lets requests under way end.
pub async fn serve(
    listener: std::net::TcpListener,
    plugins: Arc<Plugins>,
    config: &ServerConfig,
    asked: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Exit> {
    let acceptor = TcpAcceptor::from_std(listener).map_err(Exit::failure)?;
    let routes = Route::new().at("/healthz", get(healthz)).at("/readyz", get(readyz)).data(plugins);
    let drain = Duration::from_secs(config.drain_seconds.into());
    let server = Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(routes, asked, Some(drain));
    server.await.map_err(Exit::failure)
}

/// The program runs.
#[handler]
fn healthz() -> &'static str {
    "ok"
}

/// Whether every required instance does its work, and how each one is.
#[handler]
async fn readyz(plugins: poem::web::Data<&Arc<Plugins>>) -> Response {
    let states = plugins.states().await;
    let ready = !states.iter().any(|state| state.required && matches!(state.health, Health::Unavailable(_)));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Json(serde_json::json!({ "ready": ready, "plugins": states })).with_status(status).into_response()
}
