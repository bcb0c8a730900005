//! What may happen to a hub, as data: small worlds, so that steps meet.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// Repositories, branches, paths and contents are few, and known by number.
pub const REPOSITORIES: usize = 2;
pub const BRANCHES: usize = 3;
pub const PATHS: usize = 4;
pub const CONTENTS: usize = 6;

/// How a step goes on.
#[derive(Clone, Debug)]
pub enum Fate {
    /// To its end.
    Ends,
    /// The process dies after so many awaits.
    Dies(usize),
    /// After so many awaits another node collects, this many hours later, and the step goes on.
    Waits(usize, u64),
}

#[derive(Clone, Debug)]
pub enum Step {
    Create(usize, Fate),
    Delete(usize, Fate),
    /// Files as (path, content).
    Commit {
        repo: usize,
        branch: usize,
        small: Vec<(usize, usize)>,
        large: Vec<(usize, usize)>,
        fate: Fate,
    },
    /// Bytes that no commit names yet.
    Upload {
        repo: usize,
        content: usize,
        fate: Fate,
    },
    Branch {
        repo: usize,
        from: usize,
        to: usize,
    },
    Unbranch {
        repo: usize,
        branch: usize,
    },
    Collect,
    Recover,
    /// Hours pass.
    Later(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        5 => Just(Fate::Ends),
        2 => (1..60_usize).prop_map(Fate::Dies),
        2 => (1..40_usize, prop_oneof![Just(0), Just(0), Just(3)]).prop_map(|(polls, hours)| Fate::Waits(polls, hours)),
    ]
}

fn files() -> impl Strategy<Value = Vec<(usize, usize)>> {
    vec((0..PATHS, 0..CONTENTS), 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    let (repo, branch) = (0..REPOSITORIES, 0..BRANCHES);
    let (repos, branches) = (repo.clone(), branch.clone());
    let commit = (repo.clone(), branch.clone(), files(), weighted(0.5, files()), fate());
    prop_oneof![
        2 => (repo.clone(), fate()).prop_map(|(repo, fate)| Step::Create(repo, fate)),
        1 => (repo.clone(), fate()).prop_map(|(repo, fate)| Step::Delete(repo, fate)),
        8 => commit.prop_map(|(repo, branch, small, large, fate)| {
            Step::Commit { repo, branch, small, large: large.unwrap_or_default(), fate }
        }),
        2 => (repos, 0..CONTENTS, fate()).prop_map(|(repo, content, fate)| Step::Upload { repo, content, fate }),
        1 => (repo.clone(), branch.clone(), branches).prop_map(|(repo, from, to)| Step::Branch { repo, from, to }),
        1 => (repo, branch).prop_map(|(repo, branch)| Step::Unbranch { repo, branch }),
        3 => Just(Step::Collect),
        1 => Just(Step::Recover),
        1 => (1..5_u64).prop_map(Step::Later),
    ]
}

/// Some steps on an empty hub; the first makes a repository, so that the others have something to happen to.
pub fn schedule() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 3..14).prop_map(|mut steps| {
        steps.insert(0, Step::Create(0, Fate::Ends));
        steps
    })
}
