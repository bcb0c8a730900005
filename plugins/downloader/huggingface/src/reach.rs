//! Where requests go. Redirects are followed by hand: each address is looked at first, and only the remote hub itself sees
//! the token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{Secret, is_public};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Client, Response};
use url::{Host, Origin, Url};

use crate::HuggingFaceConfig;

/// Redirects in a row that are followed.
const MOST_REDIRECTS: usize = 8;

/// Sends requests to the remote hub, and to where it leads.
pub(crate) struct Reach {
    home: Origin,
    allow_private: bool,
    timeout: Duration,
    /// Connects to whatever address a name has.
    anywhere: Client,
    /// Connects to addresses of the public internet only.
    public: Client,
}

/// An answer, with what the remote hub itself said of it.
pub(crate) struct Answer {
    /// The headers of the remote hub's last word before another host took over; of the answer itself where none did.
    pub said: HeaderMap,
    pub response: Response,
    /// Where the answer came from.
    pub url: Url,
}

impl Reach {
    pub(crate) fn new(config: &HuggingFaceConfig, endpoint: &Url) -> Result<Self> {
        // Where the program has chosen a library for TLS already, that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = Duration::from_secs(config.timeout_seconds.into());
        let client =
            || Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(timeout).tcp_nodelay(true);
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                let why = "no client could be made; see that this machine has root certificates";
                Error::new(ErrorKind::Unavailable, "downloader.open", why).with_source(error)
            })
        };
        let (anywhere, public) = (build(client())?, build(client().dns_resolver(Arc::new(Public)))?);
        let (home, allow_private) = (endpoint.origin(), config.allow_private);
        Ok(Self { home, allow_private, timeout, anywhere, public })
    }

    /// Whether this is the remote hub itself.
    pub(crate) fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.home
    }

    /// The client that may go to an address, or why none may.
    fn client(&self, url: &Url) -> Result<&Client> {
        let denied = |why: String| Error::new(ErrorKind::Denied, "downloader.reach", why);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(denied(format!("the remote hub leads to '{}', which is not HTTP", url.scheme())));
        }
        if self.is_home(url) || self.allow_private {
            return Ok(&self.anywhere);
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match literal.filter(|address| !is_public(*address)) {
            Some(address) => Err(denied(format!(
                "the remote hub leads to {address}, which is not on the public internet; allow_private would allow it"
            ))),
            None => Ok(&self.public),
        }
    }

    /// Asks for an address, and wherever it leads. An answer that is an error is an answer too.
    pub(crate) async fn get(&self, url: &Url, token: Option<&Secret>, headers: &HeaderMap) -> Result<Answer> {
        let (mut url, mut said) = (url.clone(), None);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, token, headers).await?;
            let status = response.status();
            let location = response.headers().get(LOCATION).filter(|_| status.is_redirection());
            let Some(location) = location else {
                let said = said.unwrap_or_else(|| response.headers().clone());
                return Ok(Answer { said, response, url });
            };
            let next = location.to_str().ok().and_then(|text| url.join(text).ok()).ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "downloader.reach", "the remote hub leads to what is no address")
            })?;
            if url.scheme() == "https" && next.scheme() == "http" {
                let why = "the remote hub leads from HTTPS to HTTP, where anybody could change what comes";
                return Err(Error::new(ErrorKind::Denied, "downloader.reach", why));
            }
            if self.is_home(&url) && !self.is_home(&next) {
                said = Some(response.headers().clone());
            }
            url = next;
        }
        let why = format!("the remote hub leads on and on, more than {MOST_REDIRECTS} times");
        Err(Error::new(ErrorKind::Corrupt, "downloader.reach", why))
    }

    async fn send(&self, url: &Url, token: Option<&Secret>, headers: &HeaderMap) -> Result<Response> {
        let mut request = self.client(url)?.get(url.clone()).headers(headers.clone());
        request = request.header(USER_AGENT, concat!("Ballast/", env!("CARGO_PKG_VERSION")));
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(token) = token.filter(|_| self.is_home(url)) {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                Error::new(ErrorKind::Invalid, "downloader.reach", "the token has characters that no token has")
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        // Of a signed address the rest is a secret.
        let host = url.host_str().unwrap_or_default();
        match tokio::time::timeout(self.timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let why = format!("{host} cannot be reached: {}", innermost(&error));
                Err(Error::new(ErrorKind::Unavailable, "downloader.reach", why))
            }
            Err(_) => {
                let why = format!("{host} said nothing for {} seconds", self.timeout.as_secs());
                Err(Error::new(ErrorKind::Unavailable, "downloader.reach", why))
            }
        }
    }
}

/// What caused an error, which alone says what is wrong, and never names an address with its query.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}

/// Looks names up, and answers only addresses of the public internet.
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} is not on the public internet", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
