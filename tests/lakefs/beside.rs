//! Several nodes, and people who use lakeFS by hand.

use std::sync::Arc;

use ballast_contract::versioning::Versioning;
use ballast_database::testing;
use ballast_testkit::versioning::repo::*;
use ballast_tests::LakeServer;
use futures::future::join_all;

use crate::world::{config, engine, through};

ballast_database::on_both! {
    async fn committers_on_two_nodes_make_one_line_and_none_is_lost(scratch: &Scratch) {
        let server = LakeServer::start();
        let nodes = [engine(config(&server), &scratch.database).await, engine(config(&server), &scratch.database).await];
        let repo = Repo::new(&(nodes[0].clone() as Arc<dyn Versioning>)).await;
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let repo = through(&nodes[n % 2], &repo);
                tokio::spawn(async move {
                    for round in 0..2 {
                        let text = format!("{n} {round}");
                        repo.commit_new(vec![put(&format!("{}/{n}-{round}", n % 3), "x"), put("same", &text)]).await;
                    }
                })
            })
            .collect();
        for task in join_all(tasks).await {
            task.unwrap();
        }
        let tip = repo.tip().await.unwrap();
        assert_eq!(repo.files(tip).await.len(), 25, "nothing was lost");
        let log = repo.engine.log(repo.key, tip, None, 100).await.unwrap().items;
        assert_eq!(log.len(), 24);
        assert!(log.windows(2).all(|pair| pair[0].parents == [pair[1].id]), "one line");
        let fresh = through(&engine(config(&server), &scratch.database).await, &repo);
        assert_eq!(fresh.files(tip).await, repo.files(tip).await);
        let name = &server.repositories()[0];
        assert!(server.branches(name).keys().all(|branch| !branch.starts_with("w-")), "no hidden branch is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_stage_in_lakefs_is_never_committed_and_never_lost() {
    let (scratch, server) = (testing::sqlite().await, LakeServer::start());
    let repo = Repo::new(&(engine(config(&server), &scratch.database).await as Arc<dyn Versioning>)).await;
    repo.commit_new(vec![put("a", "1")]).await;
    let name = server.repositories().remove(0);
    server.stage(&name, "main", "theirs");
    let tip = repo.commit_new(vec![put("b", "1")]).await;
    assert_eq!(repo.files(tip).await.into_keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(server.staged(&name, "main"), ["theirs"]);
    for commit in server.commits(&name) {
        assert_eq!(server.object(&name, &commit, "theirs"), None);
    }
}
