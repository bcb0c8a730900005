//! Which bytes of one file are fetched by whom.
//!
//! A file is cut into pieces. Connections take them in order, so that what has arrived without a gap is never far behind
//! and can be hashed. Where no piece is left, a connection that has nothing to do takes half of what a slow one still has
//! to fetch. Where the remote hub cannot send a part of a file, one connection takes all that is missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ballast_types::ByteRange;

/// Less than this is left to whoever has begun it.
const WORTH_TAKING: u64 = 1 << 20;

/// A connection that would need longer than this for its rest is helped.
const SLOW: Duration = Duration::from_secs(2);

/// A run of bytes that one connection fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u64);

struct Active {
    /// What is still to come.
    left: ByteRange,
    since: Instant,
    got: u64,
}

/// What became of bytes that were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Advance {
    /// How many of them were awaited from this connection; none where its work was given to others.
    pub counted: u64,
    /// Pieces that are whole now.
    pub finished: Vec<usize>,
    /// Whether this connection has nothing more to fetch.
    pub over: bool,
}

pub(crate) struct Schedule {
    size: u64,
    piece: u64,
    /// Bytes that each piece lacks.
    missing: Vec<u64>,
    /// The first piece that nobody has begun.
    next: usize,
    /// Runs that a connection did not finish.
    returned: Vec<ByteRange>,
    active: BTreeMap<Slot, Active>,
    slots: u64,
    /// Whether one connection fetches everything.
    single: bool,
}

impl Schedule {
    /// A file of `size` bytes in pieces of `piece`, of which some are there already.
    pub(crate) fn new(size: u64, piece: u64, done: &[bool]) -> Self {
        let length = |at: usize| piece.min(size - at as u64 * piece);
        let missing = done.iter().enumerate().map(|(at, done)| if *done { 0 } else { length(at) }).collect();
        let mut schedule = Self {
            size,
            piece,
            missing,
            next: 0,
            returned: Vec::new(),
            active: BTreeMap::new(),
            slots: 0,
            single: false,
        };
        schedule.pass_over_done();
        schedule
    }

    fn pass_over_done(&mut self) {
        while self.missing.get(self.next) == Some(&0) {
            self.next += 1;
        }
    }

    fn begin(&mut self, left: ByteRange) -> (Slot, ByteRange) {
        self.slots += 1;
        let slot = Slot(self.slots);
        self.active.insert(slot, Active { left, since: Instant::now(), got: 0 });
        (slot, left)
    }

    /// The next bytes to fetch; none where there is nothing to do for a further connection now.
    pub(crate) fn take(&mut self) -> Option<(Slot, ByteRange)> {
        if self.single {
            let rest = ByteRange { start: self.frontier(), end: self.size };
            return (self.active.is_empty() && !rest.is_empty()).then(|| self.begin(rest));
        }
        if let Some(first) = (0..self.returned.len()).min_by_key(|at| self.returned[*at].start) {
            let range = self.returned.swap_remove(first);
            return Some(self.begin(range));
        }
        if self.next < self.missing.len() {
            let start = self.next as u64 * self.piece;
            let range = ByteRange { start, end: (start + self.piece).min(self.size) };
            self.next += 1;
            self.pass_over_done();
            return Some(self.begin(range));
        }
        self.take_from_the_slowest()
    }

    fn take_from_the_slowest(&mut self) -> Option<(Slot, ByteRange)> {
        let slow = |active: &&mut Active| {
            let elapsed = active.since.elapsed();
            let needs = elapsed.as_secs_f64() * active.left.len() as f64 / active.got.max(1) as f64;
            active.left.len() >= 2 * WORTH_TAKING && elapsed >= SLOW && needs > SLOW.as_secs_f64()
        };
        let slowest = self.active.values_mut().filter(slow).max_by_key(|active| active.left.len())?;
        let middle = slowest.left.start + slowest.left.len() / 2;
        let taken = ByteRange { start: middle, end: slowest.left.end };
        slowest.left.end = middle;
        Some(self.begin(taken))
    }

    /// This connection wrote so many further bytes.
    pub(crate) fn advance(&mut self, slot: Slot, bytes: u64) -> Advance {
        let Some(active) = self.active.get_mut(&slot) else { return Advance { over: true, ..Advance::default() } };
        let counted = bytes.min(active.left.len());
        let from = active.left.start;
        active.left.start += counted;
        active.got += counted;
        let over = active.left.is_empty();
        if over {
            self.active.remove(&slot);
        }
        Advance { counted, finished: self.count(from, counted), over }
    }

    fn count(&mut self, mut from: u64, mut bytes: u64) -> Vec<usize> {
        let mut finished = Vec::new();
        while bytes > 0 {
            let at = usize::try_from(from / self.piece).unwrap_or(usize::MAX);
            let some = bytes.min(self.piece - from % self.piece);
            let Some(missing) = self.missing.get_mut(at) else { break };
            *missing = missing.saturating_sub(some);
            if *missing == 0 {
                finished.push(at);
            }
            (from, bytes) = (from + some, bytes - some);
        }
        finished
    }

    /// This connection fetches nothing more; its rest is for others.
    pub(crate) fn give_back(&mut self, slot: Slot) {
        if let Some(active) = self.active.remove(&slot)
            && !self.single
        {
            self.returned.push(active.left);
        }
    }

    /// The remote hub sent the whole file to this connection, which asked for a part. From now on one connection fetches
    /// all that is missing: this one, from the answered byte on, unless another one does already.
    pub(crate) fn be_single(&mut self, slot: Slot) -> Option<u64> {
        if !self.active.contains_key(&slot) {
            return None;
        }
        let start = self.frontier();
        self.single = true;
        self.returned.clear();
        self.active.clear();
        for at in 0..self.missing.len() {
            let first = at as u64 * self.piece;
            let end = (first + self.piece).min(self.size);
            self.missing[at] = end.saturating_sub(first.max(start));
        }
        self.active.insert(slot, Active { left: ByteRange { start, end: self.size }, since: Instant::now(), got: 0 });
        Some(start)
    }

    /// Whether one connection fetches everything.
    pub(crate) fn is_single(&self) -> bool {
        self.single
    }

    /// All bytes before this one have arrived.
    pub(crate) fn frontier(&self) -> u64 {
        if self.single {
            let begun = self.missing.iter().position(|missing| *missing > 0);
            return begun
                .map_or(self.size, |at| (at as u64 * self.piece + self.piece).min(self.size) - self.missing[at]);
        }
        let active = self.active.values().map(|active| active.left.start);
        let returned = self.returned.iter().map(|range| range.start);
        let unbegun = (self.next as u64).saturating_mul(self.piece).min(self.size);
        active.chain(returned).min().unwrap_or(self.size).min(unbegun)
    }

    /// Bytes that have not arrived.
    pub(crate) fn missing(&self) -> u64 {
        self.missing.iter().sum()
    }

    /// Whether somebody is fetching.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end }
    }

    #[test]
    fn pieces_are_taken_in_order_and_those_that_are_there_are_passed_over() {
        let mut schedule = Schedule::new(10, 4, &[false, true, false]);
        let (first, bytes) = schedule.take().unwrap();
        assert_eq!(bytes, range(0, 4));
        let (last, bytes) = schedule.take().unwrap();
        assert_eq!(bytes, range(8, 10));
        assert!(schedule.take().is_none());
        assert_eq!(schedule.advance(last, 2), Advance { counted: 2, finished: vec![2], over: true });
        assert_eq!(schedule.frontier(), 0);
        assert_eq!(schedule.advance(first, 3), Advance { counted: 3, finished: vec![], over: false });
        assert_eq!((schedule.frontier(), schedule.missing()), (3, 1));
        assert_eq!(schedule.advance(first, 5), Advance { counted: 1, finished: vec![0], over: true });
        assert_eq!((schedule.frontier(), schedule.missing()), (10, 0));
    }

    #[test]
    fn what_a_connection_gives_back_is_fetched_next() {
        let mut schedule = Schedule::new(12, 4, &[false; 3]);
        let (slot, _) = schedule.take().unwrap();
        schedule.advance(slot, 1);
        schedule.give_back(slot);
        assert_eq!(schedule.frontier(), 1);
        assert_eq!(schedule.take().unwrap().1, range(1, 4));
        assert_eq!(schedule.advance(slot, 3), Advance { over: true, ..Advance::default() });
    }

    #[test]
    fn half_of_what_a_slow_connection_has_left_goes_to_one_that_has_nothing_to_do() {
        let mut schedule = Schedule::new(8 * MIB, 8 * MIB, &[false]);
        let (slow, _) = schedule.take().unwrap();
        assert!(schedule.take().is_none(), "nobody is slow yet");
        schedule.advance(slow, 2 * MIB);
        schedule.active.get_mut(&slow).unwrap().since = Instant::now().checked_sub(SLOW * 2).unwrap();
        let (thief, taken) = schedule.take().unwrap();
        assert_eq!(taken, range(5 * MIB, 8 * MIB));
        assert_eq!(schedule.advance(thief, 3 * MIB), Advance { counted: 3 * MIB, finished: vec![], over: true });
        assert_eq!(schedule.frontier(), 2 * MIB);
        let end = schedule.advance(slow, 4 * MIB);
        assert_eq!(end, Advance { counted: 3 * MIB, finished: vec![0], over: true });
    }

    #[test]
    fn one_connection_fetches_the_rest_where_parts_cannot_be_had() {
        let mut schedule = Schedule::new(12, 4, &[false; 3]);
        let (first, _) = schedule.take().unwrap();
        let (second, _) = schedule.take().unwrap();
        schedule.advance(first, 2);
        assert_eq!(schedule.be_single(second), Some(2));
        assert_eq!(schedule.advance(first, 1), Advance { over: true, ..Advance::default() });
        assert!(schedule.take().is_none());
        assert_eq!(schedule.advance(second, 7), Advance { counted: 7, finished: vec![0, 1], over: false });
        assert_eq!(schedule.frontier(), 9);
        schedule.give_back(second);
        let (third, rest) = schedule.take().unwrap();
        assert_eq!(rest, range(9, 12));
        assert_eq!(schedule.advance(third, 3), Advance { counted: 3, finished: vec![2], over: true });
        assert_eq!(schedule.missing(), 0);
    }
}
