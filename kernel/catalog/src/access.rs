//! Who asked for the files of a gated repository, and what became of it.

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value};

use crate::audit::UnsealedRow;
use crate::rows::{self, UserRow};
use crate::tables::{access_requests, namespaces, users};
use crate::{Catalog, User};

words! {
    /// Where a request for access stands.
    pub enum AccessStatus: "status of a request for access" {
        /// Nobody has decided.
        Pending = "pending",
        Accepted = "accepted",
        Rejected = "rejected",
    }
}

/// A request for the files of a gated repository.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRequest {
    pub status: AccessStatus,
    /// What was filled in when it was made.
    pub fields: Map<String, Value>,
    /// Why it was rejected, where somebody said so.
    pub reason: Option<String>,
    /// When it got where it stands.
    pub at: Timestamp,
}

#[derive(Clone, Insertable, AsChangeset)]
#[diesel(table_name = access_requests, treat_none_as_null = true)]
struct NewRow {
    repository: i64,
    user_id: i64,
    status: &'static str,
    fields: String,
    reason: Option<String>,
    at: i64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = access_requests)]
struct Row {
    repository: i64,
    status: String,
    fields: String,
    reason: Option<String>,
    at: i64,
}

impl TryFrom<Row> for AccessRequest {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let damaged =
            |error| Error::corrupt(format!("access_requests.fields of repository {}: {error}", row.repository));
        Ok(Self {
            status: rows::parse("access_requests.status", row.repository, &row.status)?,
            fields: serde_json::from_str(&row.fields).map_err(damaged)?,
            reason: row.reason,
            at: Timestamp(row.at),
        })
    }
}

for_both! {
    pub async fn ask(c: &mut Connection, row: NewRow, note: Option<UnsealedRow>) -> Result<bool> {
        let insert = diesel::insert_into(access_requests::table).values(row).on_conflict_do_nothing();
        let asked = insert.execute(c).await? > 0;
        if asked {
            put_down!(c, note);
        }
        Ok(asked)
    }

    pub async fn decide(
        c: &mut Connection, key: (i64, i64), status: &'static str, reason: Option<String>, at: i64,
        note: Option<UnsealedRow>,
    ) -> Result<bool> {
        let other = access_requests::table.find(key).filter(access_requests::status.ne(status));
        let next = (access_requests::status.eq(status), access_requests::reason.eq(reason), access_requests::at.eq(at));
        let decided = diesel::update(other).set(next).execute(c).await? > 0;
        if decided {
            put_down!(c, note);
        }
        Ok(decided)
    }

    pub async fn find(c: &mut Connection, repository: i64, user: i64) -> Result<Option<Row>> {
        let row = access_requests::table.find((repository, user)).select(Row::as_select());
        Ok(row.first(c).await.optional()?)
    }

    pub async fn list(c: &mut Connection, repository: i64, status: &'static str, after: i64, limit: i64)
        -> Result<Vec<(Row, UserRow, String)>> {
        let found = access_requests::table.inner_join(users::table.inner_join(namespaces::table))
            .filter(access_requests::repository.eq(repository).and(access_requests::status.eq(status)))
            .filter(access_requests::user_id.gt(after));
        let columns = (Row::as_select(), UserRow::as_select(), namespaces::name);
        Ok(found.order(access_requests::user_id).limit(limit).select(columns).load(c).await?)
    }
}

impl Catalog {
    /// Puts a request on record; false, and nothing changed, where this user has asked before.
    pub async fn ask_access(&self, repo: RepoKey, user: UserKey, request: AccessRequest) -> Result<bool> {
        let row = NewRow {
            repository: repo.0,
            user_id: user.0,
            status: request.status.as_str(),
            fields: Value::Object(request.fields).to_string(),
            reason: request.reason,
            at: request.at.0,
        };
        transaction!(self.database, ask(row, self.note_row()?))
    }

    /// Decides on a request; false where there is none, or it stands so already.
    pub async fn decide_access(
        &self,
        repo: RepoKey,
        user: UserKey,
        status: AccessStatus,
        reason: Option<String>,
        at: Timestamp,
    ) -> Result<bool> {
        let (key, note) = ((repo.0, user.0), self.note_row()?);
        transaction!(self.database, decide(key, status.as_str(), reason, at.0, note))
    }

    /// What a user asked for, if they did.
    pub async fn find_access(&self, repo: RepoKey, user: UserKey) -> Result<Option<AccessRequest>> {
        read!(self.database, find(repo.0, user.0))?.map(AccessRequest::try_from).transpose()
    }

    /// Requests that stand so, by their users' keys.
    pub async fn list_access(
        &self,
        repo: RepoKey,
        status: AccessStatus,
        after: Option<UserKey>,
        limit: usize,
    ) -> Result<Vec<(AccessRequest, User)>> {
        let after = after.map_or(0, |user| user.0);
        let item = |(row, user, name): (Row, UserRow, String)| Ok((row.try_into()?, rows::user((user, name))?));
        read!(self.database, list(repo.0, status.as_str(), after, rows::limit(limit)))?.into_iter().map(item).collect()
    }
}
