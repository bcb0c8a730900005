//! How many connections there are, and which of them go when they keep others waiting.
//!
//! | connection | is ended after | and before that, where a place is needed |
//! |---|---|---|
//! | has not sent a request yet, or has begun the next one's headers | `server.header_seconds` | the longest first |
//! | between requests | `server.idle_seconds` | the longest first |
//! | a body comes or goes with less than [`SLOWEST`] on average | `server.idle_seconds` | once it did for `server.header_seconds`, after all those above |
//! | the hub works on its answer | never | never |
//!
//! So however many connections are opened and left, one that asks something at once is answered, and an upload over a
//! bad line is cut off only where it would be at the expense of somebody else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::connection::{Counts, Pace};

/// A body that moves slower than this is no body under way, in bytes per second. A modem of 1991 is ten times as fast.
const SLOWEST: u64 = 256;

/// How much of the waiting connections goes at once where there is no place: choosing looks at all of them.
const AT_ONCE: usize = 64;

/// All connections of a listener.
pub struct Places {
    most: usize,
    header: Duration,
    idle: Duration,
    next: AtomicU64,
    held: Mutex<HashMap<u64, Held>>,
    freed: Notify,
}

/// One connection's place, for as long as this lives.
pub struct Place {
    number: u64,
    pub pace: Arc<Pace>,
    places: Arc<Places>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().remove(&self.number);
        self.places.freed.notify_one();
    }
}

impl Places {
    /// At most `most` at a time.
    pub fn new(most: usize, header: Duration, idle: Duration) -> Arc<Self> {
        let (next, held, freed) = (AtomicU64::new(0), Mutex::default(), Notify::new());
        Arc::new(Self { most: most.max(1), header, idle, next, held, freed })
    }

    /// How often [`look`](Self::look) should be called, and what counts as just now.
    pub fn rhythm(&self) -> Duration {
        (self.header.min(self.idle) / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }

    /// A place, as soon as there is one; others are ended for it where they may be.
    pub async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.find() {
                return place;
            }
            self.make_room();
            // Who may be ended is a matter of time, so this is asked again and again.
            let _ = tokio::time::timeout(self.rhythm(), self.freed.notified()).await;
        }
    }

    fn find(self: &Arc<Self>) -> Option<Place> {
        let mut held = self.held();
        if held.len() >= self.most {
            return None;
        }
        let (number, pace) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Pace::default()));
        held.insert(number, Held::new(Arc::clone(&pace)));
        Some(Place { number, pace, places: Arc::clone(self) })
    }

    /// Ends what must be ended by now.
    pub fn look(&self) {
        let now = Instant::now();
        for held in self.held().values_mut() {
            if held.standing(now, self) == Standing::Over {
                held.pace.end();
            }
        }
    }

    /// Ends some of those that have waited for a request for longest, or else the slowest one. Who has only just come
    /// has the time to ask for something first.
    pub fn make_room(&self) {
        let (now, mut all) = (Instant::now(), self.held());
        let mut waiting = vec![];
        let mut slowest: Option<(Duration, &Held)> = None;
        for held in all.values_mut() {
            match held.standing(now, self) {
                Standing::Waiting(time) if time >= self.rhythm() => waiting.push((time, &*held)),
                Standing::Slow(time) if slowest.is_none_or(|(most, _)| most < time) => slowest = Some((time, held)),
                Standing::Over => held.pace.end(),
                Standing::Waiting(_) | Standing::Slow(_) | Standing::Busy => {}
            }
        }
        if waiting.is_empty() {
            slowest.into_iter().for_each(|(_, held)| held.pace.end());
            return;
        }
        let some = waiting.len().div_ceil(AT_ONCE);
        waiting.select_nth_unstable_by(some - 1, |(one, _), (other, _)| other.cmp(one));
        waiting.iter().take(some).for_each(|(_, held)| held.pace.end());
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, and what was seen of it when it last did what it should.
struct Held {
    pace: Arc<Pace>,
    seen: Counts,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is the hub's turn, or enough moves.
    Busy,
    /// No request is under way, for so long.
    Waiting(Duration),
    /// Too little has come or gone, for so long.
    Slow(Duration),
    /// It has been so for too long.
    Over,
}

impl Held {
    fn new(pace: Arc<Pace>) -> Self {
        Self { pace, seen: Counts::default(), since: Instant::now() }
    }

    fn standing(&mut self, now: Instant, limits: &Places) -> Standing {
        let counts = self.pace.counts();
        let at_rest = counts.under_way == 0;
        let changed = counts.requests != self.seen.requests || at_rest != (self.seen.under_way == 0);
        let moved = counts.read + counts.written - self.seen.read - self.seen.written;
        let enough = match at_rest {
            // The end of an answer may still be on its way.
            true => counts.written > self.seen.written,
            false => moved >= SLOWEST * limits.idle.as_secs(),
        };
        if changed || enough || counts.working > 0 {
            (self.seen, self.since) = (counts, now);
        }
        let time = now - self.since;
        let limit = match at_rest && (counts.requests == 0 || counts.read > self.seen.read) {
            true => limits.header,
            false => limits.idle,
        };
        match at_rest {
            _ if counts.working > 0 => Standing::Busy,
            _ if time >= limit => Standing::Over,
            true => Standing::Waiting(time),
            false if time >= limits.header => Standing::Slow(time),
            false => Standing::Busy,
        }
    }
}

#[cfg(test)]
mod tests;
