//! What endpoints are asked over the C tables: one JSON message with the request's body beside it, one answer with bytes
//! behind it. Keys may come to be known, and none goes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Endpoints, Request};
use crate::message::json;
use crate::{ByteStream, Result};

/// A call of [`Endpoints`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum EndpointsCall {
    /// Answered with a [`Head`], and the body behind it.
    Answer { request: Request },
}

/// A [`Response`](super::Response) without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub status: u16,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

impl EndpointsCall {
    /// Makes the call with the bytes that came beside it, and answers with the JSON of what it answers, and bytes.
    pub async fn answer(self, endpoints: &dyn Endpoints, body: Bytes) -> Result<(Vec<u8>, ByteStream)> {
        let Self::Answer { request } = self;
        let response = endpoints.answer(Request { body, ..request }).await?;
        let head = Head { status: response.status, headers: response.headers };
        Ok((json(&head)?, response.body))
    }
}
