//! How many statements the databases of this process were asked to run: `ballast_database_statements_total`.
//!
//! That a request asks as often for five rows as for five hundred is a promise of this hub; this is how a test, and an
//! operator, can see it.

use std::cell::Cell;

use diesel::connection::{Instrumentation, InstrumentationEvent};

/// Where a run of one statement stands on this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    None,
    Begun,
    Counted,
}

thread_local! {
    static RUN: Cell<Run> = const { Cell::new(Run::None) };
}

/// For a new connection. BEGIN and COMMIT are statements too.
pub(crate) fn counting() -> impl Instrumentation {
    let total = metrics::counter!("ballast_database_statements_total");
    move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) && is_another() {
            total.increment(1);
        }
    }
}

fn is_another() -> bool {
    let run = RUN.get();
    if run == Run::Begun {
        RUN.set(Run::Counted);
    }
    run != Run::Counted
}

/// Runs one prepared statement for many rows on a connection of this thread: one for the count, as many rows in one
/// `INSERT` are. Only SQLite, which is no journey away, works like that.
pub fn as_one<T>(rows: impl FnOnce() -> T) -> T {
    during(Run::Begun, rows)
}

/// Runs what a database is asked without anybody's request, on a connection of this thread: none for the count.
pub fn as_none<T>(upkeep: impl FnOnce() -> T) -> T {
    during(Run::Counted, upkeep)
}

fn during<T>(run: Run, statements: impl FnOnce() -> T) -> T {
    struct Ended;
    impl Drop for Ended {
        fn drop(&mut self) {
            RUN.set(Run::None);
        }
    }
    RUN.set(run);
    let _ended = Ended;
    statements()
}
