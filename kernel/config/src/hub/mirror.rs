//! Repositories of other hubs that are read through this one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Repositories of other hubs that are read through this one, under the names that they have there: whoever asks this hub
/// for one that it does not have gets it from the first source that does. Files are fetched when they are first asked for,
/// and kept; on their way they lie in the folder for temporary files (`TMPDIR`) as well. Namespaces of this hub are looked
/// for nowhere else. What only some may have at the other hub, as private and gated repositories, goes to those of them alone
/// who send a token of their own for it along. Without a source nothing is mirrored.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorConfig {
    /// Which hubs, in the order in which they are asked.
    pub sources: Vec<MirrorSourceConfig>,
    /// For so long what another hub said is answered without asking it again, in seconds.
    #[schemars(range(max = 31_536_000))]
    pub fresh_seconds: u32,
    /// While another hub cannot be asked, whoever could read what is not for everybody reads it for so long after that hub
    /// last said that they may, in seconds.
    #[schemars(range(max = 2_592_000))]
    pub trust_seconds: u32,
    /// What nobody reads for so long is thrown away, in days.
    #[schemars(range(min = 1, max = 3650))]
    pub keep_days: u32,
    /// So long another hub is waited for where something older is known, which is answered then, in seconds.
    #[schemars(range(min = 1, max = 60))]
    pub patience_seconds: u32,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self { sources: Vec::new(), fresh_seconds: 300, trust_seconds: 3600, keep_days: 30, patience_seconds: 3 }
    }
}

/// A hub that is mirrored, and what of it. A rule that is left out forbids nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorSourceConfig {
    /// Which hub: the name of a section of `[downloader]`.
    #[schemars(extend("examples" = ["main"]))]
    pub from: String,
    /// Only these: namespaces (or names that stand alone, as `gpt2`), or `namespace/name`, in which `*` stands for any
    /// letters.
    #[serde(default)]
    #[schemars(extend("examples" = [["google", "meta-llama/Llama-3*"]]))]
    pub allow: Vec<String>,
    /// Not these, in the same form.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Only what has one of these licences.
    #[serde(default)]
    #[schemars(extend("examples" = [["apache-2.0", "mit"]]))]
    pub licenses: Vec<String>,
    /// Nothing that has one of these licences.
    #[serde(default)]
    pub denied_licenses: Vec<String>,
    /// No files in formats that can run code when they are loaded, as PyTorch's and pickle's.
    #[serde(default)]
    pub safetensors_only: bool,
    /// The longest file, in bytes.
    #[serde(default)]
    #[schemars(extend("examples" = [50_000_000_000_u64]))]
    pub max_file_bytes: Option<u64>,
    /// The largest repository, in bytes of one commit's files.
    #[serde(default)]
    #[schemars(extend("examples" = [500_000_000_000_u64]))]
    pub max_repository_bytes: Option<u64>,
    /// Only commits that are so old, in days: what is bad is often found soon.
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub min_age_days: u32,
}
