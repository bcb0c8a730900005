//! Messages to webhooks: made out of the outbox, sent until they arrive or are given up.

use std::collections::HashSet;

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::rows;
use crate::tables::{events, messages, webhooks};
use crate::{Catalog, EventId};

/// What a webhook is to be told, of which event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub event: EventId,
    pub webhook: i64,
    pub body: String,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: i64,
    pub webhook: i64,
    pub url: String,
    pub secret: Option<String>,
    pub body: String,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

#[derive(Insertable)]
#[diesel(table_name = messages)]
struct NewRow {
    webhook: i64,
    body: String,
    due: i64,
}

type Row = (i64, i64, String, Option<String>, String, i64);

for_both! {
    /// Several nodes may read the same events: messages are made by the one that takes an event away.
    pub async fn deliver(c: &mut Connection, events: Vec<i64>, made: Vec<NewMessage>, now: i64) -> Result<usize> {
        let gone = diesel::delete(events::table.filter(events::id.eq_any(events))).returning(events::id);
        let gone: HashSet<i64> = gone.get_results(c).await?.into_iter().collect();
        let ours = made.into_iter().filter(|message| gone.contains(&message.event.0));
        let rows = ours.map(|message| NewRow { webhook: message.webhook, body: message.body, due: now });
        let rows: Vec<NewRow> = rows.collect();
        let alive: HashSet<i64> = match rows.is_empty() {
            true => HashSet::new(),
            false => {
                let ids: Vec<i64> = rows.iter().map(|row| row.webhook).collect();
                webhooks::table.filter(webhooks::id.eq_any(ids)).select(webhooks::id).load(c).await?.into_iter().collect()
            }
        };
        let rows: Vec<NewRow> = rows.into_iter().filter(|row| alive.contains(&row.webhook)).collect();
        bulk_insert!(c, messages::table, rows)?;
        Ok(gone.len())
    }

    /// Whoever takes a message has it until `until`.
    pub async fn take(c: &mut Connection, now: i64, until: i64, limit: i64) -> Result<Vec<Row>> {
        let due: Vec<i64> = messages::table.filter(messages::due.le(now)).order(messages::due).limit(limit)
            .select(messages::id).load(c).await?;
        if due.is_empty() {
            return Ok(vec![]);
        }
        let still = messages::table.filter(messages::id.eq_any(due)).filter(messages::due.le(now));
        let taken = diesel::update(still).set((messages::due.eq(until), messages::attempts.eq(messages::attempts + 1)));
        let taken: Vec<i64> = taken.returning(messages::id).get_results(c).await?;
        let found = messages::table.inner_join(webhooks::table).filter(messages::id.eq_any(taken));
        let columns =
            (messages::id, messages::webhook, webhooks::url, webhooks::secret, messages::body, messages::attempts);
        Ok(found.order(messages::id).select(columns).load(c).await?)
    }

    pub async fn arrived(c: &mut Connection, id: i64, webhook: i64) -> Result<()> {
        diesel::delete(messages::table.find(id)).execute(c).await?;
        let failing = webhooks::table.find(webhook).filter(webhooks::failures.gt(0));
        diesel::update(failing).set(webhooks::failures.eq(0)).execute(c).await?;
        Ok(())
    }

    pub async fn put_off(c: &mut Connection, id: i64, due: i64) -> Result<()> {
        diesel::update(messages::table.find(id)).set(messages::due.eq(due)).execute(c).await?;
        Ok(())
    }

    pub async fn give_up(c: &mut Connection, id: i64, webhook: i64, most: i64) -> Result<bool> {
        diesel::delete(messages::table.find(id)).execute(c).await?;
        let row = webhooks::table.find(webhook);
        diesel::update(row).set(webhooks::failures.eq(webhooks::failures + 1)).execute(c).await?;
        let failing = webhooks::table.find(webhook).filter(webhooks::failures.ge(most));
        Ok(diesel::update(failing).set(webhooks::disabled.eq(true)).execute(c).await? > 0)
    }

    pub async fn next_due(c: &mut Connection) -> Result<Option<i64>> {
        Ok(messages::table.select(diesel::dsl::min(messages::due)).first(c).await?)
    }
}

impl Catalog {
    /// Takes events out of the outbox and puts messages about them in their place, in one step. Of an event that
    /// somebody else took, nothing is told. Answers how many events were still there.
    pub async fn deliver_events(&self, events: &[EventId], made: Vec<NewMessage>, now: Timestamp) -> Result<usize> {
        let events = events.iter().map(|event| event.0).collect();
        transaction!(self.database, deliver(events, made, now.0))
    }

    /// Messages that are due, for whoever asks first: nobody else gets them before `until`.
    pub async fn take_messages(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Message>> {
        let found = transaction!(self.database, take(now.0, until.0, rows::limit(limit)))?;
        let message = |(id, webhook, url, secret, body, attempts): Row| {
            let attempts = rows::count("messages.attempts", id, attempts)?;
            Ok(Message { id, webhook, url, secret, body, attempts })
        };
        found.into_iter().map(message).collect()
    }

    /// A message has arrived.
    pub async fn message_arrived(&self, message: &Message) -> Result<()> {
        transaction!(self.database, arrived(message.id, message.webhook))
    }

    /// A message is to be tried again, then.
    pub async fn put_message_off(&self, message: &Message, due: Timestamp) -> Result<()> {
        write!(self.database, put_off(message.id, due.0))
    }

    /// A message is not tried again. True where so many to its webhook were given up in a row that it is told nothing
    /// any more.
    pub async fn give_message_up(&self, message: &Message, most_in_a_row: u32) -> Result<bool> {
        transaction!(self.database, give_up(message.id, message.webhook, i64::from(most_in_a_row)))
    }

    /// When the next message is due.
    pub async fn next_message(&self) -> Result<Option<Timestamp>> {
        Ok(read!(self.database, next_due())?.map(Timestamp))
    }
}
