//! What is said about signed URLs over the C tables: one JSON message, one answer. Keys may come to be known, and none
//! goes.

use std::time::Duration;

use ballast_types::ByteRange;
use serde::{Deserialize, Serialize};

use super::{Presign, ResponseHeaders, StorageKey, UploadedPart};
use crate::Result;
use crate::message::json;

/// A call of [`Presign`]. `valid_ms` is how long what is signed is good, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum SignCall {
    Get { key: StorageKey, headers: ResponseHeaders, valid_ms: u64 },
    GetRange { key: StorageKey, range: ByteRange, valid_ms: u64 },
    Put { key: StorageKey, size: u64, valid_ms: u64 },
    CreateMultipart { key: StorageKey },
    PutPart { key: StorageKey, upload: String, number: u32, size: u64, valid_ms: u64 },
    ListParts { key: StorageKey, upload: String },
    CompleteMultipart { key: StorageKey, upload: String, parts: Vec<UploadedPart> },
    AbortMultipart { key: StorageKey, upload: String },
}

impl SignCall {
    /// Makes the call, and answers with the JSON of what it answers.
    pub async fn answer(self, signer: &dyn Presign) -> Result<Vec<u8>> {
        let valid = Duration::from_millis;
        match self {
            Self::Get { key, headers, valid_ms } => json(&signer.get(&key, &headers, valid(valid_ms)).await?),
            Self::GetRange { key, range, valid_ms } => json(&signer.get_range(&key, range, valid(valid_ms)).await?),
            Self::Put { key, size, valid_ms } => json(&signer.put(&key, size, valid(valid_ms)).await?),
            Self::CreateMultipart { key } => json(&signer.create_multipart(&key).await?),
            Self::PutPart { key, upload, number, size, valid_ms } => {
                json(&signer.put_part(&key, &upload, number, size, valid(valid_ms)).await?)
            }
            Self::ListParts { key, upload } => json(&signer.list_parts(&key, &upload).await?),
            Self::CompleteMultipart { key, upload, parts } => {
                json(&signer.complete_multipart(&key, &upload, &parts).await?)
            }
            Self::AbortMultipart { key, upload } => json(&signer.abort_multipart(&key, &upload).await?),
        }
    }
}
