//! Answers of which a caller may ask for some fields only.

use std::collections::BTreeSet;

use ballast_contract::{Error, ErrorKind};
use ballast_services::Failure;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::paged::with_link;

/// The memory that a list begins with, in bytes: most fit.
const LIST: usize = 4096;

/// JSON of which only these top-level fields (and `id`) are sent; none sends all.
pub struct Selected<T> {
    pub value: T,
    pub fields: Option<BTreeSet<String>>,
    /// The `Link` header.
    pub next: Option<String>,
}

/// A value as JSON, written at once: the document's own `to_json` would make a tree of it first, which costs a list
/// more than everything else does.
pub fn written(value: &impl Serialize) -> Response {
    let mut json = Vec::with_capacity(LIST);
    match serde_json::to_writer(&mut json, value) {
        Ok(()) => Response::builder().content_type("application/json; charset=utf-8").body(json),
        // What is written here has no map whose keys are not text, and no other way to fail.
        Err(error) => {
            let fault = Error::new(ErrorKind::Internal, "api.write", "an answer cannot be said in JSON");
            ApiError::from(Failure::Broken(fault.with_source(error))).into_response()
        }
    }
}

impl<T: Serialize + Send + Sync> IntoResponse for Selected<T> {
    fn into_response(self) -> Response {
        let mut response = match &self.fields {
            None => written(&self.value),
            Some(fields) => written(&selected(&self.value, fields)),
        };
        if let Some(link) = self.next.and_then(|link| link.parse().ok()) {
            response.headers_mut().insert(poem::http::header::LINK, link);
        }
        response
    }
}

fn selected(value: &impl Serialize, fields: &BTreeSet<String>) -> Value {
    let mut json = serde_json::to_value(value).unwrap_or(Value::Null);
    match &mut json {
        Value::Array(items) => items.iter_mut().for_each(|item| keep(item, fields)),
        one => keep(one, fields),
    }
    json
}

fn keep(item: &mut Value, fields: &BTreeSet<String>) {
    if let Value::Object(object) = item {
        object.retain(|name, _| matches!(name.as_str(), "id" | "_id") || fields.contains(name));
    }
}

impl<T: Serialize + ToJSON + Type> ApiResponse for Selected<T> {
    fn meta() -> MetaResponses {
        with_link(Json::<T>::meta())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::commit::{FormattedText, HistoryUser};
    use crate::wire::tree::{LastCommit, TreeItemKind};
    use crate::wire::{HistoryItem, LfsFile, RepositoryView, Sibling, TreeItem};

    fn said_twice(value: &(impl Serialize + ToJSON)) {
        assert_eq!(serde_json::to_value(value).ok(), value.to_json());
    }

    fn large() -> LfsFile {
        LfsFile { oid: "a".to_owned(), sha256: "a".to_owned(), size: 1, pointer_size: 2 }
    }

    #[test]
    fn what_is_written_is_what_the_document_says() {
        let text = || "x".to_owned();
        let last_commit = LastCommit { id: text(), title: text(), date: text() };
        let (path, oid) = (text(), text());
        let item = TreeItem {
            kind: TreeItemKind::Submodule,
            path,
            size: 3,
            oid,
            lfs: Some(large()),
            xet_hash: Some(text()),
            last_commit: Some(last_commit),
            last_modified: Some(text()),
        };
        said_twice(&item);
        said_twice(&TreeItem { lfs: None, xet_hash: None, last_commit: None, last_modified: None, ..item });

        let sibling = Sibling { rfilename: text(), size: Some(4), blob_id: Some(text()), lfs: Some(large()) };
        let bare = Sibling { rfilename: text(), size: None, blob_id: None, lfs: None };
        said_twice(&RepositoryView {
            model_id: Some(text()),
            sha: Some(text()),
            gated: Value::Bool(false),
            tags: vec![text()],
            card_data: Some(serde_json::json!({"license": "mit"})),
            pipeline_tag: Some(text()),
            library_name: Some(text()),
            siblings: Some(vec![sibling, bare]),
            used_storage: Some(5),
            sdk: Some(text()),
            ..RepositoryView::default()
        });
        said_twice(&RepositoryView::default());

        let (id, title, message, date) = (text(), text(), text(), text());
        let formatted = Some(FormattedText { title: text(), message: text() });
        let commit = HistoryItem { id, title, message, date, authors: vec![HistoryUser { user: text() }], formatted };
        said_twice(&commit);
        said_twice(&HistoryItem { formatted: None, ..commit });
    }
}
