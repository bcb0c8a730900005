//! The outbox: what happened, written in the transaction that made it so and kept until it has been delivered.

use ballast_database::{Error, Result, for_both, read, write};
use ballast_types::{CommitId, RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::Catalog;
use crate::rows;
use crate::tables::events;

words! {
    /// What sort of thing happened.
    pub enum EventKind: "kind of event" {
        RepositoryCreated = "repository.created",
        /// Visibility or settings.
        RepositoryChanged = "repository.changed",
        RepositoryDeleted = "repository.deleted",
        /// Content, by a commit.
        Committed = "commit",
        /// A branch or a tag was made, moved or deleted without one.
        RefChanged = "ref",
        /// In a discussion.
        Discussed = "discussion",
    }
}

/// An event's place in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    pub repo: RepoKey,
    pub kind: EventKind,
    /// Who did it, if anybody.
    pub actor: Option<UserKey>,
    /// Where the default branch stands since, if it moved.
    pub head: Option<CommitId>,
    pub at: Timestamp,
    /// What else is to be told, in JSON.
    pub details: Value,
}

/// Something that happened, in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub event: NewEvent,
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub(crate) struct NewRow {
    pub(crate) repository: i64,
    kind: &'static str,
    actor: Option<i64>,
    pub(crate) head: Option<Vec<u8>>,
    pub(crate) at: i64,
    details: String,
}

impl NewRow {
    /// Something that happened to a repository, by whomever.
    pub(crate) fn of_repository(repository: i64, kind: EventKind, at: i64, details: Value) -> Self {
        Self { repository, kind: kind.as_str(), actor: None, head: None, at, details: details.to_string() }
    }

    /// Something that happened in a discussion: to a comment, or to the discussion itself.
    pub(crate) fn discussed(
        (repository, number): (i64, i64),
        comment: Option<i64>,
        action: &'static str,
        actor: Option<i64>,
        at: i64,
    ) -> Self {
        let details = serde_json::json!({ "discussion": number, "comment": comment, "action": action });
        Self { repository, kind: EventKind::Discussed.as_str(), actor, head: None, at, details: details.to_string() }
    }
}

impl From<NewEvent> for NewRow {
    fn from(event: NewEvent) -> Self {
        Self {
            repository: event.repo.0,
            kind: event.kind.as_str(),
            actor: event.actor.map(|user| user.0),
            head: event.head.map(|head| head.as_bytes().to_vec()),
            at: event.at.0,
            details: event.details.to_string(),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct Row {
    id: i64,
    repository: i64,
    kind: String,
    actor: Option<i64>,
    head: Option<Vec<u8>>,
    at: i64,
    details: String,
}

impl TryFrom<Row> for Event {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let event = NewEvent {
            repo: RepoKey(row.repository),
            kind: rows::parse("events.kind", row.id, &row.kind)?,
            actor: row.actor.map(UserKey),
            head: rows::commit("events.head", row.id, row.head)?,
            at: Timestamp(row.at),
            details: rows::parse("events.details", row.id, &row.details)?,
        };
        Ok(Self { id: EventId(row.id), event })
    }
}

for_both! {
    pub async fn append(c: &mut Connection, row: NewRow) -> Result<()> {
        diesel::insert_into(events::table).values(row).execute(c).await?;
        Ok(())
    }

    pub async fn list(c: &mut Connection, after: i64, limit: i64) -> Result<Vec<Row>> {
        let found = events::table.filter(events::id.gt(after)).order(events::id);
        Ok(found.limit(limit).select(Row::as_select()).load(c).await?)
    }
}

impl Catalog {
    /// Puts an event that no operation has into the outbox.
    pub async fn append_event(&self, event: NewEvent) -> Result<()> {
        write!(self.database, append(NewRow::from(event)))
    }

    /// Events in the outbox by their ids. An event may come to light after one with a greater id (its transaction took
    /// longer), so whoever delivers begins anew when the end is reached instead of waiting behind the last id.
    pub async fn list_events(&self, after: Option<EventId>, limit: usize) -> Result<Vec<Event>> {
        let after = after.map_or(0, |id| id.0);
        read!(self.database, list(after, rows::limit(limit)))?.into_iter().map(Event::try_from).collect()
    }
}
