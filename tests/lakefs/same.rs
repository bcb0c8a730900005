//! The same history in both engines has the same ids.

use std::sync::Arc;

use ballast_contract::Component;
use ballast_contract::versioning::{
    Change, CommitRequest, Node, RefUpdate, Rewrite, RewriteRequest, Rewritten, Strategy, Versioning,
};
use ballast_database::testing;
use ballast_testkit::Random;
use ballast_testkit::versioning::relocation::{kept_commits, take_over};
use ballast_testkit::versioning::repo::*;
use ballast_types::{CommitId, RefName, RepoPath};

use crate::world::any;

const NAMES: &[&str] = &["a", "b", "a.b", "a-b", "a0", "x y", "ü", "Z", "_"];

fn any_path(random: &Random) -> String {
    let name = |_| NAMES[random.below(NAMES.len())];
    (0..1 + random.below(4)).map(name).collect::<Vec<_>>().join("/")
}

fn any_change(random: &Random) -> Change {
    let (at, other, text) = (any_path(random), any_path(random), format!("text {}", random.below(20)));
    match random.below(12) {
        0 => delete(&at),
        1 => delete_folder(&at),
        2 => copy(&at, None, &other),
        3 => Change::Put { path: path(&at), node: large(&text, 1_000_000) },
        4 => Change::Put { path: path(&at), node: Node::Symlink { file: regular(&text) } },
        5 => Change::Put { path: path(&at), node: Node::File { file: regular(&text), executable: true } },
        _ => put(&at, &text),
    }
}

fn any_rewrite(random: &Random, commits: &[CommitId]) -> Rewrite {
    let commit = commits[random.below(commits.len())];
    let strategy = [Strategy::Stop, Strategy::Source, Strategy::Destination][random.below(3)];
    match random.below(8) {
        0 => Rewrite::Squash,
        1 => Rewrite::Reset { to: commit },
        2 | 3 => Rewrite::Revert { commit, parent: 1 },
        4 => Rewrite::Merge { source: commit, strategy, squash: true },
        _ => Rewrite::Merge { source: commit, strategy, squash: false },
    }
}

/// All that a commit says and holds.
async fn told(repo: &Repo, at: CommitId) -> impl PartialEq + std::fmt::Debug {
    let info = repo.engine.commits(repo.key, &[at]).await.unwrap();
    let mut all = repo.walk(at, 1000).await;
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let paths: Vec<RepoPath> = all.iter().map(|(at, _)| path(at)).collect();
    let last = repo.engine.last_commits(repo.key, at, &paths).await.unwrap();
    let sizes = repo.engine.folder_sizes(repo.key, at, &paths).await.unwrap();
    let log = repo.engine.log(repo.key, at, None, 1000).await.unwrap().items;
    let count = repo.engine.commit_count(repo.key, at, 1000).await.unwrap();
    (info, all, last, sizes, log, count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_have_the_ids_trees_and_answers_of_the_native_engine() {
    let scratch = testing::sqlite().await;
    let native = ballast_versioning_native::open(Default::default(), scratch.database.clone()).await.unwrap();
    native.start().await.unwrap();
    let lakefs = any(&scratch.database).await;
    let native: Arc<dyn Versioning> = Arc::new(native);
    let (mut made, mut refused) = (0, 0);
    for seed in 1..=6 {
        let random = Random::new(seed);
        let repo = Repo::new(&native).await;
        let twin = Repo { engine: lakefs.clone(), key: repo.key };
        lakefs.create(repo.key, &main()).await.unwrap();
        let side = RefName::branch("side/1").unwrap();
        let mut commits: Vec<CommitId> = Vec::new();
        for _ in 0..40 {
            let branch = if commits.is_empty() || random.below(3) > 0 { main() } else { side.clone() };
            let mut request = repo.request((0..1 + random.below(6)).map(|_| any_change(&random)).collect());
            request.branch = branch;
            let outcomes = if commits.len() > 1 && random.below(3) == 0 {
                let rewrite = any_rewrite(&random, &commits);
                let CommitRequest { operation, repo, branch, expected_parent, author, time, message, .. } = request;
                let request =
                    RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite };
                let one = native.rewriting().unwrap().rewrite(request.clone()).await;
                let other = lakefs.rewriting().unwrap().rewrite(request).await;
                [one, other].map(|outcome| outcome.map_err(|error| error.kind))
            } else {
                let one = native.commit(request.clone()).await;
                let other = lakefs.commit(request).await;
                [one, other].map(|outcome| outcome.map(Rewritten::Done).map_err(|error| error.kind))
            };
            assert_eq!(outcomes[0], outcomes[1], "seed {seed}");
            match &outcomes[0] {
                Ok(Rewritten::Done(done)) => {
                    if commits.is_empty() {
                        let update =
                            RefUpdate { name: side.clone(), old: None, new: Some(done.tip()), annotation: None };
                        native.update_refs(repo.key, std::slice::from_ref(&update)).await.unwrap();
                        lakefs.update_refs(repo.key, &[update]).await.unwrap();
                    }
                    assert!(told(&repo, done.tip()).await == told(&twin, done.tip()).await, "seed {seed}");
                    commits.push(done.tip());
                    made += 1;
                }
                _ => refused += 1,
            }
        }
        assert_eq!(
            native.refs(repo.key, "", None, 10).await.unwrap().items,
            lakefs.refs(repo.key, "", None, 10).await.unwrap().items
        );
    }
    assert!(made > 80 && refused > 20, "{made} made, {refused} refused: the test has lost its meaning");
}

/// A random history of one branch and of what was merged into it, reverted, squashed and left behind.
async fn any_history(random: &Random, repo: &Repo) {
    let mut commits: Vec<CommitId> = Vec::new();
    for _ in 0..30 {
        let request = repo.request((0..1 + random.below(6)).map(|_| any_change(random)).collect());
        let outcome = if commits.len() > 1 && random.below(2) == 0 {
            let rewrite = any_rewrite(random, &commits);
            let CommitRequest { operation, repo: key, branch, expected_parent, author, time, message, .. } = request;
            let request =
                RewriteRequest { operation, repo: key, branch, expected_parent, author, time, message, rewrite };
            repo.engine.rewriting().unwrap().rewrite(request).await
        } else {
            repo.engine.commit(request).await.map(Rewritten::Done)
        };
        if let Ok(Rewritten::Done(done)) = outcome {
            commits.push(done.tip());
            if random.below(3) == 0 {
                // The next ones begin at an older commit, and a merge may bring these back.
                let (tip, old) = (done.tip(), commits[random.below(commits.len())]);
                let update = RefUpdate { name: main(), old: Some(tip), new: Some(old), annotation: None };
                repo.engine.update_refs(repo.key, &[update]).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_are_taken_over_in_both_directions_with_all_that_they_answer() {
    let scratch = testing::sqlite().await;
    let native = ballast_versioning_native::open(Default::default(), scratch.database.clone()).await.unwrap();
    native.start().await.unwrap();
    let lakefs = any(&scratch.database).await;
    let native: Arc<dyn Versioning> = Arc::new(native);
    let mut merges = 0;
    for seed in 1..=8 {
        let random = Random::new(seed);
        let repo = Repo::new(&native).await;
        any_history(&random, &repo).await;
        let (there, back) = (Repo::new(&lakefs).await, Repo::new(&native).await);
        take_over(&repo, &there).await;
        take_over(&there, &back).await;
        let commits = kept_commits(&repo, 100).await;
        for other in [&there, &back] {
            assert_eq!(kept_commits(other, 100).await, commits, "seed {seed}");
            assert_eq!(other.tip().await, repo.tip().await);
            for id in &commits {
                assert!(told(other, *id).await == told(&repo, *id).await, "seed {seed}, commit {id}");
            }
        }
        let infos = native.commits(repo.key, &commits).await.unwrap();
        merges += infos.iter().flatten().filter(|info| info.parents.len() > 1).count();
    }
    assert!(merges > 2, "{merges} merges: the test has lost its meaning");
}
