//! Garbage collection: what no commit names and no upload needs.
//!
//! One way for the hub's own rounds, for `ballast gc run`, and, up to the moment of removing, for `ballast gc plan`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ballast_catalog::RepoState;
use ballast_contract::versioning::{self, SweepRequest};
use ballast_contract::{ErrorKind, Page};
use ballast_types::{RepoKey, Sha256};

use crate::{Hub, Result};

const PAGE: usize = 1000;

/// What a collection removed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Holdings of blobs that nothing in the repository's history names any more; their grace begins.
    pub released: u64,
    /// What these are, in bytes.
    pub released_bytes: u64,
    /// Leases, blobs and objects.
    pub content: ballast_content::Swept,
    /// The engine's own pieces; none where the engine cleans up by itself.
    pub engine: Option<versioning::Swept>,
}

impl Collected {
    /// Whether anything went, or would.
    pub fn is_nothing(&self) -> bool {
        let swept = &self.content;
        let content = swept.leases + swept.blobs + swept.objects + swept.compacted + swept.failed;
        self.released + content + self.engine.map_or(0, |engine| engine.removed) == 0
    }
}

impl Hub {
    /// Lets go of what no repository names any more, and removes it once its grace is over. Safe while others write:
    /// what is leased or newer than the mark stays. Recovery comes first, so that a lease is never dropped before its
    /// operation is concluded.
    pub async fn collect(&self) -> Result<Collected> {
        self.collect_after(self.settings().grace).await
    }

    /// The same with another grace.
    pub async fn collect_after(&self, grace: Duration) -> Result<Collected> {
        self.recover().await?;
        let mut collected = Collected::default();
        let mut after = None;
        while let Some((repositories, last)) = self.walk_repositories(after).await? {
            for repo in repositories {
                self.prune(repo, &mut collected).await?;
            }
            after = Some(last);
        }
        // Before their leases: a mirror whose lease is gone would say of what is gone that it is there.
        for lease in self.catalog().forget_mirrors(self.now()).await? {
            self.content().drop_lease(lease).await?;
        }
        collected.content = self.content().sweep_after(self.now(), grace).await?;
        self.quota().release(&collected.content.reservations).await?;
        collected.engine = self.sweep_engine(grace, false).await?;
        Ok(collected)
    }

    /// What [`collect_after`](Self::collect_after) would do at this moment. Nothing is changed. Operations past their
    /// deadline are not concluded here: what they hold counts as needed.
    pub(crate) async fn plan(&self, grace: Duration) -> Result<Collected> {
        let mut planned = Collected::default();
        let mut dropped: HashMap<Sha256, HashSet<RepoKey>> = HashMap::new();
        let mut after = None;
        while let Some((repositories, last)) = self.walk_repositories(after).await? {
            for repo in repositories {
                let mark = self.now();
                let Some(reachable) = self.reachable(repo).await? else { continue };
                for (sha256, size) in self.content().plan_prune(repo, &reachable, mark).await? {
                    planned.released += 1;
                    planned.released_bytes += size;
                    dropped.entry(sha256).or_default().insert(repo);
                }
            }
            after = Some(last);
        }
        planned.content = self.content().plan_sweep(self.now(), grace, &dropped).await?;
        planned.engine = self.sweep_engine(grace, true).await?;
        Ok(planned)
    }

    /// A page of the repositories that are in use, and where the next one begins; none at their end.
    async fn walk_repositories(&self, after: Option<RepoKey>) -> Result<Option<(Vec<RepoKey>, RepoKey)>> {
        let page = self.catalog().repositories_in(&[RepoState::Active], after, PAGE).await?;
        let keys: Vec<RepoKey> = page.into_iter().map(|repository| repository.key).collect();
        Ok(keys.last().copied().map(|last| (keys, last)))
    }

    async fn prune(&self, repo: RepoKey, collected: &mut Collected) -> Result<()> {
        let mark = self.now();
        // Deleted since it was listed; whoever deletes it lets go of everything.
        let Some(reachable) = self.reachable(repo).await? else { return Ok(()) };
        let pruned = self.content().prune(repo, &reachable, mark).await?;
        collected.released += pruned.blobs;
        collected.released_bytes += pruned.bytes;
        self.settle(repo, &pruned.settlement).await
    }

    /// Every blob that a repository's history names; none where there is no such repository.
    async fn reachable(&self, repo: RepoKey) -> Result<Option<HashSet<Sha256>>> {
        let (mut reachable, mut after) = (HashSet::new(), None);
        while let Some(page) = self.named(repo, after).await? {
            reachable.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(Some(reachable));
            }
        }
        Ok(None)
    }

    /// Whether a repository's history names a blob.
    pub(crate) async fn names(&self, repo: RepoKey, sha256: Sha256) -> Result<bool> {
        let mut after = None;
        while let Some(page) = self.named(repo, after).await? {
            if page.items.contains(&sha256) {
                return Ok(true);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(false)
    }

    /// A page of the blobs that a repository's history names; none where there is no such repository.
    pub(crate) async fn named(&self, repo: RepoKey, after: Option<String>) -> Result<Option<Page<Sha256>>> {
        match self.engine().contents(repo, after, PAGE).await {
            Err(error) if error.is(ErrorKind::NotFound) => Ok(None),
            listed => Ok(Some(listed?)),
        }
    }

    async fn sweep_engine(&self, grace: Duration, dry_run: bool) -> Result<Option<versioning::Swept>> {
        let Some(upkeep) = self.engine().upkeep() else { return Ok(None) };
        let request = SweepRequest { cutoff: self.now().before(grace), dry_run };
        Ok(Some(upkeep.sweep(&request).await?))
    }
}
