//! What an operator writes: a scheme, and the options that it has.

use std::path::Path;

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where bytes lie: `scheme` says in what, and each scheme has its own options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpendalConfig {
    /// `fs`, a folder of this machine; `s3`, a bucket of any provider that speaks S3; `memory`, which forgets everything
    /// at the end and is for trying out.
    pub scheme: Scheme,
    /// Of `fs`: the folder. Of `s3`: what all keys begin with; a bucket that is shared with others needs one.
    pub root: String,
    /// Of `s3`: the bucket, which must exist. A hub needs to read, write, list and delete in it.
    pub bucket: String,
    /// Of `s3`: where the hub reaches the provider, as `https://s3.example.org`. Left empty it is Amazon, in `region`.
    pub endpoint: String,
    /// Of `s3`: where clients reach the provider by signed URLs, if that is another address than the hub's own way.
    pub public_endpoint: String,
    /// Of `s3`: the region that requests are signed for. Providers without regions take any, or `auto`.
    pub region: String,
    /// Of `s3`: the key that requests are signed with.
    #[schemars(schema_with = "secret")]
    pub access_key_id: Option<Secret>,
    /// Of `s3`: its secret half.
    #[schemars(schema_with = "secret")]
    pub secret_access_key: Option<Secret>,
    /// Of `s3`: the token that belongs to a temporary key.
    #[schemars(schema_with = "secret")]
    pub session_token: Option<Secret>,
    /// Of `s3`: whether the bucket stands in the path of addresses (`https://s3.example.org/models/…`). Otherwise it
    /// stands in the host (`https://models.s3.example.org/…`), which the provider's names and certificates must allow.
    pub path_style: bool,
    /// Of `s3`: the checksum that is sent with what the hub writes. `md5` and `crc32c` are needed for buckets with
    /// object lock, and some providers refuse them.
    pub checksum: Checksum,
    /// Of `s3`: whether many objects are deleted by one request. A few providers cannot.
    pub delete_many: bool,
    /// Of `s3`: whether clients send and get large files by signed URLs, past the hub. They must reach the provider at
    /// `public_endpoint`, or at `endpoint` where that is empty.
    pub presign: Presigned,
    /// Of `s3`: how long the signed URL of a download is good, in seconds, and at most a week. A download that has begun
    /// goes on.
    #[schemars(range(min = 1, max = 604_800))]
    pub presign_seconds: u32,
    /// Of `s3`: the length of the parts in which the hub writes, in bytes. What it writes has at most 10,000 of them, and
    /// each upload that goes through the hub holds two in memory.
    #[schemars(range(min = 5_242_880, max = 5_368_709_120_u64))]
    pub part_bytes: u64,
    /// Of `s3`: how often a request is sent again that went wrong for no fault of its own, a fifth of a second later and
    /// each time twice as late, up to five seconds.
    #[schemars(range(max = 20))]
    pub retries: u32,
    /// Of `s3`: how long the provider may take to answer, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: u32,
    /// Of `s3`: how long one part may take on its way in, and how long a body on its way out may say nothing, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub transfer_timeout_seconds: u32,
    /// Of `s3`: how many requests of this hub are under way at the same time; further ones wait.
    #[schemars(range(min = 1, max = 65_536))]
    pub connections: u32,
    /// Of `s3`: after how many days an upload in parts that nobody finished is thrown away, also one that a crash made
    /// the hub forget; 0 leaves that to the bucket's own rules. Longer than `leases.lease_hours`.
    #[schemars(range(max = 3650))]
    pub abandoned_days: u32,
}

/// The schemes that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Fs,
    S3,
    Memory,
}

/// What is sent along with bytes so that the provider can check them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    None,
    Md5,
    Crc32c,
}

/// What clients do past the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presigned {
    /// Nothing: all bytes go through the hub.
    Off,
    /// Get.
    Downloads,
    /// Get and send. The hub reads what was sent, to see that it is what was announced.
    On,
}

impl Default for OpendalConfig {
    /// A folder, whose place is still to be said.
    fn default() -> Self {
        Self {
            scheme: Scheme::Fs,
            root: String::new(),
            bucket: String::new(),
            endpoint: String::new(),
            public_endpoint: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            path_style: true,
            checksum: Checksum::None,
            delete_many: true,
            presign: Presigned::Off,
            presign_seconds: 3600,
            part_bytes: 16 << 20,
            retries: 4,
            timeout_seconds: 20,
            transfer_timeout_seconds: 60,
            connections: 512,
            abandoned_days: 7,
        }
    }
}

impl OpendalConfig {
    /// Bytes in this folder.
    pub fn folder(root: &Path) -> Self {
        Self { root: root.to_string_lossy().into_owned(), ..Self::default() }
    }

    /// Bytes in memory.
    pub fn memory() -> Self {
        Self { scheme: Scheme::Memory, ..Self::default() }
    }

    /// Refuses what makes no sense together.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_foreign()?;
        match self.scheme {
            Scheme::Fs if self.root.is_empty() => Err(invalid("scheme 'fs' needs 'root', the folder where bytes lie")),
            Scheme::Fs | Scheme::Memory => Ok(()),
            Scheme::S3 => self.check_bucket(),
        }
    }

    fn check_bucket(&self) -> Result<()> {
        if self.bucket.is_empty() {
            return Err(invalid("scheme 's3' needs 'bucket'"));
        }
        if self.access_key_id.is_none() || self.secret_access_key.is_none() {
            return Err(invalid("scheme 's3' needs 'access_key_id' and 'secret_access_key'"));
        }
        if let Some(segment) = self.root.split('/').find(|segment| [".", ".."].contains(segment)) {
            return Err(invalid(format!("root: '{segment}' cannot stand in an address of S3")));
        }
        Ok(())
    }

    /// A key that was written for another scheme is a mistake; as it is by default it means nothing.
    fn check_foreign(&self) -> Result<()> {
        let (written, default) = (fields(self)?, fields(&Self::default())?);
        let own = self.scheme.options();
        let differs = |key: &str| written.get(key) != default.get(key);
        let mut all = written.as_object().into_iter().flat_map(|fields| fields.keys());
        match all.find(|key| own.is_some_and(|own| !own.contains(&key.as_str())) && differs(key)) {
            Some(key) => {
                let name = self.scheme.name();
                Err(invalid(format!("scheme '{name}' has no option '{key}'; set scheme = \"s3\" or take it away")))
            }
            None => Ok(()),
        }
    }
}

impl Scheme {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fs => "fs",
            Self::S3 => "s3",
            Self::Memory => "memory",
        }
    }

    /// The keys that mean something; none where all do.
    fn options(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Fs => Some(&["scheme", "root"]),
            Self::Memory => Some(&["scheme"]),
            Self::S3 => None,
        }
    }
}

fn fields(config: &OpendalConfig) -> Result<Value> {
    serde_json::to_value(config).map_err(|error| Error::new(ErrorKind::Internal, "storage.open", error.to_string()))
}

fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "writeOnly": true, "minLength": 1 })
}

pub(crate) fn invalid(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "storage.open", context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let config: OpendalConfig = serde_json::from_str(json).unwrap();
        config.check().unwrap_err().context
    }

    #[test]
    fn an_option_of_another_scheme_is_refused() {
        let expected = "scheme 'fs' has no option 'bucket'; set scheme = \"s3\" or take it away";
        assert_eq!(refused(r#"{"scheme": "fs", "root": "/data", "bucket": "b"}"#), expected);
        assert!(refused(r#"{"scheme": "memory", "root": "/data"}"#).contains("no option 'root'"));
    }

    #[test]
    fn each_scheme_says_what_it_needs() {
        assert!(refused("{}").contains("needs 'root'"));
        assert!(refused(r#"{"scheme": "s3"}"#).contains("needs 'bucket'"));
        assert!(refused(r#"{"scheme": "s3", "bucket": "b", "access_key_id": "k"}"#).contains("'secret_access_key'"));
        let whole =
            r#"{"scheme": "s3", "bucket": "b", "access_key_id": "k", "secret_access_key": "s", "root": "a/../b"}"#;
        assert!(refused(whole).contains("'..'"));
    }

    #[test]
    fn secrets_do_not_show_in_logs() {
        let config: OpendalConfig = serde_json::from_str(r#"{"secret_access_key": "hunter2"}"#).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
