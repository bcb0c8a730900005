//! A database copied into another one, of the same or the other sort.
//!
//! No table is named here: which there are, what is in them and which needs which other one is read from the databases
//! themselves, so that a room's next migration is copied without anybody thinking of it. Both must have been brought up
//! to date by the same program before, and are held against each other column by column.
//!
//! * **One moment.** Everything is read in one transaction that sees one state of the source (a read transaction on
//!   SQLite, REPEATABLE READ on PostgreSQL). Who writes to the source meanwhile is not in the copy.
//! * **All or nothing.** Everything is written in one transaction of the target, which is locked against other writers.
//!   Before it ends the target is read again: each table must have as many rows as were read and the same sum of their
//!   hashes. Whatever is in the way, a target that a copy did not finish is as empty as before.
//! * **Numbers go on.** A number that was given away is never given again, also where its row is gone: the counters are
//!   carried over, and not guessed from the rows.

mod plan;
mod postgres;
mod row;
mod sqlite;

use std::sync::Arc;

use diesel_async::AsyncConnection;
use tokio::sync::mpsc;

use crate::pool::{connect, on_own_task};
use crate::stretch::{begin_immediate, conclude};
use crate::{Connections, Database, Error, Postgres};
use plan::Plan;
use row::Row;

pub use row::Checksum;

type Result<T, E = Error> = std::result::Result<T, E>;

/// Rows on their way together, at most; and about how many bytes.
const ROWS: usize = 2000;
const BYTES: usize = 4 << 20;

/// Where a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    pub step: CopyStep,
    /// The table that is gone over.
    pub table: String,
    /// Rows of all tables that this step is done with, and how many it has in all.
    pub done: u64,
    pub rows: u64,
}

/// What a copy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// Rows are read and written.
    Copying,
    /// What was written is read again.
    Comparing,
}

/// Who is told where a copy is: after each few thousand rows.
pub type CopyWatcher = Arc<dyn Fn(CopyProgress) + Send + Sync>;

/// What was copied of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: String,
    pub rows: u64,
    /// Of these rows, whatever their order: of the source and of the copy, which are the same.
    pub checksum: Checksum,
}

/// Why there is no copy. The target is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The target is somebody's already.
    #[error("the table {table} of the target has rows; a copy is made into an empty database")]
    NotEmpty { table: String },
    /// Only what the same program made can be copied.
    #[error("the two databases are not built alike: {0}; bring both up to date with the same release of this program")]
    Unlike(String),
    /// A value cannot be kept in the target.
    #[error("a row of {table} has a value in {column} that {why}")]
    Value { table: String, column: String, why: &'static str },
    /// What is in the target is not what was read.
    #[error("the copy of {table} is not what was read: {read} rows became {written}, with another checksum")]
    Differs { table: String, read: u64, written: u64 },
    /// The other side ended; its own error says why.
    #[error("the copy was cut off")]
    Cut,
    /// A call of one of the databases failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<diesel::result::Error> for CopyError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What the source says, in this order: the plan, rows of its tables one table after the other, and what they were.
enum Said {
    Plan(Plan),
    Rows { table: usize, rows: Vec<Row> },
    End(Vec<CopiedTable>),
}

impl Database {
    /// The first table, by name, that has a row in it; none where there is no table, or nothing in any. What says which
    /// migrations have run is no table in this sense.
    pub async fn find_rows(&self) -> Result<Option<String>> {
        match self.connections() {
            Connections::Sqlite { read, .. } => {
                let pool = read.clone();
                on_own_task(async move { Ok(connect(&pool).await?.spawn_blocking(sqlite::find_rows).await?) }).await
            }
            Connections::Postgres(pool) => {
                let pool = pool.clone();
                on_own_task(async move { Ok(postgres::find_rows(&mut *connect(&pool).await?).await?) }).await
            }
        }
    }

    /// Copies every table into `target`, which is empty and brought up to date as this database is; answers what was
    /// copied, in the order in which it was. Dropping the future does not end the copy.
    pub async fn copy_to(&self, target: &Self, watcher: CopyWatcher) -> Result<Vec<CopiedTable>, CopyError> {
        let (say, said) = mpsc::channel(2);
        let (read, written) = futures::join!(self.tell(say), target.receive(said, watcher));
        match (read, written) {
            // Whoever was left alone says only that.
            (Err(CopyError::Cut), Err(why)) | (Err(why), _) | (_, Err(why)) => Err(why),
            (Ok(()), Ok(copied)) => Ok(copied),
        }
    }

    async fn tell(&self, say: mpsc::Sender<Said>) -> Result<(), CopyError> {
        match self.connections() {
            Connections::Sqlite { read, .. } => {
                let pool = read.clone();
                on_own_task(async move {
                    let mut connection = connect(&pool).await?;
                    connection.spawn_blocking(move |connection| Ok(sqlite::tell(connection, &say))).await?
                })
                .await
            }
            Connections::Postgres(pool) => {
                let pool = pool.clone();
                on_own_task(async move {
                    let connection: &mut Postgres = &mut *connect(&pool).await?;
                    let mut snapshot = connection.build_transaction().repeatable_read().read_only();
                    snapshot.run(async move |connection: &mut Postgres| postgres::tell(connection, &say).await).await
                })
                .await
            }
        }
    }

    async fn receive(
        &self,
        mut said: mpsc::Receiver<Said>,
        watcher: CopyWatcher,
    ) -> Result<Vec<CopiedTable>, CopyError> {
        match self.connections() {
            Connections::Sqlite { write, .. } => {
                let pool = write.clone();
                on_own_task(async move {
                    let mut connection = connect(&pool).await?;
                    begin_immediate(&mut connection).await?;
                    let write = move |connection: &mut _| Ok(sqlite::receive(connection, &mut said, &watcher));
                    let received = match connection.spawn_blocking(write).await {
                        Ok(received) => received,
                        Err(error) => Err(error.into()),
                    };
                    conclude(&mut connection, received).await
                })
                .await
            }
            Connections::Postgres(pool) => {
                let pool = pool.clone();
                on_own_task(async move {
                    let connection: &mut Postgres = &mut *connect(&pool).await?;
                    let write =
                        async |connection: &mut Postgres| postgres::receive(connection, &mut said, &watcher).await;
                    let copied = connection.transaction(write).await?;
                    // Nobody has ever looked at these tables: their first readers would be given bad plans.
                    postgres::analyze(connection).await?;
                    Ok(copied)
                })
                .await
            }
        }
    }
}

/// How far somebody is who goes over all rows.
struct Tally<'a> {
    watcher: &'a CopyWatcher,
    step: CopyStep,
    done: u64,
    rows: u64,
}

impl<'a> Tally<'a> {
    fn new(watcher: &'a CopyWatcher, step: CopyStep, plan: &Plan) -> Self {
        Self { watcher, step, done: 0, rows: plan.rows.iter().sum() }
    }

    fn tell(&mut self, table: &str, more: usize) {
        self.done += more as u64;
        (self.watcher)(CopyProgress { step: self.step, table: table.to_owned(), done: self.done, rows: self.rows });
    }
}

/// One table as it is gone over: what is not told yet, and what it was so far.
#[derive(Default)]
struct Going {
    rows: Vec<Row>,
    bytes: usize,
    count: u64,
    checksum: Checksum,
}

impl Going {
    /// Counts a row; answers a piece that is long enough to be told.
    fn add(&mut self, row: Row) -> Option<Vec<Row>> {
        self.count += 1;
        self.checksum.add(&row);
        self.bytes += row.bytes();
        self.rows.push(row);
        let full = self.rows.len() >= ROWS || self.bytes >= BYTES;
        full.then(|| {
            self.bytes = 0;
            std::mem::take(&mut self.rows)
        })
    }

    fn end(self, name: &str) -> CopiedTable {
        CopiedTable { name: name.to_owned(), rows: self.count, checksum: self.checksum }
    }
}

/// Holds what was written against what was read.
fn compare(read: &CopiedTable, written: &CopiedTable) -> Result<(), CopyError> {
    match read == written {
        true => Ok(()),
        false => Err(CopyError::Differs { table: read.name.clone(), read: read.rows, written: written.rows }),
    }
}
