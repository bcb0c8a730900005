//! The answer to bytes that came in.

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};

use crate::document;

/// They are here, and this is what the client names them by when it says that all are.
pub struct Received {
    /// Without quotes.
    pub etag: String,
}

impl IntoResponse for Received {
    fn into_response(self) -> Response {
        let mut response = Response::builder().finish();
        if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", self.etag.trim_matches('"'))) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

impl ApiResponse for Received {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "The bytes are here",
            status: Some(200),
            status_range: None,
            content: vec![],
            headers: vec![document::header("ETag", "What to name them by, in quotes")],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
