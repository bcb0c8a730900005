//! How many bytes a second may arrive.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A limit that all who share it keep together.
pub struct Throttle {
    per_second: Option<u64>,
    /// When all that was let through is paid for.
    paid: Mutex<Instant>,
}

/// How far ahead bytes may be let through, so that a short pause costs nothing.
const AHEAD: Duration = Duration::from_millis(200);

impl Throttle {
    /// A limit, or none.
    pub fn new(per_second: Option<u64>) -> Self {
        Self { per_second: per_second.filter(|limit| *limit > 0), paid: Mutex::new(Instant::now()) }
    }

    /// Waits until so many bytes may be let through.
    pub async fn pass(&self, bytes: usize) {
        let Some(limit) = self.per_second else { return };
        let cost = Duration::from_secs_f64(bytes as f64 / limit as f64);
        let wait = {
            let mut paid = self.paid.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = Instant::now();
            *paid = (*paid).max(now) + cost;
            paid.saturating_duration_since(now)
        };
        if wait > AHEAD {
            tokio::time::sleep(wait - AHEAD).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_shared_is_shared_by_all() {
        let throttle = Throttle::new(Some(1000));
        let begun = Instant::now();
        futures::future::join(throttle.pass(300), throttle.pass(300)).await;
        assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
        Throttle::new(None).pass(usize::MAX).await;
    }
}
