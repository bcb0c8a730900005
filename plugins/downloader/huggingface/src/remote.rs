//! One remote hub: requests that are tried again where that may help, and what its answers mean.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballast_contract::downloader::Source;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{RepoPath, Secret, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::HuggingFaceConfig;
use crate::gate::{Gate, Permit};
use crate::reach::{Answer, Reach, innermost};

/// The longest JSON that is read, in bytes.
const MOST_JSON: usize = 64 << 20;

/// The first wait before a request is sent again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// A segment of an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) struct Remote {
    pub(crate) endpoint: Url,
    pub(crate) reach: Reach,
    pub(crate) gate: Arc<Gate>,
    /// Shown where whoever reads brings none.
    token: Option<Secret>,
    retries: u32,
    patience: Duration,
    stall: Duration,
}

/// An answer whose place among the requests under way is kept while it is read.
pub(crate) struct Answered {
    pub answer: Answer,
    pub permit: Permit,
}

/// What became of one try.
enum Refusal {
    /// The same again is no use.
    For(Error),
    /// Later perhaps; and how much later, where the remote hub said so.
    Later(Error, Option<Duration>),
}

impl Remote {
    pub(crate) fn new(config: &HuggingFaceConfig) -> Result<Self> {
        let endpoint = config.endpoint()?;
        Ok(Self {
            reach: Reach::new(config, &endpoint)?,
            endpoint,
            gate: Gate::new(config.connections),
            token: config.token.clone(),
            retries: config.retries,
            patience: Duration::from_secs(config.patience_seconds.into()),
            stall: Duration::from_secs(config.stall_seconds.into()),
        })
    }

    /// The address of something of a repository in the API: `/api/models/acme/bert` and so on.
    pub(crate) fn api(&self, source: &Source, rest: &str) -> Result<Url> {
        self.url(&format!("/api/{}/{}{rest}", source.kind.plural(), source.repo))
    }

    /// Where a file of a source's revision is to be had.
    pub(crate) fn file(&self, source: &Source, path: &RepoPath) -> Result<Url> {
        let path: Vec<String> = path.as_str().split('/').map(segment).collect();
        let (prefix, revision) = (source.kind.url_prefix(), segment(source.revision.as_str()));
        self.url(&format!("/{prefix}{}/resolve/{revision}/{}", source.repo, path.join("/")))
    }

    pub(crate) fn url(&self, path: &str) -> Result<Url> {
        let text = format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'));
        let invalid = |error| Error::new(ErrorKind::Invalid, "downloader", format!("{path}: {error}"));
        Url::parse(&text).map_err(invalid)
    }

    /// Asks until there is an answer that says something, or no hope of one.
    pub(crate) async fn get(&self, url: &Url, token: Option<&Secret>, headers: &HeaderMap) -> Result<Answered> {
        let token = token.or(self.token.as_ref());
        self.try_again(|| async {
            let permit = self.gate.enter().await;
            let answer = self.reach.get(url, token, headers).await.map_err(later)?;
            match answer.response.status() {
                status if status.is_success() => Ok(Answered { answer, permit }),
                status => {
                    let from_home = self.reach.is_home(&answer.url);
                    let wait = retry_after(answer.response.headers());
                    let error = self.refusal(answer, from_home).await;
                    Err(match status {
                        _ if status.is_server_error()
                            || is_too_much(status)
                            || status == StatusCode::REQUEST_TIMEOUT =>
                        {
                            Refusal::Later(error, wait)
                        }
                        _ => Refusal::For(error),
                    })
                }
            }
        })
        .await
    }

    /// The same, of something that is JSON, with its headers.
    pub(crate) async fn json<T: DeserializeOwned>(&self, url: &Url, token: Option<&Secret>) -> Result<(T, HeaderMap)> {
        self.try_again(|| async {
            let answered = self.get(url, token, &HeaderMap::new()).await.map_err(Refusal::For)?;
            let headers = answered.answer.response.headers().clone();
            let body = self.body(answered.answer.response, MOST_JSON).await.map_err(later)?;
            let odd = |error| {
                let why = format!("{}: what came is no answer of such a hub: {error}", url.path());
                Refusal::Later(Error::new(ErrorKind::Corrupt, "downloader", why), None)
            };
            Ok((serde_json::from_slice(&body).map_err(odd)?, headers))
        })
        .await
    }

    async fn try_again<T, F: Future<Output = std::result::Result<T, Refusal>>>(
        &self,
        once: impl Fn() -> F,
    ) -> Result<T> {
        let (mut tries, mut wait) = (0, FIRST_WAIT);
        loop {
            let (error, asked) = match once().await {
                Ok(done) => {
                    self.gate.worked();
                    return Ok(done);
                }
                Err(Refusal::For(error)) => return Err(error),
                Err(Refusal::Later(error, asked)) => (error, asked),
            };
            if let Some(asked) = asked.filter(|asked| *asked > self.patience) {
                let why = format!("{}; it wants to be left alone for {} seconds", error.context, asked.as_secs());
                return Err(given_up(Error { context: why, ..error }));
            }
            self.gate.refused(asked.unwrap_or_default());
            tries += 1;
            if tries > self.retries || !self.gate.may_try_again() {
                return Err(given_up(error));
            }
            tracing::debug!(%error, tries, "a request to a remote hub is sent again");
            // Not all at the same moment.
            let spread = f64::from(u32::from(random_byte())) / 512.0;
            tokio::time::sleep(asked.unwrap_or(Duration::ZERO).max(wait.mul_f64(0.75 + spread))).await;
            wait *= 2;
        }
    }

    /// What an answer that is an error means, in the words of the contract.
    async fn refusal(&self, answer: Answer, from_home: bool) -> Error {
        let status = answer.response.status();
        let header = |name: &str| answer.response.headers().get(name).and_then(|value| value.to_str().ok());
        let told: String = header("x-error-message").unwrap_or_default().chars().take(300).collect();
        let code = header("x-error-code").unwrap_or_default().to_owned();
        let (kind, what) = match status.as_u16() {
            401 => (ErrorKind::Unauthenticated, "it is not there, or needs a token that the remote hub accepts"),
            403 if code == "GatedRepo" => (ErrorKind::Denied, "it is gated; ask for access on the remote hub"),
            403 => (ErrorKind::Denied, "the remote hub does not allow it"),
            404 | 410 => (ErrorKind::NotFound, "the remote hub does not have it"),
            416 => (ErrorKind::Conflict, "the remote hub's file is shorter than it said"),
            429 => (ErrorKind::OverLimit, "the remote hub gets too many requests"),
            500.. => (ErrorKind::Unavailable, "the remote hub cannot answer now"),
            _ => (ErrorKind::Corrupt, "the remote hub answers what was not to be expected"),
        };
        // Of an address that somebody signed, the path may be a secret too.
        let whose = if from_home { answer.url.path() } else { answer.url.host_str().unwrap_or_default() };
        let told = if told.is_empty() { String::new() } else { format!(" ({told})") };
        Error::new(kind, "downloader", format!("{}: {whose}: {what}{told}", status.as_u16()))
    }

    /// A short body, whole.
    pub(crate) async fn body(&self, mut response: Response, most: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut watch = Watch::new(self.stall);
        while let Some(bytes) = watch.chunk(&mut response).await? {
            body.extend_from_slice(&bytes);
            if body.len() > most {
                let why = format!("an answer of the remote hub is longer than {most} bytes");
                return Err(Error::new(ErrorKind::Corrupt, "downloader", why));
            }
        }
        Ok(body)
    }

    /// Looks after a body on its way.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(self.stall)
    }
}

/// Notices that a body has stalled: time counts only while bytes are awaited, not while they are worked on.
pub(crate) struct Watch {
    stall: Duration,
    waited: Duration,
    since: u64,
}

impl Watch {
    /// Less than this in a second is nothing.
    const CRAWL: u64 = 1024;

    fn new(stall: Duration) -> Self {
        Self { stall, waited: Duration::ZERO, since: 0 }
    }

    /// The next bytes.
    pub(crate) async fn chunk(&mut self, response: &mut Response) -> Result<Option<bytes::Bytes>> {
        let begun = Instant::now();
        let unavailable = |why: String| Error::new(ErrorKind::Unavailable, "downloader.read", why);
        let stalled =
            || unavailable(format!("the remote hub sent next to nothing for {} seconds", self.stall.as_secs()));
        let left = self.stall.saturating_sub(self.waited);
        match tokio::time::timeout(left, response.chunk()).await {
            Err(_) => Err(stalled()),
            Ok(Err(error)) => Err(unavailable(format!("the connection broke: {}", innermost(&error)))),
            Ok(Ok(chunk)) => {
                self.waited += begun.elapsed();
                self.since += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
                if self.since >= Self::CRAWL * (self.waited.as_secs() + 1) {
                    (self.waited, self.since) = (Duration::ZERO, 0);
                }
                Ok(chunk)
            }
        }
    }
}

fn later(error: Error) -> Refusal {
    if error.retryable { Refusal::Later(error, None) } else { Refusal::For(error) }
}

/// The tries that there were are over: whoever asked does not begin anew.
fn given_up(error: Error) -> Error {
    Error { retryable: false, ..error }
}

fn is_too_much(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
}

/// How long the remote hub wants to be left alone: seconds, or a moment.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(Duration::from_millis(u64::try_from(moment - Timestamp::now().0).unwrap_or(0)))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn random_byte() -> u8 {
    // Any number that differs from one request to the next will do.
    Timestamp::now().0.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_moment() {
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert!(after("Fri, 31 Dec 2100 23:59:59 GMT").is_some_and(|wait| wait > 1_000_000));
        assert_eq!(after("soon"), None);
    }
}
