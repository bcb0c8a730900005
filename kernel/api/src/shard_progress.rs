//! The answer to a shard of version 2 of the protocol: how the work on it goes, one JSON document per line, so that a
//! client that waits long hears that somebody is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballast_services::{Failure, Result};
use bytes::Bytes;
use futures::stream::unfold;
use poem::http::StatusCode;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::error::ApiError;

/// How often a client that waits for its shard is told that work goes on. It gives up after 20 seconds of silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

const CONTENT_TYPE: &str = "application/x-ndjson";

/// How the work on a shard goes. The work is done while this is read, and ends with its reader.
pub struct ShardProgress(Body);

impl ShardProgress {
    /// Of work on so many files, which counts those that it is done with.
    pub fn of<W>(total: usize, work: impl FnOnce(Arc<AtomicUsize>) -> W) -> Self
    where
        W: Future<Output = Result<bool>> + Send + 'static,
    {
        let verified = Arc::new(AtomicUsize::new(0));
        let work = Box::pin(work(verified.clone()));
        let going_on = move || {
            let verified = verified.load(Ordering::Relaxed);
            line(json!({ "type": "validating", "verified": verified, "total": total }))
        };
        // The status and a first line go out before any work is done.
        let lines = unfold(Some((work, going_on, true)), |state| async move {
            let (mut work, going_on, first) = state?;
            if first {
                return Some((going_on(), Some((work, going_on, false))));
            }
            match timeout(SIGN_OF_LIFE, &mut work).await {
                Err(_) => Some((going_on(), Some((work, going_on, false)))),
                Ok(Ok(_)) => Some((line(json!({ "type": "result" })), None)),
                Ok(Err(failure)) => Some((line(refusal(failure)), None)),
            }
        });
        Self(Body::from_bytes_stream(lines))
    }
}

fn refusal(failure: Failure) -> Value {
    let error = ApiError::from(failure);
    let retryable = error.status == StatusCode::SERVICE_UNAVAILABLE;
    json!({ "type": "error", "message": error.message, "retryable": retryable })
}

fn line(value: Value) -> std::io::Result<Bytes> {
    Ok(format!("{value}\n").into())
}

impl IntoResponse for ShardProgress {
    fn into_response(self) -> Response {
        Response::builder().content_type(CONTENT_TYPE).body(self.0)
    }
}

impl ApiResponse for ShardProgress {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let response = MetaResponse {
            description: "How it goes",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema }],
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}
