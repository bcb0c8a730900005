//! An instance of a plugin.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a plugin is for; each role is a section of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Storage,
    Versioning,
    Auth,
    Quota,
    Downloader,
    Endpoints,
}

impl Role {
    /// Every role, in the order in which instances start.
    pub const ALL: [Self; 6] =
        [Self::Storage, Self::Versioning, Self::Auth, Self::Quota, Self::Downloader, Self::Endpoints];

    /// The section's name, and the first half of a plugin's id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Versioning => "versioning",
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::Downloader => "downloader",
            Self::Endpoints => "endpoints",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Plugins of others: shared libraries. A library has all the rights of the hub, and is not kept from anything.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// The libraries that the hub opens, and no others. An instance then names the plugin by its id, as it does a
    /// built-in one; `ballast plugins list` has them all.
    pub load: Vec<PluginFile>,
}

/// One library.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginFile {
    /// The library's file, from the root. It, its folder and all above it must belong to root and be writable by nobody
    /// else.
    #[schemars(length(min = 1), extend("examples" = ["/usr/lib/ballast/libstorage_folder.so"]))]
    pub file: String,
    /// The SHA-256 of the file, in hex; `ballast plugins inspect FILE` prints it. Another file is refused.
    #[serde(default)]
    #[schemars(length(min = 64, max = 64))]
    pub sha256: Option<String>,
    /// How long the plugin may take to be opened, to make an instance, and to start or stop one, in seconds.
    #[serde(default = "a_minute")]
    #[schemars(range(min = 1))]
    pub start_seconds: u32,
    /// How long a call may wait for the plugin's answer, or for the next piece of a stream, in seconds. Finishing and
    /// copying an object may take ten times that.
    #[serde(default = "a_minute")]
    #[schemars(range(min = 1))]
    pub answer_seconds: u32,
}

fn a_minute() -> u32 {
    60
}

/// One instance of a plugin.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// The plugin's id, such as `storage.opendal`; `ballast plugins list` has them all.
    #[schemars(length(min = 1))]
    pub plugin: String,
    /// Whether the hub refuses to start without this instance. Otherwise what needs it answers 503.
    #[serde(default = "yes")]
    pub required: bool,
    /// The plugin's own keys. A text may be given as `{ env = "VARIABLE" }` or `{ file = "/path" }`.
    #[serde(default, skip_serializing)]
    pub config: Map<String, Value>,
}

fn yes() -> bool {
    true
}

impl PluginConfig {
    /// The instance that a role has where nobody wrote about it.
    pub(crate) fn default_for(role: Role, plugin: &str, data_dir: &Path) -> Self {
        let mut config = Map::new();
        if role == Role::Storage {
            config.insert("scheme".to_owned(), json!("fs"));
            config.insert("root".to_owned(), json!(data_dir.join("storage").to_string_lossy()));
        }
        Self { plugin: plugin.to_owned(), required: true, config }
    }
}

// The plugin's keys may hold secrets, and only its schema knows which.
impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.config.keys().collect();
        f.debug_struct("PluginConfig")
            .field("plugin", &self.plugin)
            .field("required", &self.required)
            .field("config", &keys)
            .finish()
    }
}
