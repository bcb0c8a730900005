//! Answers to git: its own media types, refusals as text that it shows, and a challenge where nobody is calling.

use ballast_git::{Answer, Service};
use ballast_services::Failure;
use futures::StreamExt;
use poem::http::{StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

use crate::error::ApiError;
use crate::handlers::challenge;

/// The result of a handler for git.
pub type GitResult = Result<GitAnswer, GitError>;

/// What git is told.
pub struct GitAnswer(Response);

const MEDIA: [&str; 5] = [
    "application/x-git-upload-pack-advertisement",
    "application/x-git-receive-pack-advertisement",
    "application/x-git-upload-pack-result",
    "application/x-git-receive-pack-result",
    "text/plain",
];

impl GitAnswer {
    /// What a service says before it is asked.
    pub fn advertisement(service: Service, answer: Answer) -> Self {
        Self::streamed(format!("application/x-{}-advertisement", service.name()), answer)
    }

    /// What it answers.
    pub fn result(service: Service, answer: Answer) -> Self {
        Self::streamed(format!("application/x-{}-result", service.name()), answer)
    }

    /// A line of text.
    pub fn text(text: String) -> Self {
        Self::of("text/plain; charset=utf-8".to_owned(), Body::from_string(text))
    }

    fn streamed(media: String, answer: Answer) -> Self {
        Self::of(media, Body::from_bytes_stream(ballast_git::stream(answer).map(Ok::<_, std::io::Error>)))
    }

    fn of(media: String, body: Body) -> Self {
        // A proxy that keeps an answer keeps refs that have moved.
        Self(Response::builder().content_type(media).header(header::CACHE_CONTROL, "no-cache").body(body))
    }
}

impl IntoResponse for GitAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for GitAnswer {
    fn meta() -> MetaResponses {
        let media = |content_type| {
            let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
            MetaMediaType { content_type, schema: MetaSchemaRef::Inline(Box::new(schema)) }
        };
        let content = MEDIA.into_iter().map(media).collect();
        let response = MetaResponse {
            description: "pkt-lines, as git speaks them",
            status: Some(200),
            status_range: None,
            content,
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

/// A refusal that git shows to its user: the same as everywhere, as text.
#[derive(Debug)]
pub struct GitError(ApiError);

impl From<ApiError> for GitError {
    fn from(error: ApiError) -> Self {
        if error.status != StatusCode::UNAUTHORIZED {
            return Self(error);
        }
        let (name, value) = challenge();
        Self(error.with_header(name, value))
    }
}

impl From<Failure> for GitError {
    fn from(failure: Failure) -> Self {
        ApiError::from(failure).into()
    }
}

impl From<GitError> for poem::Error {
    fn from(error: GitError) -> Self {
        error.0.into_text()
    }
}

impl ApiResponse for GitError {
    fn meta() -> MetaResponses {
        let mut meta = ApiError::meta();
        for response in &mut meta.responses {
            // An address that cannot be read is refused before it is known to be git's, in the form of all others.
            let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
            response.content.insert(0, MetaMediaType { content_type: "text/plain", schema });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        ApiError::register(registry);
    }
}
