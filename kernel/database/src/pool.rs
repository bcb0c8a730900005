//! Opening a database and handing out its connections.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{ConnectionError, QueryableByName, SqliteConnection};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::recent::{Outdated, UnderWay, Writes};
use crate::stretch::WhereItMayBlock;
use crate::{Error, Result, statements};

/// A connection to SQLite.
pub type Sqlite = SyncConnectionWrapper<SqliteConnection, WhereItMayBlock>;
/// A connection to PostgreSQL.
pub type Postgres = AsyncPgConnection;

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections to PostgreSQL, or reading connections to SQLite (which has one writer besides).
    pub connections: usize,
    /// How long a call waits for a connection.
    pub wait: Duration,
    /// Nobody else writes while this is open, except now and then ([`Database::notice_others`]): rows may be kept in
    /// memory until this process changes them. Only SQLite can promise that; PostgreSQL never counts as alone.
    pub alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, wait: Duration::from_secs(30), alone: false }
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
    alone: bool,
    others: Arc<Others>,
    outdated: Vec<Outdated>,
    writes: Arc<Writes>,
}

/// Writes of other processes, as far as they were noticed.
#[derive(Default)]
struct Others {
    noticed: Arc<AtomicU64>,
    /// When the writing connection was made, and what SQLite said last of writes that were not made over it.
    last: Mutex<Option<(Instant, i64)>>,
}

// Fully synchronous: an acknowledged commit survives a power cut (WAL's NORMAL would lose the last ones). The log is
// carried over into the file by `checkpoint` and not by whoever commits, unless it has 64 MiB.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 20000; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096; PRAGMA mmap_size = 268435456; \
     PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864;";

// The pages that a commit changes fit, 32 MiB of them: otherwise they would be written more than once.
const WRITER: &str = "PRAGMA cache_size = -32768;";

impl Database {
    /// Opens `postgres://…`, `sqlite://PATH`, or a plain path (SQLite). Nothing is created but an SQLite file.
    pub async fn open(url: &str, options: &Options) -> Result<Self> {
        let connections = match Kind::of(url)? {
            Kind::Postgres => Connections::Postgres(postgres(url, options)?),
            Kind::Sqlite(path) => Connections::Sqlite {
                read: sqlite(&path, options.connections, PRAGMAS.to_owned(), options)?,
                write: sqlite(&path, 1, format!("{PRAGMAS} {WRITER}"), options)?,
            },
        };
        let alone = options.alone && matches!(connections, Connections::Sqlite { .. });
        let database = Self { connections, alone, others: Arc::default(), outdated: vec![], writes: Arc::default() };
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

    /// Whether rows may be kept in memory until this process changes them.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// The same database, for writes that outdate what a [`Recent`](crate::Recent) keeps.
    pub fn outdating(&self, outdated: Outdated) -> Self {
        let mut database = self.clone();
        database.outdated.push(outdated);
        database
    }

    /// To be held while a write runs.
    #[doc(hidden)]
    pub fn under_way(&self) -> UnderWay {
        UnderWay::begin(&self.outdated, &self.writes)
    }

    /// Whether a write of this process runs now. One that nobody waits for any more runs to its end all the same.
    pub fn is_written(&self) -> bool {
        self.writes.settled().is_none()
    }

    pub(crate) fn others(&self) -> Arc<AtomicU64> {
        self.others.noticed.clone()
    }

    /// Outdates everything that is kept in memory if another process has written since the last call. To be called a
    /// few times a second where this process is [alone](Options::alone) and commands may still write beside it.
    pub async fn notice_others(&self) -> Result<()> {
        let (Connections::Sqlite { write, .. }, true) = (&self.connections, self.alone) else { return Ok(()) };
        let pool = write.clone();
        let now = on_own_task(async move {
            let mut connection = connect(&pool).await?;
            let made = Object::metrics(&connection).created;
            let ask = |connection: &mut SqliteConnection| {
                let query = diesel::sql_query("PRAGMA data_version");
                statements::as_none(|| diesel::RunQueryDsl::get_result::<DataVersion>(query, connection))
            };
            Ok::<_, Error>((made, connection.spawn_blocking(ask).await?.data_version))
        });
        let now = Some(now.await?);
        let mut last = self.others.last.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *last, now) != now {
            self.others.noticed.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Carries what was committed over into SQLite's file, beside those who read and write. To be called about every
    /// second: a page that many commits change is then written once, and no commit waits for it. See
    /// <https://sqlite.org/wal.html#ckpt>.
    pub async fn checkpoint(&self) -> Result<()> {
        let Connections::Sqlite { read, .. } = &self.connections else { return Ok(()) };
        let pool = read.clone();
        on_own_task(async move {
            let carry = |connection: &mut SqliteConnection| {
                statements::as_none(|| connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"))
            };
            Ok(connect(&pool).await?.spawn_blocking(carry).await?)
        })
        .await
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

/// Changes whenever a commit was made over another connection than the one that is asked.
/// See <https://sqlite.org/pragma.html#pragma_data_version>.
#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    data_version: i64,
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

fn sqlite(path: &Path, size: usize, pragmas: String, options: &Options) -> Result<Pool<Sqlite>> {
    let path = path.to_str().ok_or_else(|| Error::Url(format!("{} is not UTF-8", path.display())))?;
    let mut config = ManagerConfig::<Sqlite>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |path| {
        let (path, pragmas) = (path.to_owned(), pragmas.clone());
        async move {
            let mut connection = Sqlite::establish(&path).await?;
            connection.set_instrumentation(statements::counting());
            let failed = |error: diesel::result::Error| ConnectionError::BadConnection(error.to_string());
            connection.batch_execute(&pragmas).await.map_err(failed)?;
            Ok(connection)
        }
        .boxed()
    });
    build(Pool::builder(AsyncDieselConnectionManager::new_with_config(path, config)), size, options)
}

fn postgres(url: &str, options: &Options) -> Result<Pool<Postgres>> {
    let mut config = ManagerConfig::<Postgres>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|url| {
        let url = url.to_owned();
        async move {
            let mut connection = Postgres::establish(&url).await?;
            connection.set_instrumentation(statements::counting());
            Ok(connection)
        }
        .boxed()
    });
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
pub fn on_own_task<T, E>(
    call: impl Future<Output = std::result::Result<T, E>> + Send + 'static,
) -> impl Future<Output = std::result::Result<T, E>> + Send
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    result_of(call, |call| tokio::spawn(call))
}

/// A call of no type of its own. Compiled anew for each call, tokio's part of a task was a third of the functions in
/// `ballast-api`.
pub(crate) type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a call answers that `begin` lets run somewhere else.
///
/// No `async fn`: its future would have room for the whole call, of 5 to 7 KB, as would that of each of its callers up
/// to the request, where most never ask a database; and a future is copied whenever it is handed on.
pub(crate) fn result_of<T, E>(
    call: impl Future<Output = std::result::Result<T, E>> + Send + 'static,
    begin: fn(Call) -> JoinHandle<()>,
) -> impl Future<Output = std::result::Result<T, E>> + Send
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let call = async move {
        // Nobody waits for it any more, which is what running it somewhere else is for.
        let _ = done.send(call.await);
    };
    let call: Call = Box::pin(call.in_current_span());
    async move {
        let task = begin(call);
        match result.await {
            Ok(result) => result,
            Err(_) => Err(ended(task).await.into()),
        }
    }
}

/// Why a task ended without a result: it panicked, as its caller does then, or the program ends.
async fn ended(task: JoinHandle<()>) -> Error {
    match task.await {
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        _ => Error::Unavailable("the program is shutting down".to_owned()),
    }
}
