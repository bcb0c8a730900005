//! The bytes of git's objects.
//!
//! A tree of a flat folder is as long as the folder, and a commit changes a few lines of it. So it is told as a delta
//! against the same folder of an earlier commit: what differs is known from the two maps, and where it lies from their
//! sums, without reading the rest.

use std::collections::{HashMap, HashSet};

use ballast_contract::Result;
use ballast_contract::versioning::{Encoded, GitObject, TreeBase};
use ballast_types::git::{DeltaWriter, TreeItem, encode_tree_item};
use ballast_types::{CommitId, GitOid, RepoKey, RepoPath};

use crate::Native;
use crate::difference::{Side, step};
use crate::error::{internal, missing, stored};
use crate::key;
use crate::node::{NodeId, Value, tree_line};
use crate::rows::{commits, refs, trees};
use crate::walk::{Scan, Walk};

const OPERATION: &str = "versioning.encode";
/// Objects that are looked at in one call, and the bytes behind which it ends.
const OBJECTS: usize = 500;
const BYTES: usize = 4 << 20;

impl Native {
    /// The bytes of the first of these, at least of one.
    pub(crate) async fn encode_objects(&self, repo: RepoKey, objects: &[(&GitObject, bool)]) -> Result<Vec<Encoded>> {
        let objects = &objects[..objects.len().min(OBJECTS)];
        let kept = self.kept(repo, objects).await?;
        let mut walk = Walk::new(&self.store);
        let (mut encoded, mut bytes) = (Vec::with_capacity(objects.len()), 0);
        for (object, as_delta) in objects {
            let one = match (object, kept.get(&object.oid())) {
                (_, Some(whole)) => Encoded::Whole(whole.clone()),
                (GitObject::Tree { at, folder, base, .. }, None) => {
                    let base = base.filter(|base| *as_delta && !kept.contains_key(&base.oid));
                    self.encode_tree(&mut walk, repo, *at, folder.as_ref(), base).await?
                }
                (GitObject::Blob { oid, .. }, None) => {
                    return Err(internal(OPERATION, format!("{oid} is a blob, whose bytes are not the engine's")));
                }
                (other, None) => return Err(missing(OPERATION, format!("there is no object {}", other.oid()))),
            };
            bytes += match &one {
                Encoded::Whole(bytes) | Encoded::Delta(bytes) => bytes.len(),
            };
            encoded.push(one);
            if bytes >= BYTES {
                break;
            }
        }
        Ok(encoded)
    }

    /// Those objects whose bytes are kept as they are: commits, tags, and trees that the map would derive otherwise.
    async fn kept(&self, repo: RepoKey, objects: &[(&GitObject, bool)]) -> Result<HashMap<GitOid, Vec<u8>>> {
        let (mut ids, mut tags, mut folders) = (Vec::new(), Vec::new(), HashSet::new());
        for (object, _) in objects {
            match object {
                GitObject::Commit { id } => ids.push(id.0.to_vec()),
                GitObject::Tag { oid } => tags.push(oid.0.to_vec()),
                GitObject::Tree { oid, base, .. } => {
                    folders.extend([Some(*oid), base.map(|base| base.oid)].into_iter().flatten());
                }
                GitObject::Blob { .. } => {}
            }
        }
        let database = &self.database;
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        if !ids.is_empty() {
            let found = commits::find(database, repo.0, ids).await.map_err(stored(OPERATION))?;
            rows.extend(found.into_iter().map(|row| (row.id, row.bytes)));
        }
        if !tags.is_empty() {
            let found = refs::tags(database, repo.0, tags).await.map_err(stored(OPERATION))?;
            rows.extend(found.into_iter().map(|row| (row.oid, row.bytes)));
        }
        let mut kept = self.odd_trees(repo, &folders).await?;
        kept.extend(rows.into_iter().filter_map(|(oid, bytes)| Some((GitOid::from_slice(&oid)?, bytes))));
        Ok(kept)
    }

    async fn encode_tree(
        &self,
        walk: &mut Walk<'_>,
        repo: RepoKey,
        at: CommitId,
        folder: Option<&RepoPath>,
        base: Option<TreeBase>,
    ) -> Result<Encoded> {
        let folder = folder.map_or("", RepoPath::as_str);
        let ids: Vec<CommitId> = [Some(at), base.map(|base| base.at)].into_iter().flatten().collect();
        let commits = self.history.find(repo, &ids).await?;
        let root = |id: CommitId| commits.get(&id).map(|commit| commit.root);
        let new = root(at).ok_or_else(|| missing(OPERATION, format!("there is no commit {at}")))?;
        if let Some(old) = base.and_then(|base| root(base.at))
            && let Some(delta) = delta(walk, old, new, folder).await?
        {
            return Ok(Encoded::Delta(delta));
        }
        Ok(Encoded::Whole(lines(walk, new, folder).await?))
    }
}

/// The bytes of a folder's tree.
pub async fn lines(walk: &mut Walk<'_>, root: NodeId, folder: &str) -> Result<Vec<u8>> {
    let range = key::children(folder);
    let length = walk.sums(root, &range).await?.tree_bytes;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let mut scan = Scan::new(walk, root, range).await?;
    while let Some((leaf, found)) = scan.next(walk, usize::MAX).await? {
        for at in found {
            append(&mut bytes, leaf.key(at), &leaf.values()[at]);
        }
    }
    Ok(bytes)
}

fn append(tree: &mut Vec<u8>, key: &[u8], Value { mode, oid, .. }: &Value) {
    encode_tree_item(tree, &TreeItem { mode: *mode, name: key::name(key), oid: *oid });
}

/// What makes one folder's tree of another's; none where the whole is shorter.
async fn delta(walk: &mut Walk<'_>, old: NodeId, new: NodeId, folder: &str) -> Result<Option<Vec<u8>>> {
    let range = key::children(folder);
    let before = walk.sums(old, &range).await?.tree_bytes;
    let after = walk.sums(new, &range).await?.tree_bytes;
    let mut delta = DeltaWriter::new(before, after);
    let mut sides = (Side::new(walk, old, &range.start).await?, Side::new(walk, new, &range.start).await?);
    let mut copied = 0;
    while let Some((key, was, is)) = step(walk, &mut sides.0, &mut sides.1).await? {
        if key >= range.end {
            break;
        }
        if was == is {
            continue;
        }
        let offset = walk.sums(old, &(range.start.clone()..key.clone())).await?.tree_bytes;
        delta.copy(copied, offset - copied);
        copied = offset;
        if let Some(was) = was {
            copied += tree_line(was.mode, key::name(&key).len());
        }
        if let Some(is) = is {
            let mut line = Vec::new();
            append(&mut line, &key, &is);
            delta.insert(&line);
        }
        if delta.so_far() as u64 > after {
            return Ok(None);
        }
    }
    delta.copy(copied, before - copied);
    let delta = delta.finish();
    Ok((delta.len() as u64 <= after).then_some(delta))
}

impl Native {
    /// The bytes of those of these trees that are kept as they are, because the map would derive them otherwise.
    pub(crate) async fn odd_trees(&self, repo: RepoKey, oids: &HashSet<GitOid>) -> Result<HashMap<GitOid, Vec<u8>>> {
        let mut found = HashMap::new();
        let oids: Vec<Vec<u8>> = oids.iter().map(|oid| oid.0.to_vec()).collect();
        for batch in oids.chunks(OBJECTS) {
            let rows = trees::find_odd(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))?;
            found.extend(rows.into_iter().filter_map(|row| Some((GitOid::from_slice(&row.oid)?, row.bytes))));
        }
        Ok(found)
    }
}
