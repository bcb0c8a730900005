//! The rows behind a hub, for what no request tells or changes: a deadline that is over, a limit, what is left.

use ballast_database::testing::{self, Scratch};
use ballast_database::{Connections, Database, Options};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer};
use diesel_async::RunQueryDsl;
use tokio::runtime::Runtime;

use crate::Deployment;

/// A database beside the hub that uses it.
pub struct Rows {
    pub database: Database,
    pub runtime: Runtime,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct LogState {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

impl Rows {
    /// Those of a deployment with the default settings.
    pub fn of(deployment: &Deployment) -> Self {
        Self::open(&format!("sqlite://{}", deployment.data().join("ballast.db").display()))
    }

    pub fn open(url: &str) -> Self {
        let runtime = Runtime::new().expect("threads");
        let database = runtime.block_on(Database::open(url, &Options::default())).expect("the hub's database");
        Self { database, runtime }
    }

    /// Runs a statement; how many rows it changed.
    pub fn change(&self, sql: &str) -> usize {
        self.runtime.block_on(async {
            let changed = match self.database.connections() {
                Connections::Sqlite { write, .. } => {
                    diesel::sql_query(sql).execute(&mut write.get().await.expect("a connection")).await
                }
                Connections::Postgres(pool) => {
                    diesel::sql_query(sql).execute(&mut pool.get().await.expect("a connection")).await
                }
            };
            changed.unwrap_or_else(|error| panic!("{sql}: {error}"))
        })
    }

    /// Empties SQLite's log down to its file: what was written there before leaves no room that a full disk would still
    /// have. Waits for those who read.
    pub fn cut_log(&self) {
        let Connections::Sqlite { write, .. } = self.database.connections() else { return };
        self.runtime.block_on(async {
            loop {
                let query = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
                let state: LogState =
                    query.get_result(&mut write.get().await.expect("a connection")).await.expect("a log");
                if state.busy == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
    }

    /// The one number that a query answers.
    pub fn number(&self, query: &str) -> i64 {
        let sql = format!("SELECT CAST(({query}) AS BIGINT) AS number");
        let found: Number = self.runtime.block_on(async {
            let found = match self.database.connections() {
                Connections::Sqlite { read, .. } => {
                    diesel::sql_query(&sql).get_result(&mut read.get().await.expect("a connection")).await
                }
                Connections::Postgres(pool) => {
                    diesel::sql_query(&sql).get_result(&mut pool.get().await.expect("a connection")).await
                }
            };
            found.unwrap_or_else(|error| panic!("{sql}: {error}"))
        });
        found.number
    }
}

/// An empty PostgreSQL database.
pub struct Postgres {
    scratch: Scratch,
    /// What the connections of `scratch` live on.
    _runtime: Runtime,
}

impl Postgres {
    /// None where the tests have no server; that is said.
    pub fn new() -> Option<Self> {
        let runtime = Runtime::new().expect("threads");
        let scratch = runtime.block_on(testing::postgres())?;
        Some(Self { scratch, _runtime: runtime })
    }

    /// A deployment that keeps its rows there.
    pub fn deployment(&self) -> Deployment {
        Deployment::new().set("database.url", &self.scratch.url)
    }

    /// Another node of a deployment: its own data folder, the same rows, the same bytes.
    pub fn beside(&self, first: &Deployment) -> Deployment {
        let bytes = first.data().join("storage");
        let deployment = self.deployment().set("storage.main.plugin", "storage.opendal");
        let deployment = deployment.set("storage.main.config.scheme", "fs");
        deployment.set("storage.main.config.root", &bytes.display().to_string())
    }

    /// What a configuration says to use it.
    pub fn url(&self) -> &str {
        &self.scratch.url
    }

    pub fn rows(&self) -> Rows {
        Rows::open(&self.scratch.url)
    }
}
