//! What the hub takes and gives by git.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretSource;

/// What a push by git may bring, and what is kept of fetches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GitConfig {
    /// The longest regular file, in bytes. Longer ones go by git-lfs.
    #[schemars(range(min = 1024, max = 1_073_741_824_u64))]
    pub max_file_bytes: u64,
    /// The longest pack, in bytes: what one push sends. It waits in the folder for temporary files (`TMPDIR`) until it
    /// is checked.
    #[schemars(range(min = 1024))]
    pub max_push_bytes: u64,
    /// Room for packs that were sent, in bytes, in the folder for temporary files (`TMPDIR`): whoever fetches the same
    /// within ten minutes gets a copy. No pack longer than a quarter of it is kept. 0 keeps none.
    pub kept_pack_bytes: u64,
}

impl Default for GitConfig {
    fn default() -> Self {
        Self { max_file_bytes: 10_000_000, max_push_bytes: 10_000_000_000, kept_pack_bytes: 268_435_456 }
    }
}

/// git over SSH: whoever has a key in the hub fetches and pushes with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SshConfig {
    /// Address and port to listen on; without it there is no SSH.
    #[schemars(extend("examples" = ["0.0.0.0:2222"]))]
    pub listen: Option<String>,
    /// The hub's own private key, as OpenSSH keeps it: a text, `{ env = … }` or `{ file = … }`. Nodes of one hub have the
    /// same. Without it one is made, and kept as `ssh_host_ed25519_key` in the data folder.
    pub host_key: Option<SecretSource>,
}
