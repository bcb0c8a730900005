//! Damage is found, and what was left behind goes.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{Damaged, SweepRequest, Versioning};
use ballast_database::testing;
use ballast_testkit::versioning::repo::*;
use ballast_testkit::versioning::upkeep::damage;
use ballast_tests::{LakeFault, LakeServer};
use ballast_types::Timestamp;
use ballast_versioning_lakefs::LakefsConfig;

use crate::world::{config, engine, through};

const ALL: SweepRequest = SweepRequest { cutoff: Timestamp(i64::MAX), dry_run: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_lakefs_is_found_and_never_read_as_if_it_were_whole() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let healthy = engine(config(&server), &scratch.database).await;
    let repo = Repo::new(&(healthy.clone() as Arc<dyn Versioning>)).await;
    let tip = repo.commit_new(vec![put("a/b/x", "1"), put("a/y", "1"), put("z", "1")]).await;
    let name = server.repositories().remove(0);
    let commit = server.branches(&name)["main"].clone();
    let found = async || damage(healthy.upkeep().unwrap(), repo.key, 1).await.unwrap().0;
    assert_eq!(found().await, []);
    // Of another folder, and whole in itself.
    let other = server.bytes(&name, &commit, "a/b/").unwrap();
    let was = server.bytes(&name, &commit, "a/").unwrap();
    for bytes in [None, Some(&b"garbage"[..]), Some(&other)] {
        server.damage(&name, &commit, "a/", bytes);
        let found = found().await;
        assert_eq!((found.len(), found[0].what), (1, Damaged::Node), "{found:?}");
        assert_eq!(found[0].path, Some(path("a")));
        let fresh = through(&engine(config(&server), &scratch.database).await, &repo);
        let error = fresh.engine.entries(repo.key, tip, &[path("a/y")]).await.unwrap_err();
        assert!(error.is(ErrorKind::Corrupt), "{error}");
    }
    server.damage(&name, &commit, "a/", Some(&was));
    assert_eq!(found().await, []);
    server.remove(&name, &commit, "a/y");
    let found = found().await;
    assert_eq!((found.len(), found[0].what, found[0].path.clone()), (1, Damaged::File, Some(path("a/y"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_branches_that_a_crash_left_go_and_those_in_use_stay() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let impatient = engine(LakefsConfig { retries: 0, ..config(&server) }, &scratch.database).await;
    let repo = Repo::new(&(impatient.clone() as Arc<dyn Versioning>)).await;
    repo.commit_new(vec![put("a", "1")]).await;
    let name = server.repositories().remove(0);
    server.behave(|asked| match asked.path.ends_with("/commits") || asked.method == "DELETE" {
        true => LakeFault::Unheard,
        false => LakeFault::None,
    });
    repo.commit(vec![put("b", "1")]).await.unwrap_err();
    server.behave(|_| LakeFault::None);
    server.branch(&name, "w-000000000001-00", "main");
    let hidden = || server.branches(&name).into_keys().filter(|branch| branch.starts_with("w-")).count();
    assert_eq!(hidden(), 2);
    let swept = impatient.upkeep().unwrap().sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap();
    assert_eq!((swept.removed, swept.kept, hidden()), (1, 1, 2));
    impatient.upkeep().unwrap().sweep(&ALL).await.unwrap();
    assert_eq!(hidden(), 1, "the younger one may be in use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_whose_deletion_lakefs_did_not_hear_of_goes_with_a_sweep() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let impatient = engine(LakefsConfig { retries: 0, ..config(&server) }, &scratch.database).await;
    let repo = Repo::new(&(impatient.clone() as Arc<dyn Versioning>)).await;
    repo.commit_new(vec![put("a", "1")]).await;
    server.behave(|_| LakeFault::Unheard);
    impatient.delete(repo.key).await.unwrap_err();
    assert_eq!(repo.tip().await, None, "it is gone for everybody");
    server.behave(|_| LakeFault::None);
    assert_eq!(server.repositories().len(), 1);
    let swept = impatient.upkeep().unwrap().sweep(&ALL).await.unwrap();
    assert!(swept.removed > 0);
    assert!(server.repositories().is_empty());
    assert_eq!(impatient.upkeep().unwrap().sweep(&ALL).await.unwrap().removed, 0);
}
