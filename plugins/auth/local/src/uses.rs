//! When tokens and keys were last used: noted in memory, written once a minute and when the instance stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballast_database::{self as database, Database, for_both, transaction, write};
use ballast_types::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::failure::during;
use crate::rows::{local_sessions, local_ssh_keys, local_tokens};

const EVERY: Duration = Duration::from_secs(60);
/// Rows that one transaction writes; SQLite's other writers wait for it.
const AT_ONCE: usize = 500;
/// How long a session that is over is still told apart from one that never was.
const SESSIONS_LINGER: Duration = Duration::from_secs(24 * 60 * 60);

/// What is used, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Used {
    Token(i64),
    SshKey(i64),
}

/// Notes uses, and has them written.
pub(crate) struct Uses {
    notes: Arc<Notes>,
    writer: Mutex<Option<Writer>>,
}

/// A task that writes until it is told to end, or nobody is left to tell it.
struct Writer {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Notes {
    database: Database,
    last: Mutex<HashMap<Used, Timestamp>>,
}

impl Uses {
    pub(crate) fn new(database: Database) -> Self {
        Self { notes: Arc::new(Notes { database, last: Mutex::default() }), writer: Mutex::new(None) }
    }

    /// Begins to write once a minute. Idempotent.
    pub(crate) fn start(&self) {
        lock(&self.writer).get_or_insert_with(|| {
            let (end, ended) = oneshot::channel();
            Writer { end, task: tokio::spawn(write_until(ended, Arc::clone(&self.notes))) }
        });
    }

    /// Ends that, with everything noted written. Idempotent.
    pub(crate) async fn stop(&self) {
        let Some(Writer { end, task }) = lock(&self.writer).take() else { return };
        drop(end);
        if let Err(error) = task.await {
            tracing::error!(%error, "the last uses of tokens may not have been written");
        }
    }

    pub(crate) fn note(&self, what: Used, now: Timestamp) {
        lock(&self.notes.last).insert(what, now);
    }

    /// What this node noted and has not written. To be taken before rows are read: what is written meanwhile, and not
    /// noted any more, may not stand in them yet.
    pub(crate) fn noted(&self) -> Noted {
        Noted(lock(&self.notes.last).clone())
    }
}

/// Uses that were noted at some moment.
pub(crate) struct Noted(HashMap<Used, Timestamp>);

impl Noted {
    /// The later one of a use that was noted and one that was written.
    pub(crate) fn or(&self, what: Used, written: Option<Timestamp>) -> Option<Timestamp> {
        written.max(self.0.get(&what).copied())
    }
}

async fn write_until(mut ended: oneshot::Receiver<()>, notes: Arc<Notes>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = &mut ended => true,
            _ = ticks.tick() => false,
        };
        if let Err(error) = notes.write().await.map_err(during("auth.uses")) {
            tracing::warn!(%error, "the last uses of tokens could not be written; they are tried again");
        }
        if last {
            return;
        }
    }
}

impl Notes {
    /// Writes what was noted, and forgets it only then: at every moment a use is noted here or stands in the database.
    /// Sessions long over go at the same time.
    async fn write(&self) -> database::Result<()> {
        let mut uses: Vec<_> = lock(&self.last).iter().map(|(what, used)| (*what, used.0)).collect();
        // Two nodes that write the same rows lock them in the same order.
        uses.sort_unstable();
        for piece in uses.chunks(AT_ONCE) {
            let () = transaction!(self.database, touch(piece.to_vec()))?;
            self.forget(piece);
        }
        write!(self.database, delete_sessions_until(Timestamp::now().before(SESSIONS_LINGER).0))
    }

    /// A use that was noted meanwhile stays.
    fn forget(&self, written: &[(Used, i64)]) {
        let mut last = lock(&self.last);
        for (what, used) in written {
            if last.get(what) == Some(&Timestamp(*used)) {
                last.remove(what);
            }
        }
    }
}

/// A lock that outlives a panic: what it guards is whole after each statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

for_both! {
    /// Records when tokens and keys were last used, in milliseconds, unless another node saw a later use.
    pub async fn touch(c: &mut Connection, uses: Vec<(Used, i64)>) -> database::Result<()> {
        for (what, used) in uses {
            match what {
                Used::Token(id) => touch_token(c, id, used).await?,
                Used::SshKey(id) => touch_ssh_key(c, id, used).await?,
            }
        }
        Ok(())
    }

    pub async fn touch_token(c: &mut Connection, id: i64, used: i64) -> database::Result<()> {
        use local_tokens::last_used;
        let earlier = last_used.is_null().or(last_used.lt(used));
        let row = local_tokens::table.filter(local_tokens::id.eq(id)).filter(earlier);
        diesel::update(row).set(last_used.eq(used)).execute(c).await?;
        Ok(())
    }

    pub async fn touch_ssh_key(c: &mut Connection, id: i64, used: i64) -> database::Result<()> {
        use local_ssh_keys::last_used;
        let earlier = last_used.is_null().or(last_used.lt(used));
        let row = local_ssh_keys::table.filter(local_ssh_keys::id.eq(id)).filter(earlier);
        diesel::update(row).set(last_used.eq(used)).execute(c).await?;
        Ok(())
    }

    pub async fn delete_sessions_until(c: &mut Connection, moment: i64) -> database::Result<()> {
        diesel::delete(local_sessions::table.filter(local_sessions::expires_at.le(moment))).execute(c).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_database::testing::sqlite;

    #[tokio::test]
    async fn a_use_that_is_written_while_rows_are_read_is_told_all_the_same() {
        let scratch = sqlite().await;
        scratch.database.migrate(crate::migrations()).await.unwrap();
        let uses = Uses::new(scratch.database.clone());
        uses.note(Used::Token(1), Timestamp(5));
        let (noted, read) = (uses.noted(), None);
        uses.notes.write().await.unwrap();
        assert_eq!(noted.or(Used::Token(1), read), Some(Timestamp(5)));
        assert_eq!(uses.noted().or(Used::Token(1), None), None, "from here on it stands in the row");
        assert_eq!(noted.or(Used::Token(1), Some(Timestamp(6))), Some(Timestamp(6)));
    }
}
