//! The cookie that is a browser's session, and who may send it along.

use ballast_types::{Secret, Timestamp};
use poem::http::{HeaderMap, Method, header};

use crate::base_url::BaseUrl;

/// What it is called.
pub const NAME: &str = "session_id";

/// The session that a request shows, where it shows one.
pub fn read(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value.trim_matches('"')).next()?;
    (!value.is_empty()).then(|| Secret::new(value))
}

/// `Set-Cookie` for a session that ends at a moment. Scripts do not see it, other sites do not send it along with what
/// changes something, and it leaves an https hub by https only.
pub fn set(session: &Secret, now: Timestamp, expires_at: Timestamp, base: &BaseUrl) -> String {
    written(session.expose(), (expires_at.0 - now.0).max(0) / 1000, base)
}

/// `Set-Cookie` that takes the session from the browser.
pub fn clear(base: &BaseUrl) -> String {
    written("", 0, base)
}

fn written(value: &str, seconds: i64, base: &BaseUrl) -> String {
    let secure = if base.as_str().starts_with("https://") { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Whether a method only reads.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a page of this origin may have sent a request: one of the hub itself, or of an origin that the operator
/// named. `*` names nobody.
pub fn is_own_origin(origin: &[u8], base: &BaseUrl, named: &[String]) -> bool {
    let own = base.as_str().splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    origin.eq_ignore_ascii_case(own.as_bytes())
        || named.iter().any(|known| known != "*" && origin.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> BaseUrl {
        BaseUrl::configured(url)
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append(header::COOKIE, line.parse().unwrap()));
            read(&headers).map(|session| session.expose().to_owned())
        };
        assert_eq!(read(&["a=b; session_id=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(read(&["a=b", "session_id=\"y\""]).as_deref(), Some("y"));
        assert_eq!(read(&["session_id=; my_session_id=x", "session_id"]), None);
    }

    #[test]
    fn the_cookie_leaves_an_https_hub_by_https_only() {
        let set = |url| set(&Secret::new("x"), Timestamp(1000), Timestamp(61_000), &base(url));
        assert_eq!(set("http://h"), "session_id=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        assert!(set("https://h").ends_with("; Secure"));
        assert!(clear(&base("http://h")).starts_with("session_id=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn only_the_hubs_own_pages_and_named_ones_may_write() {
        let named = ["https://web.example".to_owned(), "*".to_owned()];
        for origin in ["http://h:1", "HTTP://H:1", "https://web.example"] {
            assert!(is_own_origin(origin.as_bytes(), &base("http://h:1/hub/"), &named), "{origin}");
        }
        for origin in ["https://h:1", "http://h", "http://h:1.evil", "null", "*", "https://web.example.evil", ""] {
            assert!(!is_own_origin(origin.as_bytes(), &base("http://h:1"), &named), "{origin}");
        }
    }
}
