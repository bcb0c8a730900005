//! How many requests there may be: so many of each account, or without one of each address, in a window of time.
//!
//! | window | requests |
//! |---|---|
//! | `resolve` | files: `…/resolve/…`, `…/raw/…` |
//! | `api` | `/api/…`, `/org/…`, `/oauth/…`, and what git-lfs asks |
//! | `pages` | everything else |
//! | none | bytes that a ticket or a token of Xet lets through, which `api` gave out; what asks after the hub's health |
//!
//! A window begins with somebody's first request and has its full count again when it is over. A request counts when it
//! is known who sent it, and once; a credential that is none counts for the address. Each node counts by itself. Every
//! answer that was counted says how many are left, in the headers that `huggingface_hub` reads.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ballast_types::Name;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};

use crate::error::ApiError;
use crate::peer;

/// How many requests there may be in one window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub api: u32,
    pub resolve: u32,
    pub pages: u32,
}

/// What the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// How long a window is.
    pub window: Duration,
    /// Of an account.
    pub account: Most,
    /// Of an address without one.
    pub address: Most,
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sort {
    Api,
    Resolve,
    Pages,
}

impl Sort {
    /// Of a request, by the one spelling of its address; none where it does not count.
    fn of(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["health" | "healthz" | "readyz" | "metrics"] | ["api", "health"] => None,
            ["xet" | "v1", ..] | ["api", "lfs", "objects", ..] | ["api", "telemetry", ..] => None,
            [_, _, _, "resolve" | "raw", ..] if segments[0] != "api" => Some(Self::Resolve),
            ["api" | "org" | "oauth", ..] | [_, _, _, "info", "lfs", ..] => Some(Self::Api),
            _ => Some(Self::Pages),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Resolve => "resolve",
            Self::Pages => "pages",
        }
    }

    fn most(self, of: Most) -> u32 {
        match self {
            Self::Api => of.api,
            Self::Resolve => of.resolve,
            Self::Pages => of.pages,
        }
    }
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    /// By the user's name in lower case.
    Account(String),
    Address(Option<IpAddr>),
    /// Addresses for which there is no room.
    Others,
}

impl Whose {
    /// An address, of which somebody with IPv6 has a whole network.
    fn of(address: Option<IpAddr>) -> Self {
        Self::Address(address.map(|address| match address {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        }))
    }
}

/// What is left of a window after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    sort: Sort,
    most: u32,
    window: Duration,
    /// None: there was no room for this one.
    remaining: Option<u32>,
    /// Until the window is over.
    ends: Duration,
}

impl Left {
    /// Whole seconds after which a time is over.
    fn seconds(&self) -> u64 {
        self.ends.as_secs() + u64::from(self.ends.subsec_nanos() > 0)
    }

    fn write(&self, response: &mut Response) {
        let (word, remaining, ends) = (self.sort.word(), self.remaining.unwrap_or(0), self.seconds());
        let (most, window) = (self.most, self.window.as_secs());
        let headers = [
            ("ratelimit", format!("\"{word}\";r={remaining};t={ends}")),
            ("ratelimit-policy", format!("\"fixed window\";\"{word}\";q={most};w={window}")),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }

    fn refusal(&self) -> ApiError {
        let (most, window, ends) = (self.most, self.window.as_secs(), self.seconds());
        let why = format!("Too many requests: there may be {most} in {window} seconds; go on in {ends} seconds");
        let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", why);
        error.with_header(header::RETRY_AFTER, HeaderValue::from(ends))
    }
}

/// Addresses that are told apart, some hundred bytes each. Accounts are as many as there are.
const ADDRESSES: usize = 100_000;

struct Count {
    begun: Instant,
    used: u32,
}

#[derive(Default)]
struct Counts {
    counts: HashMap<(Sort, Whose), Count>,
    /// When those that are over were last removed.
    tidied: Option<Instant>,
}

/// Counts requests.
pub struct Limiter {
    limits: RateLimits,
    counts: Mutex<Counts>,
}

impl Limiter {
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    fn take(&self, sort: Sort, whose: Whose, now: Instant) -> Left {
        let window = self.limits.window;
        let most = sort.most(match whose {
            Whose::Account(_) => self.limits.account,
            Whose::Address(_) | Whose::Others => self.limits.address,
        });
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.tidy(now, window);
        let key = counts.key(sort, whose);
        let count = counts.counts.entry(key).or_insert(Count { begun: now, used: 0 });
        if now.duration_since(count.begun) >= window {
            *count = Count { begun: now, used: 0 };
        }
        let remaining = most.checked_sub(count.used + 1);
        count.used += u32::from(remaining.is_some());
        Left { sort, most, window, remaining, ends: window.saturating_sub(now.duration_since(count.begun)) }
    }
}

impl Counts {
    /// Once in a window: what is over says nothing.
    fn tidy(&mut self, now: Instant, window: Duration) {
        if self.tidied.is_none_or(|last| now.duration_since(last) >= window) {
            self.counts.retain(|_, count| now.duration_since(count.begun) < window);
            self.tidied = Some(now);
        }
    }

    fn key(&self, sort: Sort, whose: Whose) -> (Sort, Whose) {
        let key = (sort, whose);
        let is_new_address = matches!(key.1, Whose::Address(_)) && !self.counts.contains_key(&key);
        if is_new_address && self.counts.len() >= ADDRESSES { (sort, Whose::Others) } else { key }
    }
}

/// Where the count of one request is kept, until its answer says so.
#[derive(Clone, Default)]
pub struct Counted(std::sync::Arc<OnceLock<Left>>);

impl Counted {
    /// Writes into an answer how many requests are left, where the request was counted.
    pub fn write(&self, response: &mut Response) {
        if let Some(left) = self.0.get() {
            left.write(response);
        }
    }
}

/// Counts a request for who sent it, once; where there is no room for it, this is the refusal.
pub fn count(limiter: Option<&Limiter>, request: &Request, account: Option<&Name>) -> Result<(), ApiError> {
    let (Some(limiter), Some(counted)) = (limiter, request.data::<Counted>()) else { return Ok(()) };
    if counted.0.get().is_some() {
        return Ok(());
    }
    let Some(sort) = Sort::of(request.uri().path()) else { return Ok(()) };
    let whose = account.map_or_else(|| Whose::of(peer::of(request)), |name| Whose::Account(name.lower()));
    let left = *counted.0.get_or_init(|| limiter.take(sort, whose, Instant::now()));
    if left.remaining.is_some() { Ok(()) } else { Err(left.refusal()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn limiter() -> Limiter {
        let (account, address) = (Most { api: 3, resolve: 5, pages: 1 }, Most { api: 2, resolve: 2, pages: 2 });
        Limiter::new(RateLimits { window: WINDOW, account, address })
    }

    fn ada() -> Whose {
        Whose::Account("ada".to_owned())
    }

    #[test]
    fn a_window_has_so_many_requests_and_is_full_again_when_it_is_over() {
        let (limiter, begun) = (limiter(), Instant::now());
        let take = |seconds: u64| limiter.take(Sort::Api, ada(), begun + Duration::from_secs(seconds));
        let remaining: Vec<_> = [0, 10, 20, 30, 299].map(|seconds| take(seconds).remaining).into();
        assert_eq!(remaining, [Some(2), Some(1), Some(0), None, None]);
        assert_eq!(take(299).seconds(), 1);
        assert_eq!((take(300).remaining, take(301).ends), (Some(2), Duration::from_secs(299)));
    }

    #[test]
    fn accounts_addresses_and_sorts_are_counted_apart() {
        let (limiter, now) = (limiter(), Instant::now());
        let one = |text: &str| Whose::of(Some(text.parse().unwrap()));
        assert_eq!(limiter.take(Sort::Pages, ada(), now).remaining, Some(0));
        assert_eq!(limiter.take(Sort::Pages, ada(), now).remaining, None);
        assert_eq!(limiter.take(Sort::Api, ada(), now).remaining, Some(2));
        assert_eq!(limiter.take(Sort::Api, one("192.0.2.1"), now).remaining, Some(1));
        assert_eq!(limiter.take(Sort::Api, one("192.0.2.2"), now).remaining, Some(1));
        // One network of IPv6 is one.
        assert_eq!(limiter.take(Sort::Api, one("2001:db8::1"), now).remaining, Some(1));
        assert_eq!(limiter.take(Sort::Api, one("2001:db8::2"), now).remaining, Some(0));
        assert_eq!(limiter.take(Sort::Api, one("2001:db8:0:1::1"), now).remaining, Some(1));
    }

    #[test]
    fn many_addresses_take_no_more_than_the_room_for_them() {
        let (limiter, now) = (limiter(), Instant::now());
        let address = |number: u32| Whose::of(Some(IpAddr::from(number.to_be_bytes())));
        let many = u32::try_from(ADDRESSES).unwrap() + 10;
        let refused = (0..many).filter(|number| limiter.take(Sort::Api, address(*number), now).remaining.is_none());
        // Those beyond it share one count.
        assert_eq!(refused.count(), 8);
        assert_eq!(limiter.counts.lock().unwrap().counts.len(), ADDRESSES + 1);
        assert_eq!(limiter.take(Sort::Api, ada(), now).remaining, Some(2));
        assert_eq!(limiter.take(Sort::Api, address(many), now + WINDOW).remaining, Some(1));
        assert_eq!(limiter.counts.lock().unwrap().counts.len(), 1);
    }

    #[test]
    fn every_address_is_of_one_sort() {
        for (path, sort) in [
            ("/api/models", Some(Sort::Api)),
            ("/api/models/acme/bert/resolve/main/x", Some(Sort::Api)),
            ("/models/acme/bert/resolve/main/api/x", Some(Sort::Resolve)),
            ("/datasets/acme/corpus/raw/main/x", Some(Sort::Resolve)),
            ("/models/acme/bert/info/lfs/objects/batch", Some(Sort::Api)),
            ("/oauth/token", Some(Sort::Api)),
            ("/org/create", Some(Sort::Api)),
            ("/", Some(Sort::Pages)),
            ("/login/reset", Some(Sort::Pages)),
            ("/nowhere", Some(Sort::Pages)),
            ("/api/lfs/objects/0123/parts/1", None),
            ("/xet/v1/shards", None),
            ("/healthz", None),
            ("/api/health", None),
        ] {
            assert_eq!(Sort::of(path), sort, "{path}");
        }
    }

    #[test]
    fn the_headers_are_those_that_clients_read() {
        let (most, window, ends) = (500, WINDOW, Duration::from_millis(54_001));
        let left = Left { sort: Sort::Api, most, window, remaining: Some(7), ends };
        let mut response = Response::default();
        left.write(&mut response);
        assert_eq!(response.header("ratelimit"), Some("\"api\";r=7;t=55"));
        assert_eq!(response.header("ratelimit-policy"), Some("\"fixed window\";\"api\";q=500;w=300"));
        let refusal = Left { remaining: None, ..left }.refusal();
        assert_eq!(refusal.header(&header::RETRY_AFTER).unwrap(), "55");
        assert_eq!((refusal.status.as_u16(), refusal.code), (429, "TooManyRequests"));
    }
}
