//! The audit log: what changed rights, accounts, credentials, repositories and limits, and who did it.
//!
//! A note is put down in the transaction of the change that it tells of, where the catalog owns that change
//! ([`Noted`](crate::Noted)), and by itself otherwise. It costs one row of a queue that nobody waits for; `audit_chain`
//! makes the log of it.

use ballast_database::{Error, Result, for_both, read, write};
use ballast_types::{Sha256, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Catalog;
use crate::rows;
use crate::tables::{audit_records, audit_unsealed};

words! {
    /// What became of what somebody wanted.
    pub enum AuditOutcome: "outcome" {
        /// It was done.
        Done = "done",
        /// They may not do it.
        Refused = "refused",
    }
}

/// Something to be put on record.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditNote {
    /// Where it was done: each node has a chain of its own.
    pub node: String,
    pub at: Timestamp,
    /// The user's name; none is nobody. Who runs the hub has a name that no user can have.
    pub actor: Option<String>,
    pub actor_key: Option<UserKey>,
    /// The credential's id, as `token:12`.
    pub credential: Option<String>,
    /// Of the client.
    pub address: Option<String>,
    /// The request's id.
    pub request: Option<String>,
    /// A word for what is changed, a dot, and a word for how: `user.create`.
    pub action: &'static str,
    /// What it was done to: `user/ada`, `model/acme/bert`.
    pub object: String,
    pub outcome: AuditOutcome,
    /// What else is to be told, in JSON. No secret.
    pub details: Value,
}

/// What is on record, with its place in its node's chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Its place among the records of all nodes.
    pub id: i64,
    pub content: Content,
    /// Of the content's text.
    pub hash: Sha256,
}

/// A record as text: compact JSON with sorted keys, in this order. What is hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub action: String,
    pub actor: Option<String>,
    pub actor_id: Option<i64>,
    pub address: Option<String>,
    pub credential: Option<String>,
    pub details: Value,
    pub node: String,
    /// From 1 on, without a gap.
    pub number: u64,
    pub object: String,
    pub outcome: String,
    /// The hash of the record before it in the same chain, in hexadecimal digits; zeros for the first.
    pub previous: String,
    pub request: Option<String>,
    /// `2026-11-21T01:34:15.000Z`
    pub time: String,
}

impl Content {
    /// The text that is stored and hashed.
    pub(crate) fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::corrupt(format!("a record of the audit log: {error}")))
    }

    pub(crate) fn read(id: i64, text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::corrupt(format!("audit content of row {id}: {error}")))
    }
}

impl AuditNote {
    /// The note as it waits for its place.
    pub(crate) fn row(&self) -> Result<UnsealedRow> {
        let mut details = self.details.clone();
        details.sort_all_objects();
        let content = Content {
            action: self.action.to_owned(),
            actor: self.actor.clone(),
            actor_id: self.actor_key.map(|key| key.0),
            address: self.address.clone(),
            credential: self.credential.clone(),
            details,
            node: self.node.clone(),
            number: 0,
            object: searchable(&self.object),
            outcome: self.outcome.as_str().to_owned(),
            previous: String::new(),
            request: self.request.clone(),
            time: self.at.to_string(),
        };
        Ok(UnsealedRow { node: self.node.clone(), at: self.at.0, content: content.text()? })
    }
}

/// More than any name needs; what is longer is no name, and an index has limits.
const LONGEST_OBJECT: usize = 500;

/// What can stand in an indexed column of either database: a request that is refused names what it likes.
fn searchable(object: &str) -> String {
    object.chars().map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).take(LONGEST_OBJECT).collect()
}

/// A note in the queue.
#[derive(Clone, Insertable)]
#[diesel(table_name = audit_unsealed)]
pub(crate) struct UnsealedRow {
    node: String,
    at: i64,
    content: String,
}

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The user's name, as they write it.
    pub actor: Option<String>,
    /// `user.create`, or all that begins so: `user`.
    pub action: Option<String>,
    /// `user/ada`, `model/acme/bert`.
    pub object: Option<String>,
    pub outcome: Option<AuditOutcome>,
    /// Not earlier.
    pub since: Option<Timestamp>,
    /// Earlier.
    pub until: Option<Timestamp>,
}

/// Which records, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    pub filter: AuditFilter,
    pub oldest_first: bool,
    /// The id of the last record of the page before.
    pub after: Option<i64>,
    pub limit: usize,
}

/// In a transaction of the catalog's, puts a note down with the change that it tells of.
macro_rules! put_down {
    ($connection:expr, $note:expr) => {
        if let Some(row) = $note {
            let insert = diesel::insert_into(crate::tables::audit_unsealed::table).values(row);
            insert.execute($connection).await?;
        }
    };
}

type Row = (i64, String, Vec<u8>);

for_both! {
    pub async fn put(c: &mut Connection, row: UnsealedRow) -> Result<()> {
        put_down!(c, Some(row));
        Ok(())
    }

    pub async fn list(c: &mut Connection, query: AuditQuery) -> Result<Vec<Row>> {
        let AuditQuery { filter, oldest_first, after, limit } = query;
        let mut found = audit_records::table
            .select((audit_records::id, audit_records::content, audit_records::hash))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        if let Some(actor) = filter.actor {
            found = found.filter(audit_records::actor.eq(actor));
        }
        if let Some(action) = filter.action {
            // Between `user.` and `user/`, which follows the dot, lies all that begins with `user.`.
            let within = audit_records::action.ge(format!("{action}.")).and(audit_records::action.lt(format!("{action}/")));
            found = found.filter(audit_records::action.eq(action).or(within));
        }
        if let Some(object) = filter.object {
            found = found.filter(audit_records::object.eq(object));
        }
        if let Some(outcome) = filter.outcome {
            found = found.filter(audit_records::outcome.eq(outcome.as_str()));
        }
        if let Some(since) = filter.since {
            found = found.filter(audit_records::at.ge(since.0));
        }
        if let Some(until) = filter.until {
            found = found.filter(audit_records::at.lt(until.0));
        }
        let found = match (oldest_first, after) {
            (true, after) => found.filter(audit_records::id.gt(after.unwrap_or(0))).order(audit_records::id.asc()),
            (false, Some(after)) => found.filter(audit_records::id.lt(after)).order(audit_records::id.desc()),
            (false, None) => found.order(audit_records::id.desc()),
        };
        Ok(found.limit(rows::limit(limit)).load(c).await?)
    }
}

impl Catalog {
    /// Puts a note down that no change of the catalog's has.
    pub async fn put_note(&self, note: &AuditNote) -> Result<()> {
        write!(self.database, put(note.row()?))
    }

    /// Records that have their place in a chain: a page, newest first unless the query says otherwise.
    pub async fn list_audit(&self, query: AuditQuery) -> Result<Vec<AuditRecord>> {
        // Anybody may ask for anything here, and PostgreSQL takes no text with a NUL in it.
        let AuditFilter { actor, action, object, .. } = &query.filter;
        if [actor, action, object].into_iter().flatten().any(|text| text.contains('\0')) {
            return Ok(vec![]);
        }
        let record = |(id, content, hash): Row| {
            let hash = digest("audit_records.hash", id, &hash)?;
            Ok(AuditRecord { id, content: Content::read(id, &content)?, hash })
        };
        read!(self.database, list(query))?.into_iter().map(record).collect()
    }

    /// What a change puts down with itself.
    pub(crate) fn note_row(&self) -> Result<Option<UnsealedRow>> {
        self.note.as_deref().map(AuditNote::row).transpose()
    }
}

pub(crate) fn digest(column: &str, id: i64, bytes: &[u8]) -> Result<Sha256> {
    Sha256::from_slice(bytes).ok_or_else(|| Error::corrupt(format!("{column} of row {id}: {} bytes", bytes.len())))
}
