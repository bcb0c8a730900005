//! The outermost layer: request ids, one span and one log line per request, metrics, one spelling of addresses, CORS,
//! and the form of every refusal, whoever it came from.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use ballast_services::{Failure, Trace};
use futures::FutureExt;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::OperationId;
use poem_openapi::error::{ParseParamError, ParsePathError};
use tracing::Instrument;

use crate::call::{Alone, Shared};
use crate::cookie;
use crate::cors;
use crate::declined;
use crate::error::{ApiError, Moved};
use crate::limits::{self, Counted};
use crate::sourced::Sourced;
use crate::{address, peer, request_id};

/// Wraps the routes.
pub(crate) struct Frame<E> {
    routes: E,
    shared: Arc<Shared>,
}

impl<E> Frame<E> {
    pub fn new(routes: E, shared: Arc<Shared>) -> Self {
        Self { routes, shared }
    }
}

impl<E: Endpoint> Endpoint for Frame<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id::of(request.headers());
        let method = request.method().clone();
        let path = request.original_uri().path();
        let span = tracing::info_span!("request", %id, %method, path, route = tracing::field::Empty);
        let begun = Instant::now();
        let trace = Trace {
            request: id.as_str().into(),
            address: peer::of(&request),
            asked: format!("{method} {}", request.original_uri().path()).into(),
        };
        let mut response = trace.follow(self.answer(request).instrument(span.clone())).await;
        let route = response.data::<OperationId>().map_or("none", |operation| operation.0);
        span.record("route", route);
        span.in_scope(|| observe(&method, route, response.status(), begun));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

impl<E: Endpoint> Frame<E> {
    async fn answer(&self, mut request: Request) -> Response {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let origins = &self.shared.options.cors_origins;
        if cors::is_preflight(&request) {
            return cors::preflight(origins, origin.as_ref());
        }
        let asked = Asked::of(&request);
        match self.alone(&request).await {
            Some(address) => {
                set_path(&mut request, address);
                request.set_data(Alone);
            }
            None => rewrite(&mut request),
        }
        request.set_data(self.shared.clone());
        let counted = Counted::default();
        request.set_data(counted.clone());
        let sourced = Sourced::default();
        request.set_data(sourced.clone());
        // Who shows a credential is counted when it is known whose it is.
        let room = match asked.anonymous {
            true => limits::count(self.shared.limiter.as_ref(), &request, None),
            false => Ok(()),
        };
        let mut response = match room {
            Ok(()) => self.routed(request, &asked).await,
            Err(refusal) => refusal.into_response(),
        };
        if let Some(location) = response.data::<Moved>().and_then(|moved| moved_to(moved, &asked)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        counted.write(&mut response);
        sourced.write(&mut response);
        cors::allow(&mut response, origins, origin.as_ref());
        response
    }

    /// The address of what is asked for by a name that stands alone, which only another hub can have.
    async fn alone(&self, request: &Request) -> Option<String> {
        if !self.shared.hub.is_mirroring() {
            return None;
        }
        let path = request.original_uri().path();
        let alone = address::alone(request.method(), path).filter(|_| declined::why(path).is_none())?;
        // What could be a repository of a namespace here is one.
        let taken = alone.is_ambiguous && self.shared.hub.check_namespace(alone.name).await.is_ok();
        (!taken).then_some(alone.address)
    }

    async fn routed(&self, request: Request, asked: &Asked) -> Response {
        // A handler that panics has been logged by the panic hook; what it held is dropped, nothing is shared.
        match AssertUnwindSafe(self.routes.call(request)).catch_unwind().await {
            Ok(Ok(output)) => output.into_response(),
            Ok(Err(error)) => refused(error, asked),
            Err(_) => {
                let fault =
                    ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "api", "a handler panicked");
                ApiError::from(Failure::Broken(fault)).into_response()
            }
        }
    }
}

/// What is needed of a request after the routes have consumed it.
struct Asked {
    uri: Uri,
    anonymous: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let shown = request.headers().contains_key(header::AUTHORIZATION);
        let anonymous = !shown && cookie::read(request.headers()).is_none();
        Self { uri: request.original_uri().clone(), anonymous }
    }
}

/// Puts the one address of what is asked for in the place of the spelling that the client chose.
fn rewrite(request: &mut Request) {
    let path = address::canonical(request.uri().path()).into_owned();
    if path != request.uri().path() {
        set_path(request, path);
    }
}

/// Leaves the query as it is.
fn set_path(request: &mut Request, path: String) {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    // Made of what was a valid target before; where it is none after all, the routes will not know it.
    if let Ok(target) = PathAndQuery::try_from(target) {
        *request.uri_mut() = Uri::from(target);
    }
}

/// Gives refusals that do not come from a handler the form of those that do.
fn refused(error: poem::Error, asked: &Asked) -> Response {
    if error.is_from_response() {
        return with_operation(&error.data::<OperationId>().copied(), error.into_response());
    }
    if let Some(why) = declined::why(asked.uri.path()) {
        return ApiError::from(Failure::Unsupported(why.to_owned())).into_response();
    }
    let operation = error.data::<OperationId>().copied();
    with_operation(&operation, refusal(&error, asked).into_response())
}

fn with_operation(operation: &Option<OperationId>, mut response: Response) -> Response {
    if let Some(operation) = operation {
        response.set_data(*operation);
    }
    response
}

/// How the parser says that there is nothing to parse.
const NO_VALUE: &str = "expects an input value";

fn refusal(error: &poem::Error, asked: &Asked) -> ApiError {
    if error.is::<NotFoundError>() {
        return match address::single_segment_id(asked.uri.path()) {
            Some((kind, id)) => {
                Failure::RepositoryNotFound { kind, id: id.to_owned(), anonymous: asked.anonymous }.into()
            }
            None => ApiError::no_such_address(asked.uri.path()),
        };
    }
    if error.is::<MethodNotAllowedError>() {
        let message = format!("'{}' does not take this method; see /docs for what it takes", asked.uri.path());
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
    }
    if let Some(error) = error.downcast_ref::<ParsePathError>() {
        // The first segment of an address is one of three words: another one makes it another address.
        if error.reason.contains(crate::wire::UNKNOWN_KIND) {
            return ApiError::no_such_address(asked.uri.path());
        }
        // The router drops a segment that is not UTF-8, and the parser misses it.
        let why = match error.reason.contains(NO_VALUE) {
            true => "a segment is not UTF-8 when it is decoded",
            false => error.reason.as_str(),
        };
        return ApiError::unreadable(vec!["path".to_owned()], why);
    }
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        return ApiError::unreadable(vec!["query".to_owned(), error.name.to_owned()], &error.reason);
    }
    match error.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", error.to_string())
        }
        status if status.is_client_error() => ApiError::new(status, "BadRequest", error.to_string()),
        _ => {
            let fault = ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "api", error.to_string());
            Failure::Broken(fault).into()
        }
    }
}

/// Where the same thing is under the repository's present name: relative, which every client follows.
fn moved_to(moved: &Moved, asked: &Asked) -> Option<HeaderValue> {
    let path = replaced(asked.uri.path(), &format!("/{}", moved.from), &format!("/{}", moved.to));
    let location = match asked.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    HeaderValue::from_str(&location).ok()
}

/// A path with other segments in the place of the first of these, the last of which git may write with its suffix.
fn replaced(path: &str, from: &str, to: &str) -> String {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with('/');
    let is_whole = |at: &usize| {
        let rest = &path[at + from.len()..];
        ends(rest) || rest.strip_prefix(".git").is_some_and(ends)
    };
    match path.match_indices(from).map(|(at, _)| at).find(is_whole) {
        Some(at) => format!("{}{to}{}", &path[..at], &path[at + from.len()..]),
        None => path.to_owned(),
    }
}

fn observe(method: &Method, route: &'static str, status: StatusCode, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let code = status.as_str().to_owned();
    metrics::counter!("ballast_http_requests_total", "method" => method, "route" => route, "status" => code)
        .increment(1);
    metrics::histogram!("ballast_http_request_seconds", "method" => method, "route" => route).record(seconds);
    let milliseconds = (seconds * 1000.0).round() as u64;
    tracing::info!(status = status.as_u16(), milliseconds, "answered");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_repository_is_pointed_to_by_a_relative_location() {
        let moved = Moved {
            from: "acme/old".to_owned(),
            to: ballast_types::RepoId { namespace: "acme".parse().unwrap(), name: "new".parse().unwrap() },
        };
        let asked = |target: &str| Asked { uri: target.parse().unwrap(), anonymous: true };
        let location = moved_to(&moved, &asked("/api/models/acme/old/tree/main?expand=true")).unwrap();
        assert_eq!(location, "/api/models/acme/new/tree/main?expand=true");
        let location = moved_to(&moved, &asked("/acme/old/resolve/refs%2Fpr%2F1/a%20b")).unwrap();
        assert_eq!(location, "/acme/new/resolve/refs%2Fpr%2F1/a%20b");
        let location = moved_to(&moved, &asked("/datasets/acme/old.git/info/refs?service=git-upload-pack")).unwrap();
        assert_eq!(location, "/datasets/acme/new.git/info/refs?service=git-upload-pack");
        let alone = Moved { from: "mod".to_owned(), ..moved };
        let location = moved_to(&alone, &asked("/api/models/mod/tree/mod")).unwrap();
        assert_eq!(location, "/api/models/acme/new/tree/mod", "whole segments, and the first");
    }
}
