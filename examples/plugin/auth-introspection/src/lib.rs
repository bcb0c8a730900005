//! An auth plugin for Ballast that asks an OAuth 2.0 server about each token it is shown (RFC 7662, token introspection).

mod introspection;
mod server;

use std::time::Duration;

use ballast_sdk::schemars::JsonSchema;
use ballast_sdk::types::Secret;
use ballast_sdk::{Error, ErrorKind, Result, Slots, schemars};
use serde::Deserialize;

pub use introspection::Introspection;
use server::Server;

/// What an operator writes below `[auth.NAME.config]`. The comments of the keys are the manual.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// The address of the server's introspection endpoint.
    pub endpoint: String,
    /// What the hub is called there; none where the endpoint asks for no credentials.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The secret that goes with it.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub client_secret: Option<Secret>,
    /// Only tokens that begin so are sent there. Others are left to the instances that follow.
    #[serde(default)]
    pub prefix: String,
    /// The scope with which a token may write; without it, it reads.
    #[serde(default = "write")]
    pub write_scope: String,
    /// The scope with which a token may do all that its user may; none is none.
    #[serde(default)]
    pub admin_scope: Option<String>,
    /// How long an answer holds, in seconds: so late a revoked token ends.
    #[serde(default = "half_a_minute")]
    #[schemars(range(max = 3600))]
    pub cache_seconds: u64,
    /// How long the server may take, in seconds.
    #[serde(default = "five_seconds")]
    #[schemars(range(min = 1, max = 60))]
    pub timeout_seconds: u64,
}

fn write() -> String {
    "write".to_owned()
}

fn half_a_minute() -> u64 {
    30
}

fn five_seconds() -> u64 {
    5
}

/// Makes an instance. It does no I/O.
pub fn open(config: IntrospectionConfig, _slots: Slots) -> Result<Introspection> {
    let endpoint = config.endpoint.parse::<url::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let wrong = || Error::new(ErrorKind::Invalid, "auth.open", "endpoint: it must be an http or https address");
    let endpoint = endpoint.ok_or_else(wrong)?;
    let client = config.client_id.clone().zip(config.client_secret.clone());
    if config.client_id.is_some() != client.is_some() {
        return Err(Error::new(ErrorKind::Invalid, "auth.open", "client_id: it goes with a client_secret"));
    }
    let server = Server::new(endpoint, client, Duration::from_secs(config.timeout_seconds))?;
    Ok(Introspection::new(config, server))
}

ballast_sdk::export_plugin! {
    id: "auth.introspection",
    about: "Asks an OAuth 2.0 server about tokens (RFC 7662)",
    config: IntrospectionConfig = "config.schema.json",
    auth: open,
}
