//! The durable rows of plugins that have no database of their own, in a table of the hub's.
//!
//! Every instance has a space of its own, named after it. A write is one transaction whose statements each look at the
//! version that the writer saw, so that it is safe between nodes too.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::{Error, ErrorKind, Page, Result, State, Versioned, WriteIf};
use ballast_database as database;
use ballast_database::{Database, Migrations, for_both, read, transaction};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::sync::OnceCell;

const OPERATION: &str = "state";

diesel::table! {
    plugin_state (owner, name) {
        owner -> Text,
        name -> Text,
        version -> BigInt,
        value -> Binary,
    }
}

/// The space of one instance.
pub(crate) struct Rows {
    database: Database,
    owner: String,
    /// The table is made when it is first needed: most hubs have no plugin that asks for it.
    migrated: OnceCell<()>,
}

/// The table.
pub(crate) fn migrations() -> Migrations {
    ballast_database::migrations!()
}

/// The space of an instance (`versioning.main`), for whoever opens a plugin by itself.
pub fn state_of(database: Database, instance: &str) -> Arc<dyn State> {
    Arc::new(Rows::new(database, instance.to_owned()))
}

/// Why nothing was written.
enum Halt {
    /// A key is not at the version that the writer saw.
    Stale,
    Database(database::Error),
}

impl From<database::Error> for Halt {
    fn from(error: database::Error) -> Self {
        Self::Database(error)
    }
}

impl From<diesel::result::Error> for Halt {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

type Row = (String, i64, Vec<u8>);

for_both! {
    pub async fn find(c: &mut Connection, owner: String, name: String) -> database::Result<Option<Row>> {
        use plugin_state as t;
        let row = t::table.find((owner, name)).select((t::name, t::version, t::value));
        Ok(row.first(c).await.optional()?)
    }

    /// The first keys from this one on, or behind it.
    pub async fn page(
        c: &mut Connection, owner: String, from: String, inclusive: bool, limit: i64,
    ) -> database::Result<Vec<Row>> {
        use plugin_state as t;
        let ours = t::table.filter(t::owner.eq(owner)).select((t::name, t::version, t::value));
        let sorted = ours.order(t::name).limit(limit);
        Ok(match inclusive {
            true => sorted.filter(t::name.ge(from)).load(c).await?,
            false => sorted.filter(t::name.gt(from)).load(c).await?,
        })
    }

    /// All of these writes or none. They come in the order of their keys, so that nobody waits in a circle.
    pub async fn apply(c: &mut Connection, owner: String, writes: Vec<WriteIf>) -> std::result::Result<(), Halt> {
        use plugin_state as t;
        for WriteIf { key, version, value } in writes {
            let version = i64::try_from(version).map_err(|_| Halt::Stale)?;
            let there = t::table.find((owner.clone(), key.clone()));
            let seen = there.clone().filter(t::version.eq(version));
            let done = match (version, value) {
                (0, None) => {
                    let found: Option<i64> = there.select(t::version).first(c).await.optional()?;
                    found.is_none()
                }
                (0, Some(value)) => {
                    let row = (t::owner.eq(&owner), t::name.eq(&key), t::version.eq(1_i64), t::value.eq(value));
                    let insert = diesel::insert_into(t::table).values(row).on_conflict_do_nothing();
                    insert.execute(c).await? == 1
                }
                (_, None) => diesel::delete(seen).execute(c).await? == 1,
                (_, Some(value)) => {
                    let update = diesel::update(seen).set((t::version.eq(t::version + 1), t::value.eq(value)));
                    update.execute(c).await? == 1
                }
            };
            if !done {
                return Err(Halt::Stale);
            }
        }
        Ok(())
    }
}

async fn find_row(database: &Database, owner: String, name: String) -> database::Result<Option<Row>> {
    read!(database, find(owner, name))
}

async fn page_rows(
    database: &Database,
    owner: String,
    from: String,
    inclusive: bool,
    limit: i64,
) -> database::Result<Vec<Row>> {
    read!(database, page(owner, from, inclusive, limit))
}

async fn apply_writes(database: &Database, owner: String, writes: Vec<WriteIf>) -> std::result::Result<(), Halt> {
    transaction!(database, apply(owner, writes))
}

impl Rows {
    pub(crate) fn new(database: Database, owner: String) -> Self {
        Self { database, owner, migrated: OnceCell::new() }
    }

    async fn ready(&self) -> Result<&Database> {
        let migrate = async || self.database.migrate(migrations()).await.map_err(failed);
        self.migrated.get_or_try_init(migrate).await?;
        Ok(&self.database)
    }
}

#[async_trait]
impl State for Rows {
    async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        // PostgreSQL takes no zero byte in a text, and no key has one.
        if key.contains('\0') {
            return Ok(None);
        }
        let row = find_row(self.ready().await?, self.owner.clone(), key.to_owned()).await.map_err(failed)?;
        Ok(row.map(|row| versioned(row).1))
    }

    async fn apply(&self, mut writes: Vec<WriteIf>) -> Result<bool> {
        if let Some(write) = writes.iter().find(|write| write.key.contains('\0')) {
            let context = format!("the key '{}' has a zero byte in it", write.key.escape_debug());
            return Err(Error::new(ErrorKind::Invalid, OPERATION, context));
        }
        writes.sort_by(|a, b| a.key.cmp(&b.key));
        match apply_writes(self.ready().await?, self.owner.clone(), writes).await {
            Ok(()) => Ok(true),
            Err(Halt::Stale) => Ok(false),
            Err(Halt::Database(error)) => Err(failed(error)),
        }
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<(String, Versioned)>> {
        if prefix.contains('\0') || after.as_ref().is_some_and(|after| after.contains('\0')) {
            return Ok(Page::last(Vec::new()));
        }
        let limit = limit.max(1);
        let (inclusive, from) = (after.is_none(), after.unwrap_or_else(|| prefix.to_owned()));
        let take = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let found = page_rows(self.ready().await?, self.owner.clone(), from, inclusive, take).await;
        let mut rows = found.map_err(failed)?;
        rows.truncate(rows.iter().take_while(|(name, ..)| name.starts_with(prefix)).count());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(name, ..)| name.clone());
        Ok(Page { items: rows.into_iter().map(versioned).collect(), next })
    }
}

fn versioned((name, version, value): Row) -> (String, Versioned) {
    (name, Versioned { value, version: u64::try_from(version).unwrap_or_default() })
}

fn failed(error: database::Error) -> Error {
    let (kind, context) = match &error {
        database::Error::Unavailable(_) => (ErrorKind::Unavailable, "the hub's database does not answer"),
        database::Error::Full(_) => (ErrorKind::NoRoom, "the hub's database has no room left on its disk"),
        database::Error::Corrupt(_) => (ErrorKind::Corrupt, "the hub's database is damaged"),
        _ => (ErrorKind::Internal, "the hub's database refused a call"),
    };
    Error::new(kind, OPERATION, context).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_database::testing::Scratch;

    fn write(key: &str, version: u64, value: Option<&str>) -> WriteIf {
        WriteIf { key: key.to_owned(), version, value: value.map(|text| text.as_bytes().to_vec()) }
    }

    fn rows(scratch: &Scratch, owner: &str) -> Rows {
        Rows::new(scratch.database.clone(), owner.to_owned())
    }

    async fn keys(rows: &Rows, prefix: &str, limit: usize) -> Vec<String> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = rows.scan(prefix, after, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items.into_iter().map(|(key, _)| key));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }

    ballast_database::on_both! {
        async fn a_write_happens_only_where_every_key_is_as_the_writer_saw_it(scratch: &Scratch) {
            let rows = rows(scratch, "versioning.main");
            assert_eq!(rows.get("a").await.unwrap(), None);
            assert!(rows.apply(vec![write("b", 0, Some("1")), write("a", 0, Some("1"))]).await.unwrap());
            assert!(!rows.apply(vec![write("c", 0, Some("1")), write("a", 0, Some("2"))]).await.unwrap());
            assert!(!rows.apply(vec![write("c", 0, Some("1")), write("a", 2, Some("2"))]).await.unwrap());
            assert!(!rows.apply(vec![write("c", 0, Some("1")), write("a", 0, None)]).await.unwrap());
            assert_eq!(rows.get("c").await.unwrap(), None, "all or none");
            assert!(rows.apply(vec![write("a", 1, Some("2")), write("c", 0, None), write("b", 1, None)]).await.unwrap());
            assert_eq!(rows.get("a").await.unwrap(), Some(Versioned { value: b"2".to_vec(), version: 2 }));
            assert_eq!(rows.get("b").await.unwrap(), None);
            assert!(rows.apply(Vec::new()).await.unwrap());
        }

        async fn instances_do_not_see_each_other_and_keys_come_in_the_order_of_their_bytes(scratch: &Scratch) {
            let (one, other) = (rows(scratch, "versioning.main"), rows(scratch, "versioning.other"));
            let names = ["r/a", "r/Z", "r/a/b", "r/a-b", "r/ü", "s/a", "r"];
            assert!(one.apply(names.map(|name| write(name, 0, Some("x"))).to_vec()).await.unwrap());
            assert_eq!(other.get("r/a").await.unwrap(), None);
            for limit in [1, 2, 5, 100] {
                assert_eq!(keys(&one, "r/", limit).await, ["r/Z", "r/a", "r/a-b", "r/a/b", "r/ü"], "in pages of {limit}");
            }
            assert_eq!(keys(&other, "", 10).await, [""; 0]);
            assert_eq!(keys(&one, "r\0", 10).await, [""; 0]);
        }

        async fn of_many_writers_of_one_version_one_wins(scratch: &Scratch) {
            let rows = std::sync::Arc::new(rows(scratch, "versioning.main"));
            let tasks: Vec<_> = (0..16)
                .map(|n| {
                    let rows = rows.clone();
                    tokio::spawn(async move { rows.apply(vec![write("k", 0, Some(&n.to_string()))]).await.unwrap() })
                })
                .collect();
            let won = futures::future::join_all(tasks).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
            assert_eq!(won, 1);
        }
    }
}
