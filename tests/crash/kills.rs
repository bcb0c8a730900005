//! `kill -9` at any moment.

use std::time::Duration;

use ballast_tests::Random;

use crate::check::Depth;
use crate::world::World;
use crate::{all, seed};

/// Kills of one data folder, so that it stays small.
const OF_ONE_FOLDER: usize = 50;

fn kill(mut world: World, kills: usize, seed: u64) {
    let random = Random::new(seed);
    let mut hub = world.begin();
    for _ in 0..kills {
        let moment = Duration::from_micros(random.below(4_000) as u64);
        world.write_until_killed(hub, 1 + random.below(100), moment);
        hub = world.deployment.start();
        world.check(&hub, Depth::New);
    }
    world.end(hub);
}

#[test]
fn whenever_the_hub_is_killed_what_it_acknowledged_is_there() {
    let seed = seed();
    let (folders, kills) = if all() { (32, OF_ONE_FOLDER) } else { (1, 30) };
    for folder in 0..folders {
        kill(World::on_sqlite(4, seed + folder), kills, seed + folder);
    }
}

#[test]
fn whenever_the_hub_is_killed_what_it_acknowledged_is_there_on_postgres() {
    let seed = seed();
    let (folders, kills) = if all() { (8, OF_ONE_FOLDER) } else { (1, 10) };
    for folder in 0..folders {
        let Some(world) = World::on_postgres(4, seed + folder) else { return };
        kill(world, kills, seed + folder);
    }
}
