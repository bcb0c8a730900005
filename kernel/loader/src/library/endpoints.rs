//! The endpoints of a library behind the contract's trait.

use async_trait::async_trait;
use ballast_contract::Result;
use ballast_contract::endpoints::message::{EndpointsCall, Head};
use ballast_contract::endpoints::{Endpoints, Request, Response};

use super::declared::Made;
use super::loaded::{Loaded, Steps, lives};
use super::messenger::Messenger;

const STEPS: Steps = Steps { start: "endpoints.start", health: "endpoints.health", stop: "endpoints.stop" };
const ANSWER: &str = "endpoints.answer";

/// The most headers of an answer, and the longest value.
const HEADERS: usize = 64;
const LONGEST: usize = 8 << 10;

/// The endpoints of a library.
pub(crate) struct LoadedEndpoints(Messenger);

impl LoadedEndpoints {
    pub(super) fn new(made: Made) -> std::result::Result<Self, String> {
        Ok(Self(Messenger::streaming(made, "endpoints", STEPS)?))
    }

    fn loaded(&self) -> &Loaded {
        &self.0.loaded
    }
}

lives!(LoadedEndpoints);

#[async_trait]
impl Endpoints for LoadedEndpoints {
    async fn answer(&self, request: Request) -> Result<Response> {
        let body = request.body.clone();
        let (head, mut body) = self.0.stream::<Head>(ANSWER, &EndpointsCall::Answer { request }, body).await?;
        let Head { status, headers } = head;
        match lawful(status, &headers) {
            Ok(length) => {
                length.into_iter().for_each(|length| body.promise(length));
                Ok(Response { status, headers, body: Box::pin(body) })
            }
            Err(how) => Err(self.0.loaded.of(ANSWER).misbehaved(how)),
        }
    }
}

/// Whether a head is one that can be sent; the length of the body, where it says one.
fn lawful(status: u16, headers: &[(String, String)]) -> std::result::Result<Option<u64>, String> {
    if !(200..=599).contains(&status) {
        return Err(format!("it answered with the status {status}, and may with 200 to 599"));
    }
    if headers.len() > HEADERS {
        return Err(format!("it answered with {} headers, and may with {HEADERS}", headers.len()));
    }
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let plain = |value: &str| value.len() <= LONGEST && value.chars().all(|c| c == '\t' || (' '..='~').contains(&c));
    let good = |name: &str, value: &str| !name.is_empty() && name.bytes().all(token) && plain(value);
    if let Some((name, _)) = headers.iter().find(|(name, value)| !good(name, value)) {
        return Err(format!("its header '{}' is none in lower case with plain text", name.escape_debug()));
    }
    let Some((_, length)) = headers.iter().find(|(name, _)| name == "content-length") else { return Ok(None) };
    length.parse().map(Some).map_err(|_| "its content-length is no number".to_owned())
}
