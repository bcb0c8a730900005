//! HTTP: the API behind a listener, until the hub is asked to end.
//!
//! The accept loop is our own, over hyper, because poem's has no limits. Here a connection costs little until it asks
//! for something, and there are so many of them at a time ([`Places`]).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballast_config::ServerConfig;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, RequestParts, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::connection::{Counted, Exchange, Pace, Watched};
use crate::files;
use crate::places::Places;
use crate::unread::Lent;

/// How long to wait where no further connection can be accepted, as when there are no file descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The most that is read before it is asked for, and so the longest headers of a request, in bytes.
const READ_AHEAD: usize = 128 * 1024;

/// The longest headers of a request over HTTP/2, in bytes.
const HEADERS: u32 = 64 * 1024;

/// Requests at one time on one connection over HTTP/2.
const STREAMS: u32 = 64;

/// What may come and go unasked on one connection over HTTP/2, in bytes.
const WINDOW: u32 = 256 * 1024;

/// Serves until `asked` ends, and then lets requests under way end within `server.drain_seconds`.
pub async fn serve<E>(listener: TcpListener, endpoint: E, config: &ServerConfig, asked: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let seconds = |count: u32| Duration::from_secs(count.into());
    let most = files::room_for_connections(config.max_connections);
    let places = Places::new(most as usize, seconds(config.header_seconds), seconds(config.idle_seconds));
    let (http, graceful) = (protocols(), GracefulShutdown::new());
    let endpoint = Arc::new(endpoint);
    let local = listener.local_addr().ok();
    let mut rhythm = interval(places.rhythm());
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);

    tokio::pin!(asked);
    loop {
        let accepted = tokio::select! {
            () = &mut asked => break,
            accepted = accept(&listener, &places) => accepted,
            _ = rhythm.tick() => {
                places.look();
                continue;
            }
        };
        let Some((stream, remote)) = accepted else { continue };
        let place = tokio::select! {
            () = &mut asked => break,
            place = places.take() => place,
        };
        let endpoint = Arc::clone(&endpoint);
        let addresses = [local.unwrap_or(remote), remote].map(Addr::SocketAddr);
        let pace = Arc::clone(&place.pace);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (endpoint, addresses, pace) = (Arc::clone(&endpoint), addresses.clone(), Arc::clone(&pace));
            async move { Ok::<_, Infallible>(answer(&*endpoint, request, addresses, pace).await) }
        });
        let stream = TokioIo::new(Counted::new(stream, Arc::clone(&place.pace)));
        let served = graceful.watch(http.serve_connection_with_upgrades(stream, service).into_owned());
        tokio::spawn(async move {
            tokio::select! {
                served = served => {
                    if let Err(error) = served {
                        tracing::debug!(%remote, error, "a connection ended badly");
                    }
                }
                () = place.pace.ended() => tracing::debug!(%remote, "a connection was ended: its client is too slow"),
            }
        });
    }
    drop(listener);
    if timeout(seconds(config.drain_seconds), graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way at the end of server.drain_seconds; they are cut off");
    }
}

/// HTTP/1.1 and HTTP/2, with a bound on everything that one connection can make the hub keep. Time is [`Places`]'
/// business, which sees connections that have not even said which of the two they speak.
fn protocols() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().header_read_timeout(None).max_buf_size(READ_AHEAD);
    http.http2()
        .max_header_list_size(HEADERS)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(WINDOW as usize);
    http
}

/// The next connection; none where accepting failed.
async fn accept(listener: &TcpListener, places: &Places) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, remote)) => {
            // Small answers go at once.
            let _ = stream.set_nodelay(true);
            Some((stream, remote))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection could be accepted");
            places.make_room();
            tokio::time::sleep(EXHAUSTED).await;
            None
        }
    }
}

/// What the API answers, with both bodies watched.
async fn answer<E: Endpoint<Output = Response>>(
    endpoint: &E,
    request: hyper::Request<Incoming>,
    [local, remote]: [Addr; 2],
    pace: Arc<Pace>,
) -> hyper::Response<Watched<BoxBody<bytes::Bytes, std::io::Error>>> {
    let exchange = Exchange::begin(pace);
    let (parts, body) = request.into_parts();
    let version = parts.version;
    let (body, rest) = Lent::of(body);
    let parts = RequestParts::from((parts, LocalAddr(local), RemoteAddr(remote), Scheme::HTTP));
    let body = Watched::coming(body, Arc::clone(&exchange)).map_err(std::io::Error::other);
    let mut response = endpoint.get_response(Request::from_parts(parts, BoxBody::new(body).into())).await;
    if !rest.read().await && version < Version::HTTP_2 {
        exchange.leaves_unread();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    hyper::Response::from(response).map(|body| Watched::going(body, exchange))
}
