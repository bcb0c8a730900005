//! Reading one commit: entries, listings, sums and last changes.

use std::ops::Range;

use ballast_contract::versioning::{Entry, ListRequest, Node};
use ballast_contract::{Error, Page, Result};
use ballast_types::{CommitId, RepoKey, RepoPath};

use crate::Native;
use crate::error::{corrupt, missing};
use crate::files::Piece;
use crate::key;
use crate::node::{NodeId, Value};
use crate::walk::{Scan, Walk};

const OPERATION: &str = "versioning.read";

impl Native {
    pub(crate) async fn find_entries(
        &self,
        repo: RepoKey,
        at: CommitId,
        paths: &[RepoPath],
    ) -> Result<Vec<Option<Node>>> {
        let root = self.history.get(repo, at).await?.root;
        let values = look_up(&mut Walk::new(&self.store), root, paths).await?;
        let there: Vec<Value> = values.iter().copied().flatten().collect();
        let mut nodes = self.files.nodes(repo, &there).await?.into_iter();
        Ok(values.into_iter().map(|value| value.and_then(|_| nodes.next())).collect())
    }

    pub(crate) async fn find_last_commits(
        &self,
        repo: RepoKey,
        at: CommitId,
        paths: &[RepoPath],
    ) -> Result<Vec<Option<CommitId>>> {
        let root = self.history.get(repo, at).await?.last_root;
        let values = look_up(&mut Walk::new(&self.store), root, paths).await?;
        Ok(values.into_iter().map(|value| value.map(|value| CommitId(value.oid.0))).collect())
    }

    pub(crate) async fn list_folder(&self, request: &ListRequest) -> Result<Page<Entry>> {
        let ListRequest { repo, at, folder, recursive, after, limit } = request;
        let root = self.history.get(*repo, *at).await?.root;
        let mut walk = Walk::new(&self.store);
        if let Some(folder) = folder {
            check_folder(&mut walk, root, folder).await?;
        }
        let folder = folder.as_ref().map_or("", RepoPath::as_str);
        let mut range = if *recursive { key::below(folder) } else { key::children(folder) };
        if let Some(after) = after {
            range.start = range.start.max(key::behind(after.as_bytes()));
        }
        let limit = (*limit).max(1);
        let (found, next) = page(&mut walk, root, range, limit).await?;
        let nodes = self.files.entries(*repo, &found).await?;
        let keys = found.iter().flat_map(|Piece { leaf, range, .. }| range.clone().map(|at| leaf.key(at)));
        let mut items = Vec::with_capacity(nodes.len());
        for (key, node) in keys.zip(nodes) {
            items.push(Entry { path: path(key)?, node });
        }
        Ok(Page { items, next })
    }

    pub(crate) async fn sum_folders(
        &self,
        repo: RepoKey,
        at: CommitId,
        folders: &[RepoPath],
    ) -> Result<Vec<Option<u64>>> {
        let root = self.history.get(repo, at).await?.root;
        let mut walk = Walk::new(&self.store);
        let mut keys: Vec<Vec<u8>> = Vec::with_capacity(folders.len() * 3);
        for folder in folders {
            let Range { start, end } = key::below(folder.as_str());
            keys.extend([key::of_folder(folder.as_str()), start, end]);
        }
        keys.sort_unstable();
        walk.prefetch(root, &keys).await?;
        let mut sums = Vec::with_capacity(folders.len());
        for folder in folders {
            sums.push(match walk.find(root, &key::of_folder(folder.as_str())).await? {
                Some(_) => Some(walk.sums(root, &key::below(folder.as_str())).await?.bytes),
                None => None,
            });
        }
        Ok(sums)
    }
}

/// What stands at each path. A file and a folder of one name are not neighbours in the map: both keys are asked for.
async fn look_up(walk: &mut Walk<'_>, root: NodeId, paths: &[RepoPath]) -> Result<Vec<Option<Value>>> {
    let both = |path: &RepoPath| [key::of_file(path.as_str()), key::of_folder(path.as_str())];
    let mut keys: Vec<Vec<u8>> = paths.iter().flat_map(both).collect();
    keys.sort_unstable();
    walk.prefetch(root, &keys).await?;
    let mut values = Vec::with_capacity(paths.len());
    for path in paths {
        let [file, folder] = both(path);
        values.push(match walk.find(root, &file).await? {
            Some(value) => Some(value),
            None => walk.find(root, &folder).await?,
        });
    }
    Ok(values)
}

async fn check_folder(walk: &mut Walk<'_>, root: NodeId, folder: &RepoPath) -> Result<()> {
    if walk.find(root, &key::of_folder(folder.as_str())).await?.is_some() {
        return Ok(());
    }
    let is_file = walk.find(root, &key::of_file(folder.as_str())).await?.is_some();
    let why = if is_file { "is a file and no folder" } else { "is not there" };
    Err(missing(OPERATION, format!("'{folder}' {why}")))
}

/// Up to `limit` entries of a range, leaf by leaf, and the last key where there are more.
async fn page(
    walk: &mut Walk<'_>,
    root: NodeId,
    range: Range<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Piece>, Option<String>)> {
    let mut found: Vec<Piece> = Vec::new();
    let mut left = limit;
    let mut scan = Scan::new(walk, root, range).await?;
    while let Some((leaf, range)) = scan.next(walk, left + 1).await? {
        if range.len() > left {
            let taken = range.start..range.start + left;
            if !taken.is_empty() {
                found.push(Piece { id: scan.leaf(), leaf, range: taken });
            }
            let last = found.last().map(|Piece { leaf, range, .. }| leaf.key(range.end - 1).to_vec());
            let last = last.and_then(|key| String::from_utf8(key).ok());
            return Ok((found, Some(last.ok_or_else(no_path)?)));
        }
        left -= range.len();
        found.push(Piece { id: scan.leaf(), leaf, range });
    }
    Ok((found, None))
}

/// The path of a key of the map.
pub fn path(key: &[u8]) -> Result<RepoPath> {
    let text = key::path(key).ok_or_else(no_path)?;
    text.try_into().map_err(|error| no_path().with_source(error))
}

fn no_path() -> Error {
    corrupt(OPERATION, "a key of the map is no path")
}
