//! Which files are large.

use std::sync::Arc;

use ballast_types::{CommitId, RepoPath};

use crate::create_repository::attributes_path;
use crate::patterns::Attributes;
use crate::{Readable, Result};

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

impl Readable {
    /// The rule at a commit; none is a branch without commits.
    pub(crate) async fn lfs_rules(&self, at: Option<CommitId>) -> Result<LfsRules> {
        let (own, default) = (&self.repository.lfs, &self.hub.settings().lfs);
        let known = &self.hub.0.small_files.attributes;
        let attributes = match at {
            Some(at) => self.parsed(at, &attributes_path(), Attributes::MAX, known).await?,
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
