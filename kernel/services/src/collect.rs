//! Garbage collection of blobs.

use std::collections::HashSet;

use ballast_catalog::RepoState;
use ballast_contract::ErrorKind;
use ballast_types::RepoKey;

use crate::{Hub, Result};

const PAGE: usize = 1000;

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects in storage.
    pub objects: u64,
    /// Their size, in bytes.
    pub bytes: u64,
}

impl Hub {
    /// Lets go of what no repository names any more, and removes it once its grace is over. Safe while others write:
    /// what is leased or newer than the mark stays. Recovery comes first, so that a lease is never dropped before its
    /// operation is concluded.
    pub async fn collect(&self) -> Result<Collected> {
        self.recover().await?;
        let mut after = None;
        loop {
            let repositories = self.catalog().repositories_in(&[RepoState::Active], after, PAGE).await?;
            after = repositories.last().map(|repository| repository.key);
            for repository in &repositories {
                self.prune(repository.key).await?;
            }
            if repositories.len() < PAGE {
                break;
            }
        }
        let swept = self.content().sweep(self.now()).await?;
        self.quota().release(&swept.reservations).await?;
        Ok(Collected { objects: swept.objects, bytes: swept.bytes })
    }

    async fn prune(&self, repo: RepoKey) -> Result<()> {
        let mark = self.now();
        let (mut reachable, mut after) = (HashSet::new(), None);
        loop {
            let page = match self.engine().contents(repo, after, PAGE).await {
                // Deleted since it was listed; whoever deletes it lets go of everything.
                Err(error) if error.is(ErrorKind::NotFound) => return Ok(()),
                listed => listed?,
            };
            reachable.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let held = self.content().prune(repo, &reachable, mark).await?;
        self.settle(repo, held, &[]).await
    }
}
