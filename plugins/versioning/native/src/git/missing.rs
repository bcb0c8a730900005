//! The objects that somebody lacks, commit by commit: what a commit has and the commits before it do not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::selection::{Ask, Selected, select};
use ballast_contract::versioning::{FetchRequest, FileRef, GitObject, Node, TreeBase};
use ballast_types::git::{ObjectKind, object_id, pointer};
use ballast_types::{CommitId, GitOid, RepoKey};

use crate::Native;
use crate::difference::{Side, step};
use crate::git::{AHEAD, Wanted};
use crate::history::{Commit, Log};
use crate::node::{NodeId, Value};
use crate::reading::path;
use crate::store::empty;
use crate::walk::Walk;

/// Commits and objects of one piece of the answer, about.
const COMMITS: usize = 256;
const OBJECTS: usize = 10_000;

/// A walk through the commits that somebody lacks.
pub struct Missing<'a> {
    engine: &'a Native,
    repo: RepoKey,
    blobs_from: Option<u64>,
    without_trees: bool,
    commits: VecDeque<Arc<Commit>>,
    /// Commits whose trees the reader has by the time that the next one comes.
    there: HashMap<CommitId, Arc<Commit>>,
    /// For commits without a parent among these: the latest one that the reader has.
    nearest: Option<Arc<Commit>>,
    told: HashSet<GitOid>,
    /// What was named by its id, and tags.
    named: Vec<GitObject>,
}

/// A blob that is to be told, once more is known of it.
struct Pending {
    at: usize,
    value: Value,
    /// What stood there before, where both are files of git's own.
    was: Option<Value>,
}

impl<'a> Missing<'a> {
    /// Finds out which commits are lacking.
    pub async fn new(engine: &'a Native, repo: RepoKey, request: FetchRequest) -> Result<Self> {
        let FetchRequest { wants, haves, shallow, cut, tags, filter } = request;
        let Wanted { commits, mut named } = engine.wanted(repo, &wants).await?;
        let (shallow, cut): (HashSet<CommitId>, HashSet<CommitId>) =
            (shallow.into_iter().collect(), cut.into_iter().collect());
        let ask = Ask { wants: &commits, haves: &haves, shallow: &shallow, cut: &cut };
        let Selected { commits, had } = select(Log::new(&engine.history, repo, AHEAD), &ask).await?;
        if tags {
            let sent: HashSet<CommitId> = commits.iter().map(|commit| commit.info.id).collect();
            named.extend(engine.tags_of(repo, &sent).await?);
        }
        let nearest = had.values().max_by_key(|commit| commit.rank).cloned();
        // What lies behind a cut is not there, whoever was met.
        let there = had.into_iter().collect();
        let (commits, told) = (commits.into(), HashSet::new());
        let (blobs_from, without_trees) = (filter.blobs_from, filter.trees);
        Ok(Self { engine, repo, blobs_from, without_trees, commits, there, nearest, told, named })
    }

    /// The next objects; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<GitObject>>> {
        let (mut objects, mut pending) = (Vec::new(), Vec::new());
        let mut walk = Walk::new(&self.engine.store);
        for _ in 0..COMMITS {
            let Some(commit) = self.commits.pop_front() else { break };
            self.add(&mut walk, &commit, &mut objects, &mut pending).await?;
            self.there.insert(commit.info.id, commit);
            if objects.len() + pending.len() >= OBJECTS {
                break;
            }
        }
        let values: Vec<Value> =
            pending.iter().flat_map(|pending| [Some(pending.value), pending.was]).flatten().collect();
        let mut nodes = self.engine.files.nodes(self.repo, &values).await?.into_iter();
        let mut blobs = Vec::with_capacity(pending.len());
        for Pending { at, was, .. } in pending {
            let (is, was) = (nodes.next(), was.and_then(|_| nodes.next()));
            if let Some(file) = is.as_ref().and_then(Node::file).filter(|file| self.is_wanted(file)) {
                let base = was.as_ref().and_then(Node::file).copied();
                blobs.push((at, GitObject::Blob { oid: file.oid(), file: *file, base }));
            }
        }
        if objects.is_empty() && self.commits.is_empty() {
            let named = std::mem::take(&mut self.named).into_iter();
            objects.extend(named.filter(|object| self.told.insert(object.oid())));
            return Ok((!objects.is_empty()).then_some(objects));
        }
        // Each commit's blobs behind its trees.
        let mut merged = Vec::with_capacity(objects.len() + blobs.len());
        blobs.reverse();
        for (at, object) in objects.into_iter().enumerate() {
            while let Some((_, blob)) = blobs.pop_if(|(place, _)| *place <= at) {
                merged.push(blob);
            }
            merged.push(object);
        }
        merged.extend(blobs.into_iter().rev().map(|(_, blob)| blob));
        Ok(Some(merged))
    }

    fn is_wanted(&self, file: &FileRef) -> bool {
        self.blobs_from.is_none_or(|from| git_size(file) < from)
    }

    /// One commit's own objects.
    async fn add(
        &mut self,
        walk: &mut Walk<'_>,
        commit: &Arc<Commit>,
        objects: &mut Vec<GitObject>,
        pending: &mut Vec<Pending>,
    ) -> Result<()> {
        let id = commit.info.id;
        objects.push(GitObject::Commit { id });
        if self.without_trees {
            return Ok(());
        }
        let mut bases: Vec<Arc<Commit>> =
            commit.info.parents.iter().filter_map(|parent| self.there.get(parent).cloned()).collect();
        if bases.is_empty() {
            bases.extend(self.nearest.clone());
        }
        let tree = commit.info.tree;
        if bases.iter().any(|base| base.info.tree == tree) {
            return Ok(());
        }
        let base = |base: &Arc<Commit>, oid| TreeBase { oid, at: base.info.id };
        if self.told.insert(tree) {
            let base = bases.first().map(|first| base(first, first.info.tree));
            let base = base.filter(|base| base.oid != object_id(ObjectKind::Tree, b""));
            objects.push(GitObject::Tree { oid: tree, at: id, folder: None, base });
        }
        let before = bases.first().map_or(empty().0, |first| first.root);
        let others: Vec<NodeId> = bases.iter().skip(1).map(|base| base.root).collect();
        let (mut old, mut new) = (Side::new(walk, before, &[]).await?, Side::new(walk, commit.root, &[]).await?);
        while let Some((key, was, is)) = step(walk, &mut old, &mut new).await? {
            let Some(value) = is.filter(|_| was != is) else { continue };
            if self.told.contains(&value.oid)
                || !(value.is_folder() || crate::files::has_bytes(value.mode) == Some(true))
            {
                continue;
            }
            let mut known = false;
            for other in &others {
                known |= walk.find(*other, &key).await? == Some(value);
            }
            if known {
                continue;
            }
            if value.is_folder() {
                self.told.insert(value.oid);
                let was = was.filter(Value::is_folder);
                let base = bases.first().zip(was).map(|(first, was)| base(first, was.oid));
                objects.push(GitObject::Tree { oid: value.oid, at: id, folder: Some(path(&key)?), base });
            } else if self.blobs_from != Some(0) {
                self.told.insert(value.oid);
                // Whoever leaves blobs out may lack the one before.
                let was = was.filter(|was| self.blobs_from.is_none() && is_own(was) && is_own(&value));
                pending.push(Pending { at: objects.len(), value, was });
            }
        }
        Ok(())
    }
}

/// Whether it is a file whose bytes git holds itself.
fn is_own(value: &Value) -> bool {
    !value.lfs && crate::files::has_bytes(value.mode) == Some(true)
}

/// How many bytes git holds for a file.
fn git_size(file: &FileRef) -> u64 {
    match file {
        FileRef::Regular { size, .. } => *size,
        FileRef::Lfs { sha256, size, .. } => pointer(*sha256, *size).len() as u64,
    }
}
