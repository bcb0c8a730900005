//! Commits that are computed from other commits.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::versioning::{Rewrite, RewriteRequest, Rewriting, Rewritten, Strategy};
use ballast_contract::{Error, Result};
use ballast_types::{CommitId, RepoKey, RepoPath};

use crate::Native;
use crate::commit::{Content, Drafted, Marks, Order, Work};
use crate::difference::differences;
use crate::draft::Edit;
use crate::error::{corrupt, invalid, missing};
use crate::history::Commit;
use crate::merge::{Merged, Sides, merge};
use crate::node::NodeId;
use crate::reading::path;
use crate::store::empty;
use crate::walk::Walk;

const OPERATION: &str = "versioning.rewrite";

impl Native {
    /// What a rewriting operation comes to on a tip.
    pub(crate) async fn draft_rewrite(
        &self,
        walk: &mut Walk<'_>,
        order: &Order,
        tip: Option<Arc<Commit>>,
        rewrite: &Rewrite,
    ) -> Result<Drafted> {
        let repo = order.repo;
        let unborn = || missing(OPERATION, format!("{} of repository {repo} has no commit yet", order.branch));
        let tip = tip.ok_or_else(unborn)?;
        match rewrite {
            Rewrite::Merge { source, strategy, squash } => {
                let source = self.history.get(repo, *source).await?;
                self.draft_merge(walk, repo, tip, source, *strategy, *squash).await
            }
            Rewrite::Revert { commit, parent } => {
                let commit = self.history.get(repo, *commit).await?;
                let before = self.parent_root(repo, &commit, *parent).await?;
                let sides = Sides { base: commit.root, ours: tip.root, theirs: before };
                let merged = merge(walk, sides, Strategy::Stop).await?;
                drafted(merged, |edits| Content {
                    base: tip.root,
                    parents: vec![tip.clone()],
                    edits,
                    facts: Default::default(),
                    marks: Marks::New,
                })
            }
            Rewrite::Squash if tip.info.parents.is_empty() => Ok(Drafted::Nothing),
            Rewrite::Squash => {
                let (base, marks) = (tip.root, Marks::All);
                let (parents, edits) = (Vec::new(), Vec::new());
                Ok(Drafted::Content(Content { base, parents, edits, facts: Default::default(), marks }))
            }
            Rewrite::Reset { to } => {
                let to = self.history.get(repo, *to).await?;
                let edits = edits_between(walk, tip.root, to.root).await?;
                if edits.is_empty() {
                    return Ok(Drafted::Nothing);
                }
                let (base, marks) = (tip.root, Marks::New);
                Ok(Drafted::Content(Content { base, parents: vec![tip], edits, facts: Default::default(), marks }))
            }
        }
    }

    async fn draft_merge(
        &self,
        walk: &mut Walk<'_>,
        repo: RepoKey,
        tip: Arc<Commit>,
        source: Arc<Commit>,
        strategy: Strategy,
        squash: bool,
    ) -> Result<Drafted> {
        let fork = self.history.fork(repo, tip.info.id, source.info.id).await?;
        if fork.as_ref().is_some_and(|fork| fork.info.id == source.info.id) {
            return Ok(Drafted::Nothing);
        }
        let base = fork.map_or(empty().0, |fork| fork.root);
        let merged = merge(walk, Sides { base, ours: tip.root, theirs: source.root }, strategy).await?;
        if squash && merged.is_nothing() {
            return Ok(Drafted::Nothing);
        }
        let (parents, marks) = match squash {
            true => (vec![tip.clone()], Marks::New),
            false => (vec![tip.clone(), source.clone()], Marks::Or(vec![source])),
        };
        let content = |edits| Content { base: tip.root, parents, edits, facts: Default::default(), marks };
        match merged.conflicts.is_empty() {
            true => Ok(Drafted::Content(content(merged.edits))),
            false => conflicts(merged).map(Drafted::Conflicts),
        }
    }

    /// The map of a commit's parent; the empty one stands for the first parent of a commit without any.
    async fn parent_root(&self, repo: RepoKey, commit: &Commit, number: u32) -> Result<NodeId> {
        let parents = &commit.info.parents;
        if parents.is_empty() && number == 1 {
            return Ok(empty().0);
        }
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let parent = at.and_then(|at| parents.get(at)).ok_or_else(|| no_parent(commit, number))?;
        Ok(self.history.get(repo, *parent).await?.root)
    }
}

fn no_parent(commit: &Commit, number: u32) -> Error {
    let count = commit.info.parents.len();
    invalid(OPERATION, format!("commit {} has {count} parents, and so no parent number {number}", commit.info.id))
}

/// Nothing, the conflicts, or content.
fn drafted(merged: Merged, content: impl FnOnce(Vec<Edit>) -> Content) -> Result<Drafted> {
    if merged.is_nothing() {
        return Ok(Drafted::Nothing);
    }
    match merged.conflicts.is_empty() {
        true => Ok(Drafted::Content(content(merged.edits))),
        false => conflicts(merged).map(Drafted::Conflicts),
    }
}

fn conflicts(merged: Merged) -> Result<Vec<RepoPath>> {
    let read = |path: String| path.parse().map_err(|_| corrupt(OPERATION, "a key of the map is no path"));
    merged.conflicts.into_iter().map(read).collect()
}

/// What makes one map of another.
async fn edits_between(walk: &mut Walk<'_>, from: NodeId, to: NodeId) -> Result<Vec<Edit>> {
    let (found, _) = differences(walk, [from, to], &[], usize::MAX).await?;
    let edit = |(key, old, new): (Vec<u8>, _, _)| Ok(Edit { path: path(&key)?.to_string(), old, new });
    found.into_iter().map(edit).collect()
}

#[async_trait]
impl Rewriting for Native {
    async fn rewrite(&self, request: RewriteRequest) -> Result<Rewritten> {
        let RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite } = request;
        let order = Order { operation, repo, branch, expected_parent, author, time, message };
        self.unless_gone(repo, self.make(&order, &Work::Rewrite(rewrite)).await).await
    }

    async fn conflicts(&self, repo: RepoKey, into: CommitId, source: CommitId) -> Result<Vec<RepoPath>> {
        let found = async {
            let (into, source) = (self.history.get(repo, into).await?, self.history.get(repo, source).await?);
            let mut walk = Walk::new(&self.store);
            match self.draft_merge(&mut walk, repo, into, source, Strategy::Stop, false).await? {
                Drafted::Conflicts(paths) => Ok(paths),
                Drafted::Nothing | Drafted::Content(_) => Ok(Vec::new()),
            }
        };
        self.unless_gone(repo, found.await).await
    }

    async fn fork(&self, repo: RepoKey, one: CommitId, other: CommitId) -> Result<Option<CommitId>> {
        let found = self.history.fork(repo, one, other).await;
        Ok(self.unless_gone(repo, found).await?.map(|commit| commit.info.id))
    }
}
