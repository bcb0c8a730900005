//! Lists, with the way to their next page.

use ballast_types::CommitId;
use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use crate::wire::written;

/// A JSON array, with `Link` where more follows and `X-Repo-Commit` where it shows a revision.
pub struct Paged<T> {
    items: Vec<T>,
    commit: Option<CommitId>,
    next: Option<String>,
}

impl<T> Paged<T> {
    pub fn new(items: Vec<T>) -> Self {
        Self { items, commit: None, next: None }
    }

    /// Shown at this commit.
    pub fn at(self, commit: CommitId) -> Self {
        Self { commit: Some(commit), ..self }
    }

    /// Followed by what this `Link` leads to.
    pub fn followed_by(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}

impl<T: Serialize + Send + Sync> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut response = written(&self.items);
        if let Some(link) = self.next.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        if let Some(commit) = self.commit.and_then(|commit| HeaderValue::try_from(commit.to_string()).ok()) {
            response.headers_mut().insert("x-repo-commit", commit);
        }
        response
    }
}

impl<T: Serialize + ToJSON + Type> ApiResponse for Paged<T> {
    fn meta() -> MetaResponses {
        let mut meta = Json::<Vec<T>>::meta();
        if let Some(response) = meta.responses.first_mut() {
            response.headers.push(crate::document::header("Link", "The next page, as `<URL>; rel=\"next\"`"));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
