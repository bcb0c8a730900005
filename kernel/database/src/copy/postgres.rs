//! Both sides of a copy on PostgreSQL.

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use futures::TryStreamExt;
use tokio::sync::mpsc::{Receiver, Sender};

use super::plan::{self, Column, CountRow, CounterRow, Kind, NameRow, Plan, Table, any_row, quoted};
use super::row::{Row, Value};
use super::{CopiedTable, CopyError, CopyStep, CopyWatcher, Going, Said, Tally, compare};
use crate::Postgres;

const NAMES: &str = "SELECT relname::text AS name FROM pg_class WHERE relkind IN ('r', 'p') \
     AND relnamespace = current_schema()::regnamespace AND relname <> '__diesel_schema_migrations' \
     ORDER BY relname::text COLLATE \"C\"";

const COLUMNS: &str = "SELECT t.relname::text AS \"table\", a.attname::text AS name, \
     format_type(a.atttypid, a.atttypmod) AS declared FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid \
     WHERE t.relkind IN ('r', 'p') AND t.relnamespace = current_schema()::regnamespace \
     AND t.relname <> '__diesel_schema_migrations' AND a.attnum > 0 AND NOT a.attisdropped \
     ORDER BY t.relname::text COLLATE \"C\", a.attnum";

const NEEDS: &str = "SELECT t.relname::text AS \"table\", n.relname::text AS needed FROM pg_constraint AS c \
     JOIN pg_class AS t ON t.oid = c.conrelid JOIN pg_class AS n ON n.oid = c.confrelid \
     WHERE c.contype = 'f' AND t.relnamespace = current_schema()::regnamespace";

/// Columns that count, and the sequence behind each.
const COUNTED: &str = "SELECT t.relname::text AS \"table\", a.attname::text AS \"column\", \
     pg_get_serial_sequence(quote_ident(t.relname), a.attname)::text AS sequence \
     FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid WHERE t.relkind IN ('r', 'p') \
     AND t.relnamespace = current_schema()::regnamespace AND a.attidentity <> '' AND NOT a.attisdropped";

#[derive(Debug, QueryableByName)]
struct CountedRow {
    #[diesel(sql_type = Text)]
    table: String,
    #[diesel(sql_type = Text)]
    column: String,
    #[diesel(sql_type = Text)]
    sequence: String,
}

pub(super) async fn find_rows(c: &mut Postgres) -> QueryResult<Option<String>> {
    let names: Vec<NameRow> = sql_query(NAMES).load(c).await?;
    for NameRow { name } in names {
        if sql_query(any_row(&name)).get_result::<CountRow>(c).await?.count > 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

async fn tables(c: &mut Postgres) -> Result<Vec<Table>, CopyError> {
    let needs: Vec<plan::NeedRow> = sql_query(NEEDS).load(c).await?;
    plan::tables(sql_query(COLUMNS).load(c).await?, &needs)
}

/// Tells all that there is in the transaction that was begun.
pub(super) async fn tell(c: &mut Postgres, say: &Sender<Said>) -> Result<(), CopyError> {
    let say = async |said| say.send(said).await.map_err(|_| CopyError::Cut);
    let tables = tables(c).await?;
    let mut rows = Vec::with_capacity(tables.len());
    for table in &tables {
        rows.push(sql_query(table.count()).get_result::<CountRow>(c).await?.count.unsigned_abs());
    }
    let counters = counters(c).await?;
    say(Said::Plan(Plan { tables: tables.clone(), rows, counters })).await?;
    let mut ends = Vec::with_capacity(tables.len());
    for (at, table) in tables.iter().enumerate() {
        let mut going = Going::default();
        let mut stream = sql_query(table.select()).load_stream::<Row>(c).await?;
        while let Some(row) = stream.try_next().await? {
            if let Some(rows) = going.add(row) {
                say(Said::Rows { table: at, rows }).await?;
            }
        }
        say(Said::Rows { table: at, rows: std::mem::take(&mut going.rows) }).await?;
        ends.push(going.end(&table.name));
    }
    say(Said::End(ends)).await
}

/// What each counter gave away last. A sequence is in no transaction: it may be further than the rows, never behind them.
async fn counters(c: &mut Postgres) -> QueryResult<BTreeMap<String, i64>> {
    let sql = format!(
        "SELECT \"table\", COALESCE(pg_sequence_last_value(sequence::regclass), 0) AS last FROM ({COUNTED}) AS counted"
    );
    let rows: Vec<CounterRow> = sql_query(sql).load(c).await?;
    Ok(rows.into_iter().map(|row| (row.table, row.last)).collect())
}

/// Writes what is told, within the transaction that was begun; answers what is there then.
pub(super) async fn receive(
    c: &mut Postgres,
    said: &mut Receiver<Said>,
    watcher: &CopyWatcher,
) -> Result<Vec<CopiedTable>, CopyError> {
    let Some(Said::Plan(plan)) = said.recv().await else { return Err(CopyError::Cut) };
    plan::compare(&plan.tables, &tables(c).await?)?;
    // Readers are let in and see nothing; a hub that starts here waits, and finds what was copied.
    for table in &plan.tables {
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quoted(&table.name));
        sql_query(lock).execute(c).await?;
    }
    if let Some(table) = find_rows(c).await? {
        return Err(CopyError::NotEmpty { table });
    }
    let mut tally = Tally::new(watcher, CopyStep::Copying, &plan);
    while let Some(said) = said.recv().await {
        match said {
            Said::Plan(_) => return Err(CopyError::Cut),
            Said::Rows { table, rows } => {
                let (table, count) = (&plan.tables[table], rows.len());
                insert(c, table, rows).await?;
                tally.tell(&table.name, count);
            }
            Said::End(read) => {
                go_on_counting(c, &plan.counters).await?;
                return read_again(c, &plan, read, watcher).await;
            }
        }
    }
    Err(CopyError::Cut)
}

/// One statement for any number of rows: each column is one parameter, an array.
async fn insert(c: &mut Postgres, table: &Table, rows: Vec<Row>) -> Result<(), CopyError> {
    if rows.is_empty() {
        return Ok(());
    }
    let array = |(at, column): (usize, &Column)| {
        let kind = match column.kind {
            Kind::Integer => "bigint",
            Kind::Boolean => "boolean",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
        };
        format!("${}::{kind}[]", at + 1)
    };
    let arrays = table.columns.iter().enumerate().map(array).collect::<Vec<_>>().join(", ");
    let (name, columns) = (quoted(&table.name), table.column_list());
    let sql = format!("INSERT INTO {name} ({columns}) SELECT * FROM unnest({arrays})");
    let mut values: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for Row(row) in rows {
        row.into_iter().zip(&mut values).for_each(|(value, column)| column.push(value));
    }
    let mut insert = sql_query(sql).into_boxed::<Pg>();
    for (column, values) in table.columns.iter().zip(values) {
        insert = bind(insert, table, column, values)?;
    }
    insert.execute(c).await?;
    Ok(())
}

type Insert = BoxedSqlQuery<'static, Pg, SqlQuery>;

fn bind(insert: Insert, table: &Table, column: &Column, values: Vec<Value>) -> Result<Insert, CopyError> {
    let wrong = |why| CopyError::Value { table: table.name.clone(), column: column.name.clone(), why };
    let other = || wrong("is of another type than the column");
    let integer = |value| match value {
        Value::Null => Ok(None),
        Value::Integer(number) => Ok(Some(number)),
        _ => Err(other()),
    };
    let text = |value| match value {
        Value::Null => Ok(None),
        Value::Text(text) if text.contains('\0') => Err(wrong("has a zero byte, which PostgreSQL keeps in no text")),
        Value::Text(text) => Ok(Some(text)),
        _ => Err(other()),
    };
    let bytes = |value| match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        _ => Err(other()),
    };
    let values = values.into_iter();
    Ok(match column.kind {
        Kind::Integer => {
            let values: Vec<Option<i64>> = values.map(integer).collect::<Result<_, _>>()?;
            insert.bind::<Array<Nullable<BigInt>>, _>(values)
        }
        Kind::Boolean => {
            let truth = |value| integer(value).map(|number| number.map(|number| number != 0));
            let values: Vec<Option<bool>> = values.map(truth).collect::<Result<_, _>>()?;
            insert.bind::<Array<Nullable<Bool>>, _>(values)
        }
        Kind::Text => {
            let values: Vec<Option<String>> = values.map(text).collect::<Result<_, _>>()?;
            insert.bind::<Array<Nullable<Text>>, _>(values)
        }
        Kind::Bytes => {
            let values: Vec<Option<Vec<u8>>> = values.map(bytes).collect::<Result<_, _>>()?;
            insert.bind::<Array<Nullable<Binary>>, _>(values)
        }
    })
}

/// Sets each sequence behind what the source gave away last, and behind every row.
async fn go_on_counting(c: &mut Postgres, counters: &BTreeMap<String, i64>) -> QueryResult<()> {
    let counted: Vec<CountedRow> = sql_query(COUNTED).load(c).await?;
    for CountedRow { table, column, sequence } in counted {
        let last = counters.get(&table).copied().unwrap_or_default();
        let sql = format!(
            "SELECT setval($1::regclass, GREATEST(last, 1), last > 0) \
             FROM (SELECT GREATEST($2, COALESCE(MAX({}), 0)) AS last FROM {}) AS given",
            quoted(&column),
            quoted(&table)
        );
        sql_query(sql).bind::<Text, _>(sequence).bind::<BigInt, _>(last).execute(c).await?;
    }
    Ok(())
}

async fn read_again(
    c: &mut Postgres,
    plan: &Plan,
    read: Vec<CopiedTable>,
    watcher: &CopyWatcher,
) -> Result<Vec<CopiedTable>, CopyError> {
    let mut tally = Tally::new(watcher, CopyStep::Comparing, plan);
    for (table, read) in plan.tables.iter().zip(&read) {
        let mut going = Going::default();
        let mut stream = sql_query(table.select()).load_stream::<Row>(c).await?;
        while let Some(row) = stream.try_next().await? {
            if let Some(rows) = going.add(row) {
                tally.tell(&table.name, rows.len());
            }
        }
        tally.tell(&table.name, going.rows.len());
        compare(read, &going.end(&table.name))?;
    }
    Ok(read)
}

pub(super) async fn analyze(c: &mut Postgres) -> QueryResult<()> {
    sql_query("ANALYZE").execute(c).await.map(|_| ())
}
