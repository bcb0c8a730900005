//! The macros, on both databases.
#![allow(clippy::unwrap_used)]

use std::thread::{self, ThreadId};

use ballast_database::{Database, Error, Result, for_both, on_both, read, transaction, write};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

diesel::table! { counters (name) { name -> Text, value -> BigInt, } }

#[derive(Insertable, Clone)]
#[diesel(table_name = counters)]
struct Counter {
    name: String,
    value: i64,
}

for_both! {
    pub async fn create(c: &mut Connection) -> Result<()> {
        Ok(c.batch_execute("CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)").await?)
    }

    pub async fn insert(c: &mut Connection, rows: Vec<Counter>) -> Result<usize> {
        Ok(bulk_insert!(c, counters::table, rows)?)
    }

    pub async fn put(c: &mut Connection, rows: Vec<Counter>) -> Result<usize> {
        let tail = counters::value.eq(counters::value * 100 + excluded(counters::value));
        Ok(bulk_insert!(c, counters::table, rows, on_conflict(counters::name).do_update().set(tail))?)
    }

    pub async fn value(c: &mut Connection, name: String) -> Result<i64> {
        Ok(counters::table.find(name).select(counters::value).first(c).await?)
    }

    pub async fn add_slowly(c: &mut Connection, name: String, fail: bool) -> Result<i64> {
        let query = counters::table.filter(counters::name.eq(&name)).select(counters::value);
        let old: i64 = lock!(query).first(c).await?;
        diesel::update(counters::table.find(&name)).set(counters::value.eq(old + 1)).execute(c).await?;
        if fail { Err(Error::NotFound) } else { Ok(old + 1) }
    }

    pub async fn where_it_runs(c: &mut Connection) -> Result<Vec<ThreadId>> {
        let mut threads = vec![];
        for name in ["c1", "c2", "c3"] {
            diesel::update(counters::table.find(name)).set(counters::value.eq(1)).execute(c).await?;
            threads.push(thread::current().id());
        }
        Ok(threads)
    }
}

async fn value_of(database: &Database, name: &str) -> Result<i64> {
    read!(database, value(name.to_owned()))
}

async fn prepared(database: &Database) {
    let () = write!(database, create()).unwrap();
    let rows: Vec<_> = (0..5000).map(|i| Counter { name: format!("c{i}"), value: 0 }).collect();
    assert_eq!(write!(database, insert(rows)).unwrap(), 5000);
}

async fn puts(database: &Database) {
    let () = write!(database, create()).unwrap();
    let rows = |names: [&str; 2], value| names.map(|name| Counter { name: name.to_owned(), value }).to_vec();
    assert_eq!(write!(database, put(rows(["a", "b"], 1))).unwrap(), 2);
    assert_eq!(write!(database, put(rows(["b", "c"], 2))).unwrap(), 2);
    for (name, value) in [("a", 1), ("b", 102), ("c", 2)] {
        assert_eq!(value_of(database, name).await.unwrap(), value, "{name}");
    }
    assert_eq!(write!(database, insert(rows(["c", "d"], 3))).unwrap(), 1, "without a tail they are left alone");
    assert_eq!(value_of(database, "c").await.unwrap(), 2);
}

on_both! {
    async fn rows_that_are_there_are_changed_by_the_tail_and_the_others_are_new(scratch: &Scratch) {
        puts(&scratch.database).await;
    }

    async fn a_read_modify_write_under_a_lock_loses_no_update(scratch: &Scratch) {
        prepared(&scratch.database).await;
        let writers: Vec<_> = (0..8).map(|_| {
            let database = scratch.database.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    transaction!(database, add_slowly("c1".to_owned(), false)).unwrap();
                }
            })
        }).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(value_of(&scratch.database, "c1").await.unwrap(), 160);
    }

    async fn an_error_rolls_the_transaction_back(scratch: &Scratch) {
        prepared(&scratch.database).await;
        assert!(transaction!(scratch.database, add_slowly("c1".to_owned(), true)).is_err());
        assert_eq!(value_of(&scratch.database, "c1").await.unwrap(), 0);
    }

    async fn a_caller_that_goes_away_leaves_the_pool_in_order(scratch: &Scratch) {
        prepared(&scratch.database).await;
        for _ in 0..50 {
            let call = async { transaction!(scratch.database, add_slowly("c1".to_owned(), false)) };
            let _ = tokio::time::timeout(std::time::Duration::from_micros(50), call).await;
        }
        transaction!(scratch.database, add_slowly("c2".to_owned(), false)).unwrap();
        assert_eq!(value_of(&scratch.database, "c2").await.unwrap(), 1);
    }

    async fn a_missing_row_and_a_row_that_exists_are_told_apart(scratch: &Scratch) {
        prepared(&scratch.database).await;
        assert!(matches!(value_of(&scratch.database, "none").await, Err(Error::NotFound)));
    }
}

// Between two statements it would otherwise wait for the runtime, behind all that is ready to run there.
#[tokio::test]
async fn a_transaction_on_sqlite_keeps_the_writer_on_one_thread_that_may_block() {
    let scratch = ballast_database::testing::sqlite().await;
    prepared(&scratch.database).await;
    let threads = transaction!(scratch.database, where_it_runs()).unwrap();
    assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
    assert_ne!(threads[0], thread::current().id(), "the runtime's own");
}

#[test]
fn a_url_of_another_database_is_refused_with_what_to_write() {
    let error = Database::check_url("mysql://localhost/x").unwrap_err().to_string();
    assert!(error.contains("postgres://USER:PASSWORD@HOST/NAME"), "{error}");
}

#[tokio::test]
async fn what_was_committed_is_carried_into_the_file_by_a_checkpoint_and_not_by_the_commit() {
    let scratch = ballast_database::testing::sqlite().await;
    let file = || std::fs::metadata(scratch.url.trim_start_matches("sqlite://")).unwrap().len();
    let before = file();
    prepared(&scratch.database).await;
    assert_eq!(file(), before);
    scratch.database.checkpoint().await.unwrap();
    assert!(file() > before + 50_000, "{before} bytes, and now {}", file());
    assert_eq!(value_of(&scratch.database, "c4999").await.unwrap(), 0);
}
