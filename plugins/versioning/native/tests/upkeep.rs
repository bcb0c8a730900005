//! Verifying and sweeping real rows: each sort of damage is named, and nothing that is needed goes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballast_contract::versioning::{
    Change, CommitRequest, Committed, Damage, Damaged, FileRef, ListRequest, Node, RefUpdate, SweepRequest, Upkeep,
    Versioning,
};
use ballast_contract::{Component, ErrorKind};
use ballast_database::testing::Scratch;
use ballast_database::{Connections, on_both};
use ballast_types::git::{ObjectKind, object_id, pointer_oid};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, Sha256, Signature, Timestamp};
use ballast_versioning_native::{Native, NativeConfig, open};
use diesel_async::SimpleAsyncConnection;

const REPO: RepoKey = RepoKey(1);
const ALL: SweepRequest = SweepRequest { cutoff: Timestamp(i64::MAX), dry_run: false };

fn main() -> RefName {
    RefName::branch("main").unwrap()
}

async fn started(scratch: &Scratch) -> Native {
    let engine = open(NativeConfig::default(), scratch.database.clone()).await.unwrap();
    engine.start().await.unwrap();
    engine.create(REPO, &main()).await.unwrap();
    engine
}

async fn run(scratch: &Scratch, sql: &str) {
    match scratch.database.connections() {
        Connections::Sqlite { write, .. } => write.get().await.unwrap().batch_execute(sql).await.unwrap(),
        Connections::Postgres(pool) => pool.get().await.unwrap().batch_execute(sql).await.unwrap(),
    }
}

fn put(path: &str, text: &str) -> Change {
    let oid = object_id(ObjectKind::Blob, text.as_bytes());
    let mut sha256 = [1; 32];
    sha256[..20].copy_from_slice(oid.as_bytes());
    let file = FileRef::Regular { oid, sha256: Sha256(sha256), size: text.len() as u64 };
    Change::Put { path: path.parse().unwrap(), node: Node::File { file, executable: false } }
}

fn large(path: &str, size: u64) -> Change {
    let sha256 = Sha256([9; 32]);
    let file = FileRef::Lfs { oid: pointer_oid(sha256, size), sha256, size, pointer: None };
    Change::Put { path: path.parse().unwrap(), node: Node::File { file, executable: false } }
}

async fn commit(engine: &Native, repo: RepoKey, operation: i64, changes: Vec<Change>) -> CommitId {
    let request = CommitRequest {
        operation: OperationId(operation),
        repo,
        branch: main(),
        expected_parent: None,
        author: Signature::new("Ada", "ada@example.org"),
        time: Timestamp::from_seconds(1_700_000_000 + operation),
        message: format!("Commit {operation}"),
        changes,
    };
    match engine.commit(request).await.unwrap() {
        Committed::New(id) => id,
        Committed::Unchanged(_) => panic!("nothing changed"),
    }
}

/// Three commits: many files in many folders, a few changes, a removal.
async fn history(engine: &Native) -> Vec<CommitId> {
    let many = (0..3000).map(|n| put(&format!("d{:02}/e/f{n:04}", n / 60), &n.to_string()));
    let first = many.chain([large("d01/big", 1 << 30), put("top", "t")]).collect();
    let changed = vec![put("d01/e/f0060", "new"), put("d49/other", "o"), large("d01/big", 2 << 30)];
    let removed =
        vec![Change::DeleteFolder { path: "d07".parse().unwrap() }, Change::Delete { path: "top".parse().unwrap() }];
    vec![
        commit(engine, REPO, 1, first).await,
        commit(engine, REPO, 2, changed).await,
        commit(engine, REPO, 3, removed).await,
    ]
}

/// All damage, in pages of so much work; how many pages it took.
async fn damage(engine: &Native, repo: RepoKey, limit: usize) -> (Vec<Damage>, usize) {
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = engine.verify(repo, after, limit).await.unwrap();
        found.extend(page.items);
        (after, pages) = (page.next, pages + 1);
        assert!(pages < 100_000, "the walk does not end");
        if after.is_none() {
            return (found, pages);
        }
    }
}

async fn whole(engine: &Native, repo: RepoKey) -> Vec<Damage> {
    damage(engine, repo, 10_000).await.0
}

async fn count(engine: &Native, repo: RepoKey, at: CommitId) -> usize {
    engine.forget_caches();
    let list = ListRequest { repo, at, folder: None, recursive: true, after: None, limit: 10_000 };
    engine.list(&list).await.unwrap().items.len()
}

on_both! {
    async fn what_is_whole_is_said_to_be_whole_in_pages_of_any_size(scratch: &Scratch) {
        let engine = started(scratch).await;
        let commits = history(&engine).await;
        let tag = RefName::tag("v1").unwrap();
        let annotation = ballast_contract::versioning::Annotation {
            tagger: Signature::new("Ada", ""), time: Timestamp(0), message: "A tag".to_owned(),
        };
        let update = RefUpdate { name: tag, old: None, new: Some(commits[0]), annotation: Some(annotation) };
        engine.update_refs(REPO, &[update]).await.unwrap();
        for (limit, at_least) in [(1, 60), (7, 10), (100, 1), (usize::MAX, 1)] {
            let (found, pages) = damage(&engine, REPO, limit).await;
            assert_eq!(found, Vec::new(), "in pages of {limit}");
            assert!(pages >= at_least, "{pages} pages of {limit}");
        }
        // Each commit after the first costs what it changed: all three together hardly more than the first.
        let before = engine.counts().statements;
        damage(&engine, REPO, usize::MAX).await;
        let statements = engine.counts().statements - before;
        assert!(statements < 100, "{statements} statements for nodes");
        assert!(engine.verify(RepoKey(77), None, 10).await.unwrap_err().is(ErrorKind::NotFound));
        assert!(engine.verify(REPO, Some("no cursor".to_owned()), 10).await.unwrap_err().is(ErrorKind::Invalid));
    }

    async fn lost_and_damaged_nodes_are_named_with_a_path(scratch: &Scratch) {
        let engine = started(scratch).await;
        history(&engine).await;
        // Every node's body is another's id: nothing can be read, so nothing but the roots is ever reached.
        run(scratch, "CREATE TABLE kept AS SELECT id, body FROM native_nodes").await;
        run(scratch, "UPDATE native_nodes SET body = id").await;
        let found = whole(&engine, REPO).await;
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(found.iter().all(|one| one.what == Damaged::Node && one.commit.is_some()), "{found:?}");
        run(scratch, "UPDATE native_nodes SET body = (SELECT body FROM kept WHERE kept.id = native_nodes.id)").await;
        assert_eq!(whole(&engine, REPO).await, Vec::new());
        // One row after the other goes and comes back: it is always missed, once by every commit that needs it.
        run(scratch, "CREATE TABLE one AS SELECT * FROM native_nodes WHERE 1 = 0").await;
        for n in 0..8 {
            run(scratch, &format!("INSERT INTO one SELECT * FROM native_nodes ORDER BY id LIMIT 1 OFFSET {}", n * 4)).await;
            run(scratch, "DELETE FROM native_nodes WHERE id IN (SELECT id FROM one)").await;
            let found = whole(&engine, REPO).await;
            assert!(!found.is_empty() && found.iter().all(|one| one.what == Damaged::Node), "{n}: {found:?}");
            assert!(found.iter().all(|one| one.sentence.contains("not in the database")), "{n}: {found:?}");
            assert_eq!(damage(&engine, REPO, 5).await.0, found, "{n}: in small pages");
            run(scratch, "INSERT INTO native_nodes SELECT * FROM one; DELETE FROM one").await;
        }
        assert_eq!(whole(&engine, REPO).await, Vec::new());
    }

    async fn files_commits_trees_and_refs_that_are_not_as_they_were_are_named(scratch: &Scratch) {
        let engine = started(scratch).await;
        let commits = history(&engine).await;
        let of = async |what: Damaged| -> Vec<Damage> {
            let found = whole(&engine, REPO).await;
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
        assert_eq!(of(Damaged::File).await[0].commit, Some(commits[1]));
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
        let commits = history(&engine).await;
        let other = RepoKey(2);
        engine.create(other, &main()).await.unwrap();
        // It shares most of its nodes with the first; one commit of the first is on no ref any more.
        let many = (0..3000).map(|n| put(&format!("d{:02}/e/f{n:04}", n / 60), &n.to_string())).collect();
        let shared = commit(&engine, other, 1, many).await;
        let back = RefUpdate { name: main(), old: Some(commits[2]), new: Some(commits[0]), annotation: None };
        engine.update_refs(REPO, &[back]).await.unwrap();
        assert_eq!(engine.sweep(&ALL).await.unwrap().removed, 0);
        assert_eq!(count(&engine, REPO, commits[2]).await, 3040, "a commit without a ref is read as before");
        engine.delete(REPO).await.unwrap();
        // A late question leaves a row of the deleted repository.
        assert_eq!(engine.conclude(REPO, OperationId(99)).await.unwrap(), None);
        let young = SweepRequest { cutoff: Timestamp(1), dry_run: false };
        assert_eq!(engine.sweep(&young).await.unwrap().removed, 0);
        let plan = engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap();
        assert_eq!(engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap(), plan, "a plan changes nothing");
        assert!(plan.removed > 0 && plan.bytes > 1000 * plan.removed / 10, "{plan:?}");
        assert_eq!(engine.sweep(&ALL).await.unwrap(), plan);
        assert_eq!(engine.sweep(&ALL).await.unwrap().removed, 0);
        assert_eq!(count(&engine, other, shared).await, 3100);
        assert_eq!(whole(&engine, other).await, Vec::new());
        engine.delete(other).await.unwrap();
        assert_eq!(engine.sweep(&ALL).await.unwrap().kept, 0);
        run(scratch, "CREATE TABLE empty_is_well (n INTEGER CHECK (n = 0))").await;
        run(scratch, "INSERT INTO empty_is_well SELECT count(*) FROM native_operations").await;
        run(scratch, "INSERT INTO empty_is_well SELECT count(*) FROM native_nodes").await;
    }

    async fn damage_that_hides_what_is_needed_stops_a_sweep(scratch: &Scratch) {
        let engine = started(scratch).await;
        history(&engine).await;
        run(scratch, "DELETE FROM native_nodes WHERE id IN (SELECT root FROM native_commits)").await;
        let before = engine.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap_err();
        assert!(before.is(ErrorKind::Corrupt), "{before}");
        assert!(engine.sweep(&ALL).await.unwrap_err().is(ErrorKind::Corrupt));
    }

    async fn sweeps_beside_commits_of_two_nodes_lose_nothing(scratch: &Scratch) {
        let (one, two) = (Arc::new(started(scratch).await), Arc::new(started(scratch).await));
        let done = Arc::new(AtomicBool::new(false));
        let mut work = Vec::new();
        for (node, engine) in [(0, one.clone()), (1, two.clone())] {
            work.push(tokio::spawn(async move {
                for round in 0..12 {
                    // Both nodes make the same content again and again, in repositories that come and go.
                    let repo = RepoKey(100 + node * 100 + round);
                    engine.create(repo, &main()).await.unwrap();
                    let many = |salt: i64| (0..400).map(|n| put(&format!("d/f{n:04}"), &(n * salt).to_string())).collect();
                    commit(&engine, repo, 1, many(round % 3 + 1)).await;
                    let tip = commit(&engine, repo, 2, many(round % 3 + 2)).await;
                    assert_eq!(count(&engine, repo, tip).await, 401);
                    assert_eq!(whole(&engine, repo).await, Vec::new());
                    if round % 2 == 0 {
                        engine.delete(repo).await.unwrap();
                    }
                }
            }));
        }
        let sweeper = {
            let (engine, done) = (two.clone(), done.clone());
            tokio::spawn(async move {
                let mut removed = 0;
                while !done.load(Ordering::SeqCst) {
                    match engine.sweep(&ALL).await {
                        Ok(swept) => removed += swept.removed,
                        // A repository was deleted, and another sweep was faster than this one's look at it.
                        Err(error) => assert!(error.is(ErrorKind::Corrupt), "{error}"),
                    }
                }
                removed
            })
        };
        for task in work {
            task.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        sweeper.await.unwrap();
        for repo in [101, 103, 211, 209] {
            one.forget_caches();
            assert_eq!(whole(&one, RepoKey(repo)).await, Vec::new());
        }
        let last = one.sweep(&ALL).await.unwrap();
        assert_eq!(one.sweep(&ALL).await.unwrap().removed, 0, "{last:?}");
    }
}
