//! What the hub does without being asked.

use std::sync::Arc;
use std::time::Duration;

use ballast_database::Database;
use ballast_services::{CutUploads, Hub, Sender};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Serving;

const RECOVER: Duration = Duration::from_secs(60);
/// How long a command's write may go unnoticed by a hub that serves beside it.
pub const NOTICE: Duration = Duration::from_millis(250);
const TIDY: Duration = Duration::from_secs(5);
const CHECKPOINT: Duration = Duration::from_secs(1);
const COLLECT: Duration = Duration::from_secs(60 * 60);
const CUT: Duration = Duration::from_secs(60);
const SEAL: Duration = Duration::from_secs(60);
const TRIM: Duration = Duration::from_secs(60 * 60);
const RANK: Duration = Duration::from_secs(10 * 60);

/// How webhooks are told.
pub struct Webhooks {
    pub sender: Sender,
    /// What links begin with, without a slash at its end.
    pub base: String,
    /// How often is looked for what is to be told and sent.
    pub look: Duration,
}

/// The loops of a serving hub: they end when this is dropped.
pub struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Recovers now and every minute, forgets failed logins that are long ago, collects garbage now and every hour, and
    /// where it is wanted cuts large files into chunks now and every minute; writes what was counted as often as it is
    /// told; tells webhooks what happens; works on downloads and imports from other hubs; seals
    /// what is put on record, and forgets what is too old. All are safe to be cut off anywhere.
    pub fn start(hub: &Hub, serving: &Arc<Serving>, database: &Database, count: Duration, webhooks: Webhooks) -> Self {
        let mut loops = vec![
            tokio::spawn(recover(hub.clone())),
            tokio::spawn(collect(hub.clone())),
            tokio::spawn(tidy(Arc::clone(serving))),
            tokio::spawn(notice(database.clone())),
            tokio::spawn(checkpoint(database.clone())),
            tokio::spawn(write_counts(hub.clone(), count)),
            tokio::spawn(rank(hub.clone())),
            tokio::spawn(tell(hub.clone(), webhooks.base, webhooks.look)),
            tokio::spawn(send(hub.clone(), webhooks.sender, webhooks.look)),
            tokio::spawn(work(hub.clone())),
            tokio::spawn(tell_of_jobs(hub.clone())),
            tokio::spawn(import(hub.clone())),
            tokio::spawn(seal(hub.clone())),
            tokio::spawn(trim(hub.clone())),
        ];
        if hub.settings().chunk_uploads {
            loops.push(tokio::spawn(cut(hub.clone())));
        }
        if hub.settings().lfs.auto_prune {
            loops.push(tokio::spawn(prune(hub.clone())));
        }
        Self(loops)
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
        if let Err(error) = hub.sweep_device_logins().await {
            tracing::warn!(%error, "logins of devices were not forgotten; it is tried again in a minute");
        }
        if let Err(error) = hub.sweep_mail_links().await {
            tracing::warn!(%error, "links of long ago were not forgotten; it is tried again in a minute");
        }
        if let Err(error) = hub.sweep_attempts().await {
            tracing::warn!(%error, "failed logins of long ago were not forgotten; it is tried again in a minute");
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

async fn cut(hub: Hub) {
    let mut ticks = every(CUT);
    loop {
        ticks.tick().await;
        match hub.cut_uploads().await {
            Ok(cut) if cut == CutUploads::default() => {}
            Ok(CutUploads { files, written, failed }) => {
                tracing::info!(files, written, failed, "cut large files into chunks");
            }
            Err(error) => tracing::warn!(%error, "large files were not cut into chunks; it is tried again in a minute"),
        }
    }
}

async fn write_counts(hub: Hub, period: Duration) {
    let mut ticks = every(period);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.write_downloads().await {
            tracing::warn!(%error, "downloads could not be counted; they are kept in memory and tried again");
        }
    }
}

async fn rank(hub: Hub) {
    let mut ticks = every(RANK);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.rank_trends().await {
            tracing::warn!(%error, "what is downloaded most could not be worked out; it is tried again in ten minutes");
        }
    }
}

async fn tell(hub: Hub, base: String, look: Duration) {
    let mut ticks = every(look);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.tell_webhooks(&base).await {
            tracing::warn!(%error, "what happened could not be told to webhooks; it is kept and tried again");
        }
    }
}

async fn send(hub: Hub, sender: Sender, look: Duration) {
    let mut ticks = every(look);
    loop {
        match hub.send_messages(&sender).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "messages to webhooks could not be sent; it is tried again"),
        }
        ticks.tick().await;
    }
}

async fn work(hub: Hub) {
    hub.work_on_jobs().await;
}

async fn import(hub: Hub) {
    hub.work_on_imports().await;
}

async fn prune(hub: Hub) {
    hub.work_on_pruning().await;
}

async fn tell_of_jobs(hub: Hub) {
    hub.tell_of_jobs().await;
}

async fn seal(hub: Hub) {
    let mut ticks = every(SEAL);
    loop {
        ticks.tick().await;
        if let Err(error) = hub.seal_audit().await {
            tracing::warn!(%error, "records of the audit log wait for their places; it is tried again in a minute");
        }
    }
}

async fn trim(hub: Hub) {
    let mut ticks = every(TRIM);
    loop {
        ticks.tick().await;
        match hub.trim_audit().await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "took old records of the audit log away"),
            Err(error) => tracing::warn!(%error, "the audit log could not be shortened; it is tried again in an hour"),
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
