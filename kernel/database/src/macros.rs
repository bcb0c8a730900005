//! One text for both databases.

/// Compiles repository code twice: as module `sqlite` and as module `postgres`.
///
/// In the text, `Connection` is the database's connection type, `bulk_insert!(connection, table, rows)` inserts many
/// rows, `lock!(query)` adds a row lock where the database has one, and `lock_idle!(query)` adds one that passes over
/// rows which somebody else has locked. `of!(refs::make)` is a public function of the file beside this one, for the same
/// database. Everything in scope around the macro is in scope inside.
///
/// A `pub async fn`, which borrows its connection and nothing else, becomes one that answers a boxed future: what an
/// `async fn` does is compiled again in every crate that awaits it, and with it everything that it awaits.
#[macro_export]
macro_rules! for_both {
    (@items) => {};
    (@items
        $(#[$about:meta])*
        pub async fn $name:ident ( $c:ident : &mut Connection $(, $($argument:tt)*)? ) -> $answer:ty $body:block
        $($rest:tt)*
    ) => {
        $(#[$about])*
        pub fn $name<'c>($c: &'c mut Connection $(, $($argument)*)?) -> $crate::support::Boxed<'c, $answer> {
            Box::pin(async move $body)
        }
        $crate::for_both!(@items $($rest)*);
    };
    (@items $item:item $($rest:tt)*) => {
        $item
        $crate::for_both!(@items $($rest)*);
    };
    ($($text:tt)*) => {
        pub(crate) mod sqlite {
            #[allow(unused_imports)]
            use super::*;
            #[allow(unused_imports)]
            use $crate::{
                bulk_insert_sqlite as bulk_insert, lock_idle_sqlite as lock_idle, lock_sqlite as lock, of_sqlite as of,
            };
            #[allow(dead_code)]
            type Connection = $crate::Sqlite;
            $crate::for_both!(@items $($text)*);
        }
        pub(crate) mod postgres {
            #[allow(unused_imports)]
            use super::*;
            #[allow(unused_imports)]
            use $crate::{
                bulk_insert_postgres as bulk_insert, lock_idle_postgres as lock_idle, lock_postgres as lock,
                of_postgres as of,
            };
            #[allow(dead_code)]
            type Connection = $crate::Postgres;
            $crate::for_both!(@items $($text)*);
        }
    };
}

/// A function of another file's [`for_both!`], for SQLite.
#[macro_export]
macro_rules! of_sqlite {
    ($file:ident :: $function:ident) => {
        $file::sqlite::$function
    };
}

/// A function of another file's [`for_both!`], for PostgreSQL.
#[macro_export]
macro_rules! of_postgres {
    ($file:ident :: $function:ident) => {
        $file::postgres::$function
    };
}

/// Calls a function of [`for_both!`] on a reading connection: `read!(database, find_user(name))`. Its future is
/// `Result<T, E>` with `E: From<database::Error>`; arguments are evaluated first and must be owned.
#[macro_export]
macro_rules! read {
    ($database:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        $crate::call!(@bind read plain $database, $function, [$($argument,)*] [a b c d e f g h i j] [])
    };
}

/// The same on the writing connection, for a single statement.
#[macro_export]
macro_rules! write {
    ($database:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        $crate::call!(@bind write plain $database, $function, [$($argument,)*] [a b c d e f g h i j] [])
    };
}

/// The same inside one transaction (`BEGIN IMMEDIATE` on SQLite), which an error rolls back.
#[macro_export]
macro_rules! transaction {
    ($database:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        $crate::call!(@bind write transaction $database, $function, [$($argument,)*] [a b c d e f g h i j] [])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! call {
    (@bind $pool:ident $how:ident $database:expr, $function:ident,
        [$head:expr, $($tail:expr,)*] [$name:ident $($names:ident)*] [$(($done:ident $value:expr))*]) => {
        $crate::call!(@bind $pool $how $database, $function, [$($tail,)*] [$($names)*] [$(($done $value))* ($name $head)])
    };
    (@bind $pool:ident $how:ident $database:expr, $function:ident, [] [$($names:ident)*] [$(($name:ident $value:expr))*]) => {{
        $(let $name = $value;)*
        let database = &$database;
        $crate::call!(@under_way $pool under_way database);
        match database.connections() {
            $crate::Connections::Sqlite { $pool: pool, .. } => {
                let pool = pool.clone();
                $crate::support::on_own_task(async move {
                    let mut connection = $crate::support::connect(&pool).await?;
                    $crate::support::at_a_stretch(async move {
                        let _under_way = under_way;
                        let connection: &mut $crate::Sqlite = &mut connection;
                        $crate::call!(@sqlite $how connection, $function, $($name),*)
                    })
                    .await
                })
                .await
            }
            $crate::Connections::Postgres(pool) => {
                let pool = pool.clone();
                $crate::support::on_own_task(async move {
                    let _under_way = under_way;
                    let connection: &mut $crate::Postgres = &mut *$crate::support::connect(&pool).await?;
                    $crate::call!(@postgres $how connection, $function, $($name),*)
                })
                .await
            }
        }
    }};
    (@under_way read $under_way:ident $database:ident) => {
        let $under_way = ();
    };
    (@under_way write $under_way:ident $database:ident) => {
        let $under_way = $database.under_way();
    };
    (@sqlite plain $connection:ident, $function:ident, $($name:ident),*) => {
        sqlite::$function($connection, $($name),*).await
    };
    (@postgres plain $connection:ident, $function:ident, $($name:ident),*) => {
        postgres::$function($connection, $($name),*).await
    };
    (@sqlite transaction $connection:ident, $function:ident, $($name:ident),*) => {{
        $crate::support::begin_immediate($connection).await?;
        let result = sqlite::$function($connection, $($name),*).await;
        $crate::support::conclude($connection, result).await
    }};
    (@postgres transaction $connection:ident, $function:ident, $($name:ident),*) => {{
        use $crate::support::diesel_async::AsyncConnection as _;
        $connection
            .transaction(async move |connection: &mut $crate::Postgres| postgres::$function(connection, $($name),*).await)
            .await
    }};
}

/// Inserts many rows, those that exist already left alone; or with a tail, what to do then:
/// `bulk_insert!(c, table, rows, on_conflict(id).do_update().set(stamp.eq(excluded(stamp))))`. Rows are owned and, for
/// the tail's sake, distinct. Answers the number of rows written, as a `QueryResult`.
///
/// SQLite: single prepared inserts, one after another. The text of one with a tail has to be made again for each row, by
/// which it is known; so the tail is only for those rows that an insert without it has found there.
#[macro_export]
macro_rules! bulk_insert_sqlite {
    (@each $connection:expr, $rows:expr, |$row:ident, $each:ident| $insert:block) => {{
        let rows = $rows;
        $connection
            .spawn_blocking(move |$each| {
                $crate::support::as_one(|| {
                    let mut written = 0;
                    for $row in &rows {
                        let one: $crate::support::diesel::QueryResult<usize> = (|| $insert)();
                        written += one?;
                    }
                    Ok(written)
                })
            })
            .await
    }};
    ($connection:expr, $table:expr, $rows:expr) => {
        $crate::bulk_insert_sqlite!(@each $connection, $rows, |row, connection| {
            let insert = $crate::support::diesel::insert_into($table).values(row).on_conflict_do_nothing();
            $crate::support::diesel::RunQueryDsl::execute(insert, connection)
        })
    };
    ($connection:expr, $table:expr, $rows:expr, $($conflict:tt)*) => {
        $crate::bulk_insert_sqlite!(@each $connection, $rows, |row, connection| {
            let insert = $crate::support::diesel::insert_into($table).values(row).on_conflict_do_nothing();
            match $crate::support::diesel::RunQueryDsl::execute(insert, connection)? {
                0 => {
                    let insert = $crate::support::diesel::insert_into($table).values(row).$($conflict)*;
                    $crate::support::diesel::RunQueryDsl::execute($crate::fixed(insert), connection)
                }
                written => Ok(written),
            }
        })
    };
}

/// PostgreSQL's form of `bulk_insert!`: many rows a statement, in pieces that stay below its limit of parameters. A single
/// row, which is what most commits write, is a statement that is prepared once.
#[macro_export]
macro_rules! bulk_insert_postgres {
    ($connection:expr, $table:expr, $rows:expr) => {
        $crate::bulk_insert_postgres!($connection, $table, $rows, on_conflict_do_nothing())
    };
    ($connection:expr, $table:expr, $rows:expr, $($conflict:tt)*) => {{
        let rows = $rows;
        let mut written = Ok(0);
        for piece in rows.chunks(2000) {
            let inserted = match piece {
                [row] => {
                    let insert = $crate::support::diesel::insert_into($table).values(row).$($conflict)*;
                    $crate::support::diesel_async::RunQueryDsl::execute($crate::fixed(insert), $connection).await
                }
                _ => {
                    let insert = $crate::support::diesel::insert_into($table).values(piece).$($conflict)*;
                    $crate::support::diesel_async::RunQueryDsl::execute(insert, $connection).await
                }
            };
            match inserted {
                Ok(rows) => written = written.map(|sum| sum + rows),
                Err(error) => {
                    written = Err(error);
                    break;
                }
            }
        }
        written
    }};
}

/// Inside a transaction, keeps the rows of a query from changing until its end. SQLite's writer is alone already.
#[macro_export]
macro_rules! lock_sqlite {
    ($query:expr) => {
        $query
    };
}

/// PostgreSQL's form of `lock!`: `FOR UPDATE`.
#[macro_export]
macro_rules! lock_postgres {
    ($query:expr) => {
        $query.for_update()
    };
}

/// Inside a transaction, a query for those of its rows that nobody else is changing, which then stay as they are until
/// its end. SQLite's writer is alone already.
#[macro_export]
macro_rules! lock_idle_sqlite {
    ($query:expr) => {
        $query
    };
}

/// PostgreSQL's form of `lock_idle!`: `FOR UPDATE SKIP LOCKED`, which neither waits nor is waited for in a circle.
#[macro_export]
macro_rules! lock_idle_postgres {
    ($query:expr) => {
        $query.for_update().skip_locked()
    };
}
