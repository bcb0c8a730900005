//! Signed URLs of a library: one JSON message a call.

use std::time::Duration;

use async_trait::async_trait;
use ballast_abi::{Buf, Str};
use ballast_contract::storage::message::SignCall;
use ballast_contract::storage::{Presign, ResponseHeaders, SignedRequest, StorageKey, UploadedPart};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::ByteRange;
use serde::de::DeserializeOwned;

use super::LoadedStorage;

impl LoadedStorage {
    async fn sign<T: DeserializeOwned>(&self, message: SignCall) -> Result<T> {
        let message = serde_json::to_string(&message);
        let message = message.map_err(|error| Error::new(ErrorKind::Internal, "storage.sign", error.to_string()))?;
        let unsupported = || Error::new(ErrorKind::Unsupported, "storage.sign", "the plugin signs no URLs");
        let sign = self.table.sign.ok_or_else(unsupported)?;
        let mut call = self.loaded.call::<Buf>("storage.sign", |data| unsafe { sign(data, Str::of(&message)) })?;
        call.allow(self.loaded.limits.whole());
        let said = call.await?;
        let wrong = |error| self.loaded.of("storage.sign").misbehaved(format!("its answer is none: {error}"));
        serde_json::from_slice(said.as_ref()).map_err(wrong)
    }
}

fn millis(valid: Duration) -> u64 {
    u64::try_from(valid.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Presign for LoadedStorage {
    fn takes_uploads(&self) -> bool {
        self.takes_uploads()
    }

    async fn get(&self, key: &StorageKey, headers: &ResponseHeaders, valid: Duration) -> Result<SignedRequest> {
        self.sign(SignCall::Get { key: key.clone(), headers: headers.clone(), valid_ms: millis(valid) }).await
    }

    async fn get_range(&self, key: &StorageKey, range: ByteRange, valid: Duration) -> Result<SignedRequest> {
        self.sign(SignCall::GetRange { key: key.clone(), range, valid_ms: millis(valid) }).await
    }

    async fn put(&self, key: &StorageKey, size: u64, valid: Duration) -> Result<SignedRequest> {
        self.sign(SignCall::Put { key: key.clone(), size, valid_ms: millis(valid) }).await
    }

    async fn create_multipart(&self, key: &StorageKey) -> Result<String> {
        self.sign(SignCall::CreateMultipart { key: key.clone() }).await
    }

    async fn put_part(
        &self,
        key: &StorageKey,
        upload: &str,
        number: u32,
        size: u64,
        valid: Duration,
    ) -> Result<SignedRequest> {
        let (key, upload, valid_ms) = (key.clone(), upload.to_owned(), millis(valid));
        self.sign(SignCall::PutPart { key, upload, number, size, valid_ms }).await
    }

    async fn list_parts(&self, key: &StorageKey, upload: &str) -> Result<Vec<(UploadedPart, u64)>> {
        self.sign(SignCall::ListParts { key: key.clone(), upload: upload.to_owned() }).await
    }

    async fn complete_multipart(&self, key: &StorageKey, upload: &str, parts: &[UploadedPart]) -> Result<u64> {
        let (key, upload) = (key.clone(), upload.to_owned());
        self.sign(SignCall::CompleteMultipart { key, upload, parts: parts.to_vec() }).await
    }

    async fn abort_multipart(&self, key: &StorageKey, upload: &str) -> Result<()> {
        self.sign(SignCall::AbortMultipart { key: key.clone(), upload: upload.to_owned() }).await
    }
}
