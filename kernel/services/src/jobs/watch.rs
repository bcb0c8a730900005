//! Telling who watches what became of jobs.
//!
//! One loop on each node looks what changed, four times a second while somebody watches and at once when something ended
//! here. What a watcher hears first, and everything behind it, is read under one lock, so that no message is older than
//! what was heard before.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ballast_catalog::JobStatus;
use tokio::sync::broadcast;

use super::{Downloading, JobView, MOST_FILES, MOST_JOBS};
use crate::{Hub, Result};

/// A job is told of at most so often.
const OFTEN: Duration = Duration::from_millis(250);

/// Something that a watcher hears.
#[derive(Clone, Debug)]
pub enum JobNews {
    /// A job as it is now.
    Update(std::sync::Arc<JobView>),
    /// A job is over, or interrupted.
    Event { name: String, status: JobStatus },
}

/// Somebody who watches.
pub struct JobWatch {
    /// All jobs as they were when it began.
    pub jobs: Vec<JobView>,
    news: broadcast::Receiver<JobNews>,
}

/// What was told last.
#[derive(Default)]
pub(crate) struct Seen {
    versions: HashMap<i64, i64>,
    views: HashMap<i64, JobView>,
    told: HashMap<i64, Instant>,
    begun: bool,
}

impl JobWatch {
    /// The next news; none for a watcher that has fallen too far behind.
    pub async fn next(&mut self) -> Option<JobNews> {
        self.news.recv().await.ok()
    }
}

impl Downloading {
    /// Watches all jobs from now on.
    pub async fn watch_jobs(&self) -> Result<JobWatch> {
        self.parts()?;
        let mut seen = self.hub.jobs().seen.lock().await;
        // Nobody watched: what happened meanwhile is in the list.
        if self.hub.jobs().told.receiver_count() == 0 {
            *seen = Seen::default();
        }
        self.hub.tell_watchers(&mut seen).await?;
        let news = self.hub.jobs().told.subscribe();
        Ok(JobWatch { jobs: self.list_jobs(None).await?, news })
    }
}

impl Hub {
    /// Tells watchers what becomes of jobs, until this is dropped.
    pub async fn tell_of_jobs(&self) {
        if self.job_parts().is_err() {
            return;
        }
        loop {
            tokio::select! {
                () = self.jobs().changed.notified() => {}
                () = tokio::time::sleep(OFTEN) => {}
            }
            if self.jobs().told.receiver_count() == 0 {
                continue;
            }
            let mut seen = self.jobs().seen.lock().await;
            if let Err(error) = self.tell_watchers(&mut seen).await {
                tracing::warn!(%error, "what became of jobs could not be told; it is tried again");
            }
        }
    }

    async fn tell_watchers(&self, seen: &mut Seen) -> Result<()> {
        let mut versions: HashMap<i64, i64> = self.catalog().job_versions(2 * MOST_JOBS).await?.into_iter().collect();
        let here = self.jobs_here();
        let changed = |(id, version): (&i64, &i64)| seen.versions.get(id) != Some(version) || here.contains(id);
        let wanted: Vec<i64> =
            versions.iter().filter(|(id, version)| changed((id, version))).map(|(id, _)| *id).collect();
        let views = match wanted.is_empty() {
            true => vec![],
            false => self.views(self.catalog().jobs(wanted).await?, MOST_FILES).await?,
        };
        let mut later = Vec::new();
        for view in views {
            let id = view.job.id;
            let same = |before: &JobView| {
                // Its version says only that it was heard of.
                before.files == view.files
                    && before.job.progress == view.job.progress
                    && before.job.status == view.job.status
            };
            let before = seen.views.get(&id);
            if before.is_some_and(same) {
                continue;
            }
            let ended = view.job.status.is_over() || view.job.status == JobStatus::Paused;
            if !ended && seen.told.get(&id).is_some_and(|told| told.elapsed() < OFTEN) {
                later.push(id);
                continue;
            }
            seen.told.insert(id, Instant::now());
            let news = ended && before.is_none_or(|before| before.job.status != view.job.status);
            let (name, status) = (view.job.name.clone(), view.job.status);
            seen.views.insert(id, view.clone());
            // The first look is for those who come now, and they get the list.
            if seen.begun {
                let _ = self.jobs().told.send(JobNews::Update(view.into()));
                if news {
                    let _ = self.jobs().told.send(JobNews::Event { name, status });
                }
            }
        }
        seen.views.retain(|id, _| versions.contains_key(id));
        seen.told.retain(|id, _| versions.contains_key(id));
        versions.retain(|id, _| !later.contains(id));
        (seen.versions, seen.begun) = (versions, true);
        Ok(())
    }
}
