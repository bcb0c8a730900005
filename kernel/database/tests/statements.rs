//! The count of statements. A program of its own: there is one count a process.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_database::testing::{self, Scratch};
use ballast_database::{Result, for_both, read, transaction, write};
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

diesel::table! { numbers (number) { number -> BigInt, } }

/// Keeps the one counter.
#[derive(Clone, Default)]
struct Total(Arc<AtomicU64>);

impl metrics::Recorder for Total {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        assert_eq!(key.name(), "ballast_database_statements_total");
        Counter::from_arc(self.0.clone())
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Total {
    fn now(&self) -> u64 {
        AtomicU64::load(&self.0, Ordering::Relaxed)
    }

    fn since(&self, before: u64) -> u64 {
        self.now() - before
    }
}

for_both! {
    pub async fn create(c: &mut Connection) -> Result<()> {
        Ok(c.batch_execute("CREATE TABLE numbers (number BIGINT PRIMARY KEY)").await?)
    }

    pub async fn insert(c: &mut Connection, rows: Vec<i64>) -> Result<usize> {
        let rows: Vec<_> = rows.into_iter().map(|row| numbers::number.eq(row)).collect();
        Ok(bulk_insert!(c, numbers::table, rows)?)
    }

    pub async fn all(c: &mut Connection) -> Result<Vec<i64>> {
        Ok(numbers::table.select(numbers::number).load(c).await?)
    }

    pub async fn each(c: &mut Connection, numbers: Vec<i64>) -> Result<usize> {
        let mut found = 0;
        for number in numbers {
            found += usize::from(numbers::table.find(number).select(numbers::number).first::<i64>(c).await.optional()?.is_some());
        }
        Ok(found)
    }
}

async fn counts(scratch: Scratch, total: &Total) {
    let database = &scratch.database;
    let () = write!(database, create()).unwrap();
    // Connections are made when they are needed, and say some things first.
    let _ = (read!(database, all()).unwrap(), write!(database, insert(vec![0])).unwrap());
    let before = total.now();
    assert_eq!(write!(database, insert((1..1001).collect())).unwrap(), 1000);
    assert_eq!(total.since(before), 1, "a thousand rows are one statement");
    let before = total.now();
    assert_eq!(write!(database, insert(vec![])).unwrap(), 0);
    assert_eq!(total.since(before), 0, "no rows are none");
    let before = total.now();
    assert_eq!(read!(database, all()).unwrap().len(), 1001);
    assert_eq!(total.since(before), 1);
    let before = total.now();
    assert_eq!(read!(database, each((0..20).collect())).unwrap(), 20);
    assert_eq!(total.since(before), 20, "a loop of statements is seen");
    let before = total.now();
    assert_eq!(transaction!(database, insert(vec![2000])).unwrap(), 1);
    assert_eq!(total.since(before), 3, "begin, insert, commit");
    let before = total.now();
    database.checkpoint().await.unwrap();
    assert_eq!(total.since(before), 0, "nobody asked for the upkeep");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_statement_is_counted_and_a_bulk_insert_is_one() {
    let total = Total::default();
    metrics::set_global_recorder(total.clone()).unwrap();
    counts(testing::sqlite().await, &total).await;
    if let Some(scratch) = testing::postgres().await {
        counts(scratch, &total).await;
    }
}
