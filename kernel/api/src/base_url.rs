//! The URL under which a client knows this hub. Clients refuse URLs of other hosts, so every absolute URL that the hub
//! sends begins with it.

use poem::http::HeaderMap;

/// `https://hub.example.org`, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The configured one, without a slash at its end.
    pub fn configured(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// What the request itself says: the forwarded host and scheme where it comes from a proxy, else its `Host` header,
    /// or the authority of its target.
    pub fn asked(headers: &HeaderMap, authority: Option<&str>, by_proxy: bool) -> Self {
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
        };
        let forwarded = |name: &str| first(name).filter(|_| by_proxy);
        let host = forwarded("x-forwarded-host").or_else(|| first("host")).or(authority);
        let host = host.filter(|host| is_host(host)).unwrap_or("localhost");
        let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
        Self(format!("{}://{host}", scheme.unwrap_or("http")))
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The absolute URL of a path that begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// Whether a host can stand in a URL, a header or a page as it is.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

/// The `Link` header's value for the page behind `cursor`: the request's own URL with its cursor replaced.
pub fn next_link(base: &BaseUrl, path: &str, query: Option<&str>, cursor: &str) -> String {
    let kept = query.unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && !matches!(name, "cursor" | "after")
    });
    let cursor: String = percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC).to_string();
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    // What came in a request line holds no angle bracket unless a client sent one raw; then it must not end the URL.
    let url = format!("{}?{}", base.join(path), query.join("&")).replace('<', "%3C").replace('>', "%3E");
    format!("<{url}>; rel=\"next\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_a_proxy_says_goes_before_the_host_and_nobody_else_is_believed() {
        let request =
            headers(&[("host", "inner:1"), ("x-forwarded-host", "hub.example"), ("x-forwarded-proto", "https")]);
        assert_eq!(BaseUrl::configured("https://h/").as_str(), "https://h");
        assert_eq!(BaseUrl::asked(&request, None, true).as_str(), "https://hub.example");
        assert_eq!(BaseUrl::asked(&request, None, false).as_str(), "http://inner:1");
        let host = headers(&[("host", "127.0.0.1:8080")]);
        assert_eq!(BaseUrl::asked(&host, None, true).as_str(), "http://127.0.0.1:8080");
        assert_eq!(BaseUrl::asked(&headers(&[]), Some("[::1]:9"), false).as_str(), "http://[::1]:9");
    }

    #[test]
    fn a_host_that_is_none_does_not_reach_an_answer() {
        for host in ["a\"><script>", "a b", "a/../b", "x?y"] {
            assert_eq!(BaseUrl::asked(&headers(&[("host", host)]), None, true).as_str(), "http://localhost");
        }
        let odd = headers(&[("host", "h"), ("x-forwarded-proto", "javascript")]);
        assert_eq!(BaseUrl::asked(&odd, None, true).as_str(), "http://h");
    }

    #[test]
    fn the_next_page_is_an_absolute_url_that_keeps_the_question() {
        let base = BaseUrl::configured("http://h");
        assert_eq!(
            next_link(&base, "/api/models", Some("search=a&search=b&cursor=old&limit=2"), "n/1 ü"),
            "<http://h/api/models?search=a&search=b&limit=2&cursor=n%2F1%20%C3%BC>; rel=\"next\""
        );
        assert_eq!(next_link(&base, "/api/models", None, "x"), "<http://h/api/models?cursor=x>; rel=\"next\"");
    }
}
