//! What people and their tools find in lakeFS.

use std::sync::Arc;

use ballast_contract::versioning::{RefUpdate, SweepRequest, Versioning};
use ballast_database::testing;
use ballast_testkit::versioning::repo::*;
use ballast_tests::{LakeFault, LakeServer};
use ballast_types::{CommitId, Timestamp};
use ballast_versioning_lakefs::LakefsConfig;

use crate::world::{config, engine};

fn update(name: &str, old: Option<CommitId>, new: Option<CommitId>) -> RefUpdate {
    RefUpdate { name: name.parse().unwrap(), old, new, annotation: None }
}

/// The commit of git that a branch or tag in lakeFS stands at.
fn stands(server: &LakeServer, name: &str, at: &str) -> Option<String> {
    let commit = server.branches(name).get(at).or(server.tags(name).get(at)).cloned()?;
    server.metadata(name, &commit).get("ballast-commit").cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_and_tags_in_lakefs_follow_under_names_that_it_takes() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let repo = Repo::new(&(engine(config(&server), &scratch.database).await as Arc<dyn Versioning>)).await;
    let name = server.repositories().remove(0);
    let (a, b) = (repo.commit_new(vec![put("a", "1")]).await, repo.commit_new(vec![put("a", "2")]).await);
    let refs = ["refs/heads/feature/x.y", "refs/heads/plain", "refs/tags/v1.0", "refs/tags/a/b", "refs/pr/7"];
    repo.engine.update_refs(repo.key, &refs.map(|name| update(name, None, Some(a)))).await.unwrap();
    let there = ["x-feature-2fx-2ey", "plain", "v1.0", "x-a-2fb", "p-refs-2fpr-2f7"];
    for at in there {
        assert_eq!(stands(&server, &name, at), Some(a.to_string()), "{at}");
    }
    assert_eq!(stands(&server, &name, "main"), Some(b.to_string()));
    let moves = refs.map(|name| update(name, Some(a), if name.contains("feature") { None } else { Some(b) }));
    repo.engine.update_refs(repo.key, &moves).await.unwrap();
    assert_eq!(stands(&server, &name, there[0]), None);
    for at in &there[1..] {
        assert_eq!(stands(&server, &name, at), Some(b.to_string()), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_lakefs_carry_their_real_ids() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let repo = Repo::new(&(engine(config(&server), &scratch.database).await as Arc<dyn Versioning>)).await;
    let change = ballast_contract::versioning::Change::Put { path: path("m/weights.bin"), node: large("w", 1 << 33) };
    repo.commit_new(vec![change, put("README.md", "hello\n")]).await;
    let name = server.repositories().remove(0);
    let commit = server.branches(&name)["main"].clone();
    let readme = server.object(&name, &commit, "README.md").unwrap();
    assert_eq!(readme["ballast-oid"], "ce013625030ba8dba906f756967f9e9ca394464a");
    assert_eq!((readme["ballast-mode"].as_str(), readme["ballast-lfs"].as_str()), ("100644", "false"));
    let weights = server.object(&name, &commit, "m/weights.bin").unwrap();
    assert_eq!(weights["ballast-sha256"], made_up("large w").to_string());
    assert_eq!(weights["ballast-lfs"], "true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_could_not_follow_follows_with_a_sweep() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let engine = engine(LakefsConfig { retries: 0, ..config(&server) }, &scratch.database).await;
    let repo = Repo::new(&(engine.clone() as Arc<dyn Versioning>)).await;
    let name = server.repositories().remove(0);
    repo.commit_new(vec![put("a", "1")]).await;
    server.behave(|asked| match asked.path.ends_with("/hard_reset") {
        true => LakeFault::Status(500),
        false => LakeFault::None,
    });
    let tip = repo.commit_new(vec![put("a", "2")]).await;
    server.behave(|_| LakeFault::None);
    assert_eq!(repo.tip().await, Some(tip), "the ref is what counts");
    assert_ne!(stands(&server, &name, "main"), Some(tip.to_string()));
    let all = SweepRequest { cutoff: Timestamp(i64::MAX), dry_run: false };
    engine.upkeep().unwrap().sweep(&all).await.unwrap();
    assert_eq!(stands(&server, &name, "main"), Some(tip.to_string()));
}
