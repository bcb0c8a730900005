//! What the hub does without being asked.

use std::sync::Arc;
use std::time::Duration;

use ballast_services::Hub;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Serving;

const RECOVER: Duration = Duration::from_secs(60);
const TIDY: Duration = Duration::from_secs(5);
const COLLECT: Duration = Duration::from_secs(60 * 60);

/// The loops of a serving hub: they end when this is dropped.
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Recovers now and every minute, collects garbage now and every hour. Both are safe to be cut off anywhere.
    pub fn start(hub: &Hub, serving: &Arc<Serving>) -> Self {
        let (recover, collect) = (recover(hub.clone()), collect(hub.clone()));
        Self(vec![tokio::spawn(recover), tokio::spawn(collect), tokio::spawn(tidy(Arc::clone(serving)))])
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn recover(hub: Hub) {
    let mut ticks = every(RECOVER);
    loop {
        ticks.tick().await;
        match hub.recover().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "recovered what was left unfinished"),
            Err(error) => tracing::warn!(%error, "recovery failed; it is tried again in a minute"),
        }
    }
}

async fn collect(hub: Hub) {
    let mut ticks = every(COLLECT);
    loop {
        ticks.tick().await;
        match hub.collect().await {
            Ok(collected) if collected.objects == 0 => {}
            Ok(collected) => tracing::info!(collected.objects, collected.bytes, "collected garbage"),
            Err(error) => tracing::warn!(%error, "garbage collection failed; it is tried again in an hour"),
        }
    }
}

async fn tidy(serving: Arc<Serving>) {
    let mut ticks = every(TIDY);
    loop {
        ticks.tick().await;
        serving.tidy();
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
