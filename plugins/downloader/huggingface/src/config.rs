//! What an operator writes.

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use url::Url;

/// A hub that speaks as huggingface.co does, to read from; another Ballast is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuggingFaceConfig {
    /// Where the remote hub is.
    #[schemars(extend("format" = "http-url"))]
    pub endpoint: String,
    /// The token that is shown to the remote hub, and to no other host, where whoever reads it brings none: `jobs.token` is
    /// brought to the first instance alone.
    #[schemars(schema_with = "secret")]
    pub token: Option<Secret>,
    /// Whether redirects of the remote hub may lead to this machine and to private networks. Its own address may be
    /// there in any case.
    pub allow_private: bool,
    /// Requests to the remote hub that are under way at the same time, at most. There are fewer while it refuses some.
    #[schemars(range(min = 1, max = 1024))]
    pub connections: u32,
    /// How often a request is sent again that the remote hub could not answer now.
    #[schemars(range(max = 100))]
    pub retries: u32,
    /// The longest time that the remote hub may ask to be left alone, in seconds. Where it asks for more, the request
    /// has failed.
    #[schemars(range(max = 86_400))]
    pub patience_seconds: u32,
    /// How long connecting, and how long an answer may take to begin, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: u32,
    /// A body of which less than a KiB a second arrives for so long has stalled, and is asked for again; in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub stall_seconds: u32,
}

impl Default for HuggingFaceConfig {
    fn default() -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            allow_private: false,
            connections: 32,
            retries: 5,
            patience_seconds: 300,
            timeout_seconds: 30,
            stall_seconds: 30,
        }
    }
}

fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "writeOnly": true, "minLength": 1 })
}

impl HuggingFaceConfig {
    /// The endpoint, without a slash at its end; `Invalid` where it is no address of a hub.
    pub(crate) fn endpoint(&self) -> Result<Url> {
        let invalid = |why: String| Error::new(ErrorKind::Invalid, "downloader.open", format!("endpoint: {why}"));
        let url = Url::parse(self.endpoint.trim_end_matches('/')).map_err(|error| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid("it begins with http:// or https:// and a host".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(invalid("it has no user, password or query; tokens have a place of their own".to_owned()));
        }
        Ok(url)
    }
}
