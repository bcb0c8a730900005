//! The document, to be read and tried in a browser.

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response, web};
use poem_openapi::OpenApiService;

/// The viewer brings its own script and style along; what it asks of the network is this hub alone.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Swagger UI around the whole document. The crate renders it around its own; that one is exchanged for ours.
pub fn docs(document: &str) -> String {
    let empty = OpenApiService::new((), "Ballast", env!("CARGO_PKG_VERSION"));
    // `</script>` in a description would end the script that the document stands in.
    let safe = document.replace("</", "<\\/");
    empty.swagger_ui_html().replacen(&empty.spec(), &safe, 1)
}

/// The page as an answer.
pub fn shown(page: &str) -> Response {
    let mut response = web::Html(page.to_owned()).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_viewer_shows_our_document_and_loads_nothing_from_elsewhere() {
        let page = docs(&crate::document().to_string());
        let policy = shown(&page).header("content-security-policy").unwrap().to_owned();
        assert!(!policy.contains("http"));
        assert!(page.contains("create_commit"));
        for remote in ["src=\"http", "src='http", "href=\"http", "@import", "<link"] {
            let head = page.split("<script").next().unwrap_or_default();
            assert!(!head.contains(remote), "{remote}");
        }
    }
}
