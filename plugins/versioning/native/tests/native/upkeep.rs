//! Verifying and sweeping real rows: each sort of damage is named, and nothing that is needed goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballast_contract::versioning::{
    Annotation, Change, Damage, Damaged, ListRequest, RefUpdate, SweepRequest, Upkeep, Versioning,
};
use ballast_contract::{ErrorKind, Result};
use ballast_database::on_both;
use ballast_testkit::polled;
use ballast_testkit::versioning::repo::{Repo, delete, delete_folder, large, main, path, put};
use ballast_testkit::versioning::upkeep::damage;
use ballast_types::{CommitId, OperationId, RefName, RepoKey, Signature, Timestamp};
use ballast_versioning_native::Native;

use crate::world::{new_repo, run, seen_by, started};

const ALL: SweepRequest = SweepRequest { cutoff: Timestamp(i64::MAX), dry_run: false };

fn big(at: &str, size: u64) -> Change {
    Change::Put { path: path(at), node: large("big", size) }
}

fn many() -> impl Iterator<Item = Change> {
    (0..3000).map(|n| put(&format!("d{:02}/e/f{n:04}", n / 60), &n.to_string()))
}

/// Three commits: many files in many folders, a few changes, a removal.
async fn history(repo: &Repo) -> Vec<CommitId> {
    let first = many().chain([big("d01/big", 1 << 30), put("top", "t")]).collect();
    let changed = vec![put("d01/e/f0060", "new"), put("d49/other", "o"), big("d01/big", 2 << 30)];
    let removed = vec![delete_folder("d07"), delete("top")];
    let mut made = Vec::new();
    for changes in [first, changed, removed] {
        made.push(repo.commit_new(changes).await);
    }
    made
}

async fn whole(engine: &Native, repo: RepoKey) -> Vec<Damage> {
    damage(engine, repo, 10_000).await.unwrap().0
}

async fn count(engine: &Native, repo: RepoKey, at: CommitId) -> usize {
    engine.forget_caches();
    let list = ListRequest { repo, at, folder: None, recursive: true, after: None, limit: 10_000 };
    engine.list(&list).await.unwrap().items.len()
}

on_both! {
    async fn what_is_whole_is_said_to_be_whole_in_pages_of_any_size(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        let commits = history(&repo).await;
        let tag = RefName::tag("v1").unwrap();
        let annotation = Annotation {
            tagger: Signature::new("Ada", ""), time: Timestamp(0), message: "A tag".to_owned(),
        };
        let update = RefUpdate { name: tag, old: None, new: Some(commits[0]), annotation: Some(annotation) };
        engine.update_refs(repo.key, &[update]).await.unwrap();
        for (limit, at_least) in [(1, 60), (7, 10), (100, 1), (usize::MAX, 1)] {
            let (found, pages) = damage(&*engine, repo.key, limit).await.unwrap();
            assert_eq!(found, Vec::new(), "in pages of {limit}");
            assert!(pages >= at_least, "{pages} pages of {limit}");
        }
        // Each commit after the first costs what it changed: all three together hardly more than the first.
        let before = engine.counts().statements;
        damage(&*engine, repo.key, usize::MAX).await.unwrap();
        let statements = engine.counts().statements - before;
        assert!(statements < 100, "{statements} statements for nodes");
        assert!(engine.verify(RepoKey(77), None, 10).await.unwrap_err().is(ErrorKind::NotFound));
        assert!(engine.verify(repo.key, Some("no cursor".to_owned()), 10).await.unwrap_err().is(ErrorKind::Invalid));
    }

    async fn lost_and_damaged_nodes_are_named_with_a_path(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        history(&repo).await;
        // Every node's body is another's id: nothing can be read, so nothing but the roots is ever reached.
        run(scratch, "CREATE TABLE kept AS SELECT id, body FROM native_nodes").await;
        run(scratch, "UPDATE native_nodes SET body = id").await;
        let found = whole(&engine, repo.key).await;
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(found.iter().all(|one| one.what == Damaged::Node && one.commit.is_some()), "{found:?}");
        run(scratch, "UPDATE native_nodes SET body = (SELECT body FROM kept WHERE kept.id = native_nodes.id)").await;
        assert_eq!(whole(&engine, repo.key).await, Vec::new());
        // One row after the other goes and comes back: it is always missed, once by every commit that needs it.
        run(scratch, "CREATE TABLE one AS SELECT * FROM native_nodes WHERE 1 = 0").await;
        for n in 0..8 {
            run(scratch, &format!("INSERT INTO one SELECT * FROM native_nodes ORDER BY id LIMIT 1 OFFSET {}", n * 4)).await;
            run(scratch, "DELETE FROM native_nodes WHERE id IN (SELECT id FROM one)").await;
            let found = whole(&engine, repo.key).await;
            assert!(!found.is_empty() && found.iter().all(|one| one.what == Damaged::Node), "{n}: {found:?}");
            assert!(found.iter().all(|one| one.sentence.contains("not in the database")), "{n}: {found:?}");
            assert_eq!(damage(&*engine, repo.key, 5).await.unwrap().0, found, "{n}: in small pages");
            run(scratch, "INSERT INTO native_nodes SELECT * FROM one; DELETE FROM one").await;
        }
        assert_eq!(whole(&engine, repo.key).await, Vec::new());
    }

    async fn files_commits_trees_and_refs_that_are_not_as_they_were_are_named(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        let commits = history(&repo).await;
        let of = async |what: Damaged| -> Vec<Damage> {
            let found = whole(&engine, repo.key).await;
            assert!(found.iter().any(|one| one.what == what), "{what:?}: {found:?}");
            found.into_iter().filter(|one| one.what == what).collect()
        };
        for table in ["files", "commits", "trees", "refs"] {
            run(scratch, &format!("CREATE TABLE kept_{table} AS SELECT * FROM native_{table}")).await;
        }
        run(scratch, "DELETE FROM native_files WHERE size = 1073741824").await;
        let lost = of(Damaged::File).await;
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].path.as_ref().unwrap().as_str(), lost[0].commit), ("d01/big", Some(commits[0])));
        run(scratch, "INSERT INTO native_files SELECT * FROM kept_files WHERE size = 1073741824").await;
        // Another object's SHA-256: the pointer made from it has another id.
        run(scratch, "UPDATE native_files SET sha256 = (SELECT sha256 FROM kept_files ORDER BY oid LIMIT 1) WHERE size = 2147483648").await;
        // The next commit has it too where it shares the leaf, and may come first.
        let wrong = of(Damaged::File).await;
        assert!(wrong.iter().any(|one| one.commit == Some(commits[1])), "{wrong:?}");
        assert!(wrong.iter().all(|one| one.path.as_ref().is_some_and(|path| path.as_str() == "d01/big")), "{wrong:?}");
        run(scratch, "UPDATE native_files SET sha256 = (SELECT sha256 FROM kept_files k WHERE k.oid = native_files.oid)").await;
        run(scratch, "UPDATE native_commits SET bytes = id WHERE length IS NOT NULL AND length = 2").await;
        assert_eq!(of(Damaged::Commit).await[0].id, commits[1].to_string());
        run(scratch, "DELETE FROM native_commits WHERE length = 3").await;
        let lost = of(Damaged::Ref).await;
        assert_eq!((lost[0].id.as_str(), lost.len()), ("refs/heads/main", 1));
        run(scratch, "DELETE FROM native_commits; INSERT INTO native_commits SELECT * FROM kept_commits").await;
        run(scratch, "UPDATE native_trees SET folder = 'd03' WHERE folder = 'd02/e'").await;
        assert_eq!(of(Damaged::Tree).await[0].path.as_ref().unwrap().as_str(), "d03");
        run(scratch, "DELETE FROM native_trees; INSERT INTO native_trees SELECT * FROM kept_trees").await;
        // A map that belongs to another commit: every entry is whole, and the commit's tree is another.
        run(scratch, "UPDATE native_commits SET root = (SELECT root FROM kept_commits WHERE length = 1) WHERE length = 3").await;
        let wrong = of(Damaged::Tree).await;
        assert!(wrong.iter().any(|one| one.commit == Some(commits[2]) && one.path.is_none()), "{wrong:?}");
    }

    async fn a_sweep_takes_what_deleted_repositories_leave_and_nothing_else(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        let commits = history(&repo).await;
        let other = new_repo(&engine).await;
        // It shares most of its nodes with the first; one commit of the first is on no ref any more.
        let shared = other.commit_new(many().collect()).await;
        let back = RefUpdate { name: main(), old: Some(commits[2]), new: Some(commits[0]), annotation: None };
        engine.update_refs(repo.key, &[back]).await.unwrap();
        assert_eq!(engine.sweep(&ALL).await.unwrap().removed, 0);
        assert_eq!(count(&engine, repo.key, commits[2]).await, 3040, "a commit without a ref is read as before");
        engine.delete(repo.key).await.unwrap();
        // A late question leaves a row of the deleted repository.
        assert_eq!(engine.conclude(repo.key, OperationId(99)).await.unwrap(), None);
        for dry_run in [true, false] {
            let young = SweepRequest { cutoff: Timestamp(1), dry_run };
            assert_eq!(engine.sweep(&young).await.unwrap().removed, 0);
        }
        let plan = engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap();
        assert_eq!(engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap(), plan, "a plan changes nothing");
        assert!(plan.removed > 0 && plan.bytes > 1000 * plan.removed / 10, "{plan:?}");
        assert_eq!(engine.sweep(&ALL).await.unwrap(), plan);
        assert_eq!(engine.sweep(&ALL).await.unwrap().removed, 0);
        assert_eq!(count(&engine, other.key, shared).await, 3100);
        assert_eq!(whole(&engine, other.key).await, Vec::new());
        engine.delete(other.key).await.unwrap();
        assert_eq!(engine.sweep(&ALL).await.unwrap().kept, 0);
        run(scratch, "CREATE TABLE empty_is_well (n INTEGER CHECK (n = 0))").await;
        run(scratch, "INSERT INTO empty_is_well SELECT count(*) FROM native_operations").await;
        run(scratch, "INSERT INTO empty_is_well SELECT count(*) FROM native_nodes").await;
    }

    async fn damage_that_hides_what_is_needed_stops_a_sweep(scratch: &Scratch) {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        history(&repo).await;
        run(scratch, "DELETE FROM native_nodes WHERE id IN (SELECT root FROM native_commits)").await;
        let before = engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap_err();
        assert!(before.is(ErrorKind::Corrupt), "{before}");
        assert!(engine.sweep(&ALL).await.unwrap_err().is(ErrorKind::Corrupt));
    }

    async fn sweeps_beside_commits_of_two_nodes_lose_nothing(scratch: &Scratch) {
        let (one, two) = (started(scratch).await, started(scratch).await);
        let done = Arc::new(AtomicBool::new(false));
        let (mut work, mut sweepers) = (Vec::new(), Vec::new());
        for engine in [one.clone(), two.clone()] {
            let (sweeping, done) = (engine.clone(), done.clone());
            sweepers.push(tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    sweeping.sweep(&ALL).await.unwrap();
                }
            }));
            work.push(tokio::spawn(async move {
                let mut kept = Vec::new();
                for round in 0..12 {
                    // Both nodes make the same content again and again, in repositories that come and go.
                    let repo = new_repo(&engine).await;
                    let many = |salt: i64| (0..400).map(|n| put(&format!("d/f{n:04}"), &(n * salt).to_string())).collect();
                    repo.commit_new(many(round % 3 + 1)).await;
                    let tip = repo.commit_new(many(round % 3 + 2)).await;
                    assert_eq!(count(&engine, repo.key, tip).await, 401);
                    assert_eq!(whole(&engine, repo.key).await, Vec::new());
                    match round % 2 {
                        0 => engine.delete(repo.key).await.unwrap(),
                        _ => kept.push(repo.key),
                    }
                }
                kept
            }));
        }
        let mut kept = Vec::new();
        for task in work {
            kept.extend(task.await.unwrap());
        }
        done.store(true, Ordering::SeqCst);
        for task in sweepers {
            task.await.unwrap();
        }
        for repo in kept {
            one.forget_caches();
            assert_eq!(whole(&one, repo).await, Vec::new());
        }
        let last = one.sweep(&ALL).await.unwrap();
        assert_eq!(one.sweep(&ALL).await.unwrap().removed, 0, "{last:?}");
    }

    async fn whoever_pauses_while_a_repository_is_deleted_and_swept_finds_it_gone_and_not_damaged(scratch: &Scratch) {
        let (here, there) = (started(scratch).await, started(scratch).await);
        let kept = new_repo(&there).await;
        kept.commit_new((0..300).map(|n| put(&format!("kept/{n}"), "x")).collect()).await;
        for act in ACTS {
            let mut polls = 0;
            loop {
                polls += 1;
                let repo = seen_by(&here, &new_repo(&there).await);
                let files = |text: &str| (0..300).map(|n| put(&format!("d/{}/{n}", n % 3), &format!("{n} {text}"))).collect();
                let commits = [repo.commit_new(files("old")).await, repo.commit_new(files("new")).await];
                here.forget_caches();
                let mut run = Box::pin(perform(&here, *act, &repo, commits));
                let outcome = match polled::at_most(&mut run, polls).await {
                    Some(outcome) => (true, outcome),
                    None => {
                        there.delete(repo.key).await.unwrap();
                        assert!(there.sweep(&ALL).await.unwrap().removed > 0 || matches!(act, Act::Sweep));
                        (false, run.await)
                    }
                };
                let (through, outcome) = outcome;
                let gone = outcome.as_ref().is_err_and(|error| error.is(ErrorKind::NotFound));
                assert!(outcome.is_ok() || (gone && !through), "{act:?} after {polls} polls: {outcome:?}");
                there.delete(repo.key).await.unwrap();
                if through {
                    break;
                }
            }
            assert_eq!(whole(&there, kept.key).await, Vec::new(), "{act:?}");
        }
        assert_eq!(there.sweep(&ALL).await.unwrap().kept, here.sweep(&ALL).await.unwrap().kept);
    }
}

/// What may be going on while a repository is deleted.
#[derive(Clone, Copy, Debug)]
enum Act {
    Sweep,
    PlanSweep,
    Verify,
    Entries,
    List,
    FolderSizes,
    Log,
    LastCommits,
    Diff,
    Contents,
    Commit,
}

const ACTS: &[Act] = &[
    Act::Sweep,
    Act::PlanSweep,
    Act::Verify,
    Act::Entries,
    Act::List,
    Act::FolderSizes,
    Act::Log,
    Act::LastCommits,
    Act::Diff,
    Act::Contents,
    Act::Commit,
];

async fn perform(engine: &Native, act: Act, repo: &Repo, [old, new]: [CommitId; 2]) -> Result<()> {
    let (key, paths) = (repo.key, [path("d/1/7"), path("d/2"), path("none")]);
    match act {
        Act::Sweep => engine.sweep(&ALL).await.map(drop),
        Act::PlanSweep => engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.map(drop),
        Act::Verify => damage(engine, key, 40).await.map(|(found, _)| assert_eq!(found, Vec::new())),
        Act::Entries => engine.entries(key, new, &paths).await.map(drop),
        Act::List => {
            let list = ListRequest { repo: key, at: new, folder: None, recursive: true, after: None, limit: 1000 };
            engine.list(&list).await.map(drop)
        }
        Act::FolderSizes => engine.folder_sizes(key, new, &[path("d/1")]).await.map(drop),
        Act::Log => engine.log(key, new, None, 10).await.map(drop),
        Act::LastCommits => engine.last_commits(key, new, &paths).await.map(drop),
        Act::Diff => engine.diff(key, Some(old), new, None, 1000).await.map(drop),
        Act::Contents => engine.contents(key, None, 1000).await.map(drop),
        Act::Commit => repo.commit(vec![put("d/1/7", "mine"), put("e", "new")]).await.map(drop),
    }
}
