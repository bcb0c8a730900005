//! Jobs: downloads from other hubs, with their files and who works on them.

mod row;

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{CommitId, RepoKind, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::{job_files, job_settings, jobs};
use crate::{Catalog, rows};

use row::{FileRow, NewRow, ProgressRow, Row};

words! {
    /// How a job is.
    pub enum JobStatus: "status of a job" {
        Queued = "queued",
        Running = "running",
        Paused = "paused",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

words! {
    /// How a file of a job is.
    pub enum JobFileStatus: "status of a file" {
        Pending = "pending",
        Downloading = "downloading",
        Complete = "complete",
        Failed = "failed",
    }
}

impl JobStatus {
    /// Whether nothing more happens by itself or can be asked for.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What a job is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobWish {
    pub kind: RepoKind,
    /// `namespace/name` on the remote hub.
    pub repo: String,
    pub revision: String,
    pub filters: Vec<String>,
    pub excludes: Vec<String>,
    pub subfolders: bool,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    pub total_files: u64,
    pub completed_files: u64,
    pub total_bytes: u64,
    pub downloaded_bytes: u64,
    pub bytes_per_second: u64,
}

/// A download from another hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: i64,
    pub name: String,
    pub wish: JobWish,
    /// The folder that it goes to.
    pub output: String,
    pub status: JobStatus,
    pub error: String,
    /// The commit that the revision meant when the job was planned.
    pub pinned: Option<CommitId>,
    pub progress: JobProgress,
    pub run: i64,
    pub version: i64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// One file of a job's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    pub position: usize,
    pub path: String,
    pub size: u64,
    pub downloaded: u64,
    pub status: JobFileStatus,
}

const UNDER_WAY: [&str; 3] = ["queued", "running", "paused"];

for_both! {
    pub async fn create(c: &mut Connection, row: NewRow, keep: i64) -> Result<(Row, bool)> {
        let wish = row.identity();
        let made = diesel::insert_into(jobs::table).values(row).on_conflict_do_nothing().execute(c).await? > 0;
        let same = jobs::table.filter(jobs::wish.eq(wish)).filter(jobs::status.eq_any(UNDER_WAY));
        let job = same.order(jobs::id.desc()).select(Row::as_select()).first(c).await?;
        // Those that are over are remembered for a while, and not for ever.
        let over = jobs::table.filter(jobs::status.ne_all(UNDER_WAY));
        let oldest: Option<i64> =
            over.order(jobs::id.desc()).offset(keep).select(jobs::id).first(c).await.optional()?;
        if let Some(oldest) = oldest {
            let old = jobs::table.filter(jobs::id.le(oldest)).filter(jobs::status.ne_all(UNDER_WAY));
            diesel::delete(old).execute(c).await?;
        }
        Ok((job, made))
    }

    pub async fn list(c: &mut Connection, only: Option<Vec<i64>>, limit: i64) -> Result<Vec<Row>> {
        let mut found = jobs::table.into_boxed();
        if let Some(only) = only {
            found = found.filter(jobs::id.eq_any(only));
        }
        let newest = found.order(jobs::id.desc()).limit(limit).select(Row::as_select());
        let mut newest: Vec<Row> = newest.load(c).await?;
        newest.reverse();
        Ok(newest)
    }

    pub async fn find(c: &mut Connection, name: String) -> Result<Option<Row>> {
        Ok(jobs::table.filter(jobs::name.eq(name)).select(Row::as_select()).first(c).await.optional()?)
    }

    pub async fn files(c: &mut Connection, of: Vec<i64>, each: i64) -> Result<Vec<FileRow>> {
        let found = job_files::table.filter(job_files::job.eq_any(of)).filter(job_files::position.lt(each));
        Ok(found.order((job_files::job, job_files::position)).select(FileRow::as_select()).load(c).await?)
    }

    pub async fn versions(c: &mut Connection, limit: i64) -> Result<Vec<(i64, i64)>> {
        Ok(jobs::table.order(jobs::id.desc()).limit(limit).select((jobs::id, jobs::version)).load(c).await?)
    }

    pub async fn waits(c: &mut Connection, now: i64) -> Result<bool> {
        let waits = jobs::status.eq("queued").or(jobs::status.eq("running").and(jobs::claimed_until.lt(now)));
        let first = jobs::table.filter(waits).limit(1).select(jobs::id);
        Ok(first.first::<i64>(c).await.optional()?.is_some())
    }

    /// The oldest job that waits, or whose worker was not heard of, becomes this worker's.
    pub async fn take(c: &mut Connection, now: i64, until: i64) -> Result<Option<Row>> {
        let waits = jobs::status.eq("queued").or(jobs::status.eq("running").and(jobs::claimed_until.lt(now)));
        let next = jobs::table.filter(waits).order(jobs::id).limit(1).select(jobs::id);
        let next: Option<i64> = lock_idle!(next).first(c).await.optional()?;
        let Some(next) = next else { return Ok(None) };
        let still = jobs::table.filter(jobs::id.eq(next)).filter(waits);
        diesel::update(still.filter(jobs::started_at.is_null())).set(jobs::started_at.eq(now)).execute(c).await?;
        let taken = diesel::update(still).set((
            jobs::status.eq("running"),
            jobs::run.eq(jobs::run + 1),
            jobs::claimed_until.eq(until),
            jobs::version.eq(jobs::version + 1),
            jobs::error.eq(""),
        ));
        Ok(taken.returning(Row::as_returning()).get_result(c).await.optional()?)
    }

    /// Jobs whose workers are gone for certain are there for the next.
    pub async fn release(c: &mut Connection, of: Option<Vec<i64>>) -> Result<usize> {
        let running = jobs::table.filter(jobs::status.eq("running"));
        Ok(match of {
            None => diesel::update(running).set(jobs::claimed_until.eq(0)).execute(c).await?,
            Some(of) => {
                diesel::update(running.filter(jobs::id.eq_any(of))).set(jobs::claimed_until.eq(0)).execute(c).await?
            }
        })
    }

    pub async fn plan(
        c: &mut Connection,
        id: i64,
        run: i64,
        pinned: String,
        progress: JobProgress,
        planned: Vec<FileRow>,
    ) -> Result<bool> {
        let mine = jobs::table.filter(jobs::id.eq(id)).filter(jobs::run.eq(run)).filter(jobs::status.eq("running"));
        let next = (ProgressRow::from(progress), jobs::pinned.eq(pinned), jobs::version.eq(jobs::version + 1));
        if diesel::update(mine).set(next).execute(c).await? == 0 {
            return Ok(false);
        }
        diesel::delete(job_files::table.filter(job_files::job.eq(id))).execute(c).await?;
        bulk_insert!(c, job_files::table, planned)?;
        Ok(true)
    }

    /// What a worker tells of its job, which is its own until then.
    pub async fn tell(
        c: &mut Connection,
        id: i64,
        run: i64,
        until: i64,
        progress: JobProgress,
        changed: Vec<FileRow>,
    ) -> Result<bool> {
        use diesel::upsert::excluded;
        let mine = jobs::table.filter(jobs::id.eq(id)).filter(jobs::run.eq(run)).filter(jobs::status.eq("running"));
        let next = (ProgressRow::from(progress), jobs::claimed_until.eq(until), jobs::version.eq(jobs::version + 1));
        if diesel::update(mine).set(next).execute(c).await? == 0 {
            return Ok(false);
        }
        bulk_insert!(c, job_files::table, changed, on_conflict((job_files::job, job_files::position)).do_update().set((
            job_files::downloaded.eq(excluded(job_files::downloaded)),
            job_files::status.eq(excluded(job_files::status)),
        )))?;
        Ok(true)
    }

    pub async fn end(c: &mut Connection, id: i64, run: i64, status: String, error: String, now: i64) -> Result<bool> {
        let mine = jobs::table.filter(jobs::id.eq(id)).filter(jobs::run.eq(run)).filter(jobs::status.eq("running"));
        let next = (
            jobs::status.eq(status),
            jobs::error.eq(error),
            jobs::ended_at.eq(now),
            jobs::bytes_per_second.eq(0),
            jobs::version.eq(jobs::version + 1),
        );
        Ok(diesel::update(mine).set(next).execute(c).await? > 0)
    }

    /// Somebody's word about a job, which ends the work of whoever is at it.
    pub async fn turn(
        c: &mut Connection,
        name: String,
        from: Vec<String>,
        to: String,
        ended: Option<i64>,
        anew: bool,
    ) -> Result<Option<Row>> {
        let job = jobs::table.filter(jobs::name.eq(name)).filter(jobs::status.eq_any(from));
        let next = (
            jobs::status.eq(to),
            jobs::ended_at.eq(ended),
            jobs::bytes_per_second.eq(0),
            jobs::run.eq(jobs::run + 1),
            jobs::version.eq(jobs::version + 1),
        );
        let turned = diesel::update(job).set(next).returning(Row::as_returning());
        let Some(turned) = turned.get_result::<Row>(c).await.optional()? else { return Ok(None) };
        if !anew {
            return Ok(Some(turned));
        }
        diesel::delete(job_files::table.filter(job_files::job.eq(turned.id))).execute(c).await?;
        let reset = diesel::update(jobs::table.find(turned.id)).set(ProgressRow::from(JobProgress::default()));
        Ok(Some(reset.returning(Row::as_returning()).get_result(c).await?))
    }

    pub async fn settings(c: &mut Connection) -> Result<Option<String>> {
        Ok(job_settings::table.find(1).select(job_settings::body).first(c).await.optional()?)
    }

    pub async fn set_settings(c: &mut Connection, body: String) -> Result<()> {
        let row = (job_settings::id.eq(1), job_settings::body.eq(body.clone()));
        let set = diesel::insert_into(job_settings::table).values(row).on_conflict(job_settings::id);
        set.do_update().set(job_settings::body.eq(body)).execute(c).await?;
        Ok(())
    }
}

impl Catalog {
    /// Makes a job under this name, or finds the same one that is under way already; true where it was made. Of those
    /// that are over, the newest `keep` stay.
    pub async fn create_job(
        &self,
        name: &str,
        wish: &JobWish,
        output: &str,
        now: Timestamp,
        keep: usize,
    ) -> Result<(Job, bool)> {
        let row = NewRow::of(name, wish, output, now);
        let (row, made) = transaction!(self.database, create(row, rows::limit(keep)))?;
        Ok((row.try_into()?, made))
    }

    /// The newest jobs, oldest first.
    pub async fn list_jobs(&self, limit: usize) -> Result<Vec<Job>> {
        read!(self.database, list(None, rows::limit(limit)))?.into_iter().map(Job::try_from).collect()
    }

    /// Those of these jobs that are there.
    pub async fn jobs(&self, ids: Vec<i64>) -> Result<Vec<Job>> {
        let limit = rows::limit(ids.len());
        read!(self.database, list(Some(ids), limit))?.into_iter().map(Job::try_from).collect()
    }

    /// The job of a name.
    pub async fn find_job(&self, name: &str) -> Result<Option<Job>> {
        read!(self.database, find(name.to_owned()))?.map(Job::try_from).transpose()
    }

    /// The first files of each of these jobs.
    pub async fn job_files(&self, jobs: Vec<i64>, each: usize) -> Result<Vec<(i64, JobFile)>> {
        read!(self.database, files(jobs, rows::limit(each)))?.into_iter().map(TryFrom::try_from).collect()
    }

    /// The newest jobs and how often each was changed.
    pub async fn job_versions(&self, limit: usize) -> Result<Vec<(i64, i64)>> {
        read!(self.database, versions(rows::limit(limit)))
    }

    /// A job to work on, for whoever asks first: nobody else gets it before `until`.
    pub async fn take_job(&self, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
        // Looking writes nothing, and mostly nothing waits.
        if !read!(self.database, waits(now.0))? {
            return Ok(None);
        }
        transaction!(self.database, take(now.0, until.0))?.map(Job::try_from).transpose()
    }

    /// Lets others take jobs at once whose work was ended: these, or where this process is the only one, all.
    pub async fn release_jobs(&self, of: Option<Vec<i64>>) -> Result<usize> {
        if of.is_none() && !self.database.is_alone() {
            return Ok(0);
        }
        write!(self.database, release(of))
    }

    /// Keeps what a job is to fetch; false where it is not this run's any more.
    pub async fn plan_job(
        &self,
        job: &Job,
        pinned: CommitId,
        progress: JobProgress,
        planned: &[JobFile],
    ) -> Result<bool> {
        let planned = planned.iter().map(|file| FileRow::of(job.id, file)).collect();
        transaction!(self.database, plan(job.id, job.run, pinned.to_string(), progress, planned))
    }

    /// Keeps how far a job is, which is this run's until then; false where it is not any more.
    pub async fn tell_of_job(
        &self,
        job: &Job,
        until: Timestamp,
        progress: JobProgress,
        changed: &[JobFile],
    ) -> Result<bool> {
        let changed = changed.iter().map(|file| FileRow::of(job.id, file)).collect();
        transaction!(self.database, tell(job.id, job.run, until.0, progress, changed))
    }

    /// Ends a job; false where it is not this run's any more.
    pub async fn end_job(&self, job: &Job, status: JobStatus, error: &str, now: Timestamp) -> Result<bool> {
        write!(self.database, end(job.id, job.run, status.as_str().to_owned(), error.to_owned(), now.0))
    }

    /// Gives a job that is in one of these states another one; none where there is no such job. Whoever works on it has
    /// nothing more to say. `Queued` begins its progress anew.
    pub async fn turn_job(&self, name: &str, from: &[JobStatus], to: JobStatus, now: Timestamp) -> Result<Option<Job>> {
        let from = from.iter().map(|status| status.as_str().to_owned()).collect();
        let ended = to.is_over().then_some(now.0);
        let anew = to == JobStatus::Queued;
        let turned = transaction!(self.database, turn(name.to_owned(), from, to.as_str().to_owned(), ended, anew))?;
        turned.map(Job::try_from).transpose()
    }

    /// What was set for jobs while the hub ran.
    pub async fn job_settings(&self) -> Result<Option<String>> {
        read!(self.database, settings())
    }

    /// Sets it.
    pub async fn set_job_settings(&self, body: String) -> Result<()> {
        write!(self.database, set_settings(body))
    }
}
