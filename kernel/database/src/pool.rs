//! Opening a database and handing out its connections.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::{ConnectionError, SqliteConnection};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::FutureExt;
use tracing::Instrument;

use crate::{Error, Result};

/// A connection to SQLite.
pub type Sqlite = SyncConnectionWrapper<SqliteConnection>;
/// A connection to PostgreSQL.
pub type Postgres = AsyncPgConnection;

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections to PostgreSQL, or reading connections to SQLite (which has one writer besides).
    pub connections: usize,
    /// How long a call waits for a connection.
    pub wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, wait: Duration::from_secs(30) }
    }
}

/// The pools behind a [`Database`].
#[derive(Clone)]
pub enum Connections {
    /// SQLite has a single writer; a pool of one makes writers queue here instead of failing as busy.
    Sqlite {
        read: Pool<Sqlite>,
        write: Pool<Sqlite>,
    },
    Postgres(Pool<Postgres>),
}

/// A database, chosen by its URL. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    connections: Connections,
}

// Fully synchronous: an acknowledged commit survives a power cut (WAL's NORMAL would lose the last ones).
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 20000; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA mmap_size = 268435456;";

impl Database {
    /// Opens `postgres://…`, `sqlite://PATH`, or a plain path (SQLite). Nothing is created but an SQLite file.
    pub async fn open(url: &str, options: &Options) -> Result<Self> {
        let connections = match Kind::of(url)? {
            Kind::Postgres => Connections::Postgres(postgres(url, options)?),
            Kind::Sqlite(path) => Connections::Sqlite {
                read: sqlite(&path, options.connections, options)?,
                write: sqlite(&path, 1, options)?,
            },
        };
        let database = Self { connections };
        database.ping().await?;
        Ok(database)
    }

    /// Whether a URL names a database that this program speaks; nothing is opened.
    pub fn check_url(url: &str) -> Result<()> {
        Kind::of(url).map(|_| ())
    }

    /// The pools, for the macros and for what must know the dialect.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// `sqlite` or `postgresql`.
    pub fn dialect(&self) -> &'static str {
        match self.connections {
            Connections::Sqlite { .. } => "sqlite",
            Connections::Postgres(_) => "postgresql",
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<()> {
        let select = || diesel::sql_query("SELECT 1");
        match &self.connections {
            Connections::Sqlite { write, .. } => {
                let pool = write.clone();
                on_own_task(async move { Ok(select().execute(&mut connect(&pool).await?).await.map(|_| ())?) }).await
            }
            Connections::Postgres(pool) => {
                let pool = pool.clone();
                on_own_task(async move { Ok(select().execute(&mut connect(&pool).await?).await.map(|_| ())?) }).await
            }
        }
    }
}

enum Kind {
    Sqlite(PathBuf),
    Postgres,
}

impl Kind {
    fn of(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self::Postgres),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into())),
            Some((scheme, rest)) if rest.starts_with("//") => Err(Error::Url(format!(
                "'{scheme}://' is no database that Ballast speaks; use postgres://USER:PASSWORD@HOST/NAME or sqlite://PATH"
            ))),
            _ if url.is_empty() => Err(Error::Url("the database's URL is empty".to_owned())),
            _ => Ok(Self::Sqlite(url.into())),
        }
    }
}

fn sqlite(path: &Path, size: usize, options: &Options) -> Result<Pool<Sqlite>> {
    let path = path.to_str().ok_or_else(|| Error::Url(format!("{} is not UTF-8", path.display())))?;
    let mut config = ManagerConfig::<Sqlite>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|path| {
        let path = path.to_owned();
        async move {
            let mut connection = Sqlite::establish(&path).await?;
            let failed = |error: diesel::result::Error| ConnectionError::BadConnection(error.to_string());
            connection.batch_execute(PRAGMAS).await.map_err(failed)?;
            Ok(connection)
        }
        .boxed()
    });
    build(Pool::builder(AsyncDieselConnectionManager::new_with_config(path, config)), size, options)
}

fn postgres(url: &str, options: &Options) -> Result<Pool<Postgres>> {
    let mut config = ManagerConfig::<Postgres>::default();
    config.recycling_method = RecyclingMethod::Fast;
    let builder = Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config));
    build(builder, options.connections, options)
}

fn build<C>(
    builder: diesel_async::pooled_connection::deadpool::PoolBuilder<C>,
    size: usize,
    options: &Options,
) -> Result<Pool<C>>
where
    AsyncDieselConnectionManager<C>:
        deadpool::managed::Manager<Type = C, Error = diesel_async::pooled_connection::PoolError>,
    C: AsyncConnection + 'static,
{
    let builder = builder.max_size(size.max(1)).wait_timeout(Some(options.wait)).create_timeout(Some(options.wait));
    builder.runtime(deadpool::Runtime::Tokio1).build().map_err(|error| Error::Unavailable(error.to_string()))
}

/// A connection from a pool.
pub async fn connect<C>(pool: &Pool<C>) -> Result<Object<C>>
where
    AsyncDieselConnectionManager<C>:
        deadpool::managed::Manager<Type = C, Error = diesel_async::pooled_connection::PoolError>,
    C: AsyncConnection + 'static,
{
    pool.get().await.map_err(|error| Error::Unavailable(error.to_string()))
}

/// Runs a database call on a task of its own, so that dropping the caller cannot cut it.
pub async fn on_own_task<T, E>(
    call: impl Future<Output = std::result::Result<T, E>> + Send + 'static,
) -> std::result::Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    match tokio::spawn(call.in_current_span()).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Unavailable("the program is shutting down".to_owned()).into()),
    }
}
