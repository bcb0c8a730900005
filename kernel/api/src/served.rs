//! A file as an answer: whole, a part of it, nothing because the client has it, or the way to it.

use ballast_services::{Failure, ResolvedFile};
use ballast_types::ByteRange;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

use crate::error::Answer;
use crate::range::{Selection, is_known, is_unchanged, select};
use crate::{content_type, delivery, document};

/// What a request asks of a file.
pub struct Wanted {
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

impl Wanted {
    pub fn of(request: &Request) -> Self {
        let text = |name: HeaderName| {
            let value = request.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            range: text(header::RANGE),
            if_range: text(header::IF_RANGE),
            if_none_match: text(header::IF_NONE_MATCH),
        }
    }
}

/// What to answer, before any byte is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    NotModified,
    Unsatisfiable,
    /// Status 206 where `partial`, 200 otherwise.
    Send {
        range: ByteRange,
        partial: bool,
    },
}

impl Wanted {
    /// What to answer for something of this tag and size.
    pub fn plan(&self, etag: &str, size: u64) -> Plan {
        if is_known(self.if_none_match.as_deref(), etag) {
            return Plan::NotModified;
        }
        let range = self.range.as_deref().filter(|_| is_unchanged(self.if_range.as_deref(), etag));
        match select(range, size) {
            Selection::Whole => Plan::Send { range: ByteRange::whole(size), partial: false },
            Selection::Part(range) => Plan::Send { range, partial: true },
            Selection::Unsatisfiable => Plan::Unsatisfiable,
        }
    }
}

/// The answer.
pub struct Served(Response);

fn value(text: impl AsRef<str>) -> HeaderValue {
    HeaderValue::from_str(text.as_ref()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The form of an answer that huggingface.js asks for before it fetches a file by Xet.
pub const XET_FACTS: &str = "application/vnd.xet-fileinfo+json";

/// Whether a request names this form among those that it takes.
pub fn accepts(request: &Request, form: &str) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let mut forms = accepted.flat_map(|accept| accept.split(',')).map(|one| one.split(';').next().unwrap_or_default());
    forms.any(|one| one.trim().eq_ignore_ascii_case(form))
}

/// How many headers an answer has at most, so that their table is made once.
const MOST_HEADERS: usize = 24;

/// The headers of every answer about a file's bytes, whoever it is sent by.
pub fn common_headers(etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(MOST_HEADERS);
    headers.insert(header::ETAG, value(format!("\"{etag}\"")));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What anybody uploaded may not act in the name of this origin.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers
}

/// The headers of an answer about a file of a revision.
pub fn file_headers(file: &ResolvedFile) -> HeaderMap {
    let name = file.path.file_name();
    let mut headers = common_headers(&file.etag());
    headers.insert("x-repo-commit", value(file.commit.to_string()));
    if file.is_lfs() {
        headers.insert("x-linked-etag", value(format!("\"{}\"", file.etag())));
        headers.insert("x-linked-size", HeaderValue::from(file.size()));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type::of(name)));
    headers.insert(header::CONTENT_DISPOSITION, value(content_type::disposition(name)));
    headers
}

impl Served {
    /// The answer to a plan; `open` is asked for bytes only where some are to be sent.
    pub async fn planned(
        plan: Plan,
        size: u64,
        mut headers: HeaderMap,
        head: bool,
        open: impl AsyncFnOnce(ByteRange) -> Result<ballast_services::Delivery, Failure>,
    ) -> Answer<Self> {
        let (status, body) = match plan {
            Plan::NotModified => (StatusCode::NOT_MODIFIED, Body::empty()),
            Plan::Unsatisfiable => {
                headers.insert(header::CONTENT_RANGE, value(format!("bytes */{size}")));
                headers.insert("x-error-code", HeaderValue::from_static("RangeNotSatisfiable"));
                let message = format!("The range lies behind the end: there are {size} bytes");
                headers.insert("x-error-message", value(&message));
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                headers.remove(header::CONTENT_DISPOSITION);
                let body = serde_json::json!({ "error": message }).to_string();
                (StatusCode::RANGE_NOT_SATISFIABLE, Body::from_string(body))
            }
            Plan::Send { range, partial } => {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.len()));
                if partial {
                    let last = range.end.saturating_sub(1);
                    headers.insert(header::CONTENT_RANGE, value(format!("bytes {}-{last}/{size}", range.start)));
                }
                let body = match head || range.is_empty() {
                    true => Body::empty(),
                    false => delivery::body(open(range).await?).await?,
                };
                (if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }, body)
            }
        };
        Ok(Self::with(status, headers, body))
    }

    /// The way to bytes that the storage serves itself. It says all that the bytes' own answer would.
    pub fn elsewhere(url: &str, mut headers: HeaderMap, file: &ResolvedFile) -> Self {
        headers.insert(header::LOCATION, value(url));
        headers.insert("x-linked-etag", value(format!("\"{}\"", file.etag())));
        headers.insert("x-linked-size", HeaderValue::from(file.size()));
        Self::with(StatusCode::FOUND, headers, Body::empty())
    }

    /// What there is to know of a file that a client wants to fetch by Xet, in the place of its bytes. The headers say the
    /// same, and are what clients read.
    pub fn xet_facts(mut headers: HeaderMap, file: &ResolvedFile) -> Self {
        let hash = headers.get("x-xet-hash").and_then(|hash| hash.to_str().ok());
        let facts = serde_json::json!({ "xetHash": hash, "size": file.size(), "sha256": file.etag() }).to_string();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XET_FACTS));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(facts.len()));
        headers.remove(header::CONTENT_DISPOSITION);
        headers.remove(header::ACCEPT_RANGES);
        Self::with(StatusCode::OK, headers, Body::from_string(facts))
    }

    /// A small text that is at hand.
    pub fn text(text: String, mut headers: HeaderMap, head: bool) -> Self {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        Self::with(StatusCode::OK, headers, if head { Body::empty() } else { Body::from_string(text) })
    }

    fn with(status: StatusCode, headers: HeaderMap, body: Body) -> Self {
        let mut response = Response::builder().status(status).body(body);
        *response.headers_mut() = headers;
        Self(response)
    }
}

impl IntoResponse for Served {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Served {
    fn meta() -> MetaResponses {
        let bytes = || {
            let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
            MetaMediaType { content_type: "application/octet-stream", schema: MetaSchemaRef::Inline(Box::new(schema)) }
        };
        let identity = || {
            vec![
                document::header("ETag", "SHA-256 of a large file, git blob id of another, in quotes"),
                document::header("X-Repo-Commit", "The commit that the revision names"),
                document::header("X-Linked-Etag", "Of a large file: its SHA-256, in quotes"),
                document::header("X-Linked-Size", "Of a large file: its size in bytes"),
            ]
        };
        let response = |status, description, content, more: &[(&str, &str)]| {
            let more = more.iter().map(|(name, text)| document::header(name, text));
            let headers = identity().into_iter().chain(more).collect();
            MetaResponse { description, status: Some(status), status_range: None, content, headers }
        };
        let part = [("Content-Range", "Which bytes these are, and of how many")];
        MetaResponses {
            responses: vec![
                response(200, "The whole file", vec![bytes()], &[]),
                response(206, "The part that was asked for", vec![bytes()], &part),
                response(302, "The storage has the bytes", vec![], &[("Location", "Where; good for a while")]),
                response(304, "The client has it already", vec![], &[]),
                response(416, "The range lies behind the end", vec![], &part),
            ],
        }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_another_version_is_answered_with_the_whole_of_this_one() {
        let wanted = |if_range: Option<&str>, if_none_match: Option<&str>| Wanted {
            range: Some("bytes=2-".to_owned()),
            if_range: if_range.map(str::to_owned),
            if_none_match: if_none_match.map(str::to_owned),
        };
        let whole = Plan::Send { range: ByteRange::whole(5), partial: false };
        let part = Plan::Send { range: ByteRange { start: 2, end: 5 }, partial: true };
        assert_eq!(wanted(None, None).plan("a", 5), part);
        assert_eq!(wanted(Some("\"a\""), None).plan("a", 5), part);
        assert_eq!(wanted(Some("\"b\""), None).plan("a", 5), whole);
        assert_eq!(wanted(None, Some("\"a\"")).plan("a", 5), Plan::NotModified);
        assert_eq!(wanted(None, None).plan("a", 2), Plan::Unsatisfiable);
    }
}
