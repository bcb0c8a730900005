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

/// The answers of an operation whose first one may say where the next page is.
pub fn with_link(mut meta: MetaResponses) -> MetaResponses {
    if let Some(response) = meta.responses.first_mut() {
        response.headers.push(crate::document::header("Link", "The next page, as `<URL>; rel=\"next\"`"));
    }
    meta
}

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
        with_link(Json::<Vec<T>>::meta())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The same, with `X-Total-Count` where it is known how many there are on all pages.
pub struct Counted<T> {
    page: Paged<T>,
    total: Option<u64>,
}

impl<T> Counted<T> {
    pub fn new(page: Paged<T>, total: Option<u64>) -> Self {
        Self { page, total }
    }
}

impl<T: Serialize + Send + Sync> IntoResponse for Counted<T> {
    fn into_response(self) -> Response {
        let mut response = self.page.into_response();
        if let Some(total) = self.total {
            response.headers_mut().insert("x-total-count", total.into());
        }
        response
    }
}

impl<T: Serialize + ToJSON + Type> ApiResponse for Counted<T> {
    fn meta() -> MetaResponses {
        let mut meta = Paged::<T>::meta();
        if let Some(response) = meta.responses.first_mut() {
            let about = "How many there are on all pages, with the first one; counted to 100,000";
            response.headers.push(crate::document::header("X-Total-Count", about));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// An object with a list in it, with `Link` where more follows.
pub struct PagedObject<T> {
    object: T,
    next: Option<String>,
}

impl<T> PagedObject<T> {
    /// Followed by what this `Link` leads to.
    pub fn new(object: T, next: Option<String>) -> Self {
        Self { object, next }
    }
}

impl<T: ToJSON + Send> IntoResponse for PagedObject<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.object).into_response();
        if let Some(link) = self.next.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

impl<T: ToJSON + Type> ApiResponse for PagedObject<T> {
    fn meta() -> MetaResponses {
        with_link(Json::<T>::meta())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
