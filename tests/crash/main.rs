//! The hub is killed, its disk forgets, fills up and breaks: what it acknowledged is there and reads back right, what it
//! did not is there wholly or not at all, nothing is held for ever, and it starts by itself.
//!
//! Writers ([`writer`]) do things over HTTP and remember what they were told; [`check`] compares a hub with what they
//! remember, [`books`] its rows and files with each other. A [`world`](world::World) is one data folder that lives
//! through many ends of its hub. Chance is seeded, and the seed is printed; `BALLAST_TEST_SEED` sets it.

mod books;
mod check;
mod disk;
mod failpoints;
mod kills;
mod power;
mod world;
mod writer;

/// Whether the long form is wanted.
fn all() -> bool {
    std::env::var_os("BALLAST_TEST_ALL").is_some()
}

/// The seed of a test.
fn seed() -> u64 {
    let given = std::env::var("BALLAST_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| ballast_types::Timestamp::now().0.unsigned_abs());
    println!("BALLAST_TEST_SEED={seed}");
    seed
}
