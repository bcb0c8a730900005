//! The name of one request, which stands in the log and in what the client shows of an error.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_types::Timestamp;
use poem::http::HeaderMap;

static COUNT: AtomicU64 = AtomicU64::new(0);
static PROCESS: LazyLock<String> = LazyLock::new(|| format!("{:x}-{:x}", Timestamp::now().0, std::process::id()));

/// The id that the client (or a proxy) gave the request, or a fresh one.
pub fn of(headers: &HeaderMap) -> String {
    let given = ["x-request-id", "x-amzn-trace-id"].into_iter().find_map(|name| headers.get(name)?.to_str().ok());
    given.filter(|id| is_id(id)).map_or_else(fresh, str::to_owned)
}

/// Whether an id is short and plain enough to be repeated in a log and a header.
fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=;:.".contains(&b))
}

/// The process, when it first answered, and a count: unique without asking anybody.
fn fresh() -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count:x}", *PROCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_id_is_kept_and_a_strange_one_replaced() {
        let with = |name: &'static str, value: &'static str| {
            let headers: HeaderMap = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            of(&headers)
        };
        assert_eq!(with("x-amzn-trace-id", "Root=1-67891233-abcdef"), "Root=1-67891233-abcdef");
        assert_ne!(with("x-request-id", "a b\"c"), "a b\"c");
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}
