//! Bringing a database up to date.

use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::pool::{connect, on_own_task};
use crate::{Connections, Database, Error, Result};

/// One room's migrations, for both databases. Version numbers are unique over all rooms: the date, two digits for the
/// room and two for the order (`202611211001_repositories`).
pub struct Migrations {
    pub sqlite: EmbeddedMigrations,
    pub postgres: EmbeddedMigrations,
}

/// Any number, the same for every node that migrates one database.
const ADVISORY_LOCK: i64 = 0x62_61_6c_6c_61_73_74;

impl Database {
    /// Runs what has not run yet. Several nodes may start at once: they take turns.
    pub async fn migrate(&self, migrations: Migrations) -> Result<()> {
        match self.connections() {
            Connections::Sqlite { write, .. } => {
                let pool = write.clone();
                on_own_task(async move {
                    let mut connection = connect(&pool).await?;
                    let run = connection.spawn_blocking(move |connection| {
                        Ok(connection.run_pending_migrations(migrations.sqlite).map(|_| ()).map_err(|e| e.to_string()))
                    });
                    run.await?.map_err(Error::Migration)
                })
                .await
            }
            Connections::Postgres(pool) => {
                let pool = pool.clone();
                on_own_task(async move {
                    let mut guard = connect(&pool).await?;
                    diesel::sql_query(format!("SELECT pg_advisory_lock({ADVISORY_LOCK})")).execute(&mut guard).await?;
                    let connection = connect(&pool).await?;
                    let run = tokio::task::spawn_blocking(move || {
                        let mut harness = AsyncMigrationHarness::new(connection);
                        harness.run_pending_migrations(migrations.postgres).map(|_| ()).map_err(|e| e.to_string())
                    });
                    let done = run.await.unwrap_or_else(|error| Err(error.to_string()));
                    diesel::sql_query(format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))
                        .execute(&mut guard)
                        .await?;
                    done.map_err(Error::Migration)
                })
                .await
            }
        }
    }
}

/// A room's migrations from its folders `migrations/sqlite` and `migrations/postgres`. The room depends on
/// `diesel_migrations`.
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::Migrations {
            sqlite: {
                const EMBEDDED: diesel_migrations::EmbeddedMigrations =
                    diesel_migrations::embed_migrations!("migrations/sqlite");
                EMBEDDED
            },
            postgres: {
                const EMBEDDED: diesel_migrations::EmbeddedMigrations =
                    diesel_migrations::embed_migrations!("migrations/postgres");
                EMBEDDED
            },
        }
    };
}
