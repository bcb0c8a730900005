//! Reading what was pushed into the map.
//!
//! Commits come parents first. Of each, its trees are held against those of its first parent, folder by folder, and only
//! where they differ are they opened; what differs is a change like any other. The trees are then derived from the map
//! again and must be those that were pushed. Nodes are stored as they come, so that a long history needs little memory:
//! nothing leads to them before the push is published, and then they are stamped anew, or found to be swept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::versioning::{Push, PushedObjects, Receipt};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::git::{self, ObjectKind, TagText};
use ballast_types::{CommitId, GitOid, RefName, RepoKey, RepoPath, Sha256, Timestamp};
use bytes::Bytes;

use super::compare::Comparing;
use super::publish::Received;
use crate::Native;
use crate::commit::{Marks, Plan, collision, tree_rows};
use crate::error::{invalid, stored};
use crate::files::{self, Facts, FileId};
use crate::history::Commit;
use crate::node::NodeId;
use crate::rows::nodes;
use crate::rows::pushes::{Pushed, RawMove};
use crate::rows::schema::{OddTreeRow, TagRow};
use crate::store::{Fresh, empty};
use crate::trees::{Derived, Pinned};
use crate::walk::Walk;

const OPERATION: &str = "versioning.receive";
/// New nodes that are held before they are stored, in bytes.
const HELD: usize = 24 << 20;
/// Tags of tags that are followed.
const NESTED: usize = 16;
/// Commits that are looked up at once.
const BATCH: usize = 500;
/// Commits that are looked at for the lengths of merged histories, and how many more for each commit of the push.
const COUNTED: usize = 20_000;
const COUNTED_EACH: usize = 100;

/// A push being read.
pub struct Reading<'a> {
    engine: &'a Native,
    objects: &'a dyn PushedObjects,
    repo: RepoKey,
    /// New commits, as they were pushed.
    raw: HashMap<CommitId, (git::Commit, Bytes)>,
    /// New commits that are in the map by now, and old ones that were met.
    commits: HashMap<CommitId, Arc<Commit>>,
    /// Which of them are new.
    new: HashSet<CommitId>,
    rows: Pushed,
    nodes: HashSet<NodeId>,
    facts: HashMap<FileId, Facts>,
    large: HashMap<Sha256, RepoPath>,
    made: Vec<Arc<Commit>>,
    /// Tags that are kept already.
    tags: HashSet<GitOid>,
    /// How many commits may still be looked at to say how long the histories of merges are.
    counted: usize,
}

/// Where a ref is to go.
#[derive(Clone, Copy)]
struct Target {
    commit: CommitId,
    tag: Option<GitOid>,
}

impl Native {
    pub(crate) async fn receive_push<'a>(
        &'a self,
        push: Push,
        objects: &dyn PushedObjects,
    ) -> Result<Box<dyn Receipt + 'a>> {
        let Push { operation, repo, refs } = push;
        let mut reading = Reading {
            engine: self,
            objects,
            repo,
            raw: HashMap::new(),
            commits: HashMap::new(),
            new: HashSet::new(),
            rows: Pushed { repo: repo.0, operation: operation.0, ..Pushed::default() },
            nodes: HashSet::new(),
            facts: HashMap::new(),
            large: HashMap::new(),
            made: Vec::new(),
            tags: HashSet::new(),
            counted: COUNTED,
        };
        let mut targets = Vec::with_capacity(refs.len());
        for pushed in &refs {
            targets.push(match pushed.new {
                Some(oid) => Some(reading.target(&pushed.name, oid).await?),
                None => None,
            });
        }
        let tips: Vec<CommitId> = targets.iter().flatten().map(|target| target.commit).collect();
        let order = reading.order(&tips).await?;
        reading.counted += order.len().saturating_mul(COUNTED_EACH);
        reading.read_all(order).await?;
        let mut forced = Vec::new();
        for (pushed, target) in refs.iter().zip(&targets) {
            if let (Some(old), Some(target)) = (pushed.old, target)
                && !reading.leads_to(target.commit, old).await?
            {
                forced.push(pushed.name.clone());
            }
        }
        let bytes = |oid: GitOid| oid.0.to_vec();
        let mut moves = Vec::with_capacity(refs.len());
        for (pushed, target) in refs.iter().zip(&targets) {
            let new = target.map(|target| (target.commit.0.to_vec(), target.tag.map(bytes)));
            moves.push(RawMove { name: pushed.name.to_string(), old: pushed.old.map(bytes), new });
        }
        // Deletions first, so that `a` may become `a/b`; within that by name, so that nobody waits in a circle.
        moves.sort_by(|a, b| (a.new.is_some(), &a.name).cmp(&(b.new.is_some(), &b.name)));
        let targets: Vec<Option<CommitId>> = targets.into_iter().map(|target| Some(target?.commit)).collect();
        let Reading { mut rows, nodes, facts, large, made, .. } = reading;
        rows.commit = targets.iter().flatten().next().map(|id| id.0.to_vec());
        rows.moves = moves;
        rows.nodes = nodes.into_iter().map(|id| id.0.to_vec()).collect();
        rows.nodes.sort_unstable();
        rows.files = facts.iter().filter_map(|(id, facts)| files::row(repo, *id, facts)).collect();
        rows.files.sort_unstable_by(|a, b| (&a.oid, a.lfs).cmp(&(&b.oid, b.lfs)));
        Ok(Box::new(Received { engine: self, repo, rows, large, made, targets, forced }))
    }
}

impl Reading<'_> {
    /// The commit that an object leads to, and the tags on the way.
    async fn target(&mut self, name: &RefName, oid: GitOid) -> Result<Target> {
        let (mut at, mut said) = (oid, None);
        for _ in 0..NESTED {
            let (kind, text) = match self.objects.read(at).await? {
                Some((ObjectKind::Tag, bytes)) => (ObjectKind::Tag, Some(self.keep_tag(at, bytes)?)),
                Some((kind, _)) => (kind, None),
                None => match self.engine.find_objects(self.repo, &[at]).await?.into_iter().next().flatten() {
                    Some(object) => (object.kind(), self.engine.tag_texts(self.repo, &[at]).await?.remove(&at)),
                    None => return Err(invalid(OPERATION, format!("{name} is to be {at}, which is not there"))),
                },
            };
            if let Some(said) = said.filter(|said| *said != kind) {
                let (said, kind): (ObjectKind, _) = (said, kind.as_str());
                return Err(invalid(
                    OPERATION,
                    format!("a tag says that {at} is a {}, and it is a {kind}", said.as_str()),
                ));
            }
            match (kind, text) {
                (ObjectKind::Commit, _) => {
                    return Ok(Target { commit: CommitId(at.0), tag: (at != oid).then_some(oid) });
                }
                (ObjectKind::Tag, Some(text)) => (at, said) = (text.object, Some(text.kind)),
                (kind, _) => return Err(no_commit(name, at, kind)),
            }
        }
        Err(invalid(OPERATION, format!("{name} is to be {oid}, a tag of a tag, more than {NESTED} times")))
    }

    fn keep_tag(&mut self, oid: GitOid, bytes: Bytes) -> Result<TagText> {
        let text = TagText::parse(&bytes);
        if self.tags.insert(oid) {
            self.rows.tags.push(TagRow { repo: self.repo.0, oid: oid.0.to_vec(), bytes: bytes.to_vec() });
        }
        text.ok_or_else(|| invalid(OPERATION, format!("{oid} is no tag object")))
    }

    /// The new commits that these lead to, parents first.
    async fn order(&mut self, tips: &[CommitId]) -> Result<Vec<CommitId>> {
        let (mut open, mut seen) = (tips.to_vec(), HashSet::new());
        // Who named it first, for whoever asks why it should be there.
        let mut absent: Vec<(CommitId, Option<CommitId>)> = Vec::new();
        let mut children: HashMap<CommitId, CommitId> = HashMap::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.objects.read(id.into()).await? {
                Some((ObjectKind::Commit, bytes)) => {
                    let commit = git::Commit::parse(&bytes)
                        .map_err(|error| invalid(OPERATION, format!("commit {id}: {error}")))?;
                    for parent in &commit.parents {
                        children.entry(*parent).or_insert(id);
                        open.push(*parent);
                    }
                    self.raw.insert(id, (commit, bytes));
                }
                Some((kind, _)) => {
                    return Err(invalid(OPERATION, format!("{id} is a {} and no commit", kind.as_str())));
                }
                None => absent.push((id, children.get(&id).copied())),
            }
        }
        let asked: Vec<CommitId> = seen.into_iter().collect();
        for batch in asked.chunks(BATCH) {
            let known = self.engine.history.find(self.repo, batch).await?;
            known.keys().for_each(|id| drop(self.raw.remove(id)));
            self.commits.extend(known);
        }
        if let Some((id, child)) = absent.into_iter().find(|(id, _)| !self.commits.contains_key(id)) {
            let of = child.map_or(String::new(), |child| format!(", a parent of {child}"));
            return Err(invalid(OPERATION, format!("commit {id}{of} is neither pushed nor there")));
        }
        self.sort(tips)
    }

    fn sort(&self, tips: &[CommitId]) -> Result<Vec<CommitId>> {
        let (mut sorted, mut done) = (Vec::with_capacity(self.raw.len()), HashSet::new());
        let mut under_way = HashSet::new();
        let mut open: Vec<(CommitId, bool)> = tips.iter().map(|id| (*id, false)).collect();
        while let Some((id, is_ready)) = open.pop() {
            let Some((commit, _)) = self.raw.get(&id).filter(|_| !done.contains(&id)) else { continue };
            if is_ready {
                done.insert(id);
                sorted.push(id);
                continue;
            }
            if !under_way.insert(id) {
                return Err(invalid(OPERATION, format!("commit {id} is its own ancestor")));
            }
            open.push((id, true));
            let parents = commit.parents.iter().filter(|parent| !done.contains(*parent));
            // One that waits further down may be needed here first.
            open.extend(parents.filter(|parent| !under_way.contains(*parent)).map(|parent| (*parent, false)));
        }
        Ok(sorted)
    }

    async fn read_all(&mut self, order: Vec<CommitId>) -> Result<()> {
        let engine = self.engine;
        let (mut walk, mut fresh) = (Walk::new(&engine.store), Fresh::new()?);
        let last = order.len();
        for (at, id) in order.into_iter().enumerate() {
            self.read_commit(&mut walk, &mut fresh, id).await?;
            walk.adopt(fresh.take_recent());
            if fresh.bytes() >= HELD || at + 1 == last {
                let full = std::mem::replace(&mut fresh, Fresh::new()?);
                self.nodes.extend(full.ids());
                let rows = full.rows(Timestamp::now().0);
                nodes::keep(&engine.database, rows).await.map_err(stored(OPERATION))?;
                engine.store.admit(full);
                walk = Walk::new(&engine.store);
            }
        }
        Ok(())
    }

    async fn read_commit(&mut self, walk: &mut Walk<'_>, fresh: &mut Fresh, id: CommitId) -> Result<()> {
        let Some((commit, bytes)) = self.raw.remove(&id) else { return Ok(()) };
        let lost = |parent: &CommitId| invalid(OPERATION, format!("commit {parent}, a parent of {id}, is not there"));
        let parents: Result<Vec<Arc<Commit>>> =
            commit.parents.iter().map(|parent| self.commits.get(parent).cloned().ok_or_else(|| lost(parent))).collect();
        let parents = parents?;
        let first = parents.first();
        let base = first.map_or(empty().0, |first| first.root);
        let compared = Comparing::new(self.engine, self.objects, self.repo, id, base);
        let compared = compared.run(walk, first.map(|first| first.info.tree), commit.tree).await?;
        for (path, file, facts) in &compared.files {
            self.learn(path, file, *facts)?;
        }
        let pinned: Pinned = compared.pinned;
        let derived = Derived::new(walk, base, compared.edits, &pinned).await?;
        if derived.tree != commit.tree {
            let context =
                format!("the tree of commit {id} is {}, and what it holds makes {}", commit.tree, derived.tree);
            return Err(invalid(OPERATION, context));
        }
        self.keep_trees(id, &derived).await?;
        let plan = Plan { base, parents: &parents, marks: &Marks::of(&parents) };
        let roots = self.engine.edit_maps(walk, fresh, id, plan, derived).await?;
        let history = &self.engine.history;
        let length = history.length_beside(self.repo, &parents, &self.commits, &mut self.counted).await?;
        let made = Arc::new(Commit::new(&commit, id, roots, &parents, length));
        self.rows.commits.push(made.row(self.repo, bytes.to_vec()));
        self.commits.insert(id, made.clone());
        self.new.insert(id);
        self.made.push(made);
        Ok(())
    }

    fn learn(&mut self, path: &RepoPath, id: &FileId, facts: Option<Facts>) -> Result<()> {
        let Some(facts) = facts else { return Ok(()) };
        if id.1 {
            self.large.entry(facts.sha256).or_insert_with(|| path.clone());
        }
        match self.facts.insert(*id, facts) {
            Some(other) if other.sha256 != facts.sha256 => Err(collision(id.0.as_bytes())),
            _ => Ok(()),
        }
    }

    async fn keep_trees(&mut self, id: CommitId, derived: &Derived) -> Result<()> {
        for oid in &derived.odd {
            // One that is not in the push is kept already.
            if let Some((_, bytes)) = self.objects.read(*oid).await? {
                self.rows.odd.push(OddTreeRow { repo: self.repo.0, oid: oid.0.to_vec(), bytes: bytes.to_vec() });
            }
        }
        self.rows.trees.extend(tree_rows(self.repo, id, derived.trees.clone()));
        Ok(())
    }

    /// Whether a commit has another one, or the commit of a tag, in its history.
    async fn leads_to(&self, new: CommitId, old: GitOid) -> Result<bool> {
        let Some(old) = self.engine.wanted(self.repo, &[old]).await?.commits.pop() else {
            // Nobody can have moved a ref from there; that is found out when it is moved.
            return Ok(false);
        };
        let (mut open, mut seen, mut met) = (vec![new], HashSet::new(), Vec::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if id == old {
                return Ok(true);
            }
            match self.commits.get(&id).filter(|_| self.new.contains(&id)) {
                Some(commit) => open.extend(&commit.info.parents),
                None => met.push(id),
            }
        }
        for id in met {
            if self.engine.history.fork(self.repo, old, id).await?.is_some_and(|fork| fork.info.id == old) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn no_commit(name: &RefName, oid: GitOid, kind: ObjectKind) -> Error {
    let context = format!("{name} leads to {oid}, which is a {}: refs lead to commits here", kind.as_str());
    Error::new(ErrorKind::Invalid, OPERATION, context)
}
