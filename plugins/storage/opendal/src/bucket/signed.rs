//! Signed URLs, as clients use them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballast_contract::storage::{Presign, ResponseHeaders, SignedRequest, StorageKey, UploadedPart};
use ballast_contract::{ErrorKind, Result};
use ballast_types::{ByteRange, Timestamp};
use rusty_s3::{Credentials, Method};

use super::requests::{Requests, sign};
use super::{Place, seconds};
use crate::config::{OpendalConfig, Presigned};
use crate::service::Service;

/// The longest that a signature may be good.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What signs.
pub(crate) struct Signed {
    /// At the address that clients see.
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
    uploads: bool,
    /// How long a download is good at most.
    valid: Duration,
    requests: Arc<Requests>,
    service: Service,
}

impl Signed {
    pub(crate) fn new(
        place: &Place,
        config: &OpendalConfig,
        requests: Arc<Requests>,
        service: Service,
    ) -> Result<Self> {
        Ok(Self {
            bucket: place.bucket("public_endpoint", &place.public_endpoint, config)?,
            credentials: place.credentials.clone(),
            prefix: place.prefix.clone(),
            uploads: config.presign == Presigned::On,
            valid: seconds(config.presign_seconds),
            requests,
            service,
        })
    }

    fn request(
        &self,
        method: Method,
        key: &StorageKey,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        valid: Duration,
    ) -> SignedRequest {
        let url = self.bucket.object_url(&format!("{}{key}", self.prefix));
        let expires = Timestamp::now().after(valid);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        SignedRequest {
            method: method.to_str().to_owned(),
            url: sign(&self.bucket, &self.credentials, method, url, query, headers, valid),
            headers: headers.iter().map(owned).collect(),
            expires,
        }
    }

    /// A request to write exactly `size` bytes: the length is part of what is signed.
    fn writing(&self, key: &StorageKey, query: &[(&str, &str)], size: u64, valid: Duration) -> SignedRequest {
        self.request(Method::Put, key, query, &[("content-length", &size.to_string())], valid.min(LONGEST))
    }
}

#[async_trait]
impl Presign for Signed {
    fn takes_uploads(&self) -> bool {
        self.uploads
    }

    async fn get(&self, key: &StorageKey, headers: &ResponseHeaders, valid: Duration) -> Result<SignedRequest> {
        let mut query = Vec::new();
        query.extend(headers.content_disposition.as_deref().map(|value| ("response-content-disposition", value)));
        query.extend(headers.content_type.as_deref().map(|value| ("response-content-type", value)));
        Ok(self.request(Method::Get, key, &query, &[], valid.min(self.valid)))
    }

    async fn get_range(&self, key: &StorageKey, range: ByteRange, valid: Duration) -> Result<SignedRequest> {
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        Ok(self.request(Method::Get, key, &[], &[("range", &range)], valid.min(self.valid)))
    }

    async fn put(&self, key: &StorageKey, size: u64, valid: Duration) -> Result<SignedRequest> {
        Ok(self.writing(key, &[], size, valid))
    }

    async fn create_multipart(&self, key: &StorageKey) -> Result<String> {
        self.requests.begin(key.as_str()).await
    }

    async fn put_part(
        &self,
        key: &StorageKey,
        upload: &str,
        number: u32,
        size: u64,
        valid: Duration,
    ) -> Result<SignedRequest> {
        let number = number.to_string();
        Ok(self.writing(key, &[("partNumber", &number), ("uploadId", upload)], size, valid))
    }

    async fn list_parts(&self, key: &StorageKey, upload: &str) -> Result<Vec<(UploadedPart, u64)>> {
        self.requests.parts(key.as_str(), upload).await
    }

    async fn complete_multipart(&self, key: &StorageKey, upload: &str, parts: &[UploadedPart]) -> Result<u64> {
        self.requests.complete(key.as_str(), upload, parts).await?;
        self.service.stat(key).await
    }

    async fn abort_multipart(&self, key: &StorageKey, upload: &str) -> Result<()> {
        match self.requests.abort(key.as_str(), upload).await {
            Err(error) if error.is(ErrorKind::NotFound) => Ok(()),
            // Some say instead that one has no right to an upload that is not there. Then it has no parts.
            Err(error) => match self.requests.parts(key.as_str(), upload).await {
                Ok(parts) if parts.is_empty() => Ok(()),
                Err(gone) if gone.is(ErrorKind::NotFound) => Ok(()),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }
}
