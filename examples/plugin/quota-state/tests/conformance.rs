//! The suite of the role, in this process, over a space in memory. `ballast plugins test` runs it over the library.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ballast_sdk::{Page, Result, Slots, State, Versioned, WriteIf, async_trait};
use quota_state::{QuotaConfig, open};

/// A space that is gone with the process.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Versioned>>);

impl Memory {
    fn rows(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Versioned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl State for Memory {
    async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        Ok(self.rows().get(key).cloned())
    }

    async fn apply(&self, writes: Vec<WriteIf>) -> Result<bool> {
        let mut rows = self.rows();
        let version = |key: &str| rows.get(key).map_or(0, |row| row.version);
        if writes.iter().any(|write| version(&write.key) != write.version) {
            return Ok(false);
        }
        for WriteIf { key, version, value } in writes {
            match value {
                Some(value) => drop(rows.insert(key, Versioned { value, version: version + 1 })),
                None => drop(rows.remove(&key)),
            }
        }
        Ok(true)
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<(String, Versioned)>> {
        let rows = self.rows();
        let behind = rows.iter().filter(|(key, _)| key.starts_with(prefix));
        let behind = behind.filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut items: Vec<_> = behind.take(limit + 1).map(|(key, row)| (key.clone(), row.clone())).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(key, _)| key.clone());
        Ok(Page { items, next })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_in_a_space_conform() {
    let fresh = async || {
        let slots = Slots::of("quota.main", Some(Arc::new(Memory::default())));
        (Arc::new(open(QuotaConfig::default(), slots).expect("books")) as _, ())
    };
    ballast_testkit::quota::conforms(fresh).await;
}
