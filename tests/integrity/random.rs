//! Random schedules of uploads, commits, branches, deletions, collections, recovery and crashes.
//!
//! A schedule is made from a number: `BALLAST_TEST_SEED=17` runs that one alone. What fails is cut down to the steps that
//! it takes.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use ballast_database::testing::{Scratch, postgres, sqlite};
use futures::FutureExt;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::model::Model;
use crate::schedule::{Step, schedule};
use crate::world::{Kind, World};

/// A hub for schedules, one after the other: each leaves it empty. After a failure the next begins on a new one.
struct Ground {
    runtime: Runtime,
    make: fn(&Runtime) -> Option<Scratch>,
    kind: Kind,
    world: RefCell<Option<(Scratch, World)>>,
}

impl Ground {
    fn new(make: fn(&Runtime) -> Option<Scratch>, kind: Kind) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, make, kind, world: RefCell::default() }
    }

    /// False where there is no such database.
    fn run(&self, steps: &[Step]) -> Result<bool, String> {
        let world = self.world.borrow_mut().take();
        let world = world.or_else(|| {
            let scratch = (self.make)(&self.runtime)?;
            let world = self.runtime.block_on(World::new(&scratch.database, self.kind));
            Some((scratch, world))
        });
        let Some((scratch, world)) = world else { return Ok(false) };
        let went = self.runtime.block_on(AssertUnwindSafe(go(&world, steps)).catch_unwind());
        match went {
            Ok(()) => {
                *self.world.borrow_mut() = Some((scratch, world));
                Ok(true)
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
            }
        }
    }
}

async fn go(world: &World, steps: &[Step]) {
    world.at_present();
    let mut model = Model::new(world);
    for step in steps {
        model.step(step).await;
    }
    model.holds().await;
    world.is_empty_once_everything_is_deleted().await;
}

/// Runs the schedule of a number; the error says which steps it takes to fail.
fn run(ground: &Ground, seed: u64) -> Result<bool, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let ran = std::cell::Cell::new(true);
    let result = runner.run(&schedule(), |steps| {
        ran.set(ground.run(&steps).map_err(TestCaseError::fail)?);
        Ok(())
    });
    result.map(|()| ran.get()).map_err(|error| format!("BALLAST_TEST_SEED={seed}: {error}"))
}

fn seeds(few: u64, many: u64) -> Vec<u64> {
    match std::env::var("BALLAST_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("BALLAST_TEST_SEED is a number")],
        Err(_) if std::env::var_os("BALLAST_TEST_ALL").is_some_and(|all| all == "1") => (0..many).collect(),
        Err(_) => (0..few).collect(),
    }
}

fn all_hold(ground: &Ground, seeds: Vec<u64>) {
    let (begun, count) = (Instant::now(), seeds.len());
    for seed in seeds {
        match run(ground, seed) {
            Ok(true) => {}
            Ok(false) => return,
            Err(failed) => panic!("{failed}"),
        }
    }
    println!("{count} schedules in {:?}", begun.elapsed());
}

#[test]
fn no_schedule_loses_a_byte_on_sqlite() {
    all_hold(&Ground::new(|runtime| Some(runtime.block_on(sqlite())), Kind::Sound), seeds(150, 9_000));
}

#[test]
fn no_schedule_loses_a_byte_on_postgres() {
    let seeds = seeds(30, 1_000).into_iter().map(|seed| seed + 1_000_000).collect();
    all_hold(&Ground::new(|runtime| runtime.block_on(postgres()), Kind::Sound), seeds);
}

#[test]
fn without_the_lease_a_schedule_is_found_that_loses_bytes() {
    let ground = Ground::new(|runtime| Some(runtime.block_on(sqlite())), Kind::WithoutLease);
    let begun = Instant::now();
    for seed in 0.. {
        if let Err(failed) = run(&ground, seed) {
            println!("{failed}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{seed} schedules noticed nothing");
    }
}
