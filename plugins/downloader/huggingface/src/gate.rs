//! How much a remote hub is asked for: by everybody who reads from it through this plugin.
//!
//! It is asked by as many requests at a time as it answers: where it refuses one, half as many are allowed, and each that
//! works lets a little more in. While it asks to be left alone, nobody asks. Further tries are paid for out of one purse
//! that requests which work fill, so that a hub which is down is not asked many times over by everybody at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Tries that may be made before any request has worked, and the most that can be saved.
const PURSE: f64 = 40.0;
/// What a request that works pays in.
const SAVED: f64 = 0.5;

struct State {
    under_way: u32,
    allowed: f64,
    alone_until: Option<Instant>,
    purse: f64,
}

/// The door to one remote hub.
pub(crate) struct Gate {
    most: f64,
    state: Mutex<State>,
    left: Notify,
}

/// A request that is under way, until this is dropped.
pub(crate) struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.left.notify_one();
    }
}

enum Wait {
    For(Duration),
    Place,
}

impl Gate {
    pub(crate) fn new(most: u32) -> Arc<Self> {
        let most = f64::from(most.max(1));
        let state = State { under_way: 0, allowed: most.min(16.0), alone_until: None, purse: PURSE };
        Arc::new(Self { most, state: Mutex::new(state), left: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, and for the end of a time in which the remote hub wants to be left alone.
    pub(crate) async fn enter(self: &Arc<Self>) -> Permit {
        loop {
            let wait = {
                let mut state = self.state();
                let alone = state.alone_until.map(|until| until.saturating_duration_since(Instant::now()));
                match alone.filter(|alone| !alone.is_zero()) {
                    Some(alone) => Wait::For(alone),
                    None if f64::from(state.under_way) < state.allowed.floor().max(1.0) => {
                        state.under_way += 1;
                        return Permit(Arc::clone(self));
                    }
                    None => Wait::Place,
                }
            };
            match wait {
                Wait::For(time) => tokio::time::sleep(time).await,
                Wait::Place => self.left.notified().await,
            }
        }
    }

    /// A request worked.
    pub(crate) fn worked(&self) {
        let mut state = self.state();
        state.allowed = (state.allowed + 1.0 / state.allowed).min(self.most);
        state.purse = (state.purse + SAVED).min(PURSE);
        drop(state);
        self.left.notify_one();
    }

    /// The remote hub wants fewer requests, and none for this long.
    pub(crate) fn refused(&self, alone: Duration) {
        let mut state = self.state();
        state.allowed = (state.allowed / 2.0).max(1.0);
        let until = Instant::now() + alone;
        state.alone_until = Some(state.alone_until.map_or(until, |before| before.max(until)));
    }

    /// Whether something may be tried again; it is paid for.
    pub(crate) fn may_try_again(&self) -> bool {
        let mut state = self.state();
        let may = state.purse >= 1.0;
        state.purse -= if may { 1.0 } else { 0.0 };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hub_that_refuses_is_asked_by_fewer_until_it_answers_again() {
        let gate = Gate::new(4);
        let mut permits = Vec::new();
        for _ in 0..4 {
            permits.push(gate.enter().await);
        }
        gate.refused(Duration::ZERO);
        permits.truncate(2);
        let third = tokio::time::timeout(Duration::from_millis(50), gate.enter()).await;
        assert!(third.is_err(), "two are allowed");
        (0..4).for_each(|_| gate.worked());
        let third = tokio::time::timeout(Duration::from_secs(5), gate.enter()).await;
        assert!(third.is_ok(), "and more when they work");
    }

    #[tokio::test]
    async fn nobody_asks_while_the_hub_wants_to_be_left_alone() {
        let gate = Gate::new(4);
        let begun = Instant::now();
        gate.refused(Duration::from_millis(40));
        gate.enter().await;
        assert!(begun.elapsed() >= Duration::from_millis(40));
    }

    #[test]
    fn tries_are_paid_for_by_requests_that_work() {
        let gate = Gate::new(4);
        assert_eq!((0..100).filter(|_| gate.may_try_again()).count(), 40);
        gate.worked();
        assert!(!gate.may_try_again());
        gate.worked();
        assert!(gate.may_try_again());
    }
}
