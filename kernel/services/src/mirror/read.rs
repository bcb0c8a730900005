//! What may be read of a mirror: what may be read of a repository of this hub, at the revision that was asked for.

use ballast_contract::downloader::SourceRef;
use ballast_contract::versioning::Ref;
use ballast_contract::{Error, ErrorKind};
use ballast_types::{RefKind, RepoPath};

use super::Mirrored;
use super::listing::node;
use crate::read_tree::{MAX_SIBLINGS, TreeEntry, TreeNode, TreeOptions, TreePage, folder_named, paths_asked};
use crate::refs::Refs;
use crate::resolve_file::ResolvedFile;
use crate::{Failure, Result};

impl Mirrored {
    /// A page of a folder; none is the root.
    pub fn tree(&self, folder: Option<&str>, options: TreeOptions) -> Result<TreePage> {
        let folder = folder.map_or(Ok(None), folder_named)?;
        if let Some(folder) = folder.as_ref().filter(|folder| !self.listing.is_folder(Some(*folder))) {
            return Err(Failure::entry_not_found(folder, self.commit));
        }
        let after: Option<RepoPath> = options.after.as_deref().map(str::parse).transpose().map_err(Failure::invalid)?;
        let limit = options.entries();
        let (entries, next) = self.listing.page(folder.as_ref(), options.recursive, after, limit, options.expand);
        Ok(TreePage { commit: self.commit, entries, next })
    }

    /// What stands at each of these paths; those where nothing does are left out.
    pub fn paths_info(&self, paths: &[String], expand: bool) -> Result<Vec<TreeEntry>> {
        Ok(paths_asked(paths)?.iter().filter_map(|path| self.listing.entry(path, expand)).collect())
    }

    /// Every file; none where there are more than an answer can hold.
    pub fn siblings(&self) -> Option<Vec<(RepoPath, TreeNode)>> {
        let files = self.listing.files().map(|file| (file.path.clone(), node(file)));
        let files: Vec<_> = files.take(MAX_SIBLINGS + 1).collect();
        Some(files).filter(|files| files.len() <= MAX_SIBLINGS)
    }

    /// Finds a file. `EntryNotFound` where none stands there, `Forbidden` where a rule is against fetching it.
    pub fn resolve_file(&self, path: &str) -> Result<ResolvedFile> {
        let path: RepoPath = path.parse().map_err(Failure::invalid)?;
        let file = self.listing.file(&path).ok_or_else(|| Failure::entry_not_found(&path, self.commit))?;
        if let Some(why) = self.source.rules.refuses_file(file) {
            let from = self.source.downloader.endpoint();
            return Err(Failure::Forbidden(format!("'{path}' of '{}' is not taken from {from}: {why}", self.id)));
        }
        Ok(ResolvedFile::mirrored(self.clone(), file.clone()))
    }

    /// The branches, tags and conversions of the repository.
    pub async fn refs(&self) -> Result<Refs> {
        let (fresh, now) = (self.hub.mirrors().parts.as_ref().map(|parts| parts.fresh), self.hub.now());
        let known = self.hub.catalog().find_mirror_refs(self.mirror.key).await?;
        let is_fresh = known.as_ref().is_some_and(|(_, at)| self.stale || at.after(fresh.unwrap_or_default()) > now);
        let text = match known {
            Some((text, _)) if is_fresh => text,
            known => match self.source.downloader.refs(&self.at(self.commit)).await {
                Ok(told) => {
                    let text = serde_json::to_string(&told).map_err(broken)?;
                    self.hub.catalog().put_mirror_refs(self.mirror.key, text.clone(), now).await?;
                    text
                }
                Err(error) => known.map(|(text, _)| text).ok_or(Failure::Remote(error))?,
            },
        };
        let told: Vec<SourceRef> = serde_json::from_str(&text).map_err(broken)?;
        let mut refs = Refs::default();
        for SourceRef { name, commit } in told {
            let family = match name.kind() {
                RefKind::Branch => &mut refs.branches,
                RefKind::Tag => &mut refs.tags,
                RefKind::Conversion => &mut refs.converts,
                RefKind::Proposal | RefKind::Other => continue,
            };
            family.push(Ref { name, commit: Some(commit), tag: None });
        }
        Ok(refs)
    }
}

fn broken(error: serde_json::Error) -> Failure {
    Failure::Broken(Error::new(ErrorKind::Internal, "mirror.refs", error.to_string()))
}
