//! What was read a moment ago and has not changed since.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

/// A cache in which nothing outlives a change made on this node, however reads and changes overlap: an entry carries
/// the number of changes known *before* it was read, and counts only while there was none since.
pub(crate) struct Recent<K, V> {
    entries: Option<Cache<K, (Mark, V)>>,
    changes: AtomicU64,
}

/// The number of changes at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Recent<K, V> {
    /// Keeps entries this many seconds at most; 0 keeps none.
    pub(crate) fn new(seconds: u32) -> Self {
        let cache = || Cache::builder().max_capacity(50_000).time_to_live(Duration::from_secs(seconds.into())).build();
        Self { entries: (seconds > 0).then(cache), changes: AtomicU64::new(0) }
    }

    /// To be taken before reading what [`Self::put`] will keep.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.changes.load(Ordering::SeqCst))
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let (mark, value) = self.entries.as_ref()?.get(key)?;
        (mark == self.mark()).then_some(value)
    }

    pub(crate) fn put(&self, key: K, value: V, mark: Mark) {
        if let Some(entries) = &self.entries {
            entries.insert(key, (mark, value));
        }
    }

    /// To be called after a change is committed and before it is acknowledged.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_answered_after_it() {
        let recent = Recent::new(60);
        let before = recent.mark();
        recent.put("a", 1, before);
        assert_eq!(recent.get(&"a"), Some(1));
        recent.changed();
        assert_eq!(recent.get(&"a"), None);
        // A slow reader that began before the change brings its answer only now.
        recent.put("b", 2, before);
        assert_eq!(recent.get(&"b"), None);
        recent.put("b", 3, recent.mark());
        assert_eq!(recent.get(&"b"), Some(3));
    }

    #[test]
    fn zero_seconds_keep_nothing() {
        let recent = Recent::new(0);
        recent.put("a", 1, recent.mark());
        assert_eq!(recent.get(&"a"), None);
    }
}
