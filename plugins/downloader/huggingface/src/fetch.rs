//! Bytes of one file, by range, and only of the file that was planned.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballast_contract::downloader::{Expected, Fetched, Source, SourceFile};
use ballast_contract::{ByteStream, Error, ErrorKind, Result};
use ballast_types::ByteRange;
use futures::{StreamExt, stream};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::gate::Permit;
use crate::remote::{Answered, Remote};

/// How long a file is asked for where the remote hub led before; signed addresses are good for longer.
const KNOWN_FOR: Duration = Duration::from_secs(120);

/// Places that are remembered at the same time.
const MOST_PLACES: usize = 1000;

/// Where a file's bytes are, and what that place calls them.
#[derive(Clone)]
struct Place {
    url: Url,
    etag: Option<HeaderValue>,
    found: Instant,
}

/// Places where the remote hub led before, by the digest of what is there.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<String, Place>>);

impl Places {
    fn find(&self, key: &str) -> Option<Place> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(key).filter(|place| place.found.elapsed() < KNOWN_FOR).cloned()
    }

    fn keep(&self, key: String, place: Place) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_PLACES {
            places.retain(|_, place| place.found.elapsed() < KNOWN_FOR);
        }
        if places.len() < MOST_PLACES {
            places.insert(key, place);
        }
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Remote {
    /// Bytes of a file of a source whose revision is a commit.
    pub(crate) async fn fetch(
        &self,
        places: &Places,
        source: &Source,
        file: &SourceFile,
        range: ByteRange,
    ) -> Result<Fetched> {
        // A place belongs to whom the remote hub led there: another token may not be led there at all.
        let token = source.token.as_ref().map(|token| token.expose()).unwrap_or_default();
        let key = format!("{}/{}/{}/{}/{token}", source.kind, source.repo, source.revision.as_str(), file.path);
        let mut headers = HeaderMap::new();
        if range != ByteRange::whole(file.size) {
            let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            headers.insert(RANGE, HeaderValue::try_from(text).map_err(|_| odd(file, "its range cannot be written"))?);
        }
        if let Some(place) = places.find(&key) {
            let mut headers = headers.clone();
            // What changed since comes whole, and is seen by its ETag.
            if let Some(etag) = place.etag.as_ref().filter(|_| headers.contains_key(RANGE)) {
                headers.insert(IF_RANGE, etag.clone());
            }
            match self.get(&place.url, source.token.as_ref(), &headers).await {
                Ok(answered) => {
                    if place.etag.is_some() && answered.answer.response.headers().get(ETAG) != place.etag.as_ref() {
                        places.forget(&key);
                        return Err(changed(file));
                    }
                    return self.fetched(answered, file, range);
                }
                // Its signature may have run out.
                Err(error) => {
                    places.forget(&key);
                    tracing::debug!(%error, path = %file.path, "the place of a file is asked for again");
                }
            }
        }
        let url = self.file(source, &file.path)?;
        let answered = self.get(&url, source.token.as_ref(), &headers).await?;
        check(file, source, &answered.answer.said)?;
        if !self.reach.is_home(&answered.answer.url) {
            let etag = answered.answer.response.headers().get(ETAG).filter(|etag| !etag.as_bytes().starts_with(b"W/"));
            let (url, etag) = (answered.answer.url.clone(), etag.cloned());
            places.keep(key, Place { url, etag, found: Instant::now() });
        }
        self.fetched(answered, file, range)
    }

    fn fetched(&self, answered: Answered, file: &SourceFile, asked: ByteRange) -> Result<Fetched> {
        let Answered { answer, permit } = answered;
        let headers = answer.response.headers();
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(odd(file, "it comes compressed, which was not asked for"));
        }
        let range = match answer.response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let (sent, size) =
                    content_range(headers).ok_or_else(|| odd(file, "which part of it came is not said"))?;
                if size.is_some_and(|size| size != file.size) {
                    return Err(changed(file));
                }
                if sent.start != asked.start || sent.end > asked.end || sent.is_empty() {
                    return Err(odd(file, "another part of it came than was asked for"));
                }
                asked
            }
            StatusCode::OK => ByteRange::whole(file.size),
            _ => return Err(odd(file, "the answer is none to a request for bytes")),
        };
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        match length {
            Some(length) if length > range.len() => return Err(odd(file, "more bytes are sent than it has")),
            Some(length) if length < range.len() && range == ByteRange::whole(file.size) => {
                let why = format!("{}: fewer bytes are sent than it has", file.path);
                return Err(Error::new(ErrorKind::Unavailable, "downloader.fetch", why));
            }
            _ => {}
        }
        Ok(Fetched { range, bytes: self.bytes(answer.response, permit, range.len(), file.path.to_string()) })
    }

    /// The body, which is as long as it should be or ends with an error.
    fn bytes(&self, response: Response, permit: Permit, length: u64, path: String) -> ByteStream {
        let state = Some((response, self.watch(), permit, length));
        stream::unfold(state, move |state| {
            let path = path.clone();
            async move {
                let (mut response, mut watch, permit, left) = state?;
                match watch.chunk(&mut response).await {
                    Err(error) => Some((Err(error), None)),
                    Ok(None) if left == 0 => None,
                    Ok(None) => {
                        let why = format!("{path}: the answer ended {left} bytes too early");
                        Some((Err(Error::new(ErrorKind::Unavailable, "downloader.read", why)), None))
                    }
                    Ok(Some(bytes)) => match left.checked_sub(bytes.len() as u64) {
                        Some(left) => Some((Ok(bytes), Some((response, watch, permit, left)))),
                        None => {
                            let why = format!("{path}: more bytes came than were asked for");
                            Some((Err(Error::new(ErrorKind::Corrupt, "downloader.read", why)), None))
                        }
                    },
                }
            }
        })
        .boxed()
    }
}

/// What the remote hub says of a file must be what it said when it listed it.
fn check(file: &SourceFile, source: &Source, said: &HeaderMap) -> Result<()> {
    let header = |name: &str| said.get(name).and_then(|value| value.to_str().ok());
    let linked = header("x-linked-etag");
    let etag = linked.or_else(|| header("etag")).map(|etag| etag.trim_start_matches("W/").trim_matches('"'));
    let digits = if matches!(file.expected, Expected::Sha256(_)) { 64 } else { 40 };
    let is_digest = |etag: &&str| etag.len() == digits && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let other_content =
        etag.filter(is_digest).is_some_and(|etag| !etag.eq_ignore_ascii_case(&file.expected.to_string()));
    let other_commit = header("x-repo-commit").is_some_and(|commit| commit != source.revision.as_str());
    let size = header("x-linked-size").and_then(|size| size.parse::<u64>().ok());
    match other_content || other_commit || size.is_some_and(|size| size != file.size) {
        true => Err(changed(file)),
        false => Ok(()),
    }
}

/// `bytes 0-9/100`
fn content_range(headers: &HeaderMap) -> Option<(ByteRange, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    let (part, size) = text.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let range = ByteRange { start: first.trim().parse().ok()?, end: last.trim().parse::<u64>().ok()?.checked_add(1)? };
    let size = match size.trim() {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    Some((range, size))
}

fn changed(file: &SourceFile) -> Error {
    let why = format!("{} is another one on the remote hub than the one that it listed; plan anew", file.path);
    Error::new(ErrorKind::Conflict, "downloader.fetch", why)
}

fn odd(file: &SourceFile, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "downloader.fetch", format!("{}: {why}", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_refused() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().unwrap());
            content_range(&headers).map(|(range, size)| (range.start, range.end, size))
        };
        assert_eq!(read("bytes 0-9/100"), Some((0, 10, Some(100))));
        assert_eq!(read("bytes 5-5/*"), Some((5, 6, None)));
        for odd in ["bytes */100", "items 0-9/100", "bytes 0-18446744073709551615/*", "bytes 1/2", "bytes -1-2/3"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
