//! Imports as rows.

use std::time::Duration;

use ballast_database::{Error, Result};
use ballast_types::{CommitId, LeaseId, OperationId, RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Import, ImportMark, NewImport};
use crate::rows;
use crate::tables::imports;

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = imports, primary_key(repository), treat_none_as_null = true)]
pub struct NewRow {
    pub repository: i64,
    owner: i64,
    endpoint: String,
    source: String,
    revision: String,
    wish: String,
    every: Option<i64>,
    status: &'static str,
    created_at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = imports)]
pub struct Row {
    repository: i64,
    owner: i64,
    endpoint: String,
    source: String,
    revision: String,
    wish: String,
    every: Option<i64>,
    status: String,
    error: String,
    progress: String,
    run: i64,
    lease: Option<i64>,
    operation: Option<i64>,
    next_source: Option<String>,
    source_commit: Option<String>,
    commit_id: Option<String>,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    next_at: Option<i64>,
}

/// What absent fields say nothing of.
#[derive(AsChangeset, Default)]
#[diesel(table_name = imports)]
pub struct MarkRow {
    lease: Option<Option<i64>>,
    operation: Option<Option<i64>>,
    next_source: Option<Option<String>>,
    source_commit: Option<Option<String>>,
    commit_id: Option<Option<String>>,
}

/// A value of our own as it stands in a column.
pub fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: DeserializeOwned>(column: &str, id: i64, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(format!("{column} of row {id}: {error}")))
}

impl NewRow {
    pub fn of(order: &NewImport, now: Timestamp) -> Self {
        Self {
            repository: order.repo.0,
            owner: order.owner.0,
            endpoint: order.endpoint.clone(),
            source: order.source.clone(),
            revision: order.revision.clone(),
            wish: written(&order.wish),
            every: order.every.map(|every| i64::try_from(every.as_millis()).unwrap_or(i64::MAX)),
            status: "queued",
            created_at: now.0,
        }
    }
}

impl Row {
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Whether what was taken over before is what another order goes on with.
    pub fn is_same_source(&self, other: &NewRow) -> bool {
        let branch = |wish: &str| serde_json::from_str::<super::ImportWish>(wish).ok().map(|wish| wish.branch);
        self.endpoint == other.endpoint && self.source == other.source && branch(&self.wish) == branch(&other.wish)
    }
}

impl From<ImportMark> for MarkRow {
    fn from(mark: ImportMark) -> Self {
        let nothing = Self { operation: Some(None), next_source: Some(None), ..Self::default() };
        match mark {
            ImportMark::Lease(lease) => Self { lease: Some(lease.map(|lease| lease.0)), ..Self::default() },
            ImportMark::Writing(operation, source) => Self {
                operation: Some(Some(operation.0)),
                next_source: Some(Some(source.to_string())),
                ..Self::default()
            },
            ImportMark::Taken(source, commit) => Self {
                source_commit: Some(Some(source.to_string())),
                commit_id: Some(Some(commit.to_string())),
                ..nothing
            },
            ImportMark::GivenUp => nothing,
        }
    }
}

impl TryFrom<Row> for Import {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let id = row.repository;
        let commit = |column: &str, text: Option<String>| -> Result<Option<CommitId>> {
            text.map(|text| rows::parse(column, id, &text)).transpose()
        };
        let every: Option<u64> = row.every.map(|every| rows::count("imports.every", id, every)).transpose()?;
        Ok(Self {
            order: NewImport {
                repo: RepoKey(id),
                owner: UserKey(row.owner),
                endpoint: row.endpoint,
                source: row.source,
                revision: row.revision,
                wish: read("imports.wish", id, &row.wish)?,
                every: every.map(Duration::from_millis),
            },
            status: rows::parse("imports.status", id, &row.status)?,
            error: row.error,
            progress: match row.progress.as_str() {
                "" => super::ImportProgress::default(),
                text => read("imports.progress", id, text)?,
            },
            run: row.run,
            lease: row.lease.map(LeaseId),
            writing: row.operation.map(OperationId).zip(commit("imports.next_source", row.next_source)?),
            taken: commit("imports.source_commit", row.source_commit)?.zip(commit("imports.commit_id", row.commit_id)?),
            created_at: Timestamp(row.created_at),
            started_at: row.started_at.map(Timestamp),
            ended_at: row.ended_at.map(Timestamp),
            next_at: row.next_at.map(Timestamp),
        })
    }
}
