//! HTTP operations that answer what they were asked, and some that misbehave.

use std::time::Duration;

use ballast_sdk::bytes::Bytes;
use ballast_sdk::endpoints::{Endpoints, Request, Response};
use ballast_sdk::futures::{StreamExt, stream};
use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::serde_json::json;
use ballast_sdk::{Component, Error, ErrorKind, Result, Slots, async_trait, schemars};
use serde::Deserialize;

/// The keys: none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnsweringConfig {}

struct Answering;

fn open(_: AnsweringConfig, _: Slots) -> Result<Answering> {
    Ok(Answering)
}

impl Component for Answering {}

const PIECE: usize = 1 << 20;

#[async_trait]
impl Endpoints for Answering {
    async fn answer(&self, request: Request) -> Result<Response> {
        match request.operation.as_str() {
            "tell" | "tell_somebody" | "tell_administrator" | "change" | "tell_of" | "write_of" => told(&request),
            "echo" => Ok(Response::new(200, "application/octet-stream", request.body)),
            "long" => Ok(long(request.parameter("pieces")?.parse().unwrap_or(1))),
            "page" => Ok(page()),
            "fail" => fail(request.parameter("how")?).await,
            other => Err(Error::new(ErrorKind::Unsupported, "answering", other)),
        }
    }
}

/// What came.
fn told(request: &Request) -> Result<Response> {
    Response::json(200, &json!({ "request": request, "body": request.body.len() }))
}

fn long(pieces: usize) -> Response {
    let body = stream::iter(0..pieces).map(|at| Ok(Bytes::from(vec![at as u8; PIECE]))).boxed();
    Response { status: 200, headers: vec![("content-type".to_owned(), "application/octet-stream".to_owned())], body }
}

/// With headers that are none of its business.
fn page() -> Response {
    let response = Response::new(200, "text/html", "<script>alert(1)</script>");
    let response = response.with_header("set-cookie", "ballast_session=stolen").with_header("x-of", "answering");
    response.with_header("x-request-id", "mine").with_header("access-control-allow-origin", "*")
}

async fn fail(how: &str) -> Result<Response> {
    let some = || stream::iter([Ok(Bytes::from_static(b"some"))]);
    let streamed = |headers: &[(&str, &str)], body| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Response { status: 200, headers, body })
    };
    match how {
        "panic" => panic!("on purpose"),
        "never" => std::future::pending().await,
        "block" => {
            std::thread::sleep(Duration::from_millis(1));
            Ok(Response::empty(204))
        }
        "missing" => Err(Error::new(ErrorKind::NotFound, "answering", "there is no such thing")),
        "denied" => Err(Error::new(ErrorKind::Denied, "answering", "not today")),
        "internal" => Err(Error::new(ErrorKind::Internal, "answering", "the secret of the inside")),
        "status" => Ok(Response::empty(99)),
        "header" => Ok(Response::empty(200).with_header("X-Bad\n", "1")),
        "short" => streamed(&[("content-length", "10")], some().boxed()),
        "more" => streamed(&[("content-length", "2")], some().boxed()),
        "half" => streamed(&[], some().chain(stream::once(async { panic!("on purpose, half way") })).boxed()),
        "stalled" => streamed(&[], some().chain(stream::pending()).boxed()),
        other => Err(Error::new(ErrorKind::Invalid, "answering", format!("how: {other}"))),
    }
}

ballast_sdk::export_plugin! {
    id: "endpoints.answering",
    about: "Answers what it is asked",
    config: AnsweringConfig = "config.schema.json",
    endpoints: open,
    openapi: "openapi.json",
}
