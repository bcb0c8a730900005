//! Where one process alone writes, a warm reader asks the database nothing, and nothing it answers is ever old.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_contract::versioning::{Change, CommitRequest, FileRef, ListRequest, Node, RefUpdate, Versioning};
use ballast_contract::{Component, ErrorKind};
use ballast_database::testing::{Scratch, sqlite};
use ballast_database::{Connections, Database, Options};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, Revision, Sha256, Signature, Timestamp};
use ballast_versioning_native::{Native, NativeConfig, open};
use diesel_async::SimpleAsyncConnection;

const REPO: RepoKey = RepoKey(1);

async fn alone(scratch: &Scratch) -> Native {
    let database = Database::open(&scratch.url, &Options { alone: true, ..Options::default() }).await.unwrap();
    let engine = open(NativeConfig::default(), database).await.unwrap();
    engine.start().await.unwrap();
    engine.create(REPO, &RefName::branch("main").unwrap()).await.unwrap();
    engine
}

async fn commit(engine: &Native, operation: i64, changes: Vec<Change>) -> CommitId {
    let request = CommitRequest {
        operation: OperationId(operation),
        repo: REPO,
        branch: RefName::branch("main").unwrap(),
        expected_parent: None,
        author: Signature::new("Ada", "ada@example.org"),
        time: Timestamp::from_seconds(1_700_000_000 + operation),
        message: format!("Commit {operation}"),
        changes,
    };
    engine.commit(request).await.unwrap().tip()
}

fn put(path: &str, text: &str) -> Change {
    let oid = object_id(ObjectKind::Blob, text.as_bytes());
    let file = FileRef::Regular { oid, sha256: Sha256([5; 32]), size: text.len() as u64 };
    Change::Put { path: path.parse().unwrap(), node: Node::File { file, executable: false } }
}

fn moved(name: &str, old: Option<CommitId>, new: Option<CommitId>) -> RefUpdate {
    RefUpdate { name: name.parse().unwrap(), old, new, annotation: None }
}

async fn resolved(engine: &Native, revision: &str) -> Option<CommitId> {
    let revision = Revision::new(revision);
    match engine.resolve(REPO, &revision).await {
        Ok(id) => Some(id),
        Err(error) if error.is(ErrorKind::NotFound) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_warm_reader_needs_no_table() {
    let scratch = sqlite().await;
    let engine = alone(&scratch).await;
    let tip = commit(&engine, 1, (0..500).map(|n| put(&format!("d/f{n}"), &n.to_string())).collect()).await;
    let list = ListRequest { repo: REPO, at: tip, folder: None, recursive: true, after: None, limit: 100 };
    let read = async || {
        assert_eq!(resolved(&engine, "main").await, Some(tip));
        assert_eq!(resolved(&engine, &tip.to_string()).await, Some(tip));
        assert!(engine.entries(REPO, tip, &["d/f7".parse().unwrap()]).await.unwrap()[0].is_some());
        assert_eq!(engine.list(&list).await.unwrap().items.len(), 100);
        assert_eq!(engine.folder_sizes(REPO, tip, &["d".parse().unwrap()]).await.unwrap(), [Some(1390)]);
        assert_eq!(engine.commits(REPO, &[tip]).await.unwrap().len(), 1);
    };
    read().await;
    let Connections::Sqlite { write, .. } = scratch.database.connections() else { panic!() };
    let mut connection = write.get().await.unwrap();
    for table in ["refs", "commits", "nodes", "files", "repositories"] {
        connection.batch_execute(&format!("ALTER TABLE native_{table} RENAME TO gone_{table}")).await.unwrap();
    }
    read().await;
}

#[tokio::test]
async fn every_way_of_saying_a_ref_follows_its_moves() {
    let scratch = sqlite().await;
    let engine = alone(&scratch).await;
    let (one, two) = (commit(&engine, 1, vec![put("a", "1")]).await, commit(&engine, 2, vec![put("a", "2")]).await);
    let spellings = ["x", "heads/x", "refs/heads/x"];
    let all = async || {
        let mut found = Vec::new();
        for text in spellings {
            // Twice: the second answer is from memory.
            resolved(&engine, text).await;
            found.push(resolved(&engine, text).await);
        }
        found
    };
    engine.update_refs(REPO, &[moved("refs/tags/x", None, Some(one))]).await.unwrap();
    assert_eq!(all().await, [Some(one), None, None]);
    // A branch is meant before a tag.
    engine.update_refs(REPO, &[moved("refs/heads/x", None, Some(two))]).await.unwrap();
    assert_eq!(all().await, [Some(two); 3]);
    engine.update_refs(REPO, &[moved("refs/heads/x", Some(two), Some(one))]).await.unwrap();
    assert_eq!(all().await, [Some(one); 3]);
    engine.update_refs(REPO, &[moved("refs/heads/x", Some(one), None)]).await.unwrap();
    assert_eq!(all().await, [Some(one), None, None]);
    engine.update_refs(REPO, &[moved("refs/tags/x", Some(one), None)]).await.unwrap();
    assert_eq!(all().await, [None; 3]);
    let many: Vec<RefUpdate> = (0..100).map(|n| moved(&format!("refs/heads/b{n}"), None, Some(one))).collect();
    engine.update_refs(REPO, &many).await.unwrap();
    assert_eq!(resolved(&engine, "b99").await, Some(one));
    let many: Vec<RefUpdate> = (0..100).map(|n| moved(&format!("refs/heads/b{n}"), Some(one), Some(two))).collect();
    engine.update_refs(REPO, &many).await.unwrap();
    assert_eq!(resolved(&engine, "b99").await, Some(two));
    engine.delete(REPO).await.unwrap();
    assert_eq!(resolved(&engine, "main").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_a_branch_older_than_somebody_was_told() {
    let scratch = sqlite().await;
    let engine = Arc::new(alone(&scratch).await);
    let first = commit(&engine, 1, vec![put("a", "0")]).await;
    // The commits in their order, and how many of them somebody has seen.
    let commits = Arc::new(std::sync::Mutex::new(vec![first]));
    let (seen, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut readers = Vec::new();
    for _ in 0..4 {
        let (engine, commits, seen, ended) = (engine.clone(), commits.clone(), seen.clone(), ended.clone());
        readers.push(tokio::spawn(async move {
            while ended.load(Ordering::SeqCst) == 0 {
                let floor = seen.load(Ordering::SeqCst);
                let tip = engine.resolve(REPO, &Revision::main()).await.unwrap();
                // One that is not in the list yet is being acknowledged just now.
                if let Some(at) = commits.lock().unwrap().iter().position(|id| *id == tip) {
                    assert!(at >= floor, "commit {at} was read after commit {floor} had been seen");
                    seen.fetch_max(at, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        }));
    }
    for n in 1..150 {
        let id = commit(&engine, 1 + n as i64, vec![put("a", &n.to_string())]).await;
        commits.lock().unwrap().push(id);
        seen.fetch_max(n, Ordering::SeqCst);
        assert_eq!(engine.resolve(REPO, &Revision::main()).await.unwrap(), id);
    }
    ended.store(1, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}
