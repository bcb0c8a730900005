//! The one table that turns a failure into a status, `X-Error-Code` and `X-Error-Message`.

use ballast_contract::ErrorKind;
use ballast_services::Failure;
use ballast_types::{CommitId, RepoId};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Map, Value, json};

/// The result of a handler.
pub type Answer<T> = Result<T, ApiError>;

/// What every refusal says in its body.
#[derive(Object)]
#[oai(rename = "Error")]
pub struct ErrorBody {
    /// What went wrong, which thing it was, and where possible what to do next.
    pub error: String,
    /// Of a request that could not be read: where, and why.
    pub detail: Option<Vec<ErrorDetail>>,
    /// Of a merge or revert: paths that both sides changed, at most a thousand.
    pub conflicts: Option<Vec<String>>,
}

/// One thing that is wrong with a request.
#[derive(Object)]
pub struct ErrorDetail {
    /// The way to it: `body`, `query` or `path`, then names and numbers.
    pub loc: Vec<String>,
    pub msg: String,
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    more: Box<More>,
}

/// What only some refusals say.
#[derive(Debug, Default)]
struct More {
    /// `X-Repo-Commit`: clients remember that this commit does not have the file.
    commit: Option<CommitId>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What the body holds besides `error`.
    fields: Map<String, Value>,
    moved: Option<Moved>,
}

/// A repository's former name, as written, and its present one: what a redirect is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub from: String,
    pub to: RepoId,
}

/// Says, without a fault being visible from outside, that there was one.
const BROKEN: &str = "Something went wrong in the hub itself; its log has the cause under this request's id";

/// For whoever cannot do anything about it but tell.
const NO_ROOM: &str = "The hub's disk is full, so nothing was stored; reading goes on. Tell whoever runs the hub, and \
                       send the same request again when there is room";

/// Which object it is stands in the log: its key is nothing that a client is told.
const DAMAGED: &str = "What the hub has stored for this is damaged, and damaged bytes are not sent: upload the same file \
                       again to put it right, or tell whoever runs the hub (`ballast storage verify` says what is damaged)";

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message, more: Box::default() }
    }

    /// A request that cannot be read, with the way to what is wrong with it.
    pub fn unreadable(loc: Vec<String>, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        let message = format!("{}: {why}", loc.join("."));
        let detail = json!([{ "loc": loc, "msg": why }]);
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message).with("detail", detail)
    }

    /// An address at which there is nothing.
    pub fn no_such_address(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("There is nothing at '{path}'; see /docs for what there is"),
        )
    }

    /// The same refusal with another status.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same refusal with one more field in its body.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.more.fields.insert(field.to_owned(), value);
        self
    }

    /// A header that it carries.
    pub fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.more.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The same refusal with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.headers.push((name, value));
        self
    }
}

/// What somebody is told of a failure who does not hear it by HTTP; the hub's own faults are logged, as everywhere.
pub fn told(failure: Failure) -> String {
    ApiError::from(failure).message
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let (status, code) = status_and_code(&failure);
        let mut error = Self::new(status, code, failure.to_string());
        if let Some(seconds) = failure.retry_after() {
            error.more.headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        match failure {
            Failure::EntryNotFound { commit, .. } | Failure::Purged { commit, .. } | Failure::Pruned { commit, .. } => {
                error.more.commit = Some(commit);
            }
            Failure::MergeConflict { paths, .. } => error = error.with("conflicts", json!(paths)),
            Failure::RepoFormat { .. } => error = error.with("details", json!("Expected owner/name")),
            Failure::Remote(cause) => tracing::info!(%cause, "a remote hub did not do what it was asked"),
            Failure::PluginFault { instance, cause } => tracing::error!(instance, %cause, "a plugin failed"),
            Failure::RepositoryMoved { from, to, .. } => error.more.moved = Some(Moved { from, to }),
            Failure::Unavailable(cause) => {
                tracing::warn!(%cause, "not available");
                error.message = "The hub cannot do this now; the same request may work in a moment".to_owned();
                error.more.headers.push((header::RETRY_AFTER, HeaderValue::from_static("5")));
            }
            // Without Retry-After: clients try 503 again at once and 507 not, and waiting makes no room.
            Failure::NoRoom(cause) => {
                tracing::error!(%cause, "no room");
                error.message = NO_ROOM.to_owned();
            }
            Failure::Damaged(cause) => {
                tracing::error!(%cause, "damaged");
                error.message = DAMAGED.to_owned();
            }
            Failure::Broken(cause) => {
                tracing::error!(%cause, "fault");
                error.message = BROKEN.to_owned();
            }
            _ => {}
        }
        error
    }
}

/// The table.
fn status_and_code(failure: &Failure) -> (StatusCode, &'static str) {
    use Failure::*;
    match failure {
        RepositoryNotFound { anonymous: true, .. } => (StatusCode::UNAUTHORIZED, "RepoNotFound"),
        RepositoryNotFound { anonymous: false, .. } => (StatusCode::NOT_FOUND, "RepoNotFound"),
        RepositoryMoved { .. } => (StatusCode::TEMPORARY_REDIRECT, "RepoMoved"),
        RepositoryExists { .. } => (StatusCode::CONFLICT, "RepoExists"),
        RevisionNotFound { .. } | RefNotFound { .. } => (StatusCode::NOT_FOUND, "RevisionNotFound"),
        // Purged, too: at any other status clients speak of a lost connection.
        EntryNotFound { .. } | PathMissing(_) | Purged { .. } => (StatusCode::NOT_FOUND, "EntryNotFound"),
        Pruned { .. } => (StatusCode::GONE, "EntryPruned"),
        BranchMoved => (StatusCode::PRECONDITION_FAILED, "BranchMoved"),
        MergeConflict { .. } => (StatusCode::CONFLICT, "MergeConflict"),
        RefExists { .. } => (StatusCode::CONFLICT, "RefExists"),
        ObjectNotFound { .. } => (StatusCode::NOT_FOUND, "ObjectNotFound"),
        // With 403 a client that says "exist_ok" goes on to look whether the repository is there.
        NamespaceNotFound { .. } => (StatusCode::FORBIDDEN, "NamespaceNotFound"),
        Gated { anonymous: true, .. } => (StatusCode::UNAUTHORIZED, "GatedRepo"),
        Gated { anonymous: false, .. } => (StatusCode::FORBIDDEN, "GatedRepo"),
        BadCredential | WrongPassword | CredentialRequired => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "TooManyAttempts"),
        Forbidden(_) => (StatusCode::FORBIDDEN, "Forbidden"),
        OverQuota(_) => (StatusCode::PAYLOAD_TOO_LARGE, "QuotaExceeded"),
        TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge"),
        NoRoomThere(_) => (StatusCode::BAD_REQUEST, "QuotaExceeded"),
        Invalid(_) | RepoFormat { .. } => (StatusCode::BAD_REQUEST, "BadRequest"),
        Remote(cause) => of_remote(cause.kind),
        PluginFault { .. } => (StatusCode::BAD_GATEWAY, "PluginFault"),
        Interrupted(_) => (StatusCode::BAD_REQUEST, "Interrupted"),
        Conflict(_) => (StatusCode::CONFLICT, "Conflict"),
        NotFound(_) => (StatusCode::NOT_FOUND, "NotFound"),
        Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage"),
        Damaged(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Damaged"),
        Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    }
}

/// What another hub said, told apart; its own refusals are nothing that the caller's credential here could change.
fn of_remote(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "RemoteNotFound"),
        ErrorKind::Denied | ErrorKind::Unauthenticated => (StatusCode::FORBIDDEN, "RemoteForbidden"),
        ErrorKind::OverLimit => (StatusCode::TOO_MANY_REQUESTS, "RemoteTooManyRequests"),
        ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        ErrorKind::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage"),
        ErrorKind::Unavailable => (StatusCode::GATEWAY_TIMEOUT, "RemoteUnavailable"),
        _ => (StatusCode::BAD_GATEWAY, "RemoteFault"),
    }
}

/// One line of ASCII, as a header must be.
fn header_text(message: &str) -> HeaderValue {
    let line: String = message.chars().take(1000).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
    HeaderValue::from_str(&line).unwrap_or_else(|_| HeaderValue::from_static("see the body"))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let More { commit, headers, fields: mut body, moved } = *self.more;
        body.insert("error".to_owned(), Value::String(self.message.clone()));
        let mut response = Response::builder()
            .status(self.status)
            .content_type("application/json; charset=utf-8")
            .header("x-error-code", self.code)
            .header("x-error-message", header_text(&self.message))
            .body(Value::Object(body).to_string());
        if let Some(commit) = commit {
            response.headers_mut().insert("x-repo-commit", header_text(&commit.to_string()));
        }
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        if let Some(moved) = moved {
            response.set_data(moved);
        }
        response
    }
}

impl From<ApiError> for poem::Error {
    fn from(error: ApiError) -> Self {
        let moved = error.more.moved.clone();
        carrying(moved, error.into_response())
    }
}

/// What an error carries takes the place of what its response does.
fn carrying(moved: Option<Moved>, response: Response) -> poem::Error {
    let mut error = poem::Error::from_response(response);
    if let Some(moved) = moved {
        error.set_data(moved);
    }
    error
}

impl ApiError {
    /// The same refusal, whose body is a line of text.
    pub fn into_text(self) -> poem::Error {
        let (moved, text) = (self.more.moved.clone(), format!("{}\n", self.message));
        let mut response = self.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.set_body(text);
        carrying(moved, response)
    }
}

/// The refusals that any operation may answer with.
const REFUSALS: &[(u16, &str)] = &[
    (307, "The repository has another name now; `Location` is the same under that"),
    (400, "The request cannot be read, or makes no sense"),
    (401, "A valid credential is needed; also for a repository that an anonymous caller cannot see"),
    (403, "The caller may not do this"),
    (404, "There is no such thing, or the caller may not know of it"),
    (409, "The request contradicts what is there"),
    (412, "The branch moved since the caller looked"),
    (413, "Too large, or no room left in the quota"),
    (415, "A media type or an encoding of the body that is not taken here"),
    (422, "Of paths-info: the form cannot be read"),
    (429, "Too many requests or failed logins; `Retry-After` says when to try again"),
    (500, "A fault of the hub's own"),
    (501, "This deployment does not do that"),
    (503, "Not now; the same request may work later"),
    (507, "The hub's disk is full"),
];

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let header = |name: &str, description: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let response = |&(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: ErrorBody::schema_ref() }],
            headers: vec![
                header("X-Error-Code", "A word for programs: RepoNotFound, RevisionNotFound, EntryNotFound and so on"),
                header("X-Error-Message", "The error in one line of ASCII"),
            ],
        };
        MetaResponses { responses: REFUSALS.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use ballast_contract::{Error, ErrorKind};
    use ballast_types::{RefName, RepoKind, Revision, Sha256};

    use super::*;

    fn every_failure() -> Vec<(Failure, u16, &'static str)> {
        let id = || RepoId { namespace: "a".parse().unwrap(), name: "b".parse().unwrap() };
        let absent = |anonymous| Failure::RepositoryNotFound { kind: RepoKind::Model, id: "a/b".to_owned(), anonymous };
        let name = || RefName::branch("x").unwrap();
        let fault = |kind| Error::new(kind, "storage.read", "disk 7 is on fire");
        let (revision, commit) = (Revision::main(), CommitId([1; 20]));
        let (kind, from) = (RepoKind::Model, "a/old".to_owned());
        vec![
            (absent(true), 401, "RepoNotFound"),
            (absent(false), 404, "RepoNotFound"),
            (Failure::RepositoryMoved { kind, from, to: id() }, 307, "RepoMoved"),
            (Failure::RepositoryExists { kind, id: id() }, 409, "RepoExists"),
            (Failure::RevisionNotFound { revision }, 404, "RevisionNotFound"),
            (Failure::EntryNotFound { path: "p".to_owned(), commit }, 404, "EntryNotFound"),
            (Failure::PathMissing(String::from("x")), 404, "EntryNotFound"),
            (Failure::Purged { path: "p".to_owned(), commit }, 404, "EntryNotFound"),
            (Failure::Pruned { path: "p".to_owned(), commit }, 410, "EntryPruned"),
            (Failure::BranchMoved, 412, "BranchMoved"),
            (Failure::MergeConflict { what: "w".to_owned(), paths: vec![] }, 409, "MergeConflict"),
            (Failure::RefExists { name: name() }, 409, "RefExists"),
            (Failure::RefNotFound { name: name() }, 404, "RevisionNotFound"),
            (Failure::ObjectNotFound { sha256: Sha256([1; 32]) }, 404, "ObjectNotFound"),
            (Failure::NamespaceNotFound { namespace: "n".to_owned() }, 403, "NamespaceNotFound"),
            (Failure::Gated { kind, id: id(), anonymous: true }, 401, "GatedRepo"),
            (Failure::Gated { kind, id: id(), anonymous: false }, 403, "GatedRepo"),
            (Failure::BadCredential, 401, "Unauthorized"),
            (Failure::WrongPassword, 401, "Unauthorized"),
            (Failure::TooManyAttempts { wait: std::time::Duration::from_secs(9) }, 429, "TooManyAttempts"),
            (Failure::CredentialRequired, 401, "Unauthorized"),
            (Failure::Forbidden("no".to_owned()), 403, "Forbidden"),
            (Failure::OverQuota("full".to_owned()), 413, "QuotaExceeded"),
            (Failure::NoRoomThere("full".to_owned()), 400, "QuotaExceeded"),
            (Failure::Invalid("odd".to_owned()), 400, "BadRequest"),
            (Failure::TooLarge("big".to_owned()), 413, "TooLarge"),
            (Failure::Conflict("c".to_owned()), 409, "Conflict"),
            (Failure::NotFound("n".to_owned()), 404, "NotFound"),
            (Failure::Unsupported("u".to_owned()), 501, "NotImplemented"),
            (Failure::Interrupted("i".to_owned()), 400, "Interrupted"),
            (
                Failure::PluginFault { instance: "reports".to_owned(), cause: fault(ErrorKind::Internal) },
                502,
                "PluginFault",
            ),
            (Failure::Unavailable(fault(ErrorKind::Unavailable)), 503, "Unavailable"),
            (Failure::NoRoom(fault(ErrorKind::NoRoom)), 507, "InsufficientStorage"),
            (Failure::Damaged(fault(ErrorKind::Corrupt)), 500, "Damaged"),
            (Failure::Broken(fault(ErrorKind::Internal)), 500, "InternalError"),
        ]
    }

    #[test]
    fn every_failure_has_its_status_and_code() {
        for (failure, status, code) in every_failure() {
            let response = ApiError::from(failure).into_response();
            assert_eq!(response.status().as_u16(), status, "{code}");
            assert_eq!(response.header("x-error-code"), Some(code));
            assert!(response.header("x-error-message").is_some_and(|text| !text.is_empty()));
        }
    }

    #[test]
    fn a_fault_of_the_hub_says_nothing_of_its_inside() {
        let response = ApiError::from(Failure::Broken(Error::new(ErrorKind::Internal, "x", "disk 7"))).into_response();
        assert!(!response.header("x-error-message").unwrap().contains("disk"));
    }

    #[test]
    fn a_message_with_any_character_fits_into_a_header() {
        let response = ApiError::from(Failure::Invalid("über\r\nX-Evil: 1\u{7f}".to_owned())).into_response();
        assert_eq!(response.header("x-error-message"), Some("?ber??X-Evil: 1?"));
    }

    #[test]
    fn who_is_to_wait_is_told_how_long() {
        let failure = Failure::TooManyAttempts { wait: std::time::Duration::from_millis(8_200) };
        assert_eq!(ApiError::from(failure).into_response().header("retry-after"), Some("9"));
    }

    #[test]
    fn a_missing_file_names_the_commit_that_lacks_it() {
        let failure = Failure::EntryNotFound { path: "p".to_owned(), commit: CommitId([0xab; 20]) };
        let response = ApiError::from(failure).into_response();
        assert_eq!(response.header("x-repo-commit"), Some("ab".repeat(20).as_str()));
    }
}
