//! Both sides of a copy on SQLite, on one thread of the blocking pool each.

use std::collections::BTreeMap;

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, sql_query};
use tokio::sync::mpsc::{Receiver, Sender};

use super::plan::{self, CountRow, CounterRow, Kind, NameRow, Plan, Table, any_row, quoted};
use super::row::{Row, Value};
use super::{CopiedTable, CopyError, CopyStep, CopyWatcher, Going, Said, Tally, compare};

const NAMES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     AND name <> '__diesel_schema_migrations' ORDER BY name";

const COLUMNS: &str = "SELECT m.name AS \"table\", c.name AS name, c.type AS declared \
     FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' \
     AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> '__diesel_schema_migrations' ORDER BY m.name, c.cid";

const NEEDS: &str = "SELECT m.name AS \"table\", f.\"table\" AS needed \
     FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'";

// Where no table has a counter of this sort, neither is there this one.
const HAS_COUNTERS: &str = "SELECT COUNT(*) AS count FROM sqlite_master WHERE name = 'sqlite_sequence'";
const COUNTERS: &str = "SELECT name AS \"table\", seq AS last FROM sqlite_sequence";

pub(super) fn find_rows(c: &mut SqliteConnection) -> QueryResult<Option<String>> {
    for NameRow { name } in sql_query(NAMES).load::<NameRow>(c)? {
        if sql_query(any_row(&name)).get_result::<CountRow>(c)?.count > 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn tables(c: &mut SqliteConnection) -> Result<Vec<Table>, CopyError> {
    let needs: Vec<plan::NeedRow> = sql_query(NEEDS).load(c)?;
    plan::tables(sql_query(COLUMNS).load(c)?, &needs)
}

/// Tells all that there is at one moment.
pub(super) fn tell(c: &mut SqliteConnection, say: &Sender<Said>) -> Result<(), CopyError> {
    // The first statement that reads fixes the moment.
    c.batch_execute("BEGIN")?;
    let told = tell_all(c, say);
    c.batch_execute("ROLLBACK")?;
    told
}

fn tell_all(c: &mut SqliteConnection, say: &Sender<Said>) -> Result<(), CopyError> {
    let say = |said| say.blocking_send(said).map_err(|_| CopyError::Cut);
    let tables = tables(c)?;
    let mut rows = Vec::with_capacity(tables.len());
    for table in &tables {
        rows.push(sql_query(table.count()).get_result::<CountRow>(c)?.count.unsigned_abs());
    }
    let counters = counters(c)?;
    say(Said::Plan(Plan { tables: tables.clone(), rows, counters }))?;
    let mut ends = Vec::with_capacity(tables.len());
    for (at, table) in tables.iter().enumerate() {
        let mut going = Going::default();
        for row in sql_query(table.select()).load_iter::<Row, DefaultLoadingMode>(c)? {
            if let Some(rows) = going.add(row?) {
                say(Said::Rows { table: at, rows })?;
            }
        }
        say(Said::Rows { table: at, rows: std::mem::take(&mut going.rows) })?;
        ends.push(going.end(&table.name));
    }
    say(Said::End(ends))
}

fn counters(c: &mut SqliteConnection) -> QueryResult<BTreeMap<String, i64>> {
    if sql_query(HAS_COUNTERS).get_result::<CountRow>(c)?.count == 0 {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<CounterRow> = sql_query(COUNTERS).load(c)?;
    Ok(rows.into_iter().map(|row| (row.table, row.last)).collect())
}

/// Writes what is told, within the transaction that was begun; answers what is there then.
pub(super) fn receive(
    c: &mut SqliteConnection,
    said: &mut Receiver<Said>,
    watcher: &CopyWatcher,
) -> Result<Vec<CopiedTable>, CopyError> {
    let Some(Said::Plan(plan)) = said.blocking_recv() else { return Err(CopyError::Cut) };
    plan::compare(&plan.tables, &tables(c)?)?;
    if let Some(table) = find_rows(c)? {
        return Err(CopyError::NotEmpty { table });
    }
    let mut tally = Tally::new(watcher, CopyStep::Copying, &plan);
    while let Some(said) = said.blocking_recv() {
        match said {
            Said::Plan(_) => return Err(CopyError::Cut),
            Said::Rows { table, rows } => {
                insert(c, &plan.tables[table], &rows)?;
                tally.tell(&plan.tables[table].name, rows.len());
            }
            Said::End(read) => {
                go_on_counting(c, &plan.counters)?;
                return read_again(c, &plan, read, watcher);
            }
        }
    }
    Err(CopyError::Cut)
}

fn insert(c: &mut SqliteConnection, table: &Table, rows: &[Row]) -> QueryResult<()> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", quoted(&table.name), table.column_list());
    for Row(values) in rows {
        let mut insert = sql_query(&sql).into_boxed::<Sqlite>();
        for (value, column) in values.iter().zip(&table.columns) {
            insert = match (value, column.kind) {
                (Value::Integer(number), _) => insert.bind::<BigInt, _>(*number),
                (Value::Text(text), _) => insert.bind::<Text, _>(text.as_str()),
                (Value::Bytes(bytes), _) => insert.bind::<Binary, _>(bytes.as_slice()),
                (Value::Null, Kind::Integer | Kind::Boolean) => insert.bind::<Nullable<BigInt>, _>(None::<i64>),
                (Value::Null, Kind::Text) => insert.bind::<Nullable<Text>, _>(None::<&str>),
                (Value::Null, Kind::Bytes) => insert.bind::<Nullable<Binary>, _>(None::<&[u8]>),
            };
        }
        insert.execute(c)?;
    }
    Ok(())
}

/// A counter is there as soon as its table had a row; what it stands at is that of the source.
fn go_on_counting(c: &mut SqliteConnection, counters: &BTreeMap<String, i64>) -> QueryResult<()> {
    for (table, last) in counters {
        sql_query("DELETE FROM sqlite_sequence WHERE name = ?").bind::<Text, _>(table).execute(c)?;
        let insert = sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").bind::<Text, _>(table);
        insert.bind::<BigInt, _>(*last).execute(c)?;
    }
    Ok(())
}

fn read_again(
    c: &mut SqliteConnection,
    plan: &Plan,
    read: Vec<CopiedTable>,
    watcher: &CopyWatcher,
) -> Result<Vec<CopiedTable>, CopyError> {
    let mut tally = Tally::new(watcher, CopyStep::Comparing, plan);
    for (table, read) in plan.tables.iter().zip(&read) {
        let mut going = Going::default();
        for row in sql_query(table.select()).load_iter::<Row, DefaultLoadingMode>(c)? {
            if let Some(rows) = going.add(row?) {
                tally.tell(&table.name, rows.len());
            }
        }
        tally.tell(&table.name, going.rows.len());
        compare(read, &going.end(&table.name))?;
    }
    Ok(read)
}
