//! Imports: what a repository takes over from another hub, how far that is, and who works on it.

mod row;

use std::time::Duration;

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::{CommitId, LeaseId, OperationId, RefName, RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use crate::tables::imports;
use crate::{Catalog, JobStatus, rows};

use row::{MarkRow, NewRow, Row};

/// What is taken over, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportWish {
    pub branch: RefName,
    /// Whether each commit of the source becomes one here, and not only its latest state.
    pub history: bool,
    /// Whether what the branch holds otherwise may be replaced.
    pub overwrite: bool,
}

/// An import that is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImport {
    pub repo: RepoKey,
    pub owner: UserKey,
    /// The address of the remote hub.
    pub endpoint: String,
    /// `namespace/name` there.
    pub source: String,
    pub revision: String,
    pub wish: ImportWish,
    /// How often it is brought up to date by itself.
    pub every: Option<Duration>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    pub total_commits: u64,
    pub completed_commits: u64,
    pub total_files: u64,
    pub completed_files: u64,
    pub total_bytes: u64,
    pub completed_bytes: u64,
    /// Bytes that came over the network, and not from what was here.
    pub fetched_bytes: u64,
}

/// What a repository takes over from another hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub order: NewImport,
    pub status: JobStatus,
    pub error: String,
    pub progress: ImportProgress,
    pub run: i64,
    /// Holds what has arrived and no commit names yet.
    pub lease: Option<LeaseId>,
    /// The write that was under way when somebody last said, and the source's commit that it takes over.
    pub writing: Option<(OperationId, CommitId)>,
    /// The source's commit that was taken over last, and what it became here.
    pub taken: Option<(CommitId, CommitId)>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When it is brought up to date next.
    pub next_at: Option<Timestamp>,
}

/// What whoever works on an import must find again after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMark {
    Lease(Option<LeaseId>),
    Writing(OperationId, CommitId),
    Taken(CommitId, CommitId),
    /// The write came to nothing.
    GivenUp,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutImport {
    New(Import),
    /// The same is under way already.
    Same(Import),
    /// Another one is.
    Other,
}

const UNDER_WAY: [&str; 2] = ["queued", "running"];

/// What somebody may begin to work on at a moment: what is ordered, whose worker was not heard of, or whose time has come.
macro_rules! due {
    ($now:expr) => {
        imports::status
            .eq("queued")
            .or(imports::status.eq("running").and(imports::claimed_until.lt($now)))
            .or(imports::status.eq_any(["completed", "failed"]).and(imports::next_at.le($now)))
    };
}
for_both! {
    pub async fn put(c: &mut Connection, row: NewRow) -> Result<(bool, Row)> {
        let id = row.repository;
        let there = lock!(imports::table.find(id).select(Row::as_select())).first(c).await.optional()?;
        let new = match there {
            None => {
                // Of two that come at once, one is first.
                let made = diesel::insert_into(imports::table).values(&row).on_conflict_do_nothing();
                made.execute(c).await? > 0
            }
            Some(there) if UNDER_WAY.contains(&there.status()) => false,
            Some(there) => {
                let fresh = imports::table.find(id);
                let anew = (&row, imports::error.eq(""), imports::progress.eq(""), imports::run.eq(imports::run + 1));
                diesel::update(fresh).set((anew, imports::next_at.eq(None::<i64>))).execute(c).await?;
                if !there.is_same_source(&row) {
                    let taken = (imports::source_commit.eq(None::<String>), imports::commit_id.eq(None::<String>));
                    let writing = (imports::operation.eq(None::<i64>), imports::next_source.eq(None::<String>));
                    diesel::update(fresh).set((taken, writing)).execute(c).await?;
                }
                true
            }
        };
        Ok((new, imports::table.find(id).select(Row::as_select()).first(c).await?))
    }

    pub async fn find(c: &mut Connection, id: i64) -> Result<Option<Row>> {
        Ok(imports::table.find(id).select(Row::as_select()).first(c).await.optional()?)
    }

    pub async fn list(c: &mut Connection, owner: Option<i64>, after: i64, limit: i64) -> Result<Vec<Row>> {
        let mut found = imports::table.filter(imports::repository.gt(after)).into_boxed();
        if let Some(owner) = owner {
            found = found.filter(imports::owner.eq(owner));
        }
        Ok(found.order(imports::repository).limit(limit).select(Row::as_select()).load(c).await?)
    }

    pub async fn waits(c: &mut Connection, now: i64, from: Vec<String>) -> Result<bool> {
        let first = imports::table.filter(due!(now)).filter(imports::endpoint.eq_any(from));
        Ok(first.limit(1).select(imports::repository).first::<i64>(c).await.optional()?.is_some())
    }

    /// One that is to be worked on becomes this worker's.
    pub async fn take(
        c: &mut Connection,
        now: i64,
        until: i64,
        from: Vec<String>,
        only: Option<i64>,
    ) -> Result<Option<Row>> {
        let next: Option<i64> = match only {
            Some(only) => Some(only),
            None => {
                let next = imports::table.filter(due!(now)).filter(imports::endpoint.eq_any(&from));
                let next = next.order(imports::repository).limit(1).select(imports::repository);
                lock_idle!(next).first(c).await.optional()?
            }
        };
        let Some(next) = next else { return Ok(None) };
        let still = imports::table.find(next).filter(due!(now)).filter(imports::endpoint.eq_any(&from));
        let taken = diesel::update(still).set((
            imports::status.eq("running"),
            imports::run.eq(imports::run + 1),
            imports::claimed_until.eq(until),
            imports::error.eq(""),
            imports::started_at.eq(now),
            imports::ended_at.eq(None::<i64>),
            imports::next_at.eq(None::<i64>),
        ));
        Ok(taken.returning(Row::as_returning()).get_result(c).await.optional()?)
    }

    /// Imports whose workers are gone for certain are there for the next.
    pub async fn release(c: &mut Connection, of: Option<Vec<i64>>) -> Result<usize> {
        let running = imports::table.filter(imports::status.eq("running"));
        let free = imports::claimed_until.eq(0);
        Ok(match of {
            None => diesel::update(running).set(free).execute(c).await?,
            Some(of) => diesel::update(running.filter(imports::repository.eq_any(of))).set(free).execute(c).await?,
        })
    }

    pub async fn tell(c: &mut Connection, id: i64, run: i64, until: i64, progress: String) -> Result<bool> {
        let mine = imports::table.find(id).filter(imports::run.eq(run)).filter(imports::status.eq("running"));
        let next = (imports::claimed_until.eq(until), imports::progress.eq(progress));
        Ok(diesel::update(mine).set(next).execute(c).await? > 0)
    }

    pub async fn mark(c: &mut Connection, id: i64, run: i64, mark: MarkRow) -> Result<bool> {
        let mine = imports::table.find(id).filter(imports::run.eq(run)).filter(imports::status.eq("running"));
        Ok(diesel::update(mine).set(mark).execute(c).await? > 0)
    }

    pub async fn end(
        c: &mut Connection,
        id: i64,
        run: i64,
        status: String,
        error: String,
        progress: String,
        now: i64,
    ) -> Result<bool> {
        let mine = imports::table.find(id).filter(imports::run.eq(run)).filter(imports::status.eq("running"));
        let next = (
            imports::status.eq(status),
            imports::error.eq(error),
            imports::progress.eq(progress),
            imports::ended_at.eq(now),
            imports::next_at.eq(imports::every + now),
        );
        Ok(diesel::update(mine).set(next).execute(c).await? > 0)
    }

    /// Ends it for good, which ends the work of whoever is at it.
    pub async fn stop(c: &mut Connection, id: i64, now: i64) -> Result<Option<Row>> {
        let one = imports::table.find(id);
        let running = diesel::update(one.filter(imports::status.eq_any(UNDER_WAY)));
        running.set((imports::status.eq("cancelled"), imports::ended_at.eq(now))).execute(c).await?;
        let next = (
            imports::every.eq(None::<i64>),
            imports::next_at.eq(None::<i64>),
            imports::lease.eq(None::<i64>),
            imports::run.eq(imports::run + 1),
        );
        let before = one.select(Row::as_select()).first(c).await.optional()?;
        diesel::update(one).set(next).execute(c).await?;
        Ok(before)
    }
}

impl Catalog {
    /// Orders an import, which begins anew what a repository took over before, unless that is under way.
    pub async fn put_import(&self, order: &NewImport, now: Timestamp) -> Result<PutImport> {
        let row = NewRow::of(order, now);
        let (new, row) = transaction!(self.database, put(row))?;
        let import = Import::try_from(row)?;
        Ok(match new {
            true => PutImport::New(import),
            false if import.order == *order => PutImport::Same(import),
            false => PutImport::Other,
        })
    }

    /// What a repository takes over; none where it never did.
    pub async fn find_import(&self, repo: RepoKey) -> Result<Option<Import>> {
        read!(self.database, find(repo.0))?.map(Import::try_from).transpose()
    }

    /// What repositories take over, all or those of one owner, by the repositories' keys.
    pub async fn list_imports(
        &self,
        owner: Option<UserKey>,
        after: Option<RepoKey>,
        limit: usize,
    ) -> Result<Vec<Import>> {
        let (owner, after) = (owner.map(|owner| owner.0), after.map_or(0, |after| after.0));
        let found = read!(self.database, list(owner, after, rows::limit(limit)))?;
        found.into_iter().map(Import::try_from).collect()
    }

    /// An import from one of these hubs to work on, for whoever asks first: nobody else gets it before `until`. With `only`,
    /// that repository's or none.
    pub async fn take_import(
        &self,
        now: Timestamp,
        until: Timestamp,
        from: &[String],
        only: Option<RepoKey>,
    ) -> Result<Option<Import>> {
        // Looking writes nothing, and mostly nothing waits.
        if !read!(self.database, waits(now.0, from.to_vec()))? {
            return Ok(None);
        }
        let only = only.map(|only| only.0);
        let taken = transaction!(self.database, take(now.0, until.0, from.to_vec(), only))?;
        taken.map(Import::try_from).transpose()
    }

    /// Lets others take imports at once whose work was ended: these, or where this process is the only one, all.
    pub async fn release_imports(&self, of: Option<Vec<RepoKey>>) -> Result<usize> {
        if of.is_none() && !self.database.is_alone() {
            return Ok(0);
        }
        let of = of.map(|of| of.into_iter().map(|repo| repo.0).collect());
        write!(self.database, release(of))
    }

    /// Keeps how far an import is, which is this run's until then; false where it is not any more.
    pub async fn tell_of_import(&self, import: &Import, until: Timestamp, progress: ImportProgress) -> Result<bool> {
        write!(self.database, tell(import.order.repo.0, import.run, until.0, row::written(&progress)))
    }

    /// Keeps what must be found again; false where the import is not this run's any more.
    pub async fn mark_import(&self, import: &Import, mark: ImportMark) -> Result<bool> {
        write!(self.database, mark(import.order.repo.0, import.run, MarkRow::from(mark)))
    }

    /// Ends a run, until it is time for the next; false where the import is not this run's any more.
    pub async fn end_import(
        &self,
        import: &Import,
        status: JobStatus,
        error: &str,
        progress: ImportProgress,
        now: Timestamp,
    ) -> Result<bool> {
        let (status, error, progress) = (status.as_str().to_owned(), error.to_owned(), row::written(&progress));
        write!(self.database, end(import.order.repo.0, import.run, status, error, progress, now.0))
    }

    /// Ends an import and its schedule; answers how it was, with the lease that nobody has any more.
    pub async fn stop_import(&self, repo: RepoKey, now: Timestamp) -> Result<Option<Import>> {
        transaction!(self.database, stop(repo.0, now.0))?.map(Import::try_from).transpose()
    }
}
