//! Jobs and their files as rows.

use ballast_database::{Error, Result};
use ballast_types::Timestamp;
use diesel::prelude::*;

use super::{Job, JobFile, JobProgress, JobStatus, JobWish};
use crate::rows;
use crate::tables::{job_files, jobs};

#[derive(Insertable)]
#[diesel(table_name = jobs)]
pub struct NewRow {
    name: String,
    kind: String,
    repo: String,
    revision: String,
    filters: String,
    excludes: String,
    subfolders: bool,
    wish: String,
    output: String,
    status: &'static str,
    created_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Row {
    pub id: i64,
    name: String,
    kind: String,
    repo: String,
    revision: String,
    filters: String,
    excludes: String,
    subfolders: bool,
    output: String,
    status: String,
    error: String,
    pinned: Option<String>,
    total_files: i64,
    completed_files: i64,
    total_bytes: i64,
    downloaded_bytes: i64,
    bytes_per_second: i64,
    run: i64,
    version: i64,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
}

#[derive(AsChangeset)]
#[diesel(table_name = jobs)]
pub struct ProgressRow {
    total_files: i64,
    completed_files: i64,
    total_bytes: i64,
    downloaded_bytes: i64,
    bytes_per_second: i64,
}

#[derive(Insertable, Queryable, Selectable, Clone)]
#[diesel(table_name = job_files)]
pub struct FileRow {
    job: i64,
    position: i64,
    path: String,
    size: i64,
    downloaded: i64,
    status: String,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn words_of(column: &str, id: i64, text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(format!("{column} of row {id}: {error}")))
}

fn list_of(words: &[String]) -> String {
    serde_json::Value::from(words.to_vec()).to_string()
}

impl JobWish {
    /// What makes two jobs the same.
    fn identity(&self) -> String {
        let sorted = |words: &[String]| {
            let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
            words.sort();
            words.dedup();
            words
        };
        let (filters, excludes) = (sorted(&self.filters), sorted(&self.excludes));
        serde_json::json!([self.kind, self.repo, self.revision, filters, excludes, self.subfolders]).to_string()
    }
}

impl NewRow {
    pub fn of(name: &str, wish: &JobWish, output: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            kind: wish.kind.as_str().to_owned(),
            repo: wish.repo.clone(),
            revision: wish.revision.clone(),
            filters: list_of(&wish.filters),
            excludes: list_of(&wish.excludes),
            subfolders: wish.subfolders,
            wish: wish.identity(),
            output: output.to_owned(),
            status: JobStatus::Queued.as_str(),
            created_at: now.0,
        }
    }

    /// What makes it the same as another one.
    pub fn identity(&self) -> String {
        self.wish.clone()
    }
}

impl From<JobProgress> for ProgressRow {
    fn from(progress: JobProgress) -> Self {
        Self {
            total_files: signed(progress.total_files),
            completed_files: signed(progress.completed_files),
            total_bytes: signed(progress.total_bytes),
            downloaded_bytes: signed(progress.downloaded_bytes),
            bytes_per_second: signed(progress.bytes_per_second),
        }
    }
}

impl TryFrom<Row> for Job {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let id = row.id;
        let count = |column: &str, number: i64| rows::count::<u64>(column, id, number);
        Ok(Self {
            id,
            name: row.name,
            wish: JobWish {
                kind: rows::parse("jobs.kind", id, &row.kind)?,
                repo: row.repo,
                revision: row.revision,
                filters: words_of("jobs.filters", id, &row.filters)?,
                excludes: words_of("jobs.excludes", id, &row.excludes)?,
                subfolders: row.subfolders,
            },
            output: row.output,
            status: rows::parse("jobs.status", id, &row.status)?,
            error: row.error,
            pinned: row.pinned.map(|text| rows::parse("jobs.pinned", id, &text)).transpose()?,
            progress: JobProgress {
                total_files: count("jobs.total_files", row.total_files)?,
                completed_files: count("jobs.completed_files", row.completed_files)?,
                total_bytes: count("jobs.total_bytes", row.total_bytes)?,
                downloaded_bytes: count("jobs.downloaded_bytes", row.downloaded_bytes)?,
                bytes_per_second: count("jobs.bytes_per_second", row.bytes_per_second)?,
            },
            run: row.run,
            version: row.version,
            created_at: Timestamp(row.created_at),
            started_at: row.started_at.map(Timestamp),
            ended_at: row.ended_at.map(Timestamp),
        })
    }
}

impl FileRow {
    pub fn of(job: i64, file: &JobFile) -> Self {
        Self {
            job,
            position: signed(file.position as u64),
            path: file.path.clone(),
            size: signed(file.size),
            downloaded: signed(file.downloaded),
            status: file.status.as_str().to_owned(),
        }
    }
}

/// A file, and the job that it is of.
impl TryFrom<FileRow> for (i64, JobFile) {
    type Error = Error;

    fn try_from(row: FileRow) -> Result<Self> {
        let count = |column: &str, number: i64| rows::count::<u64>(column, row.job, number);
        let file = JobFile {
            position: rows::count("job_files.position", row.job, row.position)?,
            size: count("job_files.size", row.size)?,
            downloaded: count("job_files.downloaded", row.downloaded)?,
            status: rows::parse("job_files.status", row.job, &row.status)?,
            path: row.path,
        };
        Ok((row.job, file))
    }
}
