//! Which pages of other origins may read this hub's answers: none, unless the operator names them.

use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Range, If-Range, If-None-Match, X-Request-Id, X-Amzn-Trace-Id, \
     X-HF-Download-Counter",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Accept-Ranges, Content-Range, Content-Length, X-Repo-Commit, X-Linked-Etag, \
     X-Linked-Size, X-Xet-Hash, X-Error-Code, X-Error-Message, X-Request-Id",
);

/// Whether a browser only asks whether it may ask.
pub fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight: 204 before anything else is looked at, with permission only for known origins.
pub fn preflight(origins: &[String], origin: Option<&HeaderValue>) -> Response {
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    if allow(&mut response, origins, origin) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// Lets a known origin read an answer; says whether it is one. `*` lets everybody, but nobody with credentials.
pub fn allow(response: &mut Response, origins: &[String], origin: Option<&HeaderValue>) -> bool {
    let Some(origin) = origin else { return false };
    let named = origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    if !named && !origins.iter().any(|known| known == "*") {
        return false;
    }
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    if named {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(origins: &[&str], origin: &'static str) -> Response {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        preflight(&origins, Some(&HeaderValue::from_static(origin)))
    }

    #[test]
    fn only_named_origins_may_read_with_credentials() {
        let named = answer(&["https://web.example"], "https://web.example");
        assert_eq!(named.header("access-control-allow-origin"), Some("https://web.example"));
        assert_eq!(named.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(named.header("access-control-max-age"), Some("86400"));
        for (origins, origin) in [(&[][..], "https://web.example"), (&["https://web.example"], "https://evil.example")]
        {
            assert_eq!(answer(origins, origin).header("access-control-allow-origin"), None);
        }
    }

    #[test]
    fn a_star_lets_everybody_but_nobody_with_credentials() {
        let any = answer(&["*"], "https://x.example");
        assert_eq!(any.header("access-control-allow-origin"), Some("*"));
        assert_eq!(any.header("access-control-allow-credentials"), None);
    }
}
