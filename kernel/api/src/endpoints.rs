//! Operations that plugins bring, below `/api/x/` and the instance's name. Here a request is read and an answer written;
//! who may ask what is decided by the verb.

mod described;

use std::sync::Arc;

use ballast_contract::endpoints::part::{METHODS, Operation, Part};
use ballast_contract::endpoints::{self as contract, HEADERS};
use ballast_contract::{Error, ErrorKind};
use ballast_services::Failure;
use ballast_types::RepoKind;
use bytes::Bytes;
use futures::StreamExt;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, RequestBody, Response};
use poem_openapi::OperationId;

use crate::call::OpenCall;
use crate::document::Table;
use crate::error::{Answer, ApiError};
use crate::extract::at_most;

pub use described::described;

/// An instance whose operations are reached over HTTP.
#[derive(Clone)]
pub struct Mounted {
    /// Its name in the configuration.
    pub instance: String,
    /// The plugin's id.
    pub plugin: String,
    /// What it brings; none where that cannot be known, and then all below its address is not available.
    pub part: Option<Arc<Part>>,
}

impl Mounted {
    /// Below which its operations are.
    fn prefix(&self) -> String {
        format!("/api/x/{}", self.instance)
    }

    /// What an operation is called in the deployment's document.
    fn operation_id(&self, operation: &Operation) -> String {
        format!("x_{}_{}", self.instance.replace('-', "_"), operation.id)
    }

    /// Adds its routes.
    pub(crate) fn add_to(&self, table: &mut Table) {
        let Some(part) = &self.part else { return self.add_absence_to(table) };
        for operation in part.operations() {
            let segment = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => format!(":{name}"),
                None => segment.to_owned(),
            };
            let path: Vec<String> = operation.path.split('/').map(segment).collect();
            let path = format!("{}{}", self.prefix(), path.join("/"));
            let Ok(method) = operation.method.to_ascii_uppercase().parse::<Method>() else { continue };
            let (instance, prefix) = (self.instance.clone(), self.prefix());
            // Made once for each operation of a configuration, and labels of metrics live as long as the process.
            let id = OperationId(self.operation_id(operation).leak());
            let operation = operation.clone();
            table.entry(path).or_default().insert(method, Operated { instance, prefix, id, operation }.boxed());
        }
    }

    fn add_absence_to(&self, table: &mut Table) {
        for path in [self.prefix(), format!("{}/*rest", self.prefix())] {
            for method in METHODS.iter().filter_map(|method| method.to_ascii_uppercase().parse::<Method>().ok()) {
                let absent = Absent { instance: self.instance.clone() }.boxed();
                table.entry(path.clone()).or_default().insert(method, absent);
            }
        }
    }
}

/// An instance that is not there.
struct Absent {
    instance: String,
}

impl Endpoint for Absent {
    type Output = Response;

    async fn call(&self, _: Request) -> poem::Result<Response> {
        let why = format!("endpoints.{} is not here", self.instance);
        Err(ApiError::from(Failure::Unavailable(Error::new(ErrorKind::Unavailable, "endpoints", why))).into())
    }
}

/// One operation of an instance.
struct Operated {
    instance: String,
    prefix: String,
    id: OperationId,
    operation: Operation,
}

impl Endpoint for Operated {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = self.answer(request).await.unwrap_or_else(IntoResponse::into_response);
        response.set_data(self.id);
        Ok(response)
    }
}

impl Operated {
    async fn answer(&self, request: Request) -> Answer<Response> {
        let (request, mut body) = request.split();
        let call = OpenCall::read(&request).await?;
        let asking = {
            let repository = self.repository(&request)?;
            call.hub.asking(&call.caller, &self.instance, &self.operation, repository).await?
        };
        let body = self.body(&request, &mut body).await?;
        let asked = self.read(&request, call.base.join(&self.prefix), body)?;
        let answered = asking.answer(asked).await?;
        Ok(written(answered, self.operation.method == "head"))
    }

    fn repository<'a>(&self, request: &'a Request) -> Answer<Option<(RepoKind, &'a str, &'a str)>> {
        if self.operation.right.is_none() {
            return Ok(None);
        }
        let named = |name| request.raw_path_param(name).unwrap_or_default();
        let kind = RepoKind::ALL.into_iter().find(|kind| kind.plural() == named("kinds"));
        let kind = kind.ok_or_else(|| ApiError::no_such_address(request.original_uri().path()))?;
        Ok(Some((kind, named("namespace"), named("name"))))
    }

    async fn body(&self, request: &Request, body: &mut RequestBody) -> Answer<Bytes> {
        match self.operation.body {
            Some(limit) => at_most(request, body, limit).await,
            None => Ok(Bytes::new()),
        }
    }

    fn read(&self, request: &Request, base: String, body: Bytes) -> Answer<contract::Request> {
        let unreadable = |error| ApiError::unreadable(vec!["query".to_owned()], &error);
        let parameters = self.operation.path.split('/').filter_map(|segment| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some((name.to_owned(), request.raw_path_param(name)?.to_owned()))
        });
        let wanted = HEADERS.into_iter().chain(self.operation.headers.iter().map(String::as_str));
        let values = |name: &str| {
            let all = request.headers().get_all(name).iter();
            all.map(|value| (name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect::<Vec<_>>()
        };
        Ok(contract::Request {
            operation: self.operation.id.clone(),
            parameters: parameters.collect(),
            query: request.params().map_err(unreadable)?,
            headers: wanted.flat_map(values).collect(),
            caller: None,
            repository: None,
            base,
            body,
        })
    }
}

/// About the connection, or what the hub says itself.
const OWN: [&str; 12] = [
    "connection",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "server",
    "set-cookie",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-request-id",
];

/// Pages of plugins run no scripts in the name of the hub's visitors, unless the plugin says otherwise.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox",
);

fn written(answered: contract::Response, bare: bool) -> Response {
    let contract::Response { status, headers, body } = answered;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let has_body = !bare && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body {
        Body::from_bytes_stream(body.map(|piece| piece.map_err(std::io::Error::other)))
    } else {
        Body::empty()
    };
    let mut response = Response::builder().status(status).body(body);
    let kept = |name: &str| {
        let cross_origin = name.starts_with("access-control-") || name.starts_with("ratelimit");
        !OWN.contains(&name) && !cross_origin && (name != "content-length" || status != StatusCode::NO_CONTENT)
    };
    for (name, value) in headers.into_iter().filter(|(name, _)| kept(name)) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    response
}
