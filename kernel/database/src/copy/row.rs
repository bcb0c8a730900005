//! A row of any table, and what makes the rows of two tables the same.

use std::fmt;

use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::pg::Pg;
use diesel::row::{Field, NamedRow, Row as Fields};
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Text};
use diesel::sqlite::{Sqlite, SqliteType};

/// A value, as both databases have it; what is true is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, in the order of the columns that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    /// About what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let of = |value: &Value| match value {
            Value::Null | Value::Integer(_) => 0,
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        };
        self.0.iter().map(|value| 32 + of(value)).sum()
    }
}

impl QueryableByName<Sqlite> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let value = |at: usize| {
            let field = Fields::get(row, at).ok_or("a row is shorter than its names")?;
            let Some(value) = field.value() else { return Ok(Value::Null) };
            match value.value_type() {
                None => Ok(Value::Null),
                Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                    <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Value::Integer)
                }
                Some(SqliteType::Text) => <String as FromSql<Text, Sqlite>>::from_sql(value).map(Value::Text),
                Some(SqliteType::Binary) => <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value).map(Value::Bytes),
                Some(other) => Err(format!("a value is {other:?}, which no table of a hub has").into()),
            }
        };
        (0..row.field_count()).map(value).collect::<deserialize::Result<_>>().map(Self)
    }
}

// What PostgreSQL calls its types (pg_type.dat).
const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT4: u32 = 23;
const TEXT: u32 = 25;

impl QueryableByName<Pg> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let value = |at: usize| {
            let field = Fields::get(row, at).ok_or("a row is shorter than its names")?;
            let Some(value) = field.value() else { return Ok(Value::Null) };
            match value.get_oid().get() {
                BOOL => <bool as FromSql<Bool, Pg>>::from_sql(value).map(|is| Value::Integer(is.into())),
                INT8 => <i64 as FromSql<BigInt, Pg>>::from_sql(value).map(Value::Integer),
                INT4 => <i32 as FromSql<Integer, Pg>>::from_sql(value).map(|number| Value::Integer(number.into())),
                TEXT => <String as FromSql<Text, Pg>>::from_sql(value).map(Value::Text),
                BYTEA => <Vec<u8> as FromSql<Binary, Pg>>::from_sql(value).map(Value::Bytes),
                other => Err(format!("a value has the type {other}, which no table of a hub has").into()),
            }
        };
        (0..row.field_count()).map(value).collect::<deserialize::Result<_>>().map(Self)
    }
}

/// The sum of the BLAKE3 hashes of rows: the same for the same rows in any order. It tells a mistake, and is no proof
/// against whoever writes rows to meet it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum([u64; 4]);

impl Checksum {
    pub(super) fn add(&mut self, row: &Row) {
        let mut hasher = blake3::Hasher::new();
        for value in &row.0 {
            let (kind, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Integer(number) => (1, &number.to_le_bytes()),
                Value::Text(text) => (2, text.as_bytes()),
                Value::Bytes(bytes) => (3, bytes),
            };
            hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        }
        let hash = hasher.finalize();
        for (sum, word) in self.0.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            *sum = sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[Row]) -> Checksum {
        let mut sum = Checksum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    }

    #[test]
    fn the_same_rows_in_another_order_have_the_same_sum_and_no_others_do() {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows =
            [Row(vec![Value::Integer(1), text("ab"), text("c")]), Row(vec![Value::Integer(2), text(""), Value::Null])];
        let whole = sum(&rows);
        assert_eq!(whole, sum(&[rows[1].clone(), rows[0].clone()]));
        let others = [
            vec![rows[0].clone()],
            vec![rows[0].clone(), rows[0].clone()],
            vec![rows[0].clone(), rows[1].clone(), rows[1].clone()],
            vec![Row(vec![Value::Integer(1), text("a"), text("bc")]), rows[1].clone()],
            vec![rows[0].clone(), Row(vec![Value::Integer(2), Value::Bytes(vec![]), Value::Null])],
            vec![rows[0].clone(), Row(vec![Value::Integer(2), text(""), Value::Integer(0)])],
        ];
        for other in others {
            assert_ne!(whole, sum(&other), "{other:?}");
        }
    }
}
