//! Many at once.

use std::sync::Arc;

use ballast_contract::ErrorKind;
use ballast_contract::versioning::{RefUpdate, Versioning};
use ballast_types::CommitId;
use futures::future::join_all;

use super::model;
use super::repo::*;

const COMMITTERS: usize = 16;

/// Runs these together, on tasks of their own.
async fn together<T: Send + 'static>(all: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = all.map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(|task| task.unwrap()).collect()
}

pub async fn committers_without_expectation_all_get_through(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let each = |n: usize| {
        let repo = repo.clone();
        async move {
            for round in 0..3 {
                repo.commit_new(vec![
                    put(&format!("{}/{n}-{round}", n % 3), "x"),
                    put("same", &format!("{n} {round}")),
                ])
                .await;
            }
        }
    };
    together((0..COMMITTERS).map(each)).await;
    let tip = repo.tip().await.unwrap();
    assert_eq!(repo.files(tip).await.len(), 3 * COMMITTERS + 1, "nothing was lost");
    assert_eq!(engine.log(repo.key, tip, None, 1000).await.unwrap().items.len(), 3 * COMMITTERS);
    assert_eq!(repo.tree(tip).await, model::tree(&repo.files(tip).await));
}

pub async fn committers_with_one_expectation_have_one_winner(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let parent = repo.commit_new(vec![put("a", "0")]).await;
    let each = |n: usize| {
        let repo = repo.clone();
        async move {
            let mut request = repo.request(vec![put("a", &format!("by {n}"))]);
            request.expected_parent = Some(parent);
            repo.engine.commit(request).await
        }
    };
    let outcomes = together((0..COMMITTERS).map(each)).await;
    let conflicts = outcomes.iter().filter(|o| o.as_ref().is_err_and(|error| error.is(ErrorKind::Conflict))).count();
    let won: Vec<CommitId> = outcomes.into_iter().filter_map(|outcome| Some(outcome.ok()?.tip())).collect();
    assert_eq!((won.len(), conflicts), (1, COMMITTERS - 1));
    assert_eq!(repo.tip().await, Some(won[0]));
}

pub async fn committers_who_try_again_lose_nothing(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    repo.commit_new(vec![put("a", "0")]).await;
    let each = |n: usize| {
        let repo = repo.clone();
        async move {
            loop {
                let mut request = repo.request(vec![put(&format!("f{n}"), "x")]);
                request.expected_parent = repo.tip().await;
                match repo.engine.commit(request).await {
                    Ok(_) => return,
                    Err(error) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
                }
            }
        }
    };
    together((0..COMMITTERS).map(each)).await;
    let tip = repo.tip().await.unwrap();
    assert_eq!(repo.files(tip).await.len(), COMMITTERS + 1);
    assert_eq!(engine.commit_count(repo.key, tip, 1000).await.unwrap(), COMMITTERS as u64 + 1);
}

pub async fn one_operation_from_many_sides_is_one_commit(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let parent = repo.commit_new(vec![put("a", "0"), put("b", "0")]).await;
    for (expected_parent, changes) in [(None, vec![delete("a")]), (Some(parent), vec![delete("b")])] {
        let mut request = repo.request(changes);
        request.expected_parent = expected_parent.and(repo.tip().await);
        let each = |_| {
            let (engine, request) = (engine.clone(), request.clone());
            async move { engine.commit(request).await.unwrap().tip() }
        };
        let tips = together((0..8).map(each)).await;
        assert!(tips.iter().all(|tip| *tip == tips[0]), "{tips:?}");
    }
    assert_eq!(engine.commit_count(repo.key, repo.tip().await.unwrap(), 100).await.unwrap(), 3);
}

pub async fn conclusion_and_commit_agree_whoever_comes_first(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut made = 1;
    repo.commit_new(vec![put("a", "0")]).await;
    for round in 0..24 {
        let request = repo.request(vec![put("a", &format!("round {round}"))]);
        let (ours, operation) = (engine.clone(), request.operation);
        let commit = tokio::spawn(async move { ours.commit(request).await });
        for _ in 0..round % 6 {
            tokio::task::yield_now().await;
        }
        let concluded = engine.conclude(repo.key, operation).await.unwrap();
        match (concluded, commit.await.unwrap()) {
            (Some(id), Ok(committed)) => {
                assert_eq!(id, committed.tip());
                made += 1;
            }
            (None, Err(error)) => assert_eq!(error.kind, ErrorKind::Conflict, "{error}"),
            (concluded, committed) => panic!("concluded as {concluded:?}, committed as {committed:?}"),
        }
    }
    assert_eq!(engine.commit_count(repo.key, repo.tip().await.unwrap(), 100).await.unwrap(), made);
}

pub async fn one_of_many_makers_of_a_ref_wins(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let tip = repo.commit_new(vec![put("a", "0")]).await;
    // Some make `x`, some what would lie below it: in the end there is one sort or the other.
    let each = |n: usize| {
        let (engine, key) = (engine.clone(), repo.key);
        let name = if n.is_multiple_of(2) { "refs/heads/x".to_owned() } else { format!("refs/heads/x/{n}") };
        async move {
            let update = RefUpdate { name: name.parse().unwrap(), old: None, new: Some(tip), annotation: None };
            engine.update_refs(key, &[update]).await.map_err(|error| error.kind)
        }
    };
    let outcomes = together((0..8).map(each)).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(ErrorKind::AlreadyExists))), "{outcomes:?}");
    let refs = engine.refs(repo.key, "refs/heads/x", None, 100).await.unwrap().items;
    assert_eq!(refs.len(), made);
    assert!(made == 1 || (made == 4 && refs.iter().all(|one| one.name.as_str() != "refs/heads/x")), "{refs:?}");
}
