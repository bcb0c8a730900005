//! What is kept in memory, against real writes.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ballast_database::{Database, Options, Recent, Result, for_both, read, write};
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

diesel::table! { facts (name) { name -> Text, value -> BigInt, } }

for_both! {
    pub async fn create(c: &mut Connection) -> Result<()> {
        Ok(c.batch_execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value BIGINT NOT NULL); \
            INSERT INTO facts VALUES ('a', 0), ('b', 0)").await?)
    }

    pub async fn value(c: &mut Connection, name: &'static str) -> Result<i64> {
        Ok(facts::table.find(name).select(facts::value).first(c).await?)
    }

    pub async fn set(c: &mut Connection, name: &'static str, value: i64) -> Result<()> {
        diesel::update(facts::table.find(name)).set(facts::value.eq(value)).execute(c).await?;
        Ok(())
    }
}

/// Facts by name, from memory where they are known.
struct Facts {
    database: Database,
    recent: Recent<&'static str, i64>,
}

impl Facts {
    fn of(database: &Database) -> Self {
        Self { database: database.clone(), recent: Recent::new(database, 100, Duration::ZERO) }
    }

    async fn get(&self, name: &'static str) -> i64 {
        if let Some(value) = self.recent.get(&name) {
            return value;
        }
        let mark = self.recent.mark(&name);
        let value = read!(self.database, value(name)).unwrap();
        self.recent.put(name, value, mark);
        value
    }

    async fn set(&self, name: &'static str, value: i64) {
        let () = write!(self.database.outdating(self.recent.one(&name)), set(name, value)).unwrap();
    }
}

async fn opened(folder: &tempfile::TempDir, alone: bool) -> Database {
    let path = folder.path().join("db").display().to_string();
    Database::open(&path, &Options { alone, ..Options::default() }).await.unwrap()
}

#[tokio::test]
async fn a_write_outdates_what_was_kept_also_when_its_caller_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let database = opened(&folder, true).await;
    let () = write!(database, create()).unwrap();
    let facts = Facts::of(&database);
    for value in 1..200 {
        facts.get("a").await;
        let _ = tokio::time::timeout(Duration::from_micros(20 * value as u64 % 400), facts.set("a", value)).await;
        // Whatever is kept is what the database has, or is about to be outdated by the write that still runs.
        let seen = facts.get("a").await;
        assert!(seen == value || seen == value - 1, "{seen} after {value} was being written");
        facts.set("a", value).await;
        assert_eq!(facts.get("a").await, value);
    }
}

#[tokio::test]
async fn only_the_writes_of_another_process_are_noticed_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let database = opened(&folder, true).await;
    let () = write!(database, create()).unwrap();
    let (facts, other) = (Facts::of(&database), Facts::of(&opened(&folder, false).await));
    database.notice_others().await.unwrap();

    assert_eq!(facts.get("a").await, 0);
    facts.set("b", 1).await;
    database.notice_others().await.unwrap();
    assert_eq!(facts.recent.get(&"a"), Some(0), "a write of its own outdated another key");

    other.set("a", 5).await;
    assert_eq!(facts.get("a").await, 0);
    database.notice_others().await.unwrap();
    assert_eq!(facts.get("a").await, 5);
}
