//! Databases for tests: a fresh one each, on both systems.
//!
//! PostgreSQL is the server that `BALLAST_TEST_POSTGRES` names (a superuser's URL); `tests/run` starts one. Without it,
//! tests run on SQLite alone and say so.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel_async::{AsyncConnection, RunQueryDsl};

use crate::{Database, Options, Postgres};

/// A database that is removed when it goes out of scope.
pub struct Scratch {
    /// What a test works on.
    pub database: Database,
    /// Its URL, for what opens it again.
    pub url: String,
    folder: Option<PathBuf>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // A file that stays behind in the temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("ballast_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new SQLite file.
pub async fn sqlite() -> Scratch {
    // In memory where there is such a place: tests ask for many durable writes, and none has to survive the machine.
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() }.join(unique());
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let url = format!("sqlite://{}", folder.join("test.db").display());
    let database = Database::open(&url, &Options::default()).await.expect("an SQLite database");
    Scratch { database, url, folder: Some(folder) }
}

/// A new database on the PostgreSQL server of the tests; none where there is no server.
pub async fn postgres() -> Option<Scratch> {
    let Ok(server) = std::env::var("BALLAST_TEST_POSTGRES") else {
        eprintln!("not tested on PostgreSQL: BALLAST_TEST_POSTGRES is not set (tests/run sets it)");
        return None;
    };
    let name = unique();
    let mut connection = Postgres::establish(&server).await.expect("the PostgreSQL server of the tests");
    // Names repeat when process ids do; what an earlier run left is not wanted.
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        diesel::sql_query(statement).execute(&mut connection).await.expect("a database for one test");
    }
    let (address, query) = server.split_once('?').map_or((server.as_str(), None), |(a, q)| (a, Some(q)));
    let (base, _) = address.rsplit_once('/').expect("a URL with a database");
    let url = query.map_or_else(|| format!("{base}/{name}"), |query| format!("{base}/{name}?{query}"));
    let database = Database::open(&url, &Options::default()).await.expect("a new PostgreSQL database");
    Some(Scratch { database, url, folder: None })
}

/// Runs a test on both databases: `on_both! { async fn a_sentence(scratch: &Scratch) { … } }`. The crate depends on
/// tokio with `macros`.
#[macro_export]
macro_rules! on_both {
    ($(async fn $name:ident($scratch:ident: &Scratch) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($scratch: &$crate::testing::Scratch) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                test(&$crate::testing::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(scratch) = $crate::testing::postgres().await {
                    test(&scratch).await;
                }
            }
        }
    )*};
}
