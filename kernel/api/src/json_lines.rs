//! A log as lines of JSON, written as it is read.

use ballast_services::Failure;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

/// `application/x-ndjson` of any length: a document a line.
pub struct JsonLines(Body);

impl JsonLines {
    /// Each piece is some whole lines.
    pub fn new(pieces: impl Stream<Item = Result<String, Failure>> + Send + 'static) -> Self {
        Self(Body::from_bytes_stream(pieces.map_ok(Bytes::from).map_err(std::io::Error::other)))
    }
}

impl IntoResponse for JsonLines {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/x-ndjson").body(self.0)
    }
}

impl ApiResponse for JsonLines {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: "application/x-ndjson", schema }];
        let description = "A JSON document a line";
        let response = MetaResponse { description, status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
