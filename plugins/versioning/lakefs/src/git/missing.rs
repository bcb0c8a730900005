//! The objects that somebody lacks, commit by commit: what a commit has and the commits before it do not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::selection::{Ask, Selected, select};
use ballast_contract::versioning::{FetchRequest, FileRef, Filter, GitObject, TreeBase};
use ballast_types::git::{ObjectKind, object_id, pointer};
use ballast_types::{CommitId, GitOid, RepoKey};

use crate::Lakefs;
use crate::folder::{Folder, Item, What, join};
use crate::git::Wanted;
use crate::history::Log;
use crate::reading::{View, repo_path};
use crate::records::Commit;

/// Objects of one piece of the answer, about.
const OBJECTS: usize = 10_000;

/// A walk through the commits that somebody lacks.
pub struct Missing<'a> {
    engine: &'a Lakefs,
    repo: RepoKey,
    filter: Filter,
    commits: VecDeque<Arc<Commit>>,
    /// Commits whose trees the reader has by the time that the next one comes.
    there: HashMap<CommitId, Arc<Commit>>,
    /// For commits without a parent among these: the latest one that the reader has.
    nearest: Option<Arc<Commit>>,
    told: HashSet<GitOid>,
    /// What was named by its id, and tags.
    named: Vec<GitObject>,
}

/// A folder of a commit that no commit before it has like this, and what stands there in these.
struct Open {
    path: String,
    new: Arc<Folder>,
    bases: Vec<Option<Arc<Folder>>>,
}

/// The same before it is read.
struct Closed {
    path: String,
    new: Item,
    bases: Vec<Option<Item>>,
}

impl<'a> Missing<'a> {
    /// Finds out which commits are lacking.
    pub async fn new(engine: &'a Lakefs, repo: RepoKey, request: FetchRequest) -> Result<Self> {
        let FetchRequest { wants, haves, shallow, cut, tags, filter } = request;
        let Wanted { commits, mut named } = engine.wanted(repo, &wants).await?;
        let (shallow, cut): (HashSet<CommitId>, HashSet<CommitId>) =
            (shallow.into_iter().collect(), cut.into_iter().collect());
        let ask = Ask { wants: &commits, haves: &haves, shallow: &shallow, cut: &cut };
        let Selected { commits, had } = select(Log::new(engine, repo), &ask).await?;
        if tags {
            let sent: HashSet<CommitId> = commits.iter().map(|commit| commit.info.id).collect();
            named.extend(engine.tags(repo).await?.of(&sent));
        }
        let nearest = had.values().max_by_key(|commit| commit.rank).cloned();
        Ok(Self { engine, repo, filter, commits: commits.into(), there: had, nearest, told: HashSet::new(), named })
    }

    /// The next objects; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<GitObject>>> {
        let mut objects = Vec::new();
        while objects.len() < OBJECTS {
            let Some(commit) = self.commits.pop_front() else { break };
            self.add(&commit, &mut objects).await?;
            self.there.insert(commit.info.id, commit);
        }
        if objects.is_empty() {
            let named = std::mem::take(&mut self.named).into_iter();
            objects.extend(named.filter(|object| self.told.insert(object.oid())));
        }
        Ok((!objects.is_empty()).then_some(objects))
    }

    /// One commit's own objects.
    async fn add(&mut self, commit: &Arc<Commit>, objects: &mut Vec<GitObject>) -> Result<()> {
        let (id, tree) = (commit.info.id, commit.root.oid);
        objects.push(GitObject::Commit { id });
        let mut before: Vec<Arc<Commit>> =
            commit.info.parents.iter().filter_map(|parent| self.there.get(parent).cloned()).collect();
        if before.is_empty() {
            before.extend(self.nearest.clone());
        }
        if self.filter.trees || before.iter().any(|base| base.root.oid == tree) {
            return Ok(());
        }
        let first = before.first().map(|first| first.info.id);
        if self.told.insert(tree) {
            let base = before.first().map(|first| TreeBase { oid: first.root.oid, at: first.info.id });
            let base = base.filter(|base| base.oid != object_id(ObjectKind::Tree, b""));
            objects.push(GitObject::Tree { oid: tree, at: id, folder: None, base });
        }
        let view = self.engine.view_of(self.repo, id).await?;
        let mut bases = Vec::with_capacity(before.len());
        for base in &before {
            bases.push(self.engine.view_of(self.repo, base.info.id).await?);
        }
        let mut roots = Vec::with_capacity(bases.len());
        for base in &bases {
            roots.push(base.folder("").await?);
        }
        let new = view.folder("").await?.unwrap_or_default();
        let mut open = vec![Open { path: String::new(), new, bases: roots }];
        while !open.is_empty() {
            let mut closed = Vec::new();
            for one in open {
                self.compare(id, first, &one, objects, &mut closed)?;
            }
            open = read(&view, &bases, closed).await?;
        }
        Ok(())
    }

    /// Tells what is new in one folder, and which of the folders in it are.
    fn compare(
        &mut self,
        at: CommitId,
        first: Option<CommitId>,
        folder: &Open,
        objects: &mut Vec<GitObject>,
        closed: &mut Vec<Closed>,
    ) -> Result<()> {
        for item in &folder.new.items {
            let oid = item.what.node().oid();
            let line = |base: &Option<Arc<Folder>>| base.as_ref()?.line(&item.name, item.is_folder()).cloned();
            let was: Vec<Option<Item>> = folder.bases.iter().map(line).collect();
            if self.told.contains(&oid) || was.iter().flatten().any(|was| was.is_line(item)) {
                continue;
            }
            let path = join(&folder.path, &item.name);
            match &item.what {
                What::Folder(_) => {
                    self.told.insert(oid);
                    let old = was.first().and_then(Option::as_ref).map(|old| old.what.node().oid());
                    let base = first.zip(old).map(|(at, oid)| TreeBase { oid, at });
                    objects.push(GitObject::Tree { oid, at, folder: Some(repo_path(path.clone())?), base });
                    closed.push(Closed { path, new: item.clone(), bases: was });
                }
                What::Entry(node) => {
                    let Some(file) = node.file().filter(|file| self.is_wanted(file)) else { continue };
                    self.told.insert(oid);
                    // Whoever leaves blobs out may lack the one before.
                    let old = was.first().and_then(Option::as_ref).and_then(|old| old.what.node().file().copied());
                    let base = old.filter(|old| self.filter.blobs_from.is_none() && !old.is_lfs() && !file.is_lfs());
                    objects.push(GitObject::Blob { oid, file: *file, base });
                }
            }
        }
        Ok(())
    }

    fn is_wanted(&self, file: &FileRef) -> bool {
        self.filter.blobs_from.is_none_or(|from| git_size(file) < from)
    }
}

/// Opens the folders of one level on all sides.
async fn read(view: &View<'_>, bases: &[View<'_>], closed: Vec<Closed>) -> Result<Vec<Open>> {
    let side = |items: Vec<(String, Option<Item>)>| {
        items.into_iter().filter_map(|(path, item)| Some((path, item?))).collect::<Vec<_>>()
    };
    let news = closed.iter().map(|one| (one.path.clone(), Some(one.new.clone()))).collect();
    let mut open: Vec<Open> = Vec::with_capacity(closed.len());
    for (path, new) in view.inner_all(side(news)).await? {
        open.push(Open { path, new, bases: Vec::with_capacity(bases.len()) });
    }
    for (number, base) in bases.iter().enumerate() {
        let olds = closed.iter().map(|one| (one.path.clone(), one.bases.get(number).cloned().flatten())).collect();
        let mut olds: HashMap<String, Arc<Folder>> = base.inner_all(side(olds)).await?.into_iter().collect();
        for one in &mut open {
            one.bases.push(olds.remove(&one.path));
        }
    }
    Ok(open)
}

/// How many bytes git holds for a file.
fn git_size(file: &FileRef) -> u64 {
    match file {
        FileRef::Regular { size, .. } => *size,
        FileRef::Lfs { sha256, size, .. } => pointer(*sha256, *size).len() as u64,
    }
}
