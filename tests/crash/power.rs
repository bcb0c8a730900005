//! The power is cut: what was not synced is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ballast_tests::{Random, Synced};

use crate::check::Depth;
use crate::world::World;
use crate::{all, seed};

fn cut(mut world: World, cuts: usize, seed: u64) {
    let random = Random::new(seed);
    world.settle();
    let mut hub = world.begin();
    for round in 0..cuts {
        let moment = Duration::from_micros(random.below(4_000) as u64);
        world.write_until_killed(hub, 1 + random.below(80), moment);
        // Nothing of what was not synced, or some of it.
        world.cut((round % 2 == 1).then(|| seed + round as u64));
        hub = world.deployment.start();
        world.check(&hub, Depth::New);
    }
    world.check(&hub, Depth::All);
    world.end(hub);
}

#[test]
fn what_was_acknowledged_is_durable() {
    let seed = seed();
    let (folders, cuts) = if all() { (20, 25) } else { (1, 12) };
    for folder in 0..folders {
        cut(World::with_platters(3, seed + folder), cuts, seed + folder);
    }
}

#[test]
fn a_hub_that_has_just_started_is_durable() {
    for chance in [None, Some(1), Some(2)] {
        let mut world = World::with_platters(1, 1);
        world.settle();
        world.begin().kill();
        world.cut(chance);
        let hub = world.deployment.start();
        world.check(&hub, Depth::All);
    }
}

/// Whether a hub whose syncs of this kind do nothing is found out.
fn is_found_out(synced: Synced, seed: u64) -> bool {
    let world = World::with_platters(2, seed);
    world.faults.pretend(synced);
    catch_unwind(AssertUnwindSafe(|| cut(world, 4, seed))).is_err()
}

#[test]
fn a_sync_that_is_only_pretended_is_found_out() {
    for synced in [Synced::Folders, Synced::Bytes, Synced::Rows] {
        assert!(is_found_out(synced, 7), "nothing was lost without syncs of {synced:?}");
    }
}
