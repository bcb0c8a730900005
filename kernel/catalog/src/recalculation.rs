//! The recalculation of all quotas: who counts, how far they are, and how the last one ended.

use ballast_database::{Result, for_both, read, transaction, write};
use ballast_types::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::tables::recalculations;
use crate::{Catalog, rows};

words! {
    /// How far a recalculation has come.
    pub enum RecalculationState: "state of a recalculation" {
        Running = "running",
        Finished = "finished",
        /// It ended before its end.
        Failed = "failed",
    }
}

/// A recalculation, the last one that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalculation {
    /// A random number, by which its node knows it.
    pub run: i64,
    pub state: RecalculationState,
    /// The name of whoever asked for it.
    pub started_by: Option<String>,
    pub started_at: Timestamp,
    /// When its node was last heard of: a node that died is not.
    pub seen_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Repositories that there were when it began.
    pub total: u64,
    /// Those that are counted anew.
    pub done: u64,
    /// Those that could not be.
    pub failed: u64,
}

/// There is one quota.
const NAME: &str = "quota";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = recalculations, treat_none_as_null = true)]
struct Row {
    name: String,
    run: i64,
    state: String,
    started_by: Option<String>,
    started_at: i64,
    seen_at: i64,
    finished_at: Option<i64>,
    total: i64,
    done: i64,
    failed: i64,
}

for_both! {
    pub async fn begin(c: &mut Connection, new: Row, lost: i64) -> Result<bool> {
        let there = recalculations::table.find(NAME).select((recalculations::state, recalculations::seen_at));
        let there: Option<(String, i64)> = lock!(there).first(c).await.optional()?;
        match there {
            Some((state, seen)) if state == RecalculationState::Running.as_str() && seen > lost => Ok(false),
            Some(_) => {
                diesel::update(recalculations::table.find(NAME)).set(new).execute(c).await?;
                Ok(true)
            }
            None => {
                let insert = diesel::insert_into(recalculations::table).values(new).on_conflict_do_nothing();
                Ok(insert.execute(c).await? > 0)
            }
        }
    }

    pub async fn tell(c: &mut Connection, run: i64, row: Row) -> Result<bool> {
        let own = recalculations::table.find(NAME).filter(recalculations::run.eq(run));
        Ok(diesel::update(own).set(row).execute(c).await? > 0)
    }

    pub async fn find(c: &mut Connection) -> Result<Option<Row>> {
        Ok(recalculations::table.find(NAME).select(Row::as_select()).first(c).await.optional()?)
    }
}

impl From<&Recalculation> for Row {
    fn from(told: &Recalculation) -> Self {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            name: NAME.to_owned(),
            run: told.run,
            state: told.state.as_str().to_owned(),
            started_by: told.started_by.clone(),
            started_at: told.started_at.0,
            seen_at: told.seen_at.0,
            finished_at: told.finished_at.map(|moment| moment.0),
            total: number(told.total),
            done: number(told.done),
            failed: number(told.failed),
        }
    }
}

impl Catalog {
    /// Begins a recalculation; false where another one runs, whose node was heard of after `lost`.
    pub async fn begin_recalculation(&self, new: &Recalculation, lost: Timestamp) -> Result<bool> {
        transaction!(self.database, begin(Row::from(new), lost.0))
    }

    /// Says how far a recalculation is; false where another one has taken its place.
    pub async fn tell_recalculation(&self, told: &Recalculation) -> Result<bool> {
        write!(self.database, tell(told.run, Row::from(told)))
    }

    /// The last recalculation.
    pub async fn find_recalculation(&self) -> Result<Option<Recalculation>> {
        let Some(row) = read!(self.database, find())? else { return Ok(None) };
        let count = |number: i64| rows::count("recalculations", row.run, number);
        Ok(Some(Recalculation {
            run: row.run,
            state: rows::parse("recalculations.state", row.run, &row.state)?,
            started_by: row.started_by,
            started_at: Timestamp(row.started_at),
            seen_at: Timestamp(row.seen_at),
            finished_at: row.finished_at.map(Timestamp),
            total: count(row.total)?,
            done: count(row.done)?,
            failed: count(row.failed)?,
        }))
    }
}
