//! HTTP: the API behind a listener, until the hub is asked to end.
//!
//! The accept loop is our own, over hyper, because poem's has no limits: here a client has so long to send its headers,
//! so long to stand still, and there are so many of them at a time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast_config::ServerConfig;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::Connection;

/// How long to wait where no further connection can be accepted, as when there are no file descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves until `asked` ends, and then lets requests under way end within `server.drain_seconds`.
pub async fn serve<E>(listener: TcpListener, endpoint: E, config: &ServerConfig, asked: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let seconds = |count: u32| Duration::from_secs(count.into());
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(seconds(config.header_seconds));
    http.http2().timer(TokioTimer::new()).keep_alive_interval(seconds(config.idle_seconds));
    let places = Arc::new(Semaphore::new(config.max_connections as usize));
    let (endpoint, graceful) = (Arc::new(endpoint), GracefulShutdown::new());
    let local = listener.local_addr().ok();

    tokio::pin!(asked);
    loop {
        let (place, stream, remote) = tokio::select! {
            () = &mut asked => break,
            Some(accepted) = accept(&listener, &places) => accepted,
        };
        let endpoint = Arc::clone(&endpoint);
        let addresses = [local.unwrap_or(remote), remote].map(Addr::SocketAddr);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (endpoint, [local, remote]) = (Arc::clone(&endpoint), addresses.clone());
            let request = Request::from((request, LocalAddr(local), RemoteAddr(remote), Scheme::HTTP));
            async move { Ok::<hyper::Response<_>, Infallible>(endpoint.get_response(request).await.into()) }
        });
        let stream = TokioIo::new(Connection::new(stream, seconds(config.idle_seconds)));
        let served = graceful.watch(http.serve_connection_with_upgrades(stream, service).into_owned());
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%remote, error, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(seconds(config.drain_seconds), graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way at the end of server.drain_seconds; they are cut off");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is a place for it; none where accepting failed.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(Place, TcpStream, SocketAddr)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, remote)) => {
            // Small answers go at once.
            let _ = stream.set_nodelay(true);
            Some((place, stream, remote))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection could be accepted");
            tokio::time::sleep(EXHAUSTED).await;
            None
        }
    }
}
