//! Commits that are computed from other commits. lakeFS has a merge and a revert too, which know nothing of git's
//! history and of the indexes; so they are worked out here, and made as any other commit.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::versioning::{
    Difference, MAX_CONFLICTS, Node, Rewrite, RewriteRequest, Rewriting, Rewritten, Strategy,
};
use ballast_contract::{Error, Result};
use ballast_types::{CommitId, RepoKey, RepoPath};

use crate::Lakefs;
use crate::commit::{Content, Drafted, Ground, Order};
use crate::difference::differences;
use crate::draft::{Draft, Stored};
use crate::reading::{View, repo_path};
use crate::records::{Commit, Repository};
use ballast_contract::versioning::failure::{invalid, missing};

const OPERATION: &str = "versioning.rewrite";

/// What a merge comes to.
enum Merged {
    Draft(Box<Draft>),
    /// At least one.
    Conflicts(Vec<RepoPath>),
}

/// The commits of a merge; a base that is none is the empty tree.
struct Sides {
    base: Option<Arc<Commit>>,
    ours: Arc<Commit>,
    theirs: Option<Arc<Commit>>,
}

impl Lakefs {
    /// What a rewriting operation comes to on a tip.
    pub(crate) async fn draft_rewrite(&self, order: &Order, ground: &Ground, rewrite: &Rewrite) -> Result<Drafted> {
        let (repo, repository) = (order.repo, &ground.repository);
        let unborn = || missing(OPERATION, format!("{} of repository {repo} has no commit yet", order.branch));
        let tip = ground.tip.clone().ok_or_else(unborn)?;
        let after_tip = |draft: Draft| drafted(draft, &tip, vec![tip.clone()]);
        match rewrite {
            Rewrite::Merge { source, strategy, squash } => {
                let source = self.commit_of(repo, *source).await?;
                self.draft_merge(repo, repository, tip, source, (*strategy, *squash)).await
            }
            Rewrite::Revert { commit, parent } => {
                let commit = self.commit_of(repo, *commit).await?;
                let before = self.parent_of(repo, &commit, *parent).await?;
                let sides = Sides { base: Some(commit), ours: tip.clone(), theirs: before };
                match self.merge(repo, repository, sides, Strategy::Stop).await? {
                    Merged::Draft(draft) => after_tip(*draft),
                    Merged::Conflicts(paths) => Ok(Drafted::Conflicts(paths)),
                }
            }
            Rewrite::Squash if tip.info.parents.is_empty() => Ok(Drafted::Nothing),
            Rewrite::Squash => {
                let mut stored = Stored::default();
                self.view(repo, repository, tip.clone()).load_below(&mut stored, "").await?;
                let sealed = Draft::over(stored)?.seal(tip.root, true)?;
                Ok(Drafted::Content(Box::new(Content { parents: Vec::new(), sealed, sources: Vec::new() })))
            }
            Rewrite::Reset { to } => {
                let to = self.commit_of(repo, *to).await?;
                let views = [&tip, &to].map(|commit| self.view(repo, repository, commit.clone()));
                let changes =
                    differences([Some(&views[0]), Some(&views[1])], Bound::Unbounded, usize::MAX).await?.items;
                let mut draft = Draft::over(load(&views[0], &changes).await?)?;
                for change in changes.iter().filter(|change| change.after.is_none()) {
                    draft.take(change.path.as_str())?;
                }
                for (path, node) in changes.iter().filter_map(|change| Some((&change.path, change.after?))) {
                    let clash = |_| invalid(OPERATION, format!("'{path}' is in the way of itself"));
                    draft.put(path.as_str(), node)?.map_err(clash)?;
                }
                after_tip(draft)
            }
        }
    }

    async fn draft_merge(
        &self,
        repo: RepoKey,
        repository: &Repository,
        tip: Arc<Commit>,
        source: Arc<Commit>,
        (strategy, squash): (Strategy, bool),
    ) -> Result<Drafted> {
        let base = self.find_fork(repo, [tip.info.id, source.info.id]).await?;
        if base.as_ref().is_some_and(|base| base.info.id == source.info.id) {
            return Ok(Drafted::Nothing);
        }
        let sides = Sides { base, ours: tip.clone(), theirs: Some(source.clone()) };
        let draft = match self.merge(repo, repository, sides, strategy).await? {
            Merged::Draft(draft) => *draft,
            Merged::Conflicts(paths) => return Ok(Drafted::Conflicts(paths)),
        };
        if squash {
            return drafted(draft, &tip, vec![tip.clone()]);
        }
        let sealed = draft.seal(tip.root, false)?;
        let content = Content { parents: vec![tip, source.clone()], sealed, sources: vec![source] };
        Ok(Drafted::Content(Box::new(content)))
    }

    /// Brings what their side changed into ours.
    async fn merge(&self, repo: RepoKey, repository: &Repository, sides: Sides, strategy: Strategy) -> Result<Merged> {
        let view = |commit: Arc<Commit>| self.view(repo, repository, commit);
        let (base, ours, theirs) = (sides.base.map(view), view(sides.ours), sides.theirs.map(view));
        let changes = differences([base.as_ref(), theirs.as_ref()], Bound::Unbounded, usize::MAX).await?.items;
        let stored = load(&ours, &changes).await?;
        let (mut takes, mut puts, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
        for Difference { path, before, after } in changes {
            let mine = entry(&stored, path.as_str());
            if mine == after {
                continue;
            }
            match (mine == before, strategy) {
                (true, _) | (false, Strategy::Source) => match after {
                    Some(node) => puts.push((path, node)),
                    None => takes.push(path),
                },
                (false, Strategy::Destination) => {}
                (false, Strategy::Stop) => conflicts.push(path.to_string()),
            }
        }
        // A file of theirs may still meet a folder of ours, or lie below a file.
        let mut draft = Draft::over(stored)?;
        for path in &takes {
            draft.take(path.as_str())?;
        }
        for (path, node) in puts {
            if draft.put(path.as_str(), node)?.is_ok() {
                continue;
            }
            match strategy {
                Strategy::Stop => conflicts.push(path.to_string()),
                Strategy::Destination => {}
                Strategy::Source => {
                    draft.make_way(path.as_str())?;
                    let clash = |_| invalid(OPERATION, format!("'{path}' has no place"));
                    draft.put(path.as_str(), node)?.map_err(clash)?;
                }
            }
        }
        conflicts.sort_unstable();
        conflicts.truncate(MAX_CONFLICTS);
        match conflicts.is_empty() {
            true => Ok(Merged::Draft(Box::new(draft))),
            false => Ok(Merged::Conflicts(conflicts.into_iter().map(repo_path).collect::<Result<_>>()?)),
        }
    }

    /// A commit's parent of this number; none stands for the first parent of a commit without any.
    async fn parent_of(&self, repo: RepoKey, commit: &Commit, number: u32) -> Result<Option<Arc<Commit>>> {
        let parents = &commit.info.parents;
        if parents.is_empty() && number == 1 {
            return Ok(None);
        }
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let parent = at.and_then(|at| parents.get(at)).ok_or_else(|| no_parent(commit, number))?;
        self.commit_of(repo, *parent).await.map(Some)
    }
}

/// Reads of our tree what bringing in these changes will ask for.
async fn load(ours: &View<'_>, changes: &[Difference]) -> Result<Stored> {
    let mut stored = Stored::default();
    let folders = |change: &Difference| -> Vec<String> {
        let path = &change.path;
        path.ancestors().chain([path.as_str()]).map(str::to_owned).collect()
    };
    let wanted: BTreeSet<String> = changes.iter().flat_map(folders).collect();
    ours.load(&mut stored, wanted).await?;
    for change in changes.iter().filter(|change| change.after.is_some()) {
        // A folder in the place of a file of theirs may have to go, with all that is in it.
        if stored.0.contains_key(change.path.as_str()) {
            ours.load_below(&mut stored, change.path.as_str()).await?;
        }
    }
    Ok(stored)
}

/// The file at a path whose folder was read, or is none.
fn entry(stored: &Stored, path: &str) -> Option<Node> {
    let item = stored.find(path)?;
    (!item.is_folder()).then(|| item.what.node())
}

/// Nothing, or a commit with these parents.
fn drafted(draft: Draft, tip: &Commit, parents: Vec<Arc<Commit>>) -> Result<Drafted> {
    let sealed = draft.seal(tip.root, false)?;
    match sealed.edits.is_empty() {
        true => Ok(Drafted::Nothing),
        false => Ok(Drafted::Content(Box::new(Content { parents, sealed, sources: Vec::new() }))),
    }
}

fn no_parent(commit: &Commit, number: u32) -> Error {
    let count = commit.info.parents.len();
    invalid(OPERATION, format!("commit {} has {count} parents, and so no parent number {number}", commit.info.id))
}

#[async_trait]
impl Rewriting for Lakefs {
    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten> {
        self.make_rewrite(request).await
    }

    async fn conflicts(&self, repo: RepoKey, into: CommitId, source: CommitId) -> Result<Vec<RepoPath>> {
        let repository = self.repository(repo).await?;
        let (into, source) = (self.commit_of(repo, into).await?, self.commit_of(repo, source).await?);
        match self.draft_merge(repo, &repository, into, source, (Strategy::Stop, false)).await? {
            Drafted::Conflicts(paths) => Ok(paths),
            Drafted::Nothing | Drafted::Content(_) => Ok(Vec::new()),
        }
    }

    async fn fork(&self, repo: RepoKey, one: CommitId, other: CommitId) -> Result<Option<CommitId>> {
        self.repository(repo).await?;
        Ok(self.find_fork(repo, [one, other]).await?.map(|commit| commit.info.id))
    }
}
