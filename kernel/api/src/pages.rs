//! The few pages that the hub renders itself. They load nothing from anywhere.

mod docs;
mod form;

pub use docs::{docs, shown};
pub use form::{Body, Page, local};

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};

use crate::base_url::BaseUrl;
use crate::wire::Version;

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

const HOME: &str = include_str!("pages/home.html");

/// What a page may do: show itself, with its own styles.
const HOME_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");

/// The answer at `/`.
pub struct Home(Response);

/// What this is and how to use it, below what went wrong on the way here.
pub fn home(site_name: &str, base: &BaseUrl, wrong: Option<&str>, for_browser: bool) -> Home {
    let version = Version::new(site_name);
    let mut response = match for_browser {
        true => {
            let page = HOME
                .replace("{{version}}", &escape(&version.version))
                .replace("{{base}}", &escape(base.as_str()))
                .replace(
                    "{{wrong}}",
                    &wrong.map(|text| format!("<p role=\"alert\">{}</p>", escape(text))).unwrap_or_default(),
                )
                .replace("{{site}}", &escape(site_name));
            let mut response = Response::builder().content_type("text/html; charset=utf-8").body(page);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HOME_POLICY);
            response
        }
        false => poem::web::Json(version.to_json()).into_response(),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Home(response)
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Home {
    fn meta() -> MetaResponses {
        let page = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![
            MetaMediaType { content_type: "application/json", schema: Version::schema_ref() },
            MetaMediaType { content_type: "text/html", schema: page },
        ];
        let headers = vec![];
        let response =
            MetaResponse { description: "What this is", status: Some(200), status_range: None, content, headers };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        Version::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_the_page() {
        let base = BaseUrl::configured("http://h");
        let body = home("<script>alert(1)</script>", &base, Some("<b>"), true).0.into_body();
        let page = futures::executor::block_on(body.into_string()).unwrap();
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;"));
        assert!(!page.contains("{{") && !page.contains("src=\"http") && !page.contains("url("));
    }
}
