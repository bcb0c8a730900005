//! Pages with a form, for what a person does in a browser until the web interface comes.

use ballast_services::Failure;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

use super::escape;
use crate::error::ApiError;

const FORM: &str = include_str!("form.html");

/// What such a page may do: show itself, and send its form to the hub. Its address may hold a token, which no other site
/// is told.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// A page, or the way to another one.
pub struct Page(Response);

/// The inside of a page, piece by piece. What is put in is shown as it is and never as HTML.
#[derive(Default)]
pub struct Body(String);

impl Body {
    /// A paragraph.
    pub fn text(mut self, text: &str) -> Self {
        self.0.push_str(&format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// A paragraph about what went wrong.
    pub fn wrong(mut self, text: &str) -> Self {
        self.0.push_str(&format!("<p class=\"wrong\" role=\"alert\">{}</p>\n", escape(text)));
        self
    }

    /// A link into the hub.
    pub fn link(mut self, target: &str, text: &str) -> Self {
        self.0.push_str(&format!("<p><a href=\"{}\">{}</a></p>\n", escape(target), escape(text)));
        self
    }

    /// A form with its fields: name, label, type, and what it holds at first.
    pub fn form(mut self, target: &str, fields: &[(&str, &str, &str, &str)], button: &str) -> Self {
        self.0.push_str(&format!("<form method=\"post\" action=\"{}\">\n", escape(target)));
        for (name, label, kind, value) in fields {
            let (name, value) = (escape(name), escape(value));
            let input = format!("<input name=\"{name}\" type=\"{kind}\" value=\"{value}\"");
            match *kind {
                "hidden" => self.0.push_str(&format!("{input}>\n")),
                _ => self.0.push_str(&format!("<label>{} {input} required></label>\n", escape(label))),
            }
        }
        self.0.push_str(&format!("<button>{}</button>\n</form>\n", escape(button)));
        self
    }
}

impl Page {
    /// A page of this title.
    pub fn new(site: &str, title: &str, body: Body) -> Self {
        Self::with_status(StatusCode::OK, site, title, body)
    }

    /// A page that says why something did not work, with its status.
    pub fn failed(site: &str, title: &str, failure: Failure, body: Body) -> Self {
        let error = ApiError::from(failure);
        let retry = error.header(&header::RETRY_AFTER).cloned();
        let mut wrong = Body::default().wrong(&error.message);
        wrong.0.push_str(&body.0);
        let mut page = Self::with_status(error.status, site, title, wrong);
        if let Some(seconds) = retry {
            page.0.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        page
    }

    /// A refusal that no page has been made for: what a program would be told.
    pub fn refused(error: ApiError) -> Self {
        Self(error.into_response())
    }

    fn with_status(status: StatusCode, site: &str, title: &str, body: Body) -> Self {
        // The body last: what is in it is not looked at again.
        let page = FORM.replace("{{title}}", &escape(title)).replace("{{site}}", &escape(site));
        let page = page.replacen("{{body}}", &body.0, 1);
        let mut response = Response::builder().status(status).content_type("text/html; charset=utf-8").body(page);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self(response)
    }

    /// On to another page of the hub, by GET.
    pub fn redirect(target: &str) -> Self {
        let location = HeaderValue::from_str(target).unwrap_or_else(|_| HeaderValue::from_static("/"));
        let mut response = Response::builder().status(StatusCode::SEE_OTHER).finish();
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self(response)
    }

    /// The same with a cookie.
    pub fn with_cookie(mut self, cookie: &str) -> Self {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            self.0.headers_mut().append(header::SET_COOKIE, cookie);
        }
        self
    }
}

/// The part of a redirect's target that leads into this hub; anything else is its first page.
pub fn local(target: Option<&str>) -> &str {
    let target = target.unwrap_or("/");
    let path = target.starts_with('/') && !target.starts_with("//") && !target.contains(['\\', '\r', '\n', '\t']);
    if path && target.is_ascii() { target } else { "/" }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Page {
    fn meta() -> MetaResponses {
        let page = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let object = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let html = || MetaMediaType { content_type: "text/html", schema: page() };
        // A request that cannot be read at all is refused as everywhere.
        let json = || MetaMediaType { content_type: "application/json", schema: object() };
        let response = |(status, description, shown): (u16, &'static str, bool)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: match (shown, status) {
                (false, _) => vec![],
                (true, 200) => vec![html()],
                (true, _) => vec![html(), json()],
            },
            headers: vec![],
        };
        let responses = [
            (200, "A page for a browser", true),
            (303, "On to another page", false),
            (400, "A page that says what makes no sense", true),
            (401, "A page that says that the name or the password is wrong", true),
            (403, "A page that says what may not be done", true),
            (404, "A page that says that there is no such thing, or no more", true),
            (409, "A page that says what contradicts it", true),
            (413, "The form is too long", true),
            (415, "The form is packed", true),
            (429, "A page that says when to try again", true),
            (500, "A page that says that the hub has a fault", true),
            (503, "A page that says that it does not work now", true),
        ];
        MetaResponses { responses: responses.into_iter().map(response).collect() }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_is_shown_and_never_run() {
        let evil = "\"><script>alert(1)</script>{{body}}";
        let body =
            Body::default().text(evil).wrong(evil).link(evil, evil).form(evil, &[(evil, evil, "text", evil)], evil);
        let page = Page::new(evil, evil, body).0.into_body();
        let page = futures::executor::block_on(page.into_string()).unwrap();
        assert!(!page.contains("<script>"), "{page}");
    }

    #[test]
    fn a_redirect_stays_within_the_hub() {
        for target in ["/", "/device?user_code=AB", "/invite/x.y-z"] {
            assert_eq!(local(Some(target)), target);
        }
        for target in
            [None, Some("//evil.example"), Some("https://evil.example"), Some("/\\evil"), Some("/a\r\nb"), Some("")]
        {
            assert_eq!(local(target), "/");
        }
    }
}
