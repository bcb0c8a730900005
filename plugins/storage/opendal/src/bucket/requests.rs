//! Requests that OpenDAL has no words for: signed here, sent over its connections, tried again as its own are.

use std::time::Duration;

use ballast_contract::Error;
use ballast_contract::storage::UploadedPart;
use opendal::{Buffer, HttpTransporter};
use rusty_s3::{Credentials, Method};
use serde::de::DeserializeOwned;

use super::answers::{Begun, Parts, Refusal, Unfinished, Uploads, completion};
use super::{FIRST_PAUSE, LONGEST_PAUSE, Place, seconds};
use crate::config::OpendalConfig;
use crate::remote::Remote;

type Result<T, E = Error> = std::result::Result<T, E>;

/// How long a request of our own is good, which is sent at once.
const VALID: Duration = Duration::from_secs(15 * 60);

/// What a request adds to its address.
type Query<'a> = [(&'a str, &'a str)];

/// How the hub talks to a bucket.
pub(crate) struct Requests {
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
    remote: Remote,
    transport: HttpTransporter,
    retries: u32,
    limit: Duration,
}

/// What came back, where it was no failure of the way.
struct Said {
    status: u16,
    body: String,
}

impl Requests {
    pub(crate) fn new(
        place: &Place,
        config: &OpendalConfig,
        remote: Remote,
        transport: HttpTransporter,
    ) -> Result<Self> {
        Ok(Self {
            bucket: place.bucket("endpoint", &place.endpoint, config)?,
            credentials: place.credentials.clone(),
            prefix: place.prefix.clone(),
            remote,
            transport,
            retries: config.retries,
            limit: seconds(config.timeout_seconds),
        })
    }

    /// Begins an upload in parts; its id.
    pub(crate) async fn begin(&self, key: &str) -> Result<String> {
        let operation = "storage.create_multipart";
        let said = self.send(Method::Post, Some(key), &[("uploads", "")], None, operation).await?;
        let begun: Begun = self.read(&said, operation, key)?;
        Ok(begun.upload_id)
    }

    /// The parts that have come, in the order of their numbers.
    pub(crate) async fn parts(&self, key: &str, upload: &str) -> Result<Vec<(UploadedPart, u64)>> {
        let operation = "storage.list_parts";
        let (mut all, mut after) = (Vec::new(), None::<u32>);
        loop {
            let marker = after.map(|after| after.to_string());
            let mut query = Vec::from_iter(marker.as_deref().map(|marker| ("part-number-marker", marker)));
            query.push(("uploadId", upload));
            let said = self.send(Method::Get, Some(key), &query, None, operation).await?;
            let (parts, next) = self.read::<Parts>(&said, operation, key)?.read();
            all.extend(parts);
            match next.filter(|next| Some(*next) > after) {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        all.sort_by_key(|(part, _)| part.number);
        Ok(all)
    }

    /// Joins parts into an object. `NotFound` where there is no such upload, any more or at all.
    pub(crate) async fn complete(&self, key: &str, upload: &str, parts: &[UploadedPart]) -> Result<()> {
        let operation = "storage.complete_multipart";
        let said =
            self.send(Method::Post, Some(key), &[("uploadId", upload)], Some(completion(parts)), operation).await?;
        // It takes so long that the status goes out before the provider knows.
        let refusal: Refusal = self.read(&said, operation, key)?;
        match refusal.code.is_empty() {
            true => Ok(()),
            false => Err(self.remote.refused(said.status, &refusal.code, &refusal.message, operation, key)),
        }
    }

    /// Throws an upload away.
    pub(crate) async fn abort(&self, key: &str, upload: &str) -> Result<()> {
        let query = [("uploadId", upload)];
        self.send(Method::Delete, Some(key), &query, None, "storage.abort_multipart").await.map(drop)
    }

    /// Uploads in parts that nobody has finished, and where to go on. Their keys are without the prefix.
    pub(crate) async fn unfinished(
        &self,
        after: Option<&(String, String)>,
    ) -> Result<(Vec<Unfinished>, Option<(String, String)>)> {
        let operation = "storage.list_multiparts";
        let mut query = Vec::new();
        query.extend(after.map(|(key, _)| ("key-marker", key.as_str())));
        query.extend((!self.prefix.is_empty()).then_some(("prefix", self.prefix.as_str())));
        query.extend(after.map(|(_, upload)| ("upload-id-marker", upload.as_str())));
        query.push(("uploads", ""));
        let said = self.send(Method::Get, None, &query, None, operation).await?;
        let mut found: Uploads = self.read(&said, operation, "the list of unfinished uploads")?;
        let next = found.next();
        // Not all providers honour the prefix; what others have begun is none of ours.
        found.uploads.retain_mut(|upload| match upload.key.strip_prefix(&self.prefix) {
            Some(key) => {
                upload.key = key.to_owned();
                true
            }
            None => false,
        });
        Ok((found.uploads, next))
    }

    /// Sends a request until it is answered, or often enough. `query` is in the order of its names.
    async fn send(
        &self,
        method: Method,
        key: Option<&str>,
        query: &Query<'_>,
        body: Option<String>,
        operation: &str,
    ) -> Result<Said> {
        let (mut left, mut pause) = (self.retries, FIRST_PAUSE);
        loop {
            let error = match self.send_once(method, key, query, body.as_deref(), operation).await {
                Ok(said) if said.status < 300 => return Ok(said),
                Ok(said) => {
                    let refusal: Refusal = quick_xml::de::from_str(&said.body).unwrap_or_default();
                    let what = key.unwrap_or("the list of unfinished uploads");
                    let error = self.remote.refused(said.status, &refusal.code, &refusal.message, operation, what);
                    if !(said.status >= 500 && said.status != 501 || said.status == 429) {
                        return Err(error);
                    }
                    error
                }
                Err(error) => error,
            };
            if left == 0 {
                return Err(error);
            }
            tracing::debug!(operation, left, "asked again");
            tokio::time::sleep(pause).await;
            (left, pause) = (left - 1, (pause * 2).min(LONGEST_PAUSE));
        }
    }

    async fn send_once(
        &self,
        method: Method,
        key: Option<&str>,
        query: &Query<'_>,
        body: Option<&str>,
        operation: &str,
    ) -> Result<Said> {
        let what = key.unwrap_or("the list of unfinished uploads");
        let failed = |error: opendal::Error| self.remote.told(&error, operation, what);
        let bytes = body.map_or_else(Buffer::new, |body| Buffer::from(body.to_owned()));
        let request = http::Request::builder().method(method.to_str()).uri(self.signed(method, key, query));
        // What was signed is an address that some library has written, which another must read.
        let request = request.header(http::header::CONTENT_LENGTH, bytes.len()).body(bytes);
        let unreadable = |_| opendal::Error::new(opendal::ErrorKind::Unexpected, "its address cannot be written");
        let request = request.map_err(unreadable).map_err(failed)?;
        let slow = |_| opendal::Error::new(opendal::ErrorKind::Unexpected, "it did not answer in time");
        let sent = tokio::time::timeout(self.limit, self.transport.send(request)).await;
        let answer = sent.map_err(slow).map_err(failed)?.map_err(failed)?;
        let (parts, body) = answer.into_parts();
        Ok(Said { status: parts.status.as_u16(), body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    }

    fn signed(&self, method: Method, key: Option<&str>, query: &Query<'_>) -> String {
        let url = match key {
            Some(key) => self.bucket.object_url(&format!("{}{key}", self.prefix)),
            None => self.bucket.base_url().clone(),
        };
        sign(&self.bucket, &self.credentials, method, url, query, &[], VALID)
    }

    fn read<T: DeserializeOwned>(&self, said: &Said, operation: &str, what: &str) -> Result<T> {
        quick_xml::de::from_str(&said.body).map_err(|error| {
            let error =
                opendal::Error::new(opendal::ErrorKind::Unexpected, format!("its answer cannot be read: {error}"));
            self.remote.told(&error, operation, what)
        })
    }
}

/// An address that is good for one request, for a while.
pub(crate) fn sign(
    bucket: &rusty_s3::Bucket,
    credentials: &Credentials,
    method: Method,
    url: url::Url,
    query: &Query<'_>,
    headers: &Query<'_>,
    valid: Duration,
) -> String {
    let now = jiff::Timestamp::now();
    let (key, secret, token) = (credentials.key(), credentials.secret(), credentials.token());
    let (query, headers) = (query.iter().copied(), headers.iter().copied());
    let valid = valid.as_secs().max(1);
    rusty_s3::signing::sign(&now, method, url, key, secret, token, bucket.region(), valid, query, headers).into()
}
