//! What was read and has not changed since.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::Database;

/// Keys share counters, so that one change outdates few others and the counters stay few.
const STRIPES: usize = 1024;

/// Rows in memory that are never older than the database: a sequence lock for each group of keys.
///
/// A write says which keys it outdates ([`Database::outdating`]) and is counted when it begins and when it has ended,
/// before anybody is told. What was read counts for as long as no such write has begun since; while one is under way,
/// readers ask the database. So a reader never sees an older value than somebody has seen before.
///
/// That holds for the writes of this process. Where it is not [alone](crate::Options::alone), an entry is kept for a
/// stated time at most, which may be none.
pub struct Recent<K, V> {
    entries: Option<Cache<K, (Mark, V)>>,
    stripes: Arc<Stripes>,
    hasher: RandomState,
}

/// When something was read: to be taken before reading what [`Recent::put`] will keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    stripe: u64,
    all: u64,
    others: u64,
}

struct Stripes {
    all: Writes,
    some: Box<[Writes]>,
    /// Grows when another process has written.
    others: Arc<AtomicU64>,
}

/// Writes that have begun, and those of them that have ended.
#[derive(Default)]
pub(crate) struct Writes {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Writes {
    /// How many there were so far; none while one is under way.
    pub(crate) fn settled(&self) -> Option<u64> {
        // In this order: what had ended by then cannot be more than what had begun a moment later.
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Recent<K, V> {
    /// Nothing yet; up to `capacity` entries, and for no longer than `shared` where other processes write too.
    pub fn new(database: &Database, capacity: u64, shared: Duration) -> Self {
        let builder = Cache::builder().max_capacity(capacity);
        let entries = match database.is_alone() {
            true => Some(builder.build()),
            false if shared.is_zero() => None,
            false => Some(builder.time_to_live(shared).build()),
        };
        let some = (0..STRIPES).map(|_| Writes::default()).collect();
        let stripes = Arc::new(Stripes { all: Writes::default(), some, others: database.others() });
        Self { entries, stripes, hasher: RandomState::new() }
    }

    /// None while a write on the key is under way: what is read now may be outdated at once.
    pub fn mark(&self, key: &K) -> Option<Mark> {
        Some(Mark {
            others: self.stripes.others.load(Ordering::SeqCst),
            stripe: self.stripes.some[self.stripe(key)].settled()?,
            all: self.stripes.all.settled()?,
        })
    }

    /// What was kept of a key and is still so.
    pub fn get(&self, key: &K) -> Option<V> {
        let (mark, value) = self.entries.as_ref()?.get(key)?;
        (self.mark(key) == Some(mark)).then_some(value)
    }

    /// Keeps what was read after the mark was taken.
    pub fn put(&self, key: K, value: V, mark: Option<Mark>) {
        if let (Some(entries), Some(mark)) = (&self.entries, mark) {
            entries.insert(key, (mark, value));
        }
    }

    /// For a write that changes what is known of one key.
    pub fn one(&self, key: &K) -> Outdated {
        Outdated { stripes: self.stripes.clone(), stripe: Some(self.stripe(key)) }
    }

    /// For a write that may change what is known of any key.
    pub fn all(&self) -> Outdated {
        Outdated { stripes: self.stripes.clone(), stripe: None }
    }

    fn stripe(&self, key: &K) -> usize {
        self.hasher.hash_one(key) as usize % STRIPES
    }
}

/// What a write outdates: given to [`Database::outdating`].
#[derive(Clone)]
pub struct Outdated {
    stripes: Arc<Stripes>,
    stripe: Option<usize>,
}

impl Outdated {
    fn writes(&self) -> &Writes {
        self.stripe.map_or(&self.stripes.all, |stripe| &self.stripes.some[stripe])
    }
}

/// A write under way, from before its first statement until after its last.
pub struct UnderWay {
    outdated: Vec<Outdated>,
    /// Those of the whole database.
    all: Arc<Writes>,
}

impl UnderWay {
    pub(crate) fn begin(outdated: &[Outdated], all: &Arc<Writes>) -> Self {
        let under_way = Self { outdated: outdated.to_vec(), all: Arc::clone(all) };
        under_way.counted().for_each(|writes| _ = writes.begun.fetch_add(1, Ordering::SeqCst));
        under_way
    }

    fn counted(&self) -> impl Iterator<Item = &Writes> {
        self.outdated.iter().map(Outdated::writes).chain([self.all.as_ref()])
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.counted().for_each(|writes| _ = writes.ended.fetch_add(1, Ordering::SeqCst));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Options;

    async fn alone() -> Database {
        Database::open("sqlite://:memory:", &Options { alone: true, ..Options::default() }).await.unwrap()
    }

    fn kept(recent: &Recent<&'static str, u32>, key: &'static str, value: u32) {
        recent.put(key, value, recent.mark(&key));
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_or_during_it_does_not_count_after_it() {
        let recent = Recent::new(&alone().await, 100, Duration::ZERO);
        let before = recent.mark(&"a");
        kept(&recent, "a", 1);
        assert_eq!(recent.get(&"a"), Some(1));
        let write = UnderWay::begin(&[recent.one(&"a")], &Arc::default());
        assert_eq!((recent.get(&"a"), recent.mark(&"a")), (None, None));
        kept(&recent, "a", 2);
        drop(write);
        assert_eq!(recent.get(&"a"), None);
        // A slow reader that began before the write brings its answer only now.
        recent.put("a", 3, before);
        assert_eq!(recent.get(&"a"), None);
        kept(&recent, "a", 4);
        assert_eq!(recent.get(&"a"), Some(4));
    }

    #[tokio::test]
    async fn of_two_writes_that_overlap_both_must_have_ended() {
        let recent: Recent<&str, u32> = Recent::new(&alone().await, 100, Duration::ZERO);
        let (one, other) = (
            UnderWay::begin(&[recent.one(&"a")], &Arc::default()),
            UnderWay::begin(&[recent.one(&"a")], &Arc::default()),
        );
        drop(one);
        assert_eq!(recent.mark(&"a"), None);
        drop(other);
        assert!(recent.mark(&"a").is_some());
    }

    #[tokio::test]
    async fn a_write_on_all_keys_outdates_each_and_a_write_on_one_only_few() {
        let recent = Recent::new(&alone().await, 10_000, Duration::ZERO);
        let keys: Vec<u32> = (0..1000).collect();
        let keep = || keys.iter().for_each(|key| recent.put(*key, 1, recent.mark(key)));
        let left = || keys.iter().filter(|key| recent.get(key).is_some()).count();
        keep();
        drop(UnderWay::begin(&[recent.one(&7)], &Arc::default()));
        assert_eq!(recent.get(&7), None);
        assert!((950..1000).contains(&left()), "{}", left());
        drop(UnderWay::begin(&[recent.all()], &Arc::default()));
        assert_eq!(left(), 0);
    }

    #[tokio::test]
    async fn nothing_is_kept_where_others_write_unless_for_a_stated_time() {
        let shared = Database::open("sqlite://:memory:", &Options::default()).await.unwrap();
        let none = Recent::new(&shared, 100, Duration::ZERO);
        kept(&none, "a", 1);
        assert_eq!(none.get(&"a"), None);
        let some = Recent::new(&shared, 100, Duration::from_secs(60));
        kept(&some, "a", 1);
        assert_eq!(some.get(&"a"), Some(1));
    }
}
