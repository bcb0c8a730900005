//! The kernel's own sections.

use std::path::Path;
use std::time::Duration;

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

/// How long unfinished uploads live.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadsConfig {
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
        Self { lease_hours: 72, operation_minutes: 60, grace_hours: 96 }
    }
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
    /// How long a browser stays signed in, in days.
    #[schemars(range(min = 1, max = 3650))]
    pub session_days: u32,
    /// The shortest password, in characters.
    #[schemars(range(min = 1, max = 1024))]
    pub min_password: usize,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { registration: Registration::Closed, session_days: 30, min_password: 8 }
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

/// What is counted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatisticsConfig {
    /// Downloads of one repository by one caller within so many minutes count once.
    #[schemars(range(min = 1, max = 1440))]
    pub download_bucket_minutes: u32,
}

impl Default for StatisticsConfig {
    fn default() -> Self {
        Self { download_bucket_minutes: 15 }
    }
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
