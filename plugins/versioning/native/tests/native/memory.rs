//! Where one process alone writes, a warm reader asks the database nothing, and nothing it answers is ever old.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{ListRequest, RefUpdate, Versioning};
use ballast_database::testing::{Scratch, sqlite};
use ballast_database::{Database, Options};
use ballast_testkit::versioning::repo::{Repo, path, put};
use ballast_types::{CommitId, Revision};
use ballast_versioning_native::Native;

use crate::world::{new_repo, run, started_on};

async fn alone(scratch: &Scratch) -> (Arc<Native>, Repo) {
    let database = Database::open(&scratch.url, &Options { alone: true, ..Options::default() }).await.unwrap();
    let engine = started_on(database).await;
    let repo = new_repo(&engine).await;
    (engine, repo)
}

fn moved(name: &str, old: Option<CommitId>, new: Option<CommitId>) -> RefUpdate {
    RefUpdate { name: name.parse().unwrap(), old, new, annotation: None }
}

async fn resolved(repo: &Repo, revision: &str) -> Option<CommitId> {
    match repo.engine.resolve(repo.key, &Revision::new(revision)).await {
        Ok(id) => Some(id),
        Err(error) if error.is(ErrorKind::NotFound) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_warm_reader_needs_no_table() {
    let scratch = sqlite().await;
    let (engine, repo) = alone(&scratch).await;
    let tip = repo.commit_new((0..500).map(|n| put(&format!("d/f{n}"), &n.to_string())).collect()).await;
    let list = ListRequest { repo: repo.key, at: tip, folder: None, recursive: true, after: None, limit: 100 };
    let read = async || {
        assert_eq!(resolved(&repo, "main").await, Some(tip));
        assert_eq!(resolved(&repo, &tip.to_string()).await, Some(tip));
        assert!(engine.entries(repo.key, tip, &[path("d/f7")]).await.unwrap()[0].is_some());
        assert_eq!(engine.list(&list).await.unwrap().items.len(), 100);
        assert_eq!(engine.folder_sizes(repo.key, tip, &[path("d")]).await.unwrap(), [Some(1390)]);
        assert_eq!(engine.commits(repo.key, &[tip]).await.unwrap().len(), 1);
    };
    read().await;
    for table in ["refs", "commits", "nodes", "files", "repositories"] {
        run(&scratch, &format!("ALTER TABLE native_{table} RENAME TO gone_{table}")).await;
    }
    read().await;
}

#[tokio::test]
async fn every_way_of_saying_a_ref_follows_its_moves() {
    let scratch = sqlite().await;
    let (engine, repo) = alone(&scratch).await;
    let (one, two) = (repo.commit_new(vec![put("a", "1")]).await, repo.commit_new(vec![put("a", "2")]).await);
    let spellings = ["x", "heads/x", "refs/heads/x"];
    let all = async || {
        let mut found = Vec::new();
        for text in spellings {
            // Twice: the second answer is from memory.
            resolved(&repo, text).await;
            found.push(resolved(&repo, text).await);
        }
        found
    };
    engine.update_refs(repo.key, &[moved("refs/tags/x", None, Some(one))]).await.unwrap();
    assert_eq!(all().await, [Some(one), None, None]);
    // A branch is meant before a tag.
    engine.update_refs(repo.key, &[moved("refs/heads/x", None, Some(two))]).await.unwrap();
    assert_eq!(all().await, [Some(two); 3]);
    engine.update_refs(repo.key, &[moved("refs/heads/x", Some(two), Some(one))]).await.unwrap();
    assert_eq!(all().await, [Some(one); 3]);
    engine.update_refs(repo.key, &[moved("refs/heads/x", Some(one), None)]).await.unwrap();
    assert_eq!(all().await, [Some(one), None, None]);
    engine.update_refs(repo.key, &[moved("refs/tags/x", Some(one), None)]).await.unwrap();
    assert_eq!(all().await, [None; 3]);
    let many: Vec<RefUpdate> = (0..100).map(|n| moved(&format!("refs/heads/b{n}"), None, Some(one))).collect();
    engine.update_refs(repo.key, &many).await.unwrap();
    assert_eq!(resolved(&repo, "b99").await, Some(one));
    let many: Vec<RefUpdate> = (0..100).map(|n| moved(&format!("refs/heads/b{n}"), Some(one), Some(two))).collect();
    engine.update_refs(repo.key, &many).await.unwrap();
    assert_eq!(resolved(&repo, "b99").await, Some(two));
    engine.delete(repo.key).await.unwrap();
    assert_eq!(resolved(&repo, "main").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_a_branch_older_than_somebody_was_told() {
    let scratch = sqlite().await;
    let (_, repo) = alone(&scratch).await;
    let first = repo.commit_new(vec![put("a", "0")]).await;
    // The commits in their order, and how many of them somebody has seen.
    let commits = Arc::new(std::sync::Mutex::new(vec![first]));
    let (seen, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut readers = Vec::new();
    for _ in 0..4 {
        let (repo, commits, seen, ended) = (repo.clone(), commits.clone(), seen.clone(), ended.clone());
        readers.push(tokio::spawn(async move {
            while ended.load(Ordering::SeqCst) == 0 {
                let floor = seen.load(Ordering::SeqCst);
                let tip = repo.tip().await.unwrap();
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
        let id = repo.commit_new(vec![put("a", &n.to_string())]).await;
        commits.lock().unwrap().push(id);
        seen.fetch_max(n, Ordering::SeqCst);
        assert_eq!(repo.tip().await, Some(id));
    }
    ended.store(1, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}
