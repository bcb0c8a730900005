//! Downloads from other hubs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretSource;

/// Downloads from other hubs: by the first instance of `[downloader]`, into a cache of this node as Hugging Face's own
/// programs keep it. What may be set while the hub runs (`POST /api/settings`) stands over what is written here. Imports into
/// repositories of this hub (`POST /api/import`) come from any instance of `[downloader]`, and go by the same keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// The folder around the cache, which is `hub` in it; beside that, `models`, `datasets` and `spaces` show files under
    /// their own names. Without it: `huggingface` in the data folder.
    #[schemars(extend("examples" = ["/srv/huggingface"]))]
    pub folder: Option<String>,
    /// Who may order downloads. Imports take an account; where downloads are for who knows a password, an administrator's.
    pub access: JobAccess,
    /// With `accounts`: users who may, besides the hub's administrators.
    pub users: Vec<String>,
    /// With `password`: the name that is asked for.
    #[schemars(extend("examples" = ["admin"]))]
    pub auth_user: Option<String>,
    /// With `password`: the password; a text, `{ env = … }` or `{ file = … }`.
    #[schemars(extend("examples" = ["secret"]))]
    pub auth_pass: Option<SecretSource>,
    /// The token that is shown to the first instance's hub, and to no other host; a text, `{ env = … }` or `{ file = … }`.
    #[schemars(extend("examples" = ["hf_xxxxx"]))]
    pub token: Option<SecretSource>,
    /// Connections for one file, and small files that are fetched side by side.
    #[schemars(range(min = 1, max = 256))]
    pub connections: u32,
    /// Large files of one job that are fetched side by side.
    #[schemars(range(min = 1, max = 256))]
    pub max_active: u32,
    /// From this size on, in bytes, a file is fetched by several connections, and goes on where it was after a crash.
    #[schemars(range(min = 1_048_576))]
    pub multipart_threshold: u64,
    /// What is held against what the remote hub said of a file.
    pub verify: JobVerify,
    /// How often in a row a file's bytes are asked for again.
    #[schemars(range(max = 100))]
    pub retries: u32,
    /// Downloads that each node works on at the same time, and as many imports.
    #[schemars(range(min = 1, max = 64))]
    pub at_once: u32,
    /// Bytes a second that each node fetches at most. Without it: as many as come.
    #[schemars(range(min = 1024), extend("examples" = [10_000_000]))]
    pub bytes_per_second: Option<u64>,
    /// Whether a file gets its name only when the disk has its bytes. Otherwise a power cut, and no crash, can leave a file
    /// that is not whole, which `ballast cache verify` finds.
    pub flush: bool,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            folder: None,
            access: JobAccess::Accounts,
            users: Vec::new(),
            auth_user: None,
            auth_pass: None,
            token: None,
            connections: 8,
            max_active: 3,
            multipart_threshold: 32 << 20,
            verify: JobVerify::Sha256,
            retries: 4,
            at_once: 3,
            bytes_per_second: None,
            flush: false,
        }
    }
}

/// Who may order downloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobAccess {
    /// Administrators of the hub, and the users in `users`.
    Accounts,
    /// Whoever knows `auth_user` and `auth_pass`.
    Password,
    /// Whoever reaches the hub: for one that listens on this machine alone.
    Everybody,
}

/// What is held against what the remote hub said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobVerify {
    /// Its length, without which it is not whole.
    None,
    /// The same.
    Size,
    /// Its digest too, worked out while it arrives.
    Sha256,
}
