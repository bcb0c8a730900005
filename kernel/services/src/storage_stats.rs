//! How much the hub stores, for whom, and what deduplication saves.

use std::collections::BTreeMap;

use ballast_content::StorageStats;
use ballast_types::{NamespaceKey, RepoKind};

use crate::{Operator, Result};

/// What repositories hold of the bytes that are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub storage: StorageStats,
    /// By namespace and kind: repositories, and the bytes that they hold, each blob counted once in each of them.
    pub held: BTreeMap<(String, RepoKind), (u64, u64)>,
}

impl Stats {
    /// What all repositories hold together, in bytes.
    pub fn logical(&self) -> u64 {
        self.held.values().map(|(_, bytes)| bytes).sum()
    }

    /// What all storage instances hold together, in bytes.
    pub fn stored(&self) -> u64 {
        self.storage.stored.values().map(|(_, bytes)| bytes).sum()
    }
}

impl Operator {
    /// How much is stored. Beside writers it is a sum of moments, and none of them.
    pub async fn storage_stats(&self) -> Result<Stats> {
        let (content, catalog) = (self.hub.content(), self.hub.catalog());
        let mut stats = Stats { storage: content.stats().await?, held: BTreeMap::new() };
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
                sum.0 += 1;
                sum.1 += bytes.get(&repository.key).copied().unwrap_or_default();
            }
        }
    }
}
