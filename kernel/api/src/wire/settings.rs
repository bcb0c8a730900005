use ballast_services::{Failure, Gated, LfsPolicy, SettingsPatch};
use ballast_types::Visibility;
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Deserialize;
use serde_json::Value;

/// Settings to be changed: what is absent stays, `null` goes back to the server's default. What this hub does not offer
/// is read and left aside.
#[derive(Debug, Default, Deserialize, Object)]
#[serde(default)]
pub struct RepositorySettings {
    /// `public` or `private`.
    pub visibility: Option<String>,
    /// The same in the words of older clients.
    pub private: Option<bool>,
    /// `auto`, `manual` or false.
    pub gated: MaybeUndefined<Value>,
    /// Files of this many bytes and more are large: at least 1,000,000.
    pub lfs_threshold_bytes: MaybeUndefined<u64>,
    /// At least 2.
    pub lfs_keep_versions: MaybeUndefined<u32>,
    /// Endings of files that are always large, besides the server's own: `.gguf`.
    pub lfs_suffix_rules: MaybeUndefined<Vec<String>>,
}

impl RepositorySettings {
    /// In the verbs' words.
    pub fn patch(self, visibility: Option<Visibility>) -> Result<SettingsPatch, Failure> {
        let gated = match self.gated {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null | MaybeUndefined::Value(Value::Null | Value::Bool(false)) => Some(None),
            MaybeUndefined::Value(Value::String(word)) => Some(Some(word.parse::<Gated>().map_err(Failure::invalid)?)),
            MaybeUndefined::Value(other) => {
                return Err(Failure::Invalid(format!("gated: {other} is neither \"auto\", \"manual\" nor false")));
            }
        };
        Ok(SettingsPatch {
            visibility,
            gated,
            lfs_threshold: self.lfs_threshold_bytes.into(),
            lfs_keep_versions: self.lfs_keep_versions.into(),
            lfs_suffixes: self.lfs_suffix_rules.into(),
        })
    }
}

/// What counts as a large file in a repository.
#[derive(Object)]
pub struct LfsSettings {
    /// As configured for the repository; null is the server's default.
    pub lfs_threshold_bytes: Option<u64>,
    pub lfs_keep_versions: Option<u32>,
    pub lfs_suffix_rules: Option<Vec<String>>,
    /// What holds, in bytes.
    pub lfs_threshold_bytes_effective: u64,
    /// `repository` or `server_default`.
    pub lfs_threshold_bytes_source: String,
    pub lfs_keep_versions_effective: u32,
    pub lfs_keep_versions_source: String,
    pub lfs_suffix_rules_effective: Vec<String>,
    /// `merged` or `server_default`.
    pub lfs_suffix_rules_source: String,
    pub server_defaults: LfsDefaults,
}

/// What counts as a large file where a repository says nothing.
#[derive(Object)]
pub struct LfsDefaults {
    pub lfs_threshold_bytes: u64,
    pub lfs_keep_versions: u32,
    pub lfs_suffix_rules_default: Vec<String>,
}

impl From<LfsPolicy> for LfsSettings {
    fn from(policy: LfsPolicy) -> Self {
        let source = |own: bool, word: &str| (if own { word } else { "server_default" }).to_owned();
        Self {
            lfs_threshold_bytes: policy.own.threshold,
            lfs_keep_versions: policy.own.keep_versions,
            lfs_suffix_rules: policy.own.suffixes.clone(),
            lfs_threshold_bytes_effective: policy.threshold(),
            lfs_threshold_bytes_source: source(policy.own.threshold.is_some(), "repository"),
            lfs_keep_versions_effective: policy.keep_versions(),
            lfs_keep_versions_source: source(policy.own.keep_versions.is_some(), "repository"),
            lfs_suffix_rules_effective: policy.suffixes(),
            lfs_suffix_rules_source: source(policy.own.suffixes.is_some(), "merged"),
            server_defaults: LfsDefaults {
                lfs_threshold_bytes: policy.server.threshold,
                lfs_keep_versions: policy.server.keep_versions,
                lfs_suffix_rules_default: policy.server.suffixes,
            },
        }
    }
}

/// A repository to be moved.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase")]
pub struct MoveRepository {
    /// `namespace/name`
    pub from_repo: String,
    /// `namespace/name`
    pub to_repo: String,
    /// `model` (by default), `dataset` or `space`.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
}

/// A repository that was moved.
#[derive(Object)]
pub struct MovedRepository {
    pub success: bool,
    /// Its page on this hub.
    pub url: String,
    pub message: String,
}
