//! Answers of which a caller may ask for some fields only.

use std::collections::BTreeSet;

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::Value;

/// JSON of which only these top-level fields (and `id`) are sent; none sends all.
pub struct Selected<T> {
    pub value: T,
    pub fields: Option<BTreeSet<String>>,
    /// The `Link` header.
    pub next: Option<String>,
}

impl<T: ToJSON> IntoResponse for Selected<T> {
    fn into_response(self) -> Response {
        let mut json = self.value.to_json().unwrap_or(Value::Null);
        if let Some(fields) = &self.fields {
            match &mut json {
                Value::Array(items) => items.iter_mut().for_each(|item| keep(item, fields)),
                one => keep(one, fields),
            }
        }
        let mut response = poem::web::Json(json).into_response();
        if let Some(link) = self.next.and_then(|link| link.parse().ok()) {
            response.headers_mut().insert(poem::http::header::LINK, link);
        }
        response
    }
}

fn keep(item: &mut Value, fields: &BTreeSet<String>) {
    if let Value::Object(object) = item {
        object.retain(|name, _| matches!(name.as_str(), "id" | "_id") || fields.contains(name));
    }
}

impl<T: ToJSON + Type> ApiResponse for Selected<T> {
    fn meta() -> MetaResponses {
        let mut meta = Json::<T>::meta();
        if let Some(response) = meta.responses.first_mut() {
            response.headers.push(crate::document::header("Link", "The next page, as `<URL>; rel=\"next\"`"));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
