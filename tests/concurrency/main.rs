//! Many clients at once, on one hub and on two that share a database, and what they saw checked as a whole.
//!
//! `branch` lets 64 clients commit to one branch while others read it, and while other branches and tags come and go;
//! `history`, `line` and `register` say whether what all of them were told can have happened. `quota` lets 64 clients
//! upload into too little room, and into just enough. `outage` takes the database, the provider and a node away from two
//! hubs. `at_once` has the smaller cases.

#![allow(clippy::unwrap_used)]

mod actor;
mod at_once;
mod branch;
mod cluster;
mod history;
mod line;
mod outage;
mod quota;
mod register;

/// Whether `tests/run --all` asks for the long form.
fn all() -> bool {
    std::env::var_os("BALLAST_TEST_ALL").is_some()
}

/// Does something so many times at one moment; what each came to.
fn at_once<T: Send>(many: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(many);
    std::thread::scope(|scope| {
        let run = |number: usize| {
            let (act, start) = (&act, &start);
            scope.spawn(move || {
                start.wait();
                act(number)
            })
        };
        let running: Vec<_> = (0..many).map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    })
}
