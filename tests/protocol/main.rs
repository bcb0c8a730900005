//! The protocol of a write, cut off and paused at every await.
//!
//! A journey (make a repository, upload, commit, branch, delete; merge and squash; push; hide and move) is polled a number of times and then dropped, as a crash
//! or a client that goes away would, or left waiting while recovery and collection run beside it; for every number of
//! polls until the journey gets through. Afterwards nothing may dangle, the books must be exact, and every commit that
//! was acknowledged must read back right. Whoever cleans up is another node, so that it waits for nobody. `faults` lets one
//! call of the storage go wrong instead, for every call.

#![allow(clippy::unwrap_used)]

mod faults;
mod faulty;
mod journey;
mod mutant;
mod push;
mod world;

use std::time::Duration;

use ballast_database::on_both;
use ballast_testkit::polled;

use journey::{Journey, Outcome};
use world::World;

/// Longer than any deadline of the tests' hub.
const LATE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What of a journey is cut off or paused.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// All of it.
    Whole,
    /// Commits made of commits; what they begin from is there.
    Remake,
    /// Pull requests: opened with a commit and without, committed to, and merged; the repository is there.
    Propose,
    /// What the repository counts for; it is there, with commits.
    Place,
    /// A push by git; the repository is there, with a branch that it deletes.
    Push,
}

impl Part {
    /// A fresh journey, up to where it is to be watched.
    async fn begun(self, world: &World, name: &str) -> Journey {
        let journey = Journey::new(name);
        match self {
            Self::Whole => {}
            Self::Remake | Self::Place | Self::Push => journey.fork(world).await.unwrap(),
            Self::Propose => journey.prepare_to_propose(world).await.unwrap(),
        }
        journey
    }

    async fn run(self, journey: &Journey, world: &World) -> Outcome {
        match self {
            Self::Whole => journey.run(world).await,
            Self::Remake => journey.remake(world).await,
            Self::Propose => journey.propose(world).await,
            Self::Place => journey.place(world).await,
            Self::Push => journey.push(world).await,
        }
    }
}

/// Cuts a fresh journey off after `polls` polls; answers whether it got through before.
async fn cut(world: &World, part: Part, polls: usize) -> bool {
    world.at_present();
    let journey = part.begun(world, &format!("cut-{polls}")).await;
    let through = {
        let mut run = Box::pin(part.run(&journey, world));
        polled::at_most(&mut run, polls).await.inspect(|outcome| assert!(outcome.is_ok(), "{outcome:?}")).is_some()
    };
    world.later(LATE);
    world.comes_to_rest(&journey).await;
    through
}

/// Lets a journey wait after `polls` polls while others clean up, then go on; answers whether it got through before,
/// and how it ended.
async fn pause(world: &World, part: Part, polls: usize, late: bool) -> (bool, Outcome) {
    world.at_present();
    let journey = part.begun(world, &format!("pause-{late}-{polls}")).await;
    let mut run = Box::pin(part.run(&journey, world));
    let (through, outcome) = match polled::at_most(&mut run, polls).await {
        Some(outcome) => (true, outcome),
        None => {
            if late {
                world.later(LATE);
            }
            world.other.collect().await.unwrap();
            (false, run.await)
        }
    };
    world.later(LATE);
    world.comes_to_rest(&journey).await;
    (through, outcome)
}

/// Cuts a fresh journey off after `polls` polls, lets a recovery begin and wait after `met` of its own, and another one
/// run beside it. Answers whether the journey, and whether the recovery, got through before.
async fn two_recoveries(world: &World, polls: usize, met: usize) -> (bool, bool) {
    world.at_present();
    let journey = Journey::new(&format!("met-{polls}-{met}"));
    let through = polled::at_most(&mut Box::pin(journey.run(world)), polls).await.is_some();
    world.later(LATE);
    let mut recovery = Box::pin(world.hub.recover());
    let recovered = match polled::at_most(&mut recovery, met).await {
        Some(recovered) => (true, recovered),
        None => {
            world.other.collect().await.unwrap();
            (false, recovery.await)
        }
    };
    assert!(recovered.1.is_ok(), "met after {met} polls, a journey of {polls}: {:?}", recovered.1);
    world.comes_to_rest(&journey).await;
    (through, recovered.0)
}

/// Cuts a fresh journey off after `polls` polls, and its recovery after `met`. Answers whether the journey, and whether
/// the recovery, got through before.
async fn cut_twice(world: &World, part: Part, polls: usize, met: usize) -> (bool, bool) {
    world.at_present();
    let journey = part.begun(world, &format!("twice-{polls}-{met}")).await;
    let through = polled::at_most(&mut Box::pin(part.run(&journey, world)), polls).await.is_some();
    world.is_quiet().await;
    world.later(LATE);
    let recovered = polled::at_most(&mut Box::pin(world.hub.recover()), met).await;
    world.comes_to_rest(&journey).await;
    (through, recovered.inspect(|outcome| assert!(outcome.is_ok(), "{outcome:?}")).is_some())
}

on_both! {
    async fn a_recovery_gets_through_though_another_one_runs_at_any_moment(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        // Each cut is tried by itself below; a commit that is made and not finished spans more than five of them.
        for polls in (3..).step_by(5) {
            let mut through = false;
            for met in [2, 4, 6, 8, 11, 14, 18] {
                let (journey, recovery) = two_recoveries(&world, polls, met).await;
                through = journey;
                if recovery { break }
            }
            if through { break }
        }
    }

    async fn a_journey_that_is_cut_off_anywhere_leaves_nothing_and_loses_nothing(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !cut(&world, Part::Whole, polls).await {
            polls += 1;
        }
        assert!(polls > 40, "a journey has more awaits than {polls}");
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_journey_gets_through_though_recovery_and_collection_run_at_any_moment(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        loop {
            let (through, outcome) = pause(&world, Part::Whole, polls, false).await;
            assert!(outcome.is_ok(), "after {polls} polls: {outcome:?}");
            if through { break }
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn commits_made_of_commits_that_are_cut_off_anywhere_leave_nothing_and_lose_nothing(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !cut(&world, Part::Remake, polls).await {
            polls += 1;
        }
        assert!(polls > 30, "commits made of commits have more awaits than {polls}");
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn commits_made_of_commits_get_through_though_recovery_and_collection_run_at_any_moment(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        loop {
            let (through, outcome) = pause(&world, Part::Remake, polls, false).await;
            assert!(outcome.is_ok(), "after {polls} polls: {outcome:?}");
            if through { break }
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn commits_made_of_commits_that_sleep_past_every_deadline_are_refused_or_whole(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !pause(&world, Part::Remake, polls, true).await.0 {
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_push_that_is_cut_off_anywhere_leaves_nothing_and_loses_nothing(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !cut(&world, Part::Push, polls).await {
            polls += 1;
        }
        assert!(polls > 15, "a push has more awaits than {polls}");
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_push_gets_through_though_recovery_and_collection_run_at_any_moment(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        loop {
            let (through, outcome) = pause(&world, Part::Push, polls, false).await;
            assert!(outcome.is_ok(), "after {polls} polls: {outcome:?}");
            if through { break }
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_push_that_sleeps_past_every_deadline_is_refused_or_whole(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !pause(&world, Part::Push, polls, true).await.0 {
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn pull_requests_that_are_cut_off_anywhere_leave_nothing_and_lose_nothing(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !cut(&world, Part::Propose, polls).await {
            polls += 1;
        }
        assert!(polls > 30, "pull requests have more awaits than {polls}");
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn pull_requests_get_through_though_recovery_and_collection_run_at_any_moment(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        loop {
            let (through, outcome) = pause(&world, Part::Propose, polls, false).await;
            assert!(outcome.is_ok(), "after {polls} polls: {outcome:?}");
            if through { break }
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn pull_requests_that_sleep_past_every_deadline_are_refused_or_whole(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !pause(&world, Part::Propose, polls, true).await.0 {
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_repository_that_is_hidden_and_moved_and_cut_off_anywhere_counts_where_it_is(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !cut(&world, Part::Place, polls).await {
            polls += 1;
        }
        assert!(polls > 30, "hiding and moving has more awaits than {polls}");
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn what_a_recovery_that_is_cut_off_anywhere_leaves_of_a_move_the_next_one_ends(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        // Each cut is tried by itself above.
        for polls in (4..).step_by(11) {
            let mut through = false;
            for met in 1.. {
                let (journey, recovery) = cut_twice(&world, Part::Place, polls, met).await;
                through = journey;
                if recovery { break }
            }
            if through { break }
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_repository_that_is_hidden_and_moved_beside_recovery_counts_where_it_is(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        for late in [false, true] {
            let mut polls = 1;
            while !pause(&world, Part::Place, polls, late).await.0 {
                polls += 1;
            }
        }
        world.is_empty_once_everything_is_deleted().await;
    }

    async fn a_journey_that_sleeps_past_every_deadline_is_refused_or_whole(scratch: &Scratch) {
        let world = World::new(&scratch.database, world::Kind::Sound).await;
        let mut polls = 1;
        while !pause(&world, Part::Whole, polls, true).await.0 {
            polls += 1;
        }
        world.is_empty_once_everything_is_deleted().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_fence_the_harness_finds_a_commit_that_recovery_had_given_up() {
    let scratch = ballast_database::testing::sqlite().await;
    let world = World::new(&scratch.database, world::Kind::WithoutFence).await;
    let mut polls = 1;
    loop {
        let run = std::panic::AssertUnwindSafe(pause(&world, Part::Whole, polls, true));
        match futures::FutureExt::catch_unwind(run).await {
            Err(_) => return,
            Ok((through, _)) => assert!(!through, "the harness noticed nothing"),
        }
        polls += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lease_the_harness_finds_bytes_that_were_swept_away() {
    let scratch = ballast_database::testing::sqlite().await;
    let world = World::new(&scratch.database, world::Kind::WithoutLease).await;
    let mut polls = 1;
    loop {
        let run = std::panic::AssertUnwindSafe(pause(&world, Part::Whole, polls, false));
        match futures::FutureExt::catch_unwind(run).await {
            Err(_) | Ok((_, Err(_))) => return,
            Ok((through, Ok(()))) => assert!(!through, "the harness noticed nothing"),
        }
        polls += 1;
    }
}
