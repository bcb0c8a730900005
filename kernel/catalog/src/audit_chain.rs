//! The chains of the audit log: one for each node, in which every record holds the hash of the one before.
//!
//! Notes wait in a queue and get their places a thousand at a time, so that no request waits for another one's place.
//! Any node may seal any queue; those of one chain take turns behind the chain's row. The database itself refuses to
//! change a record, and to remove one that retention has not passed.

use std::fmt;

use ballast_database::{Error, Result, for_both, read, transaction};
use ballast_types::{Sha256, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;
use sha2::Digest as _;

use crate::audit::{Content, UnsealedRow, digest};
use crate::rows;
use crate::tables::{audit_chains, audit_records, audit_unsealed};
use crate::{AuditNote, Catalog};

/// Notes that get their places in one transaction, and records that leave in one.
const BATCH: i64 = 1000;
/// What the first record of a chain has before it.
const NOTHING: [u8; 32] = [0; 32];

/// A node's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub node: String,
    /// The last record that retention took away, 0 before the first time, and its hash.
    pub base: (u64, Sha256),
    /// The last record, and its hash.
    pub head: (u64, Sha256),
}

/// A record as it stands in its chain, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub number: u64,
    row: Row,
}

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_records)]
struct Row {
    node: String,
    number: i64,
    at: i64,
    actor: Option<String>,
    action: String,
    object: String,
    outcome: String,
    content: String,
    hash: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_chains)]
struct ChainRow {
    node: String,
    base: i64,
    base_hash: Vec<u8>,
    head: i64,
    head_hash: Vec<u8>,
}

fn hash(text: &str) -> Sha256 {
    Sha256(sha2::Sha256::digest(text.as_bytes()).into())
}

/// The last record of a chain: its number and its hash.
type Head = (i64, Vec<u8>);

/// Gives notes, in their order, the places behind a head; answers the rows and the new head.
fn linked(node: &str, head: Head, waiting: Vec<(i64, i64, String)>) -> Result<(Vec<Row>, Head)> {
    let (mut number, mut previous) = (head.0, digest("audit_chains.head_hash", head.0, &head.1)?);
    let mut linked = Vec::with_capacity(waiting.len());
    for (id, at, text) in waiting {
        number += 1;
        let mut content = Content::read(id, &text)?;
        (content.number, content.previous) = (rows::count("audit_records.number", id, number)?, previous.to_string());
        let text = content.text()?;
        previous = hash(&text);
        linked.push(Row {
            node: node.to_owned(),
            number,
            at,
            actor: content.actor,
            action: content.action,
            object: content.object,
            outcome: content.outcome,
            content: text,
            hash: previous.as_bytes().to_vec(),
        });
    }
    Ok((linked, (number, previous.as_bytes().to_vec())))
}

for_both! {
    pub async fn waits(c: &mut Connection) -> Result<Option<String>> {
        Ok(audit_unsealed::table.order(audit_unsealed::id).select(audit_unsealed::node).first(c).await.optional()?)
    }

    pub async fn seal(c: &mut Connection, node: String) -> Result<usize> {
        let empty =
            ChainRow { node: node.clone(), base: 0, base_hash: NOTHING.to_vec(), head: 0, head_hash: NOTHING.to_vec() };
        diesel::insert_into(audit_chains::table).values(empty).on_conflict_do_nothing().execute(c).await?;
        // Whoever seals this chain at the same moment waits here, and finds the queue shorter.
        let head = audit_chains::table.find(&node).select((audit_chains::head, audit_chains::head_hash));
        let head: (i64, Vec<u8>) = lock!(head).first(c).await?;
        let waiting = audit_unsealed::table.filter(audit_unsealed::node.eq(&node)).order(audit_unsealed::id).limit(BATCH);
        let columns = (audit_unsealed::id, audit_unsealed::at, audit_unsealed::content);
        let waiting: Vec<(i64, i64, String)> = waiting.select(columns).load(c).await?;
        let ids: Vec<i64> = waiting.iter().map(|(id, ..)| *id).collect();
        let (rows, head) = linked(&node, head, waiting)?;
        let sealed = rows.len();
        if bulk_insert!(c, audit_records::table, rows)? != sealed {
            return Err(Error::corrupt(format!("the audit chain of '{node}' goes on behind its head")));
        }
        diesel::delete(audit_unsealed::table.filter(audit_unsealed::id.eq_any(ids))).execute(c).await?;
        let chain = audit_chains::table.find(node);
        diesel::update(chain).set((audit_chains::head.eq(head.0), audit_chains::head_hash.eq(head.1))).execute(c).await?;
        Ok(sealed)
    }

    pub async fn chains(c: &mut Connection) -> Result<Vec<ChainRow>> {
        Ok(audit_chains::table.order(audit_chains::node).select(ChainRow::as_select()).load(c).await?)
    }

    pub async fn nodes(c: &mut Connection) -> Result<Vec<String>> {
        Ok(audit_records::table.select(audit_records::node).distinct().load(c).await?)
    }

    pub async fn links(c: &mut Connection, node: String, after: i64, limit: i64) -> Result<Vec<Row>> {
        let found = audit_records::table.filter(audit_records::node.eq(node).and(audit_records::number.gt(after)));
        Ok(found.order(audit_records::number).limit(limit).select(Row::as_select()).load(c).await?)
    }

    /// Takes away at most a batch of what is older; answers how many those were.
    pub async fn trim(c: &mut Connection, node: String, before: i64, mut note: AuditNote) -> Result<i64> {
        let chain = audit_chains::table.find(&node).select((audit_chains::base, audit_chains::head));
        let (base, head): (i64, i64) = lock!(chain).first(c).await?;
        let of_node = || audit_records::table.filter(audit_records::node.eq(&node));
        let young = of_node().filter(audit_records::at.ge(before)).order(audit_records::number);
        let young: Option<i64> = young.select(audit_records::number).first(c).await.optional()?;
        let through = young.map_or(head, |number| number - 1).min(base + BATCH);
        if through <= base {
            return Ok(0);
        }
        let last = of_node().filter(audit_records::number.eq(through)).select(audit_records::hash);
        let last: Vec<u8> = last.first(c).await?;
        note.details = json!({
            "node": node, "through": through, "hash": digest("audit_records.hash", through, &last)?.to_string(),
        });
        let moved = (audit_chains::base.eq(through), audit_chains::base_hash.eq(last));
        diesel::update(audit_chains::table.find(&node)).set(moved).execute(c).await?;
        diesel::delete(of_node().filter(audit_records::number.le(through))).execute(c).await?;
        let row: UnsealedRow = note.row()?;
        put_down!(c, Some(row));
        Ok(through - base)
    }
}

impl Catalog {
    /// Gives the notes that wait their places, those of every node. Answers how many.
    pub async fn seal_audit(&self) -> Result<usize> {
        let mut sealed = 0;
        while let Some(node) = read!(self.database, waits())? {
            sealed += transaction!(self.database, seal(node))?;
        }
        Ok(sealed)
    }

    /// Every chain.
    pub async fn audit_chains(&self) -> Result<Vec<Chain>> {
        let place = |node: &str, number: i64, hash: &[u8]| {
            let number = u64::try_from(number);
            let number = number.map_err(|_| Error::corrupt(format!("audit_chains of '{node}': a negative number")))?;
            let hash = Sha256::from_slice(hash);
            let hash = hash.ok_or_else(|| Error::corrupt(format!("audit_chains of '{node}': no hash")))?;
            Ok::<_, Error>((number, hash))
        };
        let chain = |row: ChainRow| {
            let base = place(&row.node, row.base, &row.base_hash)?;
            Ok(Chain { base, head: place(&row.node, row.head, &row.head_hash)?, node: row.node })
        };
        read!(self.database, chains())?.into_iter().map(chain).collect()
    }

    /// The nodes that have records: each should have a chain.
    pub async fn audit_nodes(&self) -> Result<Vec<String>> {
        read!(self.database, nodes())
    }

    /// A page of a chain, in its order, as it is stored.
    pub async fn audit_links(&self, node: &str, after: Option<u64>) -> Result<Vec<Link>> {
        let after = after.map_or(i64::MIN, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let found = read!(self.database, links(node.to_owned(), after, BATCH))?;
        let link = |row: Row| Ok(Link { number: rows::count("audit_records.number", row.number, row.number)?, row });
        found.into_iter().map(link).collect()
    }

    /// Takes away a node's records from before a moment, the oldest first and at most a thousand of them, and moves the
    /// base of its chain behind them. `note` is put down with it and says how far. Answers how many went.
    pub async fn trim_audit(&self, node: &str, before: Timestamp, note: AuditNote) -> Result<u64> {
        let gone: i64 = transaction!(self.database, trim(node.to_owned(), before.0, note))?;
        rows::count("records that went", 0, gone)
    }
}

/// What is wrong with a record, or with what lies between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Records before it are missing.
    Gap,
    /// It is not what was sealed.
    Changed,
    /// What it says of the record before it is not that record's hash.
    Unlinked,
    /// What is searched for is not what it says.
    Mislabelled,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap => "records before it are missing",
            Self::Changed => "its content is not what was sealed: it does not have its hash",
            Self::Unlinked => "it was sealed behind another record than the one before it",
            Self::Mislabelled => "the columns it is found by do not say what its content says",
        })
    }
}

impl Link {
    /// Holds a record against the one before it, given by number and hash; answers its own hash.
    pub fn check(&self, (number, previous): (u64, Sha256)) -> std::result::Result<Sha256, Break> {
        let row = &self.row;
        if self.number != number + 1 {
            return Err(Break::Gap);
        }
        let computed = hash(&row.content);
        if computed.as_bytes()[..] != row.hash {
            return Err(Break::Changed);
        }
        let content = Content::read(row.number, &row.content).map_err(|_| Break::Changed)?;
        if content.previous != previous.to_string() {
            return Err(Break::Unlinked);
        }
        let said = (content.number, &content.node, &content.action, &content.object, &content.outcome);
        let labelled = (self.number, &row.node, &row.action, &row.object, &row.outcome);
        let same = said == labelled && content.actor == row.actor && content.time == Timestamp(row.at).to_string();
        same.then_some(computed).ok_or(Break::Mislabelled)
    }
}
