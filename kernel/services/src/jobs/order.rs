//! Ordering downloads, and what becomes of them.

use std::collections::HashMap;
use std::time::Duration;

use ballast_catalog::{Job, JobFile, JobFileStatus, JobProgress, JobStatus};

use super::{Downloading, JobRequest, MOST_FILES, MOST_JOBS};
use crate::random::random_bytes;
use crate::{Failure, Hub, Result};

/// A job as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    pub job: Job,
    /// Of a very large job, the first ones.
    pub files: Vec<JobFileView>,
}

/// One file of it.
pub type JobFileView = JobFile;

/// How long a run may take to end when its job was paused or cancelled.
const WINDING_DOWN: Duration = Duration::from_secs(10);

const NOT_FOUND: &str = "Job not found";

impl Hub {
    /// Jobs with their files, as the rows say, and as is known here of those that are worked on here.
    pub(super) async fn views(&self, mut jobs: Vec<Job>, files_each: usize) -> Result<Vec<JobView>> {
        let live = self.jobs().live();
        let elsewhere = jobs.iter().filter(|job| !live.contains_key(&job.id)).map(|job| job.id).collect();
        let mut files: HashMap<i64, Vec<JobFile>> = HashMap::new();
        for (job, file) in self.catalog().job_files(elsewhere, files_each).await? {
            files.entry(job).or_default().push(file);
        }
        let view = |mut job: Job| {
            let here = live.get(&job.id).filter(|live| live.run == job.run).and_then(|live| live.now(files_each));
            let files = match here {
                Some((progress, files)) => {
                    job.progress = progress;
                    files
                }
                None => files.remove(&job.id).unwrap_or_default(),
            };
            JobView { job, files }
        };
        Ok(jobs.drain(..).map(view).collect())
    }
}

impl Downloading {
    /// Orders a download. The same one that is under way already is answered instead of a new one: then false.
    pub async fn start_download(&self, request: JobRequest) -> Result<(JobView, bool)> {
        let wish = request.wish()?;
        let name: String = random_bytes::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let output = self.parts()?.cache.root().display().to_string();
        let catalog = self.hub.catalog();
        let (job, made) = catalog.create_job(&name, &wish, &output, self.hub.now(), MOST_JOBS).await?;
        self.hub.jobs().waits.notify_one();
        self.hub.jobs().changed.notify_one();
        Ok((self.one(job).await?, made))
    }

    /// The newest jobs, oldest first; without a limit, all that are under way and those of the others that are remembered.
    pub async fn list_jobs(&self, limit: Option<usize>) -> Result<Vec<JobView>> {
        self.parts()?;
        let limit = limit.unwrap_or(2 * MOST_JOBS).clamp(1, 2 * MOST_JOBS);
        let jobs = self.hub.catalog().list_jobs(limit).await?;
        self.hub.views(jobs, MOST_FILES).await
    }

    /// One job, with all its files.
    pub async fn job(&self, name: &str) -> Result<JobView> {
        self.parts()?;
        let found = self.hub.catalog().find_job(name).await?;
        self.one(found.ok_or_else(|| Failure::NotFound(NOT_FOUND.to_owned()))?).await
    }

    async fn one(&self, job: Job) -> Result<JobView> {
        let missing = || Failure::NotFound(NOT_FOUND.to_owned());
        self.hub.views(vec![job], usize::MAX).await?.pop().ok_or_else(missing)
    }

    /// Ends a job for good. When this has answered, nothing of it goes on here.
    pub async fn cancel_job(&self, name: &str) -> Result<()> {
        let from = [JobStatus::Queued, JobStatus::Running, JobStatus::Paused];
        self.turn(name, &from, JobStatus::Cancelled, "Job not found or already completed").await
    }

    /// Interrupts a job. When this has answered, nothing of it goes on here.
    pub async fn pause_job(&self, name: &str) -> Result<()> {
        self.turn(name, &[JobStatus::Running], JobStatus::Paused, "Job not found or not running").await
    }

    /// Lets a job go on: what is whole is not fetched again.
    pub async fn resume_job(&self, name: &str) -> Result<()> {
        self.turn(name, &[JobStatus::Paused], JobStatus::Queued, "Job not found or not paused").await?;
        self.hub.jobs().waits.notify_one();
        Ok(())
    }

    async fn turn(&self, name: &str, from: &[JobStatus], to: JobStatus, otherwise: &str) -> Result<()> {
        self.parts()?;
        let turned = self.hub.catalog().turn_job(name, from, to, self.hub.now()).await?;
        let job = turned.ok_or_else(|| Failure::NotFound(otherwise.to_owned()))?;
        if let Some(live) = self.hub.jobs().live().get(&job.id) {
            live.stop();
            // Another node's run notices within a second; one here is waited for.
            if tokio::time::timeout(WINDING_DOWN, live.ended()).await.is_err() {
                tracing::warn!(job = name, "a run takes long to end; it has nothing more to say");
            }
        }
        self.hub.jobs().changed.notify_one();
        Ok(())
    }
}

/// A job's sums out of its files.
pub(super) fn sums(files: &[JobFile], bytes_per_second: u64) -> JobProgress {
    JobProgress {
        total_files: files.len() as u64,
        completed_files: files.iter().filter(|file| file.status == JobFileStatus::Complete).count() as u64,
        total_bytes: files.iter().map(|file| file.size).sum(),
        downloaded_bytes: files.iter().map(|file| file.downloaded.min(file.size)).sum(),
        bytes_per_second,
    }
}
