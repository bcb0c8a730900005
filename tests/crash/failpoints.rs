//! The hub ends at each of its own steps: just before a call that changes the disk (or goes to the database), in the
//! midst of it, and just after.

use ballast_tests::{Deployment, Faults, Moment, Random};

use crate::check::Depth;
use crate::world::World;
use crate::{all, seed};

/// Every step and moment, or so many of them.
fn chosen(steps: u64, random: &Random, sample: usize) -> Vec<(u64, Moment)> {
    let every = (1..=steps).flat_map(|step| Moment::ALL.map(|moment| (step, moment)));
    let mut every: Vec<_> = every.collect();
    while !all() && every.len() > sample {
        every.swap_remove(random.below(every.len()));
    }
    every.sort_by_key(|(step, _)| *step);
    every
}

fn end_at_steps(mut world: World, seed: u64, sample: usize) {
    let random = Random::new(seed);
    let mut hub = world.begin();
    world.faults.count();
    assert!(!world.act_all(&hub), "nothing was to end here:\n{}", hub.log());
    let steps = world.faults.disarm();
    assert!(steps > 50, "so much cannot be done in {steps} steps");
    let (chosen, mut ended) = (chosen(steps, &random, sample), 0);
    for (step, moment) in &chosen {
        world.faults.arm(*step, *moment);
        ended += usize::from(world.act_all(&hub));
        hub.kill();
        if random.percent(30) {
            // Once more, while it recovers; what was under way is over by then.
            world.faults.advance(2);
            world.faults.arm(1 + random.below(30) as u64, *moment);
            drop(world.deployment.try_start());
            world.faults.advance(0);
        }
        world.faults.disarm();
        hub = world.deployment.start();
        world.check(&hub, Depth::New);
    }
    println!("{steps} steps; ended in {ended} of {}", chosen.len());
    // Steps differ a little from time to time, and the last may not be reached.
    assert!(ended * 10 >= chosen.len() * 8, "ended in {ended} of {} steps only", chosen.len());
    world.end(hub);
}

#[test]
fn at_whichever_step_the_hub_ends_what_it_acknowledged_is_there() {
    let seed = seed();
    end_at_steps(World::on_sqlite(1, seed), seed, 50);
}

#[test]
fn at_whichever_step_the_hub_ends_what_it_acknowledged_is_there_on_postgres() {
    let seed = seed();
    let Some(world) = World::on_postgres(1, seed) else { return };
    end_at_steps(world, seed, 15);
}

#[test]
fn at_whichever_step_the_first_start_ends_the_next_one_is_whole() {
    let random = Random::new(seed());
    let faults = Faults::new();
    faults.count();
    let hub = faults.under(&Deployment::new()).start();
    let steps = faults.disarm();
    hub.kill();
    assert!(steps > 50, "a hub is not made in {steps} steps");
    let mut chosen = chosen(steps, &random, 16);
    // The last ones are those of the administrator and the token.
    chosen.extend((steps.saturating_sub(24)..=steps).step_by(3).map(|step| (step, Moment::Before)));
    for (step, moment) in chosen {
        let plain = Deployment::new();
        let deployment = faults.under(&plain);
        faults.arm(step, moment);
        let ended = deployment.try_start().err();
        faults.disarm();
        let hub = plain.start();
        let token = plain.data().join("admin-token");
        assert!(token.is_file(), "no token after an end {moment:?} step {step} of {steps}: {ended:?}\n{}", hub.log());
        hub.model().add("first.txt", "first");
    }
}
