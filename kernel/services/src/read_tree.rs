//! What lies in a folder, and what stands at given paths.

use std::collections::HashMap;
use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{CommitInfo, Entry, FileRef, ListRequest, Node};
use ballast_types::{CommitId, GitOid, RepoPath, Revision, Sha256, XetHash};

use crate::paging::page_size;
use crate::{Failure, Readable, Result};

/// What to list, and how much of it.
#[derive(Clone, Debug, Default)]
pub struct TreeOptions {
    pub recursive: bool,
    /// With last commits and folder sizes.
    pub expand: bool,
    pub after: Option<String>,
    pub limit: Option<usize>,
}

/// What stands at a path of a listing. A symbolic link is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeNode {
    Directory {
        oid: GitOid,
    },
    File {
        /// What git's tree holds: of a large file its pointer's id.
        oid: GitOid,
        /// In bytes; of a symbolic link none.
        size: u64,
        /// The digest of a large file.
        large: Option<Sha256>,
    },
    Submodule {
        oid: GitOid,
    },
}

/// One path of a listing.
#[derive(Clone, Debug)]
pub struct TreeEntry {
    pub path: RepoPath,
    pub node: TreeNode,
    /// In bytes. Of a folder, 0 unless the listing was expanded.
    pub size: u64,
    /// Of a large file that lies in xorbs.
    pub xet: Option<XetHash>,
    /// Of expanded listings.
    pub last_commit: Option<Arc<CommitInfo>>,
}

/// A page of a folder.
#[derive(Clone, Debug)]
pub struct TreePage {
    pub commit: CommitId,
    pub entries: Vec<TreeEntry>,
    pub next: Option<String>,
}

const PAGE: usize = 1000;
const EXPANDED_PAGE: usize = 50;

/// The most paths that can be asked for at once.
const MAX_PATHS: usize = 1000;

/// The most files that an answer holds in one piece.
pub(crate) const MAX_SIBLINGS: usize = 100_000;

impl TreeOptions {
    /// How many entries a page has.
    pub(crate) fn entries(&self) -> usize {
        let most = if self.expand { EXPANDED_PAGE } else { PAGE };
        page_size(self.limit, most, most)
    }
}

/// A folder as clients write it; the root is none.
pub(crate) fn folder_named(text: &str) -> Result<Option<RepoPath>> {
    let text = Some(text.trim_end_matches('/')).filter(|text| !text.is_empty());
    text.map(str::parse).transpose().map_err(Failure::invalid)
}

/// The paths that are asked for at once. `Invalid` where they are too many.
pub(crate) fn paths_asked(paths: &[String]) -> Result<Vec<RepoPath>> {
    if paths.len() > MAX_PATHS {
        return Err(Failure::Invalid(format!("{} paths at once; at most {MAX_PATHS} are answered", paths.len())));
    }
    let asked = paths.iter().map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
    asked.map(str::parse).collect::<std::result::Result<_, _>>().map_err(Failure::invalid)
}

impl Readable {
    /// A page of a folder; none is the root. The page is pinned to the commit it names: ask for the next one there.
    pub async fn tree(&self, revision: &Revision, folder: Option<&str>, options: TreeOptions) -> Result<TreePage> {
        let folder = folder.map_or(Ok(None), folder_named)?;
        let commit = self.resolve(revision).await?;
        let request = ListRequest {
            repo: self.key(),
            at: commit,
            folder: folder.clone(),
            recursive: options.recursive,
            limit: options.entries(),
            after: options.after,
        };
        let page = match (self.hub.engine().list(&request).await, folder) {
            (Err(error), Some(folder)) if error.is(ErrorKind::NotFound) => {
                return Err(Failure::entry_not_found(&folder, commit));
            }
            (listed, _) => listed?,
        };
        let entries = self.described(commit, page.items, options.expand).await?;
        Ok(TreePage { commit, entries, next: page.next })
    }

    /// What stands at each of these paths; those where nothing does are left out.
    pub async fn paths_info(
        &self,
        revision: &Revision,
        paths: &[String],
        expand: bool,
    ) -> Result<(CommitId, Vec<TreeEntry>)> {
        let asked = paths_asked(paths)?;
        let commit = self.resolve(revision).await?;
        let nodes = self.hub.engine().entries(self.key(), commit, &asked).await?;
        let found = asked.into_iter().zip(nodes).filter_map(|(path, node)| Some(Entry { path, node: node? }));
        let entries = self.described(commit, found.collect(), expand).await?;
        Ok((commit, entries))
    }

    /// Every file of a commit; none where there are more than an answer can hold, and the pages of `tree` are the way.
    pub async fn siblings(&self, commit: CommitId) -> Result<Option<Vec<(RepoPath, TreeNode)>>> {
        let (mut files, mut after) = (vec![], None);
        loop {
            let request =
                ListRequest { repo: self.key(), at: commit, folder: None, recursive: true, after, limit: PAGE };
            let page = self.hub.engine().list(&request).await?;
            let kept = page.items.into_iter().filter(|entry| !is_folder(entry));
            files.extend(kept.map(|entry| (entry.path, TreeNode::from(entry.node))));
            after = page.next;
            match after {
                _ if files.len() > MAX_SIBLINGS => return Ok(None),
                None => return Ok(Some(files)),
                Some(_) => {}
            }
        }
    }

    async fn described(&self, commit: CommitId, entries: Vec<Entry>, expand: bool) -> Result<Vec<TreeEntry>> {
        let mut described = match expand {
            false => entries.into_iter().map(TreeEntry::plain).collect(),
            true => self.expanded(commit, entries).await?,
        };
        let large: Vec<(usize, Sha256)> =
            described.iter().enumerate().filter_map(|(at, entry)| Some((at, large(entry)?))).collect();
        if !large.is_empty() {
            let digests: Vec<Sha256> = large.iter().map(|(_, sha256)| *sha256).collect();
            let hashes = self.hub.content().xet_hashes(&digests).await?;
            large.into_iter().zip(hashes).for_each(|((at, _), hash)| described[at].xet = hash);
        }
        Ok(described)
    }

    async fn expanded(&self, commit: CommitId, entries: Vec<Entry>) -> Result<Vec<TreeEntry>> {
        if entries.is_empty() {
            return Ok(vec![]);
        }
        let engine = self.hub.engine();
        let folders: Vec<RepoPath> =
            entries.iter().filter(|entry| is_folder(entry)).map(|entry| entry.path.clone()).collect();
        let sums = engine.folder_sizes(self.key(), commit, &folders).await?;
        let sizes: HashMap<RepoPath, Option<u64>> = folders.into_iter().zip(sums).collect();
        let paths: Vec<RepoPath> = entries.iter().map(|entry| entry.path.clone()).collect();
        let last = engine.last_commits(self.key(), commit, &paths).await?;
        let mut ids: Vec<CommitId> = last.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let infos = engine.commits(self.key(), &ids).await?;
        let commits: HashMap<CommitId, Arc<CommitInfo>> =
            infos.into_iter().flatten().map(|info| (info.id, Arc::new(info))).collect();
        let describe = |(entry, last): (Entry, Option<CommitId>)| {
            let plain = TreeEntry::plain(entry);
            let size = sizes.get(&plain.path).copied().flatten().unwrap_or(plain.size);
            TreeEntry { size, last_commit: last.and_then(|id| commits.get(&id).cloned()), ..plain }
        };
        Ok(entries.into_iter().zip(last).map(describe).collect())
    }
}

impl TreeNode {
    /// What git's tree holds.
    pub fn oid(&self) -> GitOid {
        match self {
            Self::Directory { oid } | Self::File { oid, .. } | Self::Submodule { oid } => *oid,
        }
    }

    /// In bytes; of what is no file, none.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Directory { .. } | Self::Submodule { .. } => 0,
        }
    }

    /// The digest of a large file.
    pub fn large(&self) -> Option<Sha256> {
        match self {
            Self::File { large, .. } => *large,
            Self::Directory { .. } | Self::Submodule { .. } => None,
        }
    }
}

impl From<Node> for TreeNode {
    fn from(node: Node) -> Self {
        let oid = node.oid();
        let file = node.file();
        match node {
            Node::Directory { .. } => Self::Directory { oid },
            Node::Submodule { .. } => Self::Submodule { oid },
            Node::File { .. } | Node::Symlink { .. } => Self::File {
                oid,
                size: file.map_or(0, FileRef::size),
                large: file.filter(|file| file.is_lfs()).map(|file| file.sha256()),
            },
        }
    }
}

impl TreeEntry {
    fn plain(Entry { path, node }: Entry) -> Self {
        let node = TreeNode::from(node);
        Self { path, size: node.size(), xet: None, last_commit: None, node }
    }
}

/// The digest of a large file.
fn large(entry: &TreeEntry) -> Option<Sha256> {
    entry.node.large()
}

fn is_folder(entry: &Entry) -> bool {
    matches!(entry.node, Node::Directory { .. })
}
