//! How much the hub stores, for whom, and what deduplication saves.

use std::collections::{BTreeMap, HashMap};

use ballast_content::{Share, StorageStats};
use ballast_types::{NamespaceKey, RepoKey, RepoKind};

use crate::{Administrator, Result};

/// What repositories hold of the bytes that are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub storage: StorageStats,
    /// By namespace and kind.
    pub held: BTreeMap<(String, RepoKind), Holding>,
}

/// What the repositories of a namespace and kind hold, and what that takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Holding {
    pub repositories: u64,
    /// Each file counted once in each repository, with its own length.
    pub bytes: u64,
    /// Their share of what is stored: what several repositories hold is divided among them.
    pub share: Share,
}

impl Holding {
    /// What is not stored because it is stored already, in bytes.
    pub fn saved_by_deduplication(&self) -> u64 {
        (self.bytes as f64 - self.share.raw).max(0.0).round() as u64
    }

    /// What is not stored because chunks are compressed, in bytes.
    pub fn saved_by_compression(&self) -> u64 {
        (self.share.raw - self.share.stored).max(0.0).round() as u64
    }

    /// What is stored for them, in bytes.
    pub fn stored(&self) -> u64 {
        self.share.stored.round() as u64
    }
}

impl Stats {
    /// What all repositories hold together, in bytes.
    pub fn logical(&self) -> u64 {
        self.held.values().map(|holding| holding.bytes).sum()
    }

    /// What all storage instances hold together, in bytes.
    pub fn stored(&self) -> u64 {
        self.storage.stored.values().map(|(_, bytes)| bytes).sum()
    }
}

impl Administrator {
    /// How much is stored. Beside writers it is a sum of moments, and none of them.
    pub async fn storage_stats(&self) -> Result<Stats> {
        let (content, catalog) = (self.hub.content(), self.hub.catalog());
        let mut stats = Stats { storage: content.stats().await?, held: BTreeMap::new() };
        let shares: HashMap<RepoKey, Share> = content.shares().await?.into_iter().collect();
        let mut names: BTreeMap<NamespaceKey, String> = BTreeMap::new();
        let mut after = None;
        loop {
            let levels = content.list_levels(after).await?;
            let Some((last, _)) = levels.last() else { return Ok(stats) };
            after = Some(*last);
            let keys: Vec<_> = levels.iter().map(|(repo, _)| *repo).collect();
            let repositories = catalog.find_repositories(&keys).await?;
            let unknown: Vec<NamespaceKey> = repositories
                .iter()
                .map(|repository| repository.namespace)
                .filter(|namespace| !names.contains_key(namespace))
                .collect();
            for namespace in catalog.find_namespaces(&unknown).await? {
                names.insert(namespace.key, namespace.name.to_string());
            }
            let bytes: BTreeMap<_, u64> = levels.into_iter().collect();
            for repository in repositories {
                let namespace = names.get(&repository.namespace).cloned().unwrap_or_default();
                let sum = stats.held.entry((namespace, repository.kind)).or_default();
                let share = shares.get(&repository.key).copied().unwrap_or_default();
                sum.repositories += 1;
                sum.bytes += bytes.get(&repository.key).copied().unwrap_or_default();
                sum.share.raw += share.raw;
                sum.share.stored += share.stored;
            }
        }
    }
}
