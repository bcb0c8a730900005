//! Letting go of older versions of large files after a commit, where the operator wants that.
//!
//! A version goes when as many others as are to be kept were named later than it, as many come later in the history of the
//! branch that was committed to, and no branch, tag or pull request has it now, at whichever path. Commits go on naming
//! it; whoever asks for its bytes hears [`Failure::Pruned`](crate::Failure::Pruned).
//!
//! Nothing is remembered of what is still to be done: a hub that ends before does it after the next commit.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use ballast_catalog::Operation;
use ballast_contract::versioning::{FileRef, ListRequest, Node};
use ballast_types::{CommitId, LeaseId, RepoKey, RepoPath, Sha256};
use moka::sync::Cache;
use serde_json::json;
use tokio::sync::Notify;

use crate::audit::{By, repository_object};
use crate::{Hub, Result};

/// Rows and entries that are read at once.
const PAGE: usize = 1000;
/// Digests of what branches and tags have that are kept in memory.
const MOST_KNOWN: u64 = 500_000;
/// How many commits are looked at for each version that is to be kept: between two of them the path may have been small.
const COMMITS_A_VERSION: u32 = 4;

/// What is to be pruned on this node.
pub(crate) struct Pruning {
    due: Mutex<BTreeMap<RepoKey, BTreeSet<CommitId>>>,
    wake: Notify,
    /// The large files of a commit, whole.
    known: Cache<(RepoKey, CommitId), Arc<HashSet<Sha256>>>,
}

impl Pruning {
    pub(crate) fn new() -> Self {
        let weigh =
            |_: &(RepoKey, CommitId), large: &Arc<HashSet<Sha256>>| u32::try_from(1 + large.len()).unwrap_or(u32::MAX);
        let known = Cache::builder().max_capacity(MOST_KNOWN).weigher(weigh).build();
        Self { due: Mutex::default(), wake: Notify::new(), known }
    }

    fn next(&self) -> Option<(RepoKey, BTreeSet<CommitId>)> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }
}

impl Hub {
    /// Older versions of what this commit's branch has are to be let go of, where that is switched on.
    pub(crate) fn prune_after(&self, repo: RepoKey, commit: CommitId) {
        if self.settings().lfs.auto_prune {
            let pruning = &self.0.pruning;
            pruning.due.lock().unwrap_or_else(PoisonError::into_inner).entry(repo).or_default().insert(commit);
            pruning.wake.notify_one();
        }
    }

    /// Lets go of older versions as commits are made, until this is dropped. Safe to be cut off anywhere.
    pub async fn work_on_pruning(&self) {
        loop {
            while let Some((repo, commits)) = self.0.pruning.next() {
                if let Err(failure) = self.prune_versions(repo, &commits).await {
                    tracing::warn!(%repo, %failure, "older versions were not pruned; the next commit tries it again");
                }
            }
            self.0.pruning.wake.notified().await;
        }
    }

    async fn prune_versions(&self, repo: RepoKey, commits: &BTreeSet<CommitId>) -> Result<()> {
        let Some((repository, owner)) = self.catalog().find_owned(&[repo]).await?.pop() else { return Ok(()) };
        let keep = repository.lfs.keep_versions.unwrap_or(self.settings().lfs.keep_versions);
        // In this order: a commit that is made meanwhile has a lease that is not idle, or stands in a ref.
        let (mark, idle) = (self.now(), self.idle_leases(repo).await?);
        let crowded = self.content().list_versions(repo, keep).await?;
        if crowded.is_empty() {
            return Ok(());
        }
        let tips = self.tips(repo).await?;
        let (mut old, mut kept) = (HashSet::<Sha256>::new(), HashSet::new());
        for (path, versions) in crowded {
            old.extend(versions.iter().skip(keep as usize).map(|version| version.sha256));
            let Ok(path) = path.parse::<RepoPath>() else { continue };
            // Of several commits that waited for this, the last one of each branch says what its newest versions are.
            for commit in commits.intersection(&tips) {
                kept.extend(self.newest(repo, *commit, &path, keep).await?);
            }
        }
        old.retain(|sha256| !kept.contains(sha256));
        for tip in tips {
            if !old.is_empty() {
                let large = self.large_at(repo, tip).await?;
                old.retain(|sha256| !large.contains(sha256));
            }
        }
        if old.is_empty() {
            return Ok(());
        }
        let old: Vec<Sha256> = old.into_iter().collect();
        // First: a reader that is told otherwise would go on reading what somebody else holds.
        if !self.catalog().mark_purged(repo).await? {
            return Ok(());
        }
        let pruned = self.content().prune_versions(repo, &old, mark, &idle).await?;
        self.settle(repo, &pruned.settlement).await?;
        if pruned.blobs > 0 {
            tracing::info!(%repo, versions = pruned.blobs, bytes = pruned.bytes, "older versions were pruned");
            let id = ballast_types::RepoId { namespace: owner.name, name: repository.name };
            let details = json!({ "versions": pruned.blobs, "bytes": pruned.bytes, "keep_versions": keep });
            let object = repository_object(repository.kind, &id);
            self.put_on_record(By::Operator, "repository.prune", object, details).await?;
        }
        Ok(())
    }

    /// Leases that no commit under way has.
    async fn idle_leases(&self, repo: RepoKey) -> Result<HashSet<LeaseId>> {
        let mut leases = self.content().list_leases(repo).await?;
        let mut after = None;
        loop {
            let running: Vec<Operation> = self.catalog().operations_of(repo, after, PAGE).await?;
            running.iter().for_each(|operation| _ = leases.remove(&operation.lease));
            after = running.last().map(|operation| operation.id);
            if running.len() < PAGE {
                return Ok(leases);
            }
        }
    }

    /// The last versions of a path in the history of a commit, along first parents.
    async fn newest(&self, repo: RepoKey, commit: CommitId, path: &RepoPath, most: u32) -> Result<HashSet<Sha256>> {
        let (paths, mut found, mut at) = (std::slice::from_ref(path), HashSet::new(), Some(commit));
        for _ in 0..most.saturating_mul(COMMITS_A_VERSION) {
            let Some(commit) = at.filter(|_| found.len() < most as usize) else { break };
            let node = self.engine().entries(repo, commit, paths).await?.pop().flatten();
            found.extend(node.as_ref().and_then(large));
            let Some(changed) = self.engine().last_commits(repo, commit, paths).await?.pop().flatten() else { break };
            let changed = self.engine().commits(repo, &[changed]).await?.pop().flatten();
            at = changed.and_then(|changed| changed.parents.first().copied());
        }
        Ok(found)
    }

    /// Where branches, tags and pull requests stand.
    async fn tips(&self, repo: RepoKey) -> Result<BTreeSet<CommitId>> {
        let (mut after, mut tips) = (None, BTreeSet::new());
        loop {
            let page = self.engine().refs(repo, "", after, PAGE).await?;
            tips.extend(page.items.iter().filter_map(|found| found.commit));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(tips),
            }
        }
    }

    async fn large_at(&self, repo: RepoKey, commit: CommitId) -> Result<Arc<HashSet<Sha256>>> {
        if let Some(known) = self.0.pruning.known.get(&(repo, commit)) {
            return Ok(known);
        }
        let (mut found, mut after) = (HashSet::new(), None);
        loop {
            let request = ListRequest { repo, at: commit, folder: None, recursive: true, after, limit: PAGE };
            let page = self.engine().list(&request).await?;
            found.extend(page.items.iter().filter_map(|entry| large(&entry.node)));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let found = Arc::new(found);
        self.0.pruning.known.insert((repo, commit), Arc::clone(&found));
        Ok(found)
    }
}

/// The digest of a large file.
fn large(node: &Node) -> Option<Sha256> {
    node.file().filter(|file| file.is_lfs()).map(FileRef::sha256)
}
