//! Working on jobs: taking one, planning it, fetching, and telling how far it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ballast_catalog::{Job, JobFile, JobFileStatus, JobProgress, JobStatus};
use ballast_contract::downloader::SourceFile;
use ballast_landing::{Download, FileStatus, Options, Order};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::order::sums;
use super::request::{self, repo_id};
use super::{JobSettings, Verify};
use crate::{Failure, Hub, Result};

/// How long a worker may not be heard of until its job is another one's.
const CLAIM: Duration = Duration::from_secs(15);
/// How often a worker tells how far its job is.
const TELL: Duration = Duration::from_secs(1);
/// How often is looked for a job that another node left.
const LOOK: Duration = Duration::from_secs(2);

/// A job that is worked on here.
pub(crate) struct Live {
    pub(super) run: i64,
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
    download: OnceLock<Arc<Download>>,
    rate: AtomicU64,
}

impl Live {
    fn new(run: i64) -> Self {
        let (stop, ended) = (watch::Sender::new(false), watch::Sender::new(false));
        Self { run, stop, ended, download: OnceLock::new(), rate: AtomicU64::new(0) }
    }

    /// Asks the run to end.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // It cannot be closed while this is borrowed.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Ends when the run has.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// How far it is, with its first files; none before it is planned.
    pub(super) fn now(&self, files: usize) -> Option<(JobProgress, Vec<JobFile>)> {
        let mut all = told(self.download.get()?);
        let progress = sums(&all, self.rate.load(Ordering::Relaxed));
        all.truncate(files);
        Some((progress, all))
    }
}

/// The files of a download as they are now.
fn told(download: &Download) -> Vec<JobFile> {
    let file = |(position, file): (usize, &ballast_landing::FileProgress)| {
        let now = file.now();
        let status = match now.status {
            FileStatus::Pending => JobFileStatus::Pending,
            FileStatus::Downloading => JobFileStatus::Downloading,
            FileStatus::Complete => JobFileStatus::Complete,
            FileStatus::Failed => JobFileStatus::Failed,
        };
        let path = file.path.as_str().to_owned();
        JobFile { position, path, size: file.size, downloaded: now.downloaded, status }
    };
    download.progress().files.iter().enumerate().map(file).collect()
}

/// Removes a job from those that are worked on here, however its run ends.
struct Registered<'a> {
    hub: &'a Hub,
    id: i64,
    live: Arc<Live>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut live = self.hub.jobs().live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.get(&self.id).is_some_and(|present| Arc::ptr_eq(present, &self.live)) {
            live.remove(&self.id);
        }
        drop(live);
        self.live.ended.send_replace(true);
        self.hub.jobs().changed.notify_one();
    }
}

impl Hub {
    /// Works on jobs, as many at a time as this node does, until this is dropped. What it was at then goes on where it was
    /// when somebody takes it again.
    pub async fn work_on_jobs(&self) {
        let Ok(parts) = self.job_parts() else { return };
        if let Err(error) = self.catalog().release_jobs(None).await {
            tracing::warn!(%error, "jobs that a former process left wait for their time");
        }
        let mut running = JoinSet::new();
        loop {
            while running.len() < parts.at_once.max(1) {
                match self.catalog().take_job(self.now(), self.now().after(CLAIM)).await {
                    Ok(Some(job)) => drop(running.spawn(run(self.clone(), job))),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "no job could be taken; it is tried again");
                        break;
                    }
                }
            }
            tokio::select! {
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = self.jobs().waits.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Leaves the jobs of this node to others, at once: when nobody works on them here any more.
    pub async fn leave_jobs(&self, ids: Vec<i64>) -> Result<()> {
        if !ids.is_empty() {
            self.catalog().release_jobs(Some(ids)).await?;
        }
        Ok(())
    }

    /// The numbers of the jobs that are worked on here.
    pub fn jobs_here(&self) -> Vec<i64> {
        self.jobs().live().into_keys().collect()
    }
}

async fn run(hub: Hub, job: Job) {
    let live = Arc::new(Live::new(job.run));
    hub.jobs().live.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id, Arc::clone(&live));
    let registered = Registered { hub: &hub, id: job.id, live };
    let live = &registered.live;
    hub.jobs().changed.notify_one();
    tracing::info!(job = job.name, repo = job.wish.repo, run = job.run, "a download begins");
    let outcome = tokio::select! {
        outcome = fetch(&hub, &job, live) => Some(outcome),
        () = live.stopped() => None,
        () = tell(&hub, &job, live) => None,
    };
    let (status, why) = match outcome {
        Some(Ok(())) => (JobStatus::Completed, String::new()),
        Some(Err(failure)) => (JobStatus::Failed, failure.to_string()),
        None => {
            tracing::info!(job = job.name, run = job.run, "a download was ended");
            return;
        }
    };
    match conclude(&hub, &job, live, status, &why).await {
        Ok(true) => tracing::info!(job = job.name, %status, why, "a download is over"),
        Ok(false) => tracing::info!(job = job.name, "a download was ended while it came to its end"),
        Err(error) => {
            tracing::warn!(%error, job = job.name, "that a download is over could not be kept; it is taken up again")
        }
    }
}

/// Keeps how a job ended; false where it is not this run's any more.
async fn conclude(hub: &Hub, job: &Job, live: &Live, status: JobStatus, why: &str) -> Result<bool> {
    let now = hub.now();
    if let Some(download) = live.download.get() {
        let files = told(download);
        if !hub.catalog().tell_of_job(job, now.after(CLAIM), sums(&files, 0), &files).await? {
            return Ok(false);
        }
    }
    Ok(hub.catalog().end_job(job, status, why, now).await?)
}

/// Plans a job and fetches it.
async fn fetch(hub: &Hub, job: &Job, live: &Live) -> Result<()> {
    let (parts, settings) = (hub.job_parts()?, hub.job_settings().await?);
    let remote = Failure::Remote;
    let planned = request::plan(parts, &job.wish, settings.token.clone(), job.pinned).await.map_err(remote)?;
    if !planned.idle.is_empty() {
        tracing::warn!(job = job.name, filters = ?planned.idle, "filters of a download match nothing");
    }
    let files: Vec<(SourceFile, Option<String>)> =
        planned.files.into_iter().map(|planned| (planned.file, planned.subfolder)).collect();
    let order = Order {
        downloader: Arc::clone(&parts.downloader),
        source: request::source(&job.wish, settings.token.clone()),
        id: repo_id(&job.wish.repo)?,
        commit: planned.commit,
        files,
    };
    let download = Arc::new(Download::new(&parts.cache, order, options(hub, &settings)?));
    let rows = told(&download);
    if !hub.catalog().plan_job(job, planned.commit, sums(&rows, 0), &rows).await? {
        // Somebody ended this run; whoever waits for it hears so.
        live.stop();
        return std::future::pending().await;
    }
    let download = live.download.get_or_init(|| download);
    hub.jobs().changed.notify_one();
    download.run().await.map_err(remote)
}

fn options(hub: &Hub, settings: &JobSettings) -> Result<Options> {
    let parts = hub.job_parts()?;
    Ok(Options {
        connections: settings.connections,
        active: settings.max_active,
        pieces_from: settings.multipart_threshold,
        verify_digest: settings.verify == Verify::Sha256,
        retries: settings.retries,
        throttle: Arc::clone(&parts.throttle),
        flush: parts.flush,
        view: true,
    })
}

/// Tells every second how far a job is; ends when it is not this run's any more.
async fn tell(hub: &Hub, job: &Job, live: &Live) {
    let (mut before, mut fetched, mut at) = (Vec::<JobFile>::new(), 0_u64, Instant::now());
    let mut heard = Instant::now();
    loop {
        tokio::time::sleep(TELL).await;
        let mut files = Vec::new();
        if let Some(download) = live.download.get() {
            files = told(download);
            let now = download.progress().fetched();
            let rate = (now - fetched) as f64 / at.elapsed().as_secs_f64().max(0.001);
            // So that the number does not jump about.
            let rate = 0.5 * rate + 0.5 * live.rate.load(Ordering::Relaxed) as f64;
            live.rate.store(rate as u64, Ordering::Relaxed);
            (fetched, at) = (now, Instant::now());
        }
        let progress = if files.is_empty() { job.progress } else { sums(&files, live.rate.load(Ordering::Relaxed)) };
        let changed: Vec<JobFile> =
            files.iter().filter(|file| before.get(file.position) != Some(file)).cloned().collect();
        match hub.catalog().tell_of_job(job, hub.now().after(CLAIM), progress, &changed).await {
            Ok(true) => (before, heard) = (files, Instant::now()),
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, job = job.name, "how far a download is could not be kept");
                if heard.elapsed() > CLAIM {
                    return;
                }
            }
        }
    }
}
