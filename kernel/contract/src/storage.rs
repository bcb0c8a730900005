//! Storage: keys to bytes.

pub mod message;

use std::fmt;
use std::fs::File;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballast_types::{ByteRange, Timestamp};
use bytes::Bytes;
use futures::future::join_all;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{ByteStream, Component, Page, Result};

/// The key of an object: `/`-separated segments of `[a-z0-9._-]`, made by the kernel from its own ids and never from
/// a name that a user typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StorageKey(String);

/// A text that is no storage key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey(String);

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a storage key", self.0.escape_debug())
    }
}

impl std::error::Error for InvalidKey {}

impl StorageKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StorageKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidKey> {
        // In one pass: every call of a plugin in a library of its own reads a key.
        let mut before = b'/';
        let good = text.len() <= 512
            && text.bytes().all(|byte| {
                let begins = std::mem::replace(&mut before, byte) == b'/';
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => true,
                    b'.' | b'/' => !begins,
                    _ => false,
                }
            });
        match good && before != b'/' {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidKey(text.chars().take(600).collect())),
        }
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StorageKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How many objects are deleted side by side where a store has no better way.
const SIDE_BY_SIDE: usize = 8;

/// A place for immutable objects. An object is there, whole and durable, or it is not there at all: what a reader,
/// `stat` or `list` sees was committed by its writer.
#[async_trait]
pub trait Storage: Component {
    /// An object's size in bytes. `NotFound` where there is none.
    async fn stat(&self, key: &StorageKey) -> Result<u64>;

    /// Some bytes of an object. `NotFound` where there is none; `Invalid` where the range ends behind the object.
    /// Exactly `range.len()` bytes come, or an error.
    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream>;

    /// Begins an object. Nothing is visible before `commit`; a writer that is dropped leaves nothing visible.
    /// Where the key exists, the commit replaces it whole.
    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>>;

    /// Begins an object that is only kept until it is joined with others: like `create`, but a power cut may lose or
    /// damage it after its commit. What is made of it has to be checked, and does not cost a second flush. Where there is
    /// an `assembly`, parts go there instead.
    async fn create_passing(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.create(key).await
    }

    /// Removes an object, and what its assembly has of it. Idempotent: an absent key is no error. When this returns, a
    /// power cut does not bring it back.
    async fn delete(&self, key: &StorageKey) -> Result<()>;

    /// Removes objects as `delete` does each, for less than that costs. Where it fails, some may be gone and others not:
    /// `delete` tells which cannot go.
    async fn delete_many(&self, keys: &[StorageKey]) -> Result<()> {
        for some in keys.chunks(SIDE_BY_SIDE) {
            let deleted = join_all(some.iter().map(|key| self.delete(key))).await;
            deleted.into_iter().collect::<Result<()>>()?;
        }
        Ok(())
    }

    /// Keys in byte order, from behind `after`, at most `limit`.
    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>>;

    /// Makes `to` the same bytes as `from`, without moving them through the hub where the provider can.
    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()>;

    /// Signed URLs that a client uses without the hub, where the provider has them.
    fn presign(&self) -> Option<&dyn Presign> {
        None
    }

    /// Descriptors of this machine's own files, where objects are files.
    fn files(&self) -> Option<&dyn LocalFiles> {
        None
    }

    /// Objects whose parts are written at their places, where the storage has that.
    fn assembly(&self) -> Option<&dyn Assembly> {
        None
    }
}

/// An object on its way in.
#[async_trait]
pub trait StorageWriter: Send {
    /// The next bytes, in order.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the object visible and durable; answers its size. When this returns, a power cut loses nothing, unless
    /// the object is a passing one.
    async fn commit(self: Box<Self>) -> Result<u64>;

    /// Throws the bytes away.
    async fn abort(self: Box<Self>) -> Result<()>;
}

/// A request that somebody without credentials may send, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequest {
    pub method: String,
    pub url: String,
    /// Headers that belong to the signature. `content-length` among them holds the body to its length; all others are
    /// the client's to choose, `Range` as well.
    pub headers: Vec<(String, String)>,
    /// When it ceases to be good; what has begun by then goes on.
    pub expires: Timestamp,
}

/// One part of a multipart upload that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Counted from 1.
    pub number: u32,
    /// As the provider named it.
    pub etag: String,
}

/// What a presigned download says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseHeaders {
    pub content_disposition: Option<String>,
    pub content_type: Option<String>,
}

/// Signed URLs: GET, PUT, and the steps of an upload in parts.
#[async_trait]
pub trait Presign: Send + Sync {
    /// Whether clients may also send by signed URLs, or only get.
    fn takes_uploads(&self) -> bool;

    /// Reads one object, or any range of it that the client asks for. Good for `valid` at most; that the object is there
    /// is not looked at.
    async fn get(&self, key: &StorageKey, headers: &ResponseHeaders, valid: Duration) -> Result<SignedRequest>;

    /// Reads one range of an object and nothing else: `Range` is among the headers of the signature, and has to be sent
    /// as it stands there.
    async fn get_range(&self, key: &StorageKey, range: ByteRange, valid: Duration) -> Result<SignedRequest>;

    /// Writes one object of exactly `size` bytes. Whoever has it can replace the object until it expires, so what comes
    /// from a stranger comes in parts, which nobody can change once they are joined.
    async fn put(&self, key: &StorageKey, size: u64, valid: Duration) -> Result<SignedRequest>;

    /// Begins an upload in parts and answers its id. Nothing is visible of it before it is completed.
    async fn create_multipart(&self, key: &StorageKey) -> Result<String>;

    /// Writes one part of exactly `size` bytes, counted from 1. The same part again replaces the first.
    async fn put_part(
        &self,
        key: &StorageKey,
        upload: &str,
        number: u32,
        size: u64,
        valid: Duration,
    ) -> Result<SignedRequest>;

    /// The parts that have arrived, in order, each with its size in bytes. Of an upload that is not there, an error or none.
    async fn list_parts(&self, key: &StorageKey, upload: &str) -> Result<Vec<(UploadedPart, u64)>>;

    /// Joins the parts, in order, into the object and answers its size. Nobody can write a part any more. An error where
    /// a part is missing or was replaced, and where the upload is not there: it may have been completed before, by a
    /// call whose answer was lost.
    async fn complete_multipart(&self, key: &StorageKey, upload: &str, parts: &[UploadedPart]) -> Result<u64>;

    /// Throws the parts away. Idempotent.
    async fn abort_multipart(&self, key: &StorageKey, upload: &str) -> Result<()>;
}

/// Objects that are files of this machine: a stream of small buffers cannot serve them as fast as they can be read.
pub trait LocalFiles: Send + Sync {
    /// Opens an object for reading. `NotFound` where there is none.
    fn open(&self, key: &StorageKey) -> Result<File>;

    /// The same where the system knows the way without asking a disk, so that no thread has to wait; none where it does
    /// not, and where there is no object.
    fn open_at_once(&self, key: &StorageKey) -> Option<File> {
        let _ = key;
        None
    }
}

/// Objects that are put together in place: their parts come in any order, several at once and from several processes,
/// each written where it belongs, and nothing is copied when all are there.
#[async_trait]
pub trait Assembly: Send + Sync {
    /// Writes the bytes of an object from `start` on, over what was written there before. Nothing is visible of it. The
    /// commit says that the bytes are written, not that they survive a power cut; a writer that is dropped or aborted
    /// leaves what it wrote. A write is a `Conflict` from the moment that the object is closed.
    async fn write_part(&self, key: &StorageKey, start: u64) -> Result<Box<dyn StorageWriter>>;

    /// Ends all writing to an object, and waits for whoever else has closed it. An object that was published and has not
    /// gone is closed as well: whoever did that may not have lived to tell. `NotFound` where nothing was written.
    async fn close(&self, key: &StorageKey) -> Result<Box<dyn Closed>>;

    /// Throws away what was written and is not published. Idempotent.
    async fn discard(&self, key: &StorageKey) -> Result<()>;
}

/// An object with all its parts, to be looked at and published. Dropped before that, it takes parts again.
#[async_trait]
pub trait Closed: Send + Sync {
    /// The object's bytes. What has no writer yet reads as zeros, or is behind the end.
    fn file(&self) -> &Arc<File>;

    /// Sees to it that a power cut takes none of its bytes. May be called while they are read.
    async fn flush(&self) -> Result<()>;

    /// Makes the object visible and durable. Until this value is dropped, nobody else has it closed.
    async fn publish(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_their_place() {
        assert!("lfs/ab/cd/abcd-1.x_y".parse::<StorageKey>().is_ok());
        for key in ["", "/a", "a/", "a//b", "../a", "a/..", ".a", "A", "a b", "a\\b", "é"] {
            assert!(key.parse::<StorageKey>().is_err(), "{key:?}");
        }
    }
}
