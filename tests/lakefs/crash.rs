//! Cut off at every call to lakeFS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_contract::versioning::{CommitRequest, Rewrite, RewriteRequest, Rewritten, Strategy, Versioning};
use ballast_database::testing;
use ballast_testkit::versioning::repo::*;
use ballast_tests::{LakeFault, LakeServer};
use ballast_types::{CommitId, RefName};
use ballast_versioning_lakefs::LakefsConfig;

use crate::world::{config, engine, through};

/// How the server goes away.
const MANNERS: [LakeFault; 4] =
    [LakeFault::Unheard, LakeFault::Unanswered, LakeFault::Status(503), LakeFault::Status(500)];

/// From the call of this number on, nothing goes well; says how many calls there were.
fn fail_from(server: &LakeServer, number: usize, manner: LakeFault) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    server.behave(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        at if at < number => LakeFault::None,
        _ => manner,
    });
    count
}

/// Just the call of this number goes wrong.
fn fail_at(server: &LakeServer, number: usize, manner: LakeFault) {
    let mut count = 0;
    server.behave(move |_| {
        count += 1;
        if count - 1 == number { manner } else { LakeFault::None }
    });
}

fn request(repo: &Repo) -> CommitRequest {
    repo.request(vec![
        put("a/x", "2"),
        put("a/b/y", "2"),
        put("new/z", "2"),
        delete("gone"),
        delete_folder("away"),
        copy("a/x", None, "copied"),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_cut_off_at_any_call_is_whole_or_not_there_and_the_same_operation_gets_through() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let healthy = engine(config(&server), &scratch.database).await;
    let mut cut = 0;
    for manner in MANNERS {
        for number in 0.. {
            let repo = Repo::new(&(healthy.clone() as Arc<dyn Versioning>)).await;
            let before = repo
                .commit_new(vec![put("a/x", "1"), put("gone", "1"), put("away/1", "1"), put("away/in/2", "1")])
                .await;
            let files = repo.files(before).await;
            let request = request(&repo);
            // An engine that knows nothing yet, and has no patience.
            let impatient = LakefsConfig { retries: 0, ..config(&server) };
            let shaky = engine(impatient, &scratch.database).await;
            let count = fail_from(&server, number, manner);
            let outcome = shaky.commit(request.clone()).await;
            let calls = count.load(Ordering::Relaxed);
            server.behave(|_| LakeFault::None);
            let fresh = through(&engine(config(&server), &scratch.database).await, &repo);
            let tip = fresh.tip().await.unwrap();
            match &outcome {
                Ok(made) => assert_eq!(tip, made.tip()),
                Err(error) => {
                    assert!(error.retryable, "{error}");
                    assert_eq!((tip, fresh.files(tip).await), (before, files.clone()), "{manner:?} at call {number}");
                    cut += 1;
                }
            }
            let made = fresh.engine.commit(request.clone()).await.unwrap().tip();
            assert_eq!(fresh.tip().await, Some(made));
            let paths: Vec<String> = fresh.files(made).await.into_keys().collect();
            assert_eq!(paths, ["a/b/y", "a/x", "copied", "new/z"]);
            assert_eq!(fresh.engine.commit_count(repo.key, made, 10).await.unwrap(), 2);
            assert_eq!(fresh.engine.conclude(repo.key, request.operation).await.unwrap(), Some(made));
            if calls <= number {
                assert!(outcome.is_ok());
                break;
            }
        }
    }
    assert!(cut > 40, "{cut} commits were cut off: the test has lost its meaning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_that_goes_wrong_costs_at_most_a_retry() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let patient = engine(config(&server), &scratch.database).await;
    for manner in [LakeFault::Unheard, LakeFault::Unanswered, LakeFault::Status(429), LakeFault::Status(503)] {
        for number in 0..14 {
            let repo = Repo::new(&(patient.clone() as Arc<dyn Versioning>)).await;
            let first = repo.commit_new(vec![put("a/x", "1"), put("gone", "1"), put("away/1", "1")]).await;
            let request = request(&repo);
            fail_at(&server, number, manner);
            let outcome = patient.commit(request.clone()).await;
            server.behave(|_| LakeFault::None);
            if let LakeFault::Status(_) = manner {
                outcome.as_ref().unwrap();
            }
            let made = patient.commit(request).await.unwrap().tip();
            let log = patient.log(repo.key, made, None, 10).await.unwrap().items;
            assert_eq!(log.iter().map(|info| info.id).collect::<Vec<_>>(), [made, first], "{manner:?} at {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_was_cut_off_and_concluded_never_commits() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let healthy = engine(config(&server), &scratch.database).await;
    let repo = Repo::new(&(healthy.clone() as Arc<dyn Versioning>)).await;
    let tip = repo.commit_new(vec![put("a", "1")]).await;
    let request = repo.request(vec![put("b", "1")]);
    fail_at(&server, 1, LakeFault::Unheard);
    let shaky = engine(LakefsConfig { retries: 0, ..config(&server) }, &scratch.database).await;
    fail_at(&server, 1, LakeFault::Unheard);
    shaky.commit(request.clone()).await.unwrap_err();
    server.behave(|_| LakeFault::None);
    assert_eq!(healthy.conclude(repo.key, request.operation).await.unwrap(), None);
    assert!(healthy.commit(request).await.unwrap_err().is(ballast_contract::ErrorKind::Conflict));
    assert_eq!(repo.tip().await, Some(tip));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_deleting_and_merging_may_be_cut_off_at_any_call_and_done_again() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let healthy = engine(config(&server), &scratch.database).await;
    for number in 0..8 {
        for manner in MANNERS {
            let impatient = LakefsConfig { retries: 0, ..config(&server) };
            let shaky = engine(impatient, &scratch.database).await;
            let key = ballast_types::RepoKey(unique());
            fail_from(&server, number, manner);
            let _ = shaky.create(key, &main()).await;
            server.behave(|_| LakeFault::None);
            healthy.create(key, &main()).await.unwrap();
            let repo = Repo { engine: healthy.clone(), key };
            let first = repo.commit_new(vec![put("a", "1")]).await;
            let side = side_branch(&repo, first).await;
            let request = merge(&repo, side);
            fail_from(&server, number, manner);
            let _ = shaky.rewriting().unwrap().rewrite(request.clone()).await;
            server.behave(|_| LakeFault::None);
            let made = healthy.rewriting().unwrap().rewrite(request).await.unwrap();
            let Rewritten::Done(made) = made else { panic!("{made:?}") };
            assert_eq!(repo.files(made.tip()).await.len(), 2);
            assert_eq!(healthy.commit_count(key, made.tip(), 10).await.unwrap(), 3);
            fail_from(&server, number, manner);
            let _ = shaky.delete(key).await;
            server.behave(|_| LakeFault::None);
            healthy.delete(key).await.unwrap();
            assert_eq!(repo.tip().await, None);
        }
    }
    assert!(server.repositories().is_empty(), "{:?}", server.repositories());
}

async fn side_branch(repo: &Repo, from: CommitId) -> CommitId {
    let branch = RefName::branch("side").unwrap();
    let update =
        ballast_contract::versioning::RefUpdate { name: branch.clone(), old: None, new: Some(from), annotation: None };
    repo.engine.update_refs(repo.key, &[update]).await.unwrap();
    let request = CommitRequest { branch, ..repo.request(vec![put("b", "1")]) };
    repo.engine.commit(request).await.unwrap().tip()
}

fn merge(repo: &Repo, source: CommitId) -> RewriteRequest {
    let CommitRequest { operation, repo, branch, expected_parent, author, time, message, .. } = repo.request(vec![]);
    let rewrite = Rewrite::Merge { source, strategy: Strategy::Stop, squash: false };
    RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite }
}
