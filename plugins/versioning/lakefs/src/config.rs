//! What an operator writes.

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use url::Url;

/// Repositories in a lakeFS server, which nobody but the hub needs to reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LakefsConfig {
    /// Where the lakeFS server is.
    #[schemars(extend("format" = "http-url"))]
    pub endpoint: String,
    /// The key of a user of lakeFS who may make and delete repositories.
    #[schemars(schema_with = "secret")]
    pub access_key_id: Option<Secret>,
    /// Its secret half.
    #[schemars(schema_with = "secret")]
    pub secret_access_key: Option<Secret>,
    /// Where lakeFS keeps what it stores itself, in the words of its block adapter (`s3://bucket/lakefs`,
    /// `local://ballast`). Each repository gets a folder of its own there.
    pub storage_namespace: String,
    /// Where lakeFS is told that files' bytes lie: below it `ab/cd/` and the SHA-256. With the address of the folder
    /// `lfs` of the hub's own bucket (`s3://models/lfs`), large files that are kept whole can be read through lakeFS
    /// too. Left empty it is the folder `blobs` of `storage_namespace`, where nothing lies. The hub never reads there.
    pub objects: String,
    /// What the names of the hub's repositories in lakeFS begin with: lower-case letters, digits and `-`.
    pub repository_prefix: String,
    /// Requests to lakeFS that are under way at the same time, at most.
    #[schemars(range(min = 1, max = 256))]
    pub connections: u32,
    /// How often a request is sent again that lakeFS could not answer now.
    #[schemars(range(max = 20))]
    pub retries: u32,
    /// How long one request may take, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: u32,
    /// How much memory the engine may use to keep folders and commits at hand, in bytes.
    pub cache_bytes: u64,
}

impl Default for LakefsConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:8000".to_owned(),
            access_key_id: None,
            secret_access_key: None,
            storage_namespace: "local://ballast".to_owned(),
            objects: String::new(),
            repository_prefix: "ballast-".to_owned(),
            connections: 16,
            retries: 5,
            timeout_seconds: 30,
            cache_bytes: 128 << 20,
        }
    }
}

fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "writeOnly": true, "minLength": 1 })
}

impl LakefsConfig {
    /// The endpoint; `Invalid` where it is no address of a server, or another key makes no sense.
    pub(crate) fn check(&self) -> Result<Url> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "versioning.open", why);
        let url = Url::parse(self.endpoint.trim_end_matches('/'));
        let url = url.map_err(|error| invalid(format!("endpoint: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid("endpoint: it begins with http:// or https:// and a host".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid(
                "endpoint: it has no user, password or query; keys have a place of their own".to_owned(),
            ));
        }
        for (key, address) in [("storage_namespace", &self.storage_namespace), ("objects", &self.objects)] {
            let is_default = key == "objects" && address.is_empty();
            let named = address.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
            if !is_default && !named {
                return Err(invalid(format!(
                    "{key}: it is an address of lakeFS's block adapter, as s3://bucket/lakefs"
                )));
            }
        }
        let prefix = &self.repository_prefix;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins = prefix.bytes().next().is_some_and(plain);
        if !begins || prefix.len() > 30 || !prefix.bytes().all(|byte| plain(byte) || byte == b'-') {
            let why = "repository_prefix: 1 to 30 lower-case letters, digits and '-', of which the first is no '-'";
            return Err(invalid(why.to_owned()));
        }
        Ok(url)
    }

    /// Where files' bytes are said to lie.
    pub(crate) fn objects(&self) -> String {
        match self.objects.trim_end_matches('/') {
            "" => format!("{}/blobs", self.storage_namespace.trim_end_matches('/')),
            named => named.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        assert!(LakefsConfig::default().check().is_ok());
        let with = |change: &dyn Fn(&mut LakefsConfig)| {
            let mut config = LakefsConfig::default();
            change(&mut config);
            config.check().map(drop).unwrap_err().context
        };
        for endpoint in ["", "lakefs:8000", "ftp://h", "http://", "http://me@h", "http://h?x=1"] {
            assert!(with(&|config| config.endpoint = endpoint.to_owned()).starts_with("endpoint: "), "{endpoint}");
        }
        assert!(with(&|config| config.storage_namespace = "bucket".to_owned()).starts_with("storage_namespace: "));
        assert!(with(&|config| config.objects = "s3://".to_owned()).starts_with("objects: "));
        for prefix in ["", "-a", "A", "a_b", &"a".repeat(31)] {
            assert!(with(&|config| config.repository_prefix = prefix.to_owned()).starts_with("repository_prefix: "));
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let secret_access_key = Some(Secret::new("hunter2"));
        let config = LakefsConfig { secret_access_key, ..LakefsConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
