//! Which files are large.

use std::sync::Arc;

use ballast_types::{CommitId, RepoPath};

use crate::create_repository::attributes_path;
use crate::patterns::Attributes;
use crate::{LfsSettings, Readable, Result};

/// What a repository says of large files itself; none leaves it to the server.
pub use ballast_catalog::LfsSettings as OwnLfsSettings;

/// The rule of one repository at one commit: by size, by suffix, or because `.gitattributes` says so. Empty files are
/// always regular.
pub(crate) struct LfsRules {
    /// In bytes.
    pub threshold: u64,
    suffixes: Vec<String>,
    attributes: Arc<Attributes>,
}

impl LfsRules {
    /// Whether a file of this size at this path goes to LFS.
    pub fn is_lfs(&self, path: &RepoPath, size: u64) -> bool {
        let lower = path.as_str().to_lowercase();
        let by_suffix = || self.suffixes.iter().any(|suffix| lower.ends_with(suffix.as_str()));
        size > 0 && (size >= self.threshold || by_suffix() || self.attributes.is_lfs(path) == Some(true))
    }
}

/// What counts as a large file in a repository, and who says so.
#[derive(Clone, Debug)]
pub struct LfsPolicy {
    pub own: OwnLfsSettings,
    pub server: LfsSettings,
}

impl LfsPolicy {
    /// In bytes.
    pub fn threshold(&self) -> u64 {
        self.own.threshold.unwrap_or(self.server.threshold)
    }

    /// How many versions are kept, where pruning is switched on.
    pub fn keep_versions(&self) -> u32 {
        self.own.keep_versions.unwrap_or(self.server.keep_versions)
    }

    /// The server's, then the repository's own that are not among them.
    pub fn suffixes(&self) -> Vec<String> {
        let own = self.own.suffixes.iter().flatten().filter(|suffix| !self.server.suffixes.contains(suffix));
        self.server.suffixes.iter().chain(own).cloned().collect()
    }
}

impl Readable {
    /// What counts as a large file here.
    pub fn lfs_policy(&self) -> LfsPolicy {
        LfsPolicy { own: self.repository.lfs.clone(), server: self.hub.settings().lfs.clone() }
    }

    /// The rule at a commit; none is a branch without commits.
    pub(crate) async fn lfs_rules(&self, at: Option<CommitId>) -> Result<LfsRules> {
        let (own, default) = (&self.repository.lfs, &self.hub.settings().lfs);
        let known = &self.hub.0.small_files.attributes;
        let attributes = match at {
            Some(at) => self.hub.parsed(self.key(), at, &attributes_path(), Attributes::MAX, known).await?,
            None => None,
        };
        let suffixes = default.suffixes.iter().chain(own.suffixes.iter().flatten());
        Ok(LfsRules {
            threshold: own.threshold.unwrap_or(default.threshold),
            suffixes: suffixes.map(|suffix| suffix.to_lowercase()).collect(),
            attributes: attributes.unwrap_or_default(),
        })
    }
}
