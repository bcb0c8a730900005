//! Which tables there are, and in which order they can be copied.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::CopyError;

/// What is in a column, in both databases' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Boolean,
    Text,
    Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// What is copied: tables, each behind those that it refers to, how many rows each has, and by table the last number
/// that was given away.
pub(super) struct Plan {
    pub(super) tables: Vec<Table>,
    pub(super) rows: Vec<u64>,
    pub(super) counters: BTreeMap<String, i64>,
}

/// A column, as either database tells of it.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct ColumnRow {
    #[diesel(sql_type = Text)]
    pub(super) table: String,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = Text)]
    pub(super) declared: String,
}

/// That one table refers to another.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct NeedRow {
    #[diesel(sql_type = Text)]
    pub(super) table: String,
    #[diesel(sql_type = Text)]
    pub(super) needed: String,
}

/// The last number that a table's counter gave away.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct CounterRow {
    #[diesel(sql_type = Text)]
    pub(super) table: String,
    #[diesel(sql_type = BigInt)]
    pub(super) last: i64,
}

#[derive(Clone, Debug, QueryableByName)]
pub(super) struct NameRow {
    #[diesel(sql_type = Text)]
    pub(super) name: String,
}

#[derive(Clone, Debug, QueryableByName)]
pub(super) struct CountRow {
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
}

impl Kind {
    fn of(declared: &str) -> Option<Self> {
        match declared.to_ascii_lowercase().as_str() {
            "bigint" | "integer" => Some(Self::Integer),
            "boolean" => Some(Self::Boolean),
            "text" => Some(Self::Text),
            "blob" | "bytea" => Some(Self::Bytes),
            _ => None,
        }
    }
}

/// A name as it stands in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Its columns as they stand in SQL, in their order.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.column_list(), quoted(&self.name))
    }

    pub(super) fn count(&self) -> String {
        format!("SELECT COUNT(*) AS count FROM {}", quoted(&self.name))
    }
}

/// Whether a table has rows.
pub(super) fn any_row(table: &str) -> String {
    format!("SELECT COUNT(*) AS count FROM (SELECT 1 FROM {} LIMIT 1) AS found", quoted(table))
}

/// The tables of these columns, in an order in which each stands behind those that it needs.
pub(super) fn tables(columns: Vec<ColumnRow>, needs: &[NeedRow]) -> Result<Vec<Table>, CopyError> {
    let mut waiting: BTreeMap<String, Table> = BTreeMap::new();
    for ColumnRow { table, name, declared } in columns {
        let unknown = || CopyError::Unlike(format!("{table}.{name} is {declared}, which this program does not copy"));
        let column = Column { kind: Kind::of(&declared).ok_or_else(unknown)?, name };
        let new = || Table { name: table.clone(), columns: Vec::new() };
        waiting.entry(table.clone()).or_insert_with(new).columns.push(column);
    }
    let (mut ordered, mut there) = (Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        let is_ready = |name: &String| {
            let mut mine = needs.iter().filter(|need| need.table == *name && need.needed != *name);
            mine.all(|need| there.contains(&need.needed))
        };
        let ready: Vec<String> = waiting.keys().filter(|name| is_ready(name)).cloned().collect();
        if ready.is_empty() {
            let names = waiting.into_keys().collect::<Vec<_>>().join(", ");
            return Err(CopyError::Unlike(format!("{names} refer to each other in a circle")));
        }
        for name in ready {
            ordered.extend(waiting.remove(&name));
            there.insert(name);
        }
    }
    Ok(ordered)
}

/// Whether the target has just the tables and columns of the source.
pub(super) fn compare(source: &[Table], target: &[Table]) -> Result<(), CopyError> {
    let columns = |tables: &[Table]| -> BTreeMap<(String, String), Kind> {
        let of = |table: &Table| -> Vec<_> {
            table.columns.iter().map(|column| ((table.name.clone(), column.name.clone()), column.kind)).collect()
        };
        tables.iter().flat_map(of).collect()
    };
    let (source, target) = (columns(source), columns(target));
    let only = |here: &BTreeMap<(String, String), Kind>, there: &BTreeMap<(String, String), Kind>, whose: &str| {
        let missing = here.iter().find(|(name, kind)| there.get(*name) != Some(kind));
        missing.map(|((table, column), kind)| format!("{table}.{column} ({kind:?}) is in the {whose} alone"))
    };
    match only(&source, &target, "source").or_else(|| only(&target, &source, "target")) {
        Some(why) => Err(CopyError::Unlike(why)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(table: &str, name: &str, declared: &str) -> ColumnRow {
        ColumnRow { table: table.to_owned(), name: name.to_owned(), declared: declared.to_owned() }
    }

    fn need(table: &str, needed: &str) -> NeedRow {
        NeedRow { table: table.to_owned(), needed: needed.to_owned() }
    }

    #[test]
    fn a_table_stands_behind_those_that_it_needs() {
        let columns = ["a", "b", "c", "d"].map(|table| column(table, "id", "BIGINT")).to_vec();
        let ordered = tables(columns, &[need("a", "c"), need("c", "d"), need("b", "b")]).unwrap();
        let names: Vec<&str> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "c", "a"]);
    }

    #[test]
    fn tables_in_a_circle_and_types_that_nobody_knows_are_refused() {
        let columns = ["a", "b"].map(|table| column(table, "id", "BIGINT")).to_vec();
        let circle = tables(columns, &[need("a", "b"), need("b", "a")]).unwrap_err();
        assert!(circle.to_string().contains("a, b refer to each other"), "{circle}");
        let unknown = tables(vec![column("a", "at", "TIMESTAMP")], &[]).unwrap_err();
        assert!(unknown.to_string().contains("a.at is TIMESTAMP"), "{unknown}");
    }

    #[test]
    fn a_column_that_one_side_lacks_or_has_of_another_type_is_told() {
        let of = |declared: &[(&str, &str)]| {
            tables(declared.iter().map(|(name, declared)| column("t", name, declared)).collect(), &[]).unwrap()
        };
        let whole = of(&[("id", "INTEGER"), ("body", "BLOB")]);
        assert!(compare(&whole, &of(&[("body", "bytea"), ("id", "bigint")])).is_ok(), "in any order");
        for (target, told) in [
            (of(&[("id", "bigint")]), "t.body (Bytes) is in the source alone"),
            (of(&[("id", "bigint"), ("body", "text")]), "t.body (Bytes) is in the source alone"),
            (of(&[("id", "bigint"), ("body", "bytea"), ("new", "text")]), "t.new (Text) is in the target alone"),
        ] {
            let why = compare(&whole, &target).unwrap_err().to_string();
            assert!(why.contains(told), "{why}");
        }
    }
}
