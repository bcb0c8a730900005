//! SQLite's calls, each on one thread from its beginning to its end.
//!
//! A statement of SQLite blocks, so it may not run on tokio's workers; `diesel-async` hands each one to tokio's blocking
//! pool. Coming back for the next one, a transaction would queue behind every request that is ready to run, holding the
//! only writer meanwhile: beside readers that kept two cores busy, 110 transactions got through in a second, and 270 do
//! where a whole call goes to the blocking pool at once and its statements run there where they are asked.

use std::cell::Cell;
use std::error::Error as StdError;

use diesel::QueryResult;
use diesel::connection::AnsiTransactionManager;
use diesel_async::TransactionManager;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncTransactionManagerWrapper};
use futures::FutureExt;
use futures::future::{BoxFuture, TryFutureExt, ready};
use tokio::runtime::Handle;

use crate::pool::result_of;
use crate::{Error, Sqlite};

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Runs a statement where it is asked if that thread may block, and on tokio's blocking pool otherwise.
pub struct WhereItMayBlock;

impl SpawnBlocking for WhereItMayBlock {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        statement: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn StdError + Send + Sync>>> {
        if MAY_BLOCK.get() {
            return ready(Ok(statement())).boxed();
        }
        tokio::task::spawn_blocking(statement).map_err(Into::into).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Runs a call of SQLite to its end on one thread of tokio's blocking pool. Dropping the caller does not cut it.
pub fn at_a_stretch<T, E>(
    call: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, E>> + Send
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    result_of(call, |call| {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let _may_block = MayBlock::here();
            runtime.block_on(call);
        })
    })
}

/// While it lives, this thread may block.
struct MayBlock;

impl MayBlock {
    fn here() -> Self {
        MAY_BLOCK.set(true);
        Self
    }
}

impl Drop for MayBlock {
    fn drop(&mut self) {
        MAY_BLOCK.set(false);
    }
}

/// Begins a transaction as the writer that it will be, so that it never finds halfway that somebody else was faster.
pub async fn begin_immediate(connection: &mut Sqlite) -> QueryResult<()> {
    connection
        .spawn_blocking(|connection| AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE"))
        .await
}

/// Ends a transaction as its result says.
pub async fn conclude<T, E: From<diesel::result::Error>>(
    connection: &mut Sqlite,
    result: Result<T, E>,
) -> Result<T, E> {
    type Manager = SyncTransactionManagerWrapper<AnsiTransactionManager>;
    match &result {
        Ok(_) => Manager::commit_transaction(connection).await?,
        Err(_) => Manager::rollback_transaction(connection).await?,
    }
    result
}
