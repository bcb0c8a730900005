//! The friendly view: files under the names that people know, as links into the cache.
//!
//! `models/acme/bert/config.json` beside the cache's own folder leads to that file of the snapshot that was fetched last;
//! a download with filters may have its files in a folder of the filter's name.

use std::path::PathBuf;

use ballast_contract::Result;
use ballast_types::{CommitId, RepoId, RepoKind, RepoPath};

use super::{Cache, place_link, relative};
use crate::failure::at;

/// The folder in which one repository's files are to be seen.
pub(crate) struct View {
    folder: PathBuf,
    snapshot: PathBuf,
}

impl View {
    /// None where the cache has no folder around it.
    pub(crate) fn new(cache: &Cache, kind: RepoKind, id: &RepoId, commit: CommitId) -> Option<Self> {
        let around = cache.root().parent()?;
        let folder = around.join(kind.plural()).join(id.namespace.as_str()).join(id.name.as_str());
        Some(Self { folder, snapshot: cache.repository(kind, id).snapshot(commit) })
    }

    /// Shows a file, in a folder of its own where there is one for it.
    pub(crate) fn show(&self, path: &RepoPath, subfolder: Option<&str>) -> Result<()> {
        let folder = subfolder.map_or_else(|| self.folder.clone(), |name| self.folder.join(name));
        let link = folder.join(path.as_str());
        let from = link.parent().unwrap_or(&folder);
        let target = relative(from, &self.snapshot.join(path.as_str()));
        place_link(&target, &link).map_err(at(&link))
    }
}
