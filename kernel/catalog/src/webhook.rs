//! Webhooks: addresses that are told what happens. The messages to them stand in `message`.

use std::collections::BTreeSet;

use ballast_database::{Result, for_both, read, transaction};
use ballast_types::{NamespaceKey, RepoKey, Timestamp, UserKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::rows::{self, UserRow};
use crate::tables::{namespaces, users, webhook_watches, webhooks};
use crate::{Catalog, User};

words! {
    /// What a webhook is told of.
    pub enum Domain: "domain of a webhook" {
        /// A repository: that it is made, changed, moved or deleted, and what is committed to it.
        Repo = "repo",
        /// Its discussions and pull requests.
        Discussion = "discussion",
    }
}

/// Something that a webhook watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    Repository(RepoKey),
    /// All of a namespace, what is yet to be made in it too.
    Namespace(NamespaceKey),
}

/// An address that is told what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: i64,
    pub owner: UserKey,
    pub url: String,
    pub secret: Option<String>,
    pub domains: BTreeSet<Domain>,
    pub watched: BTreeSet<Watched>,
    /// Told of nothing.
    pub disabled: bool,
    /// Since when it is told.
    pub created_at: Timestamp,
}

/// What a webhook is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookWish {
    pub url: String,
    pub secret: Option<String>,
    pub domains: BTreeSet<Domain>,
    pub watched: BTreeSet<Watched>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = webhooks)]
#[diesel(treat_none_as_null = true)]
struct Wished {
    owner: i64,
    url: String,
    secret: Option<String>,
    domains: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub(crate) struct Row {
    pub(crate) id: i64,
    owner: i64,
    url: String,
    secret: Option<String>,
    domains: String,
    disabled: bool,
    created_at: i64,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = webhook_watches)]
struct WatchRow {
    webhook: i64,
    namespace: bool,
    target: i64,
}

impl WatchRow {
    fn new(webhook: i64, watched: Watched) -> Self {
        match watched {
            Watched::Repository(key) => Self { webhook, namespace: false, target: key.0 },
            Watched::Namespace(key) => Self { webhook, namespace: true, target: key.0 },
        }
    }

    fn watched(&self) -> Watched {
        match self.namespace {
            true => Watched::Namespace(NamespaceKey(self.target)),
            false => Watched::Repository(RepoKey(self.target)),
        }
    }
}

fn wished(owner: UserKey, wish: &WebhookWish) -> Wished {
    let domains: Vec<&str> = wish.domains.iter().map(|domain| domain.as_str()).collect();
    Wished { owner: owner.0, url: wish.url.clone(), secret: wish.secret.clone(), domains: domains.join(",") }
}

fn webhook(row: Row, watches: &[WatchRow]) -> Result<Webhook> {
    let domains = row.domains.split(',').map(|word| rows::parse("webhooks.domains", row.id, word));
    Ok(Webhook {
        id: row.id,
        owner: UserKey(row.owner),
        url: row.url,
        secret: row.secret,
        domains: domains.collect::<Result<_>>()?,
        watched: watches.iter().filter(|watch| watch.webhook == row.id).map(WatchRow::watched).collect(),
        disabled: row.disabled,
        created_at: Timestamp(row.created_at),
    })
}

for_both! {
    pub async fn create(
        c: &mut Connection,
        row: Wished,
        watched: Vec<Watched>,
        at: i64,
        most: i64,
        note: Option<UnsealedRow>,
    ) -> Result<Option<i64>> {
        // So that somebody who asks twice at once gets no more than they may have.
        let owner = users::table.find(row.owner).select(users::id);
        lock!(owner).first::<i64>(c).await?;
        let there: i64 = webhooks::table.filter(webhooks::owner.eq(row.owner)).count().get_result(c).await?;
        if there >= most {
            return Ok(None);
        }
        let id = diesel::insert_into(webhooks::table).values((row, webhooks::created_at.eq(at))).returning(webhooks::id);
        let id = id.get_result(c).await?;
        watch(c, id, watched).await?;
        put_down!(c, note);
        Ok(Some(id))
    }

    async fn watch(c: &mut Connection, id: i64, watched: Vec<Watched>) -> Result<()> {
        diesel::delete(webhook_watches::table.filter(webhook_watches::webhook.eq(id))).execute(c).await?;
        let rows: Vec<WatchRow> = watched.into_iter().map(|watched| WatchRow::new(id, watched)).collect();
        bulk_insert!(c, webhook_watches::table, rows)?;
        Ok(())
    }

    pub async fn list(c: &mut Connection, owner: i64, only: Option<i64>, limit: i64) -> Result<(Vec<Row>, Vec<WatchRow>)> {
        let mut found = webhooks::table.filter(webhooks::owner.eq(owner)).into_boxed();
        if let Some(id) = only {
            found = found.filter(webhooks::id.eq(id));
        }
        let found: Vec<Row> = found.order(webhooks::id).limit(limit).select(Row::as_select()).load(c).await?;
        let ids: Vec<i64> = found.iter().map(|row| row.id).collect();
        let watches = webhook_watches::table.filter(webhook_watches::webhook.eq_any(ids));
        Ok((found, watches.select(WatchRow::as_select()).load(c).await?))
    }

    pub async fn update(
        c: &mut Connection,
        id: i64,
        row: Wished,
        watched: Vec<Watched>,
        note: Option<UnsealedRow>,
    ) -> Result<bool> {
        let own = webhooks::table.find(id).filter(webhooks::owner.eq(row.owner));
        let there = diesel::update(own).set(row).execute(c).await? > 0;
        if there {
            watch(c, id, watched).await?;
            put_down!(c, note);
        }
        Ok(there)
    }

    pub async fn set_disabled(
        c: &mut Connection,
        owner: i64,
        id: i64,
        disabled: bool,
        note: Option<UnsealedRow>,
    ) -> Result<bool> {
        let own = webhooks::table.find(id).filter(webhooks::owner.eq(owner));
        let next = (webhooks::disabled.eq(disabled), webhooks::failures.eq(0));
        let there = diesel::update(own).set(next).execute(c).await? > 0;
        if there {
            put_down!(c, note);
        }
        Ok(there)
    }

    pub async fn delete(c: &mut Connection, owner: i64, id: i64, note: Option<UnsealedRow>) -> Result<bool> {
        let own = webhooks::table.find(id).filter(webhooks::owner.eq(owner));
        let there = diesel::delete(own).execute(c).await? > 0;
        if there {
            put_down!(c, note);
        }
        Ok(there)
    }

    pub async fn watching(c: &mut Connection, targets: Vec<i64>) -> Result<(Vec<(Row, UserRow, String)>, Vec<WatchRow>)> {
        let watches = webhook_watches::table.filter(webhook_watches::target.eq_any(targets));
        let watches: Vec<WatchRow> = watches.select(WatchRow::as_select()).load(c).await?;
        let ids: BTreeSet<i64> = watches.iter().map(|watch| watch.webhook).collect();
        let found = webhooks::table.inner_join(users::table.inner_join(namespaces::table))
            .filter(webhooks::id.eq_any(ids)).filter(webhooks::disabled.eq(false).and(users::active.eq(true)));
        let columns = (Row::as_select(), UserRow::as_select(), namespaces::name);
        Ok((found.order(webhooks::id).select(columns).load(c).await?, watches))
    }
}

impl Catalog {
    /// Makes a webhook, of which its owner has at most `most`: none where they have as many.
    pub async fn create_webhook(
        &self,
        owner: UserKey,
        wish: &WebhookWish,
        at: Timestamp,
        most: usize,
    ) -> Result<Option<i64>> {
        let (row, watched) = (wished(owner, wish), wish.watched.iter().copied().collect());
        transaction!(self.database, create(row, watched, at.0, rows::limit(most), self.note_row()?))
    }

    /// Somebody's webhooks, oldest first.
    pub async fn list_webhooks(&self, owner: UserKey, limit: usize) -> Result<Vec<Webhook>> {
        let (found, watches) = read!(self.database, list(owner.0, None, rows::limit(limit)))?;
        found.into_iter().map(|row| webhook(row, &watches)).collect()
    }

    /// One of somebody's webhooks.
    pub async fn find_webhook(&self, owner: UserKey, id: i64) -> Result<Option<Webhook>> {
        let (found, watches) = read!(self.database, list(owner.0, Some(id), 1))?;
        found.into_iter().next().map(|row| webhook(row, &watches)).transpose()
    }

    /// Makes one of somebody's webhooks another one; false where it is not theirs.
    pub async fn update_webhook(&self, owner: UserKey, id: i64, wish: &WebhookWish) -> Result<bool> {
        let (row, watched) = (wished(owner, wish), wish.watched.iter().copied().collect());
        transaction!(self.database, update(id, row, watched, self.note_row()?))
    }

    /// Stops one of somebody's webhooks, or lets it go on; false where it is not theirs.
    pub async fn set_webhook_disabled(&self, owner: UserKey, id: i64, disabled: bool) -> Result<bool> {
        transaction!(self.database, set_disabled(owner.0, id, disabled, self.note_row()?))
    }

    /// Forgets one of somebody's webhooks and the messages to it; false where it is not theirs.
    pub async fn delete_webhook(&self, owner: UserKey, id: i64) -> Result<bool> {
        transaction!(self.database, delete(owner.0, id, self.note_row()?))
    }

    /// The webhooks that are told of any of these, with their owners, in two statements.
    pub async fn webhooks_watching(&self, watched: &BTreeSet<Watched>) -> Result<Vec<(Webhook, User)>> {
        let targets = watched.iter().map(|watched| WatchRow::new(0, *watched).target).collect();
        let (found, watches) = read!(self.database, watching(targets))?;
        let pair =
            |(row, owner, name): (Row, UserRow, String)| Ok((webhook(row, &watches)?, rows::user((owner, name))?));
        found.into_iter().map(pair).collect()
    }
}
