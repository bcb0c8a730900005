//! Answers to git-lfs: its own media type, its own form of errors, and a challenge where nobody is calling.

use ballast_services::Failure;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

use crate::error::{ApiError, ErrorDetail};
use crate::handlers::challenge;

const MEDIA: &str = "application/vnd.git-lfs+json";

/// The result of an LFS handler.
pub type LfsAnswer<T> = Result<LfsJson<T>, LfsError>;

/// A JSON answer of git-lfs' media type.
pub struct LfsJson<T>(pub T);

impl<T: ToJSON> IntoResponse for LfsJson<T> {
    fn into_response(self) -> Response {
        let body = self.0.to_json().unwrap_or_default().to_string();
        Response::builder().content_type(MEDIA).body(body)
    }
}

impl<T: ToJSON + Type> ApiResponse for LfsJson<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA, schema: T::schema_ref() }];
        let headers = vec![];
        let response = MetaResponse { description: "", status: Some(200), status_range: None, content, headers };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The same of something that was made: 201.
pub struct LfsCreated<T>(pub T);

impl<T: ToJSON> IntoResponse for LfsCreated<T> {
    fn into_response(self) -> Response {
        let mut response = LfsJson(self.0).into_response();
        response.set_status(StatusCode::CREATED);
        response
    }
}

impl<T: ToJSON + Type> ApiResponse for LfsCreated<T> {
    fn meta() -> MetaResponses {
        let mut meta = LfsJson::<T>::meta();
        meta.responses.iter_mut().for_each(|response| response.status = Some(201));
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A refusal that git-lfs understands: the same as everywhere, of its media type, with `message` in the body, and with
/// a challenge where a credential may help.
#[derive(Debug)]
pub struct LfsError(ApiError);

impl From<ApiError> for LfsError {
    fn from(error: ApiError) -> Self {
        let message = error.message.clone();
        let error = error.with("message", message.into());
        let error = error.with_header(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if error.status != StatusCode::UNAUTHORIZED {
            return Self(error);
        }
        let (name, value) = challenge();
        Self(error.with_header(name, value))
    }
}

impl From<Failure> for LfsError {
    fn from(failure: Failure) -> Self {
        ApiError::from(failure).into()
    }
}

impl From<LfsError> for poem::Error {
    fn from(error: LfsError) -> Self {
        error.0.into()
    }
}

/// What a refusal says to git-lfs.
#[derive(Object)]
#[oai(rename = "LfsError")]
pub struct LfsErrorBody {
    /// What went wrong, which thing it was, and where possible what to do next.
    pub message: String,
    /// The same, for everybody else.
    pub error: String,
    /// Of a request that could not be read: where, and why.
    pub detail: Option<Vec<ErrorDetail>>,
}

impl ApiResponse for LfsError {
    fn meta() -> MetaResponses {
        let mut meta = ApiError::meta();
        for response in &mut meta.responses {
            // An address that cannot be read is refused before it is known to be git-lfs', in the form of all others.
            response.content.insert(0, MetaMediaType { content_type: MEDIA, schema: LfsErrorBody::schema_ref() });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        ApiError::register(registry);
        LfsErrorBody::register(registry);
    }
}
