//! The kernel's own sections.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use ballast_types::{Name, RepoKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretSource;

/// Where the hub listens and what it calls itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on. Port 0 takes a free one, which the hub prints.
    #[schemars(extend("format" = "host-port"))]
    pub listen: String,
    /// The address under which clients reach the hub, and which it writes into links. Without it, links are made from
    /// the address that each request was sent to.
    #[schemars(extend("format" = "http-url", "examples" = ["https://hub.example.org"]))]
    pub public_url: Option<String>,
    /// What the hub calls itself.
    #[schemars(length(min = 1, max = 200))]
    pub site_name: String,
    /// Web origins whose scripts may call the API, such as `https://app.example.org`; `*` allows all.
    #[schemars(extend("items" = { "type": "string", "format": "origin" }))]
    pub cors_origins: Vec<String>,
    /// Connections at one time. A further one takes the place of one that waits for a request, or of the slowest; where
    /// all are busy it waits.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// How long a client may take to send a request's headers, in seconds.
    #[schemars(range(min = 1))]
    pub header_seconds: u32,
    /// How long a connection may stand still, in seconds: between requests, and while a body comes or goes with less
    /// than 256 bytes a second. While the hub works on an answer, nothing is held against the client.
    #[schemars(range(min = 1))]
    pub idle_seconds: u32,
    /// How long requests under way may take to end after SIGTERM or Ctrl-C, in seconds.
    pub drain_seconds: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:28080".to_owned(),
            public_url: None,
            site_name: "Ballast".to_owned(),
            cors_origins: Vec::new(),
            max_connections: 10_000,
            header_seconds: 20,
            idle_seconds: 300,
            drain_seconds: 30,
        }
    }
}

/// Where the hub keeps its rows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:///path/to/file`, or `postgres://USER:PASSWORD@HOST/NAME`; a text, `{ env = … }` or `{ file = … }`.
    /// Without it: SQLite in `ballast.db` in the data folder.
    #[schemars(extend("examples" = ["postgres://ballast:secret@db.example.org/ballast"]))]
    pub url: Option<SecretSource>,
    /// Connections to PostgreSQL, or reading connections to SQLite (which has one writer besides).
    #[schemars(range(min = 1, max = 1000))]
    pub connections: usize,
    /// How long a call waits for a free connection, in seconds.
    #[schemars(range(min = 1))]
    pub wait_seconds: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, connections: 8, wait_seconds: 30 }
    }
}

impl DatabaseConfig {
    pub(crate) fn fill(&mut self, data_dir: &Path) {
        let file = || SecretSource::text(format!("sqlite://{}", data_dir.join("ballast.db").to_string_lossy()));
        self.url.get_or_insert_with(file);
    }
}

/// Which files are large files, and how they travel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LfsConfig {
    /// A file of at least this many bytes is a large file.
    #[schemars(range(min = 1))]
    pub threshold: u64,
    /// Files whose names end like this are large files, however small they are. Upper and lower case are the same.
    #[schemars(extend("items" = { "type": "string", "format": "suffix" }))]
    pub suffixes: Vec<String>,
    /// Versions of a large file that pruning keeps, per path.
    #[schemars(range(min = 2))]
    pub keep_versions: u32,
    /// Whether older versions are pruned after each commit.
    pub auto_prune: bool,
    /// A large file of more than this many bytes is uploaded in parts.
    #[schemars(range(min = 1))]
    pub multipart_threshold: u64,
    /// The size of a part, in bytes. S3 wants at least 5 MiB, and at most 10,000 parts.
    #[schemars(range(min = 1024, max = 5_368_709_120_u64))]
    pub part_size: u64,
}

impl Default for LfsConfig {
    fn default() -> Self {
        let suffixes = SUFFIXES.iter().map(|suffix| (*suffix).to_owned()).collect();
        Self {
            threshold: 5_000_000,
            suffixes,
            keep_versions: 5,
            auto_prune: false,
            multipart_threshold: 100_000_000,
            part_size: 50_000_000,
        }
    }
}

/// How large files deduplicate by their chunks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct XetConfig {
    /// Of whose files a client may learn that the hub has a chunk which it is about to send. Files that the client has
    /// sent itself deduplicate in any case.
    pub deduplication: Deduplication,
    /// Whether large files that came whole (by LFS) are cut into chunks in the background, so that they deduplicate as
    /// well. They take less room then, and reading them costs the hub more. `ballast storage chunk` does it once.
    pub chunk_uploads: bool,
}

/// Whose files a client's new ones are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Deduplication {
    /// Those of the whole hub: saves the most, and tells everybody what the hub has.
    Hub,
    /// Those of the repository's namespace.
    #[default]
    Namespace,
    /// Those of the repository.
    Repository,
    /// Nobody's.
    Off,
}

#[rustfmt::skip]
const SUFFIXES: [&str; 32] = [
    // Models.
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".pb", ".h5", ".tflite", ".gguf", ".ggml", ".msgpack",
    // Archives.
    ".zip", ".tar", ".gz", ".bz2", ".xz", ".7z", ".rar",
    // Data.
    ".npy", ".npz", ".arrow", ".parquet",
    // Media.
    ".mp4", ".avi", ".mkv", ".mov", ".wav", ".mp3", ".flac", ".tiff", ".tif",
];

/// Where uploads go, and how long unfinished ones live.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadsConfig {
    /// The storage instance that takes what is uploaded. Without it: the only one, or the one named `main`. What lies in
    /// others is read from there; `ballast storage migrate` moves it.
    #[schemars(extend("examples" = ["s3"]))]
    pub storage: Option<String>,
    /// Where what is uploaded to some repositories goes instead: the first that fits.
    pub routes: Vec<UploadRoute>,
    /// How long uploaded bytes wait for the commit that names them, in hours.
    #[schemars(range(min = 1))]
    pub lease_hours: u32,
    /// How long a commit may be under way before recovery concludes it, in minutes.
    #[schemars(range(min = 1))]
    pub operation_minutes: u32,
    /// How long bytes that nobody names are kept before garbage collection takes them, in hours. Longer than the
    /// longest upload.
    #[schemars(range(min = 1))]
    pub grace_hours: u32,
}

impl Default for UploadsConfig {
    fn default() -> Self {
        Self { storage: None, routes: Vec::new(), lease_hours: 72, operation_minutes: 60, grace_hours: 96 }
    }
}

/// What keeps the repositories' commits.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepositoriesConfig {
    /// The versioning instance that serves. Without it: the only one, or the one named `main`. Another one has what
    /// `ballast versioning migrate` took there, and nobody reads it.
    #[schemars(extend("examples" = ["lakefs"]))]
    pub versioning: Option<String>,
}

/// Where what is uploaded to some repositories goes. It fits those that are of one of its kinds and in one of its
/// namespaces; where it names none, of all kinds, in all namespaces.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRoute {
    /// The storage instance.
    #[schemars(extend("examples" = ["archive"]))]
    pub storage: String,
    /// Kinds of repositories.
    #[serde(default)]
    #[schemars(with = "Vec<KindWord>", extend("examples" = [["dataset"]]))]
    pub kinds: Vec<RepoKind>,
    /// Names of users and organisations, as they are called now; upper and lower case are the same.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["lab"]]))]
    pub namespaces: Vec<Name>,
}

/// A kind of repository. (The schema of [`RepoKind`], which knows nothing of schemas.)
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "read by the schema only")]
enum KindWord {
    Model,
    Dataset,
    Space,
}

impl UploadsConfig {
    /// `lease_hours` as a duration.
    pub fn lease(&self) -> Duration {
        hours(self.lease_hours)
    }

    /// `operation_minutes` as a duration.
    pub fn operation(&self) -> Duration {
        Duration::from_secs(u64::from(self.operation_minutes) * 60)
    }

    /// `grace_hours` as a duration.
    pub fn grace(&self) -> Duration {
        hours(self.grace_hours)
    }
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 3600)
}

/// Who may have an account.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// Who may register.
    pub registration: Registration,
    /// Instances of `auth` whose users get an account when they first come, by the name that the instance suggests.
    pub provision: Vec<String>,
    /// Whether a new account, and one whose address has changed, logs in by password only after its e-mail address is
    /// verified. See `mail` for how the link gets there.
    pub require_email_verification: bool,
    /// How long a browser stays signed in, in days.
    #[schemars(range(min = 1, max = 3650))]
    pub session_days: u32,
    /// The shortest password, in characters.
    #[schemars(range(min = 1, max = 1024))]
    pub min_password: usize,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            registration: Registration::Closed,
            provision: vec![],
            require_email_verification: false,
            session_days: 30,
            min_password: 8,
        }
    }
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Those who hold an invitation.
    Invitation,
    /// Nobody: administrators make accounts.
    Closed,
}

/// Who is told what happens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Whether webhooks may be at addresses of this machine and of private networks. Whoever has an account could then
    /// make the hub send requests to whatever it can reach there.
    pub allow_private: bool,
    /// How long a webhook may take to answer, in seconds.
    #[schemars(range(min = 1, max = 120))]
    pub timeout_seconds: u32,
    /// How often each node looks for what is to be told and sent, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub look_seconds: u32,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self { allow_private: false, timeout_seconds: 15, look_seconds: 1 }
    }
}

/// How the hub sends mail: links that verify an address, and that make a forgotten password anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// By which way it goes. Links in it begin with `server.public_url`, which `smtp` needs.
    pub transport: MailTransport,
    /// Whom it comes from. Without it: `hub` at the host of `server.public_url`, or at `localhost`.
    #[schemars(extend("examples" = ["Our hub <hub@example.org>"]))]
    pub from: Option<String>,
    /// With `file`: the folder; `mail` in the data folder without it.
    #[schemars(extend("examples" = ["/srv/ballast/mail"]))]
    pub folder: Option<String>,
    /// With `smtp`: the server, as `smtps://USER:PASSWORD@HOST` (TLS from the first byte) or
    /// `smtp://USER:PASSWORD@HOST:587?tls=required` (STARTTLS); a text, `{ env = … }` or `{ file = … }`.
    #[schemars(extend("examples" = ["smtps://hub:secret@mail.example.org"]))]
    pub url: Option<SecretSource>,
}

/// By which way mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    /// Into the log, where whoever runs the hub finds the links.
    #[default]
    Log,
    /// Into a folder, a file a message.
    File,
    /// To a server.
    Smtp,
}

/// How many requests somebody may send in a window of time: each account, and without one each address. Each node counts
/// by itself, so that with N nodes there may be N times as many. What is sent to and read from the storage by LFS and
/// Xet is not counted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitsConfig {
    /// Whether there are limits. Without it: unless `server.listen` is an address of this machine alone. Behind a proxy,
    /// the address is the one that the proxy appends to `X-Forwarded-For`.
    #[schemars(extend("examples" = [true]))]
    pub enabled: Option<bool>,
    /// How long a window is, in seconds. It begins with somebody's first request.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: u32,
    /// Requests of an account to the API.
    #[schemars(range(min = 1))]
    pub api: u32,
    /// Requests of an account for files.
    #[schemars(range(min = 1))]
    pub resolve: u32,
    /// Requests of an account for pages.
    #[schemars(range(min = 1))]
    pub pages: u32,
    /// Requests to the API from an address, without an account.
    #[schemars(range(min = 1))]
    pub anonymous_api: u32,
    /// Requests for files from an address, without an account.
    #[schemars(range(min = 1))]
    pub anonymous_resolve: u32,
    /// Requests for pages from an address, without an account.
    #[schemars(range(min = 1))]
    pub anonymous_pages: u32,
}

impl Default for RateLimitsConfig {
    fn default() -> Self {
        Self {
            enabled: None,
            window_seconds: 300,
            api: 3000,
            resolve: 15_000,
            pages: 600,
            anonymous_api: 1500,
            anonymous_resolve: 9000,
            anonymous_pages: 300,
        }
    }
}

impl RateLimitsConfig {
    /// Whether there are limits, for a hub that listens there.
    pub fn are_on(&self, listen: &str) -> bool {
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
        let alone = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.enabled.unwrap_or(!alone)
    }
}

/// What is counted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatisticsConfig {
    /// Downloads of one repository by one caller within so many minutes count once.
    #[schemars(range(min = 1, max = 1440))]
    pub download_bucket_minutes: u32,
    /// Downloads are counted in memory and written every so many seconds: what a crash may lose.
    #[schemars(range(min = 1, max = 3600))]
    pub write_seconds: u32,
}

impl Default for StatisticsConfig {
    fn default() -> Self {
        Self { download_bucket_minutes: 15, write_seconds: 5 }
    }
}

/// The record of what changed rights, accounts, credentials, repositories and limits, and who did it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// What this node is called: each has a chain of records of its own, in which none can be changed or left out
    /// unnoticed. Without it: the name of the machine.
    #[schemars(length(min = 1, max = 200))]
    pub node: Option<String>,
    /// How long records are kept, in days; what is left can still be verified. Without it: for ever.
    #[schemars(range(min = 1, max = 36500))]
    pub keep_days: Option<u32>,
}

/// What the hub writes to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How it is written.
    pub format: LogFormat,
    /// How much of it: `error`, `warn`, `info`, `debug` or `trace`, also by part, as in
    /// `info,ballast_services=debug`.
    #[schemars(length(min = 1))]
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_others_reach_limits_requests_unless_it_is_told_otherwise() {
        let usual = RateLimitsConfig::default();
        for (listen, on) in [
            ("127.0.0.1:28080", false),
            ("localhost:80", false),
            ("[::1]:28080", false),
            ("0.0.0.0:28080", true),
            ("[::]:80", true),
            ("192.0.2.7:80", true),
            ("hub.example.org:80", true),
        ] {
            assert_eq!(usual.are_on(listen), on, "{listen}");
        }
        let told = |enabled| RateLimitsConfig { enabled: Some(enabled), ..RateLimitsConfig::default() };
        assert!(told(true).are_on("127.0.0.1:1") && !told(false).are_on("0.0.0.0:1"));
    }
}
