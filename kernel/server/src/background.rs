//! What the hub does without being asked.

use std::sync::Arc;
use std::time::Duration;

use ballast_database::Database;
use ballast_services::Hub;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Serving;

const RECOVER: Duration = Duration::from_secs(60);
/// How long a command's write may go unnoticed by a hub that serves beside it.
pub const NOTICE: Duration = Duration::from_millis(250);
const TIDY: Duration = Duration::from_secs(5);
const CHECKPOINT: Duration = Duration::from_secs(1);
const COLLECT: Duration = Duration::from_secs(60 * 60);

/// The loops of a serving hub: they end when this is dropped.
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Recovers now and every minute, collects garbage now and every hour. Both are safe to be cut off anywhere.
    pub fn start(hub: &Hub, serving: &Arc<Serving>, database: &Database) -> Self {
        Self(vec![
            tokio::spawn(recover(hub.clone())),
            tokio::spawn(collect(hub.clone())),
            tokio::spawn(tidy(Arc::clone(serving))),
            tokio::spawn(notice(database.clone())),
            tokio::spawn(checkpoint(database.clone())),
        ])
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
            Ok(collected) if collected.is_nothing() => {}
            Ok(collected) => {
                let (content, engine) = (&collected.content, collected.engine.unwrap_or_default());
                let (blobs, objects, freed) = (content.blobs, content.objects, content.freed);
                let (compacted, failed, pieces) = (content.compacted, content.failed, engine.removed);
                tracing::info!(
                    collected.released,
                    blobs,
                    objects,
                    freed,
                    compacted,
                    pieces,
                    failed,
                    "collected garbage"
                );
            }
            Err(error) => tracing::warn!(%error, "garbage collection failed; it is tried again in an hour"),
        }
    }
}

/// Commands write beside the hub: what is kept in memory must follow.
async fn notice(database: Database) {
    let mut ticks = every(NOTICE);
    while database.is_alone() {
        ticks.tick().await;
        if let Err(error) = database.notice_others().await {
            tracing::warn!(%error, "whether another process has written is not known; it is asked again");
        }
    }
}

/// So that no commit has to.
async fn checkpoint(database: Database) {
    let mut ticks = every(CHECKPOINT);
    loop {
        ticks.tick().await;
        if let Err(error) = database.checkpoint().await {
            tracing::debug!(%error, "the database's log was not carried over; a commit will do it, or the next second");
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
