//! Logs, last changes and differences.

use std::sync::Arc;

use ballast_contract::versioning::{Change, Committed, Difference, RefUpdate, Versioning};
use ballast_types::{CommitId, RefName, Timestamp};

use super::model::{self, Model};
use super::random;
use super::repo::*;
use crate::Random;

async fn log(repo: &Repo, from: CommitId, limit: usize) -> Vec<CommitId> {
    let page = async |after| repo.engine.log(repo.key, from, after, limit).await;
    pages(limit, page).await.into_iter().map(|info| info.id).collect()
}

pub async fn the_log_lists_the_latest_first_in_pages_of_any_size(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut commits = Vec::new();
    for n in 0..25 {
        commits.push(repo.commit_new(vec![put("a", &n.to_string())]).await);
    }
    commits.reverse();
    for limit in [1, 2, 7, 24, 25, 26, 1000] {
        assert_eq!(log(&repo, commits[0], limit).await, commits, "in pages of {limit}");
    }
    assert_eq!(log(&repo, commits[20], 3).await, commits[20..]);
    for (up_to, expected) in [(0, 0), (10, 10), (25, 25), (1000, 25)] {
        assert_eq!(engine.commit_count(repo.key, commits[0], up_to).await.unwrap(), expected);
    }
    assert_eq!(engine.commit_count(repo.key, commits[20], 1000).await.unwrap(), 5);
}

pub async fn the_log_of_a_branch_leaves_other_branches_out(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let fork = repo.commit_new(vec![put("a", "0")]).await;
    let branch = RefName::branch("side").unwrap();
    let update = RefUpdate { name: branch.clone(), old: None, new: Some(fork), annotation: None };
    engine.update_refs(repo.key, &[update]).await.unwrap();
    let (mut ours, mut theirs) = (vec![fork], vec![fork]);
    for n in 0..12 {
        ours.push(repo.commit_new(vec![put("a", &format!("ours {n}"))]).await);
        let mut request = repo.request(vec![put("a", &format!("theirs {n}"))]);
        request.branch = branch.clone();
        theirs.push(engine.commit(request).await.unwrap().tip());
    }
    for mut commits in [ours, theirs] {
        commits.reverse();
        for limit in [1, 5, 100] {
            assert_eq!(log(&repo, commits[0], limit).await, commits, "in pages of {limit}");
        }
        assert_eq!(engine.commit_count(repo.key, commits[0], 100).await.unwrap(), 13);
    }
}

pub async fn commits_of_one_second_are_in_order(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut commits = Vec::new();
    // A clock that stands still, and one that goes back.
    for seconds in [100, 100, 100, 50, 100, 10] {
        let mut request = repo.request(vec![put("a", &unique().to_string())]);
        request.time = Timestamp::from_seconds(seconds);
        commits.push(engine.commit(request).await.unwrap().tip());
    }
    commits.reverse();
    for limit in [1, 4, 6] {
        assert_eq!(log(&repo, commits[0], limit).await, commits, "a child comes before its parent");
    }
}

pub async fn last_commits_know_files_and_folders(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let first = repo.commit_new(vec![put("a/x", "1"), put("a/b/y", "1"), put("c", "1")]).await;
    let second = repo.commit_new(vec![put("a/x", "2"), put("c", "1")]).await;
    let third = repo.commit_new(vec![delete("a/b/y"), put("a/b/z", "1"), put("d/e/f", "1")]).await;
    let asked = ["a", "a/x", "a/b", "a/b/y", "a/b/z", "c", "d", "d/e", "none"].map(path);
    let found = engine.last_commits(repo.key, third, &asked).await.unwrap();
    let expected = [third, second, third, CommitId([0; 20]), third, first, third, third, CommitId([0; 20])];
    assert_eq!(found, expected.map(|id| Some(id).filter(|id| id.0 != [0; 20])));
    let found = engine.last_commits(repo.key, second, &asked).await.unwrap();
    assert_eq!(found[..4], [Some(second), Some(second), Some(first), Some(first)]);
}

/// The steps that make of `before` what a difference says: what goes first, then what comes.
fn steps(differences: &[Difference]) -> Vec<Change> {
    let gone = differences.iter().filter(|one| one.after.is_none());
    let mut changes: Vec<Change> = gone.map(|one| Change::Delete { path: one.path.clone() }).collect();
    let put = |one: &Difference| Some(Change::Put { path: one.path.clone(), node: one.after? });
    changes.extend(differences.iter().filter_map(put));
    changes
}

pub async fn a_difference_applied_to_the_one_gives_the_other(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let mut model = Model::default();
    let random = Random::new(7);
    for round in 0..8 {
        let mut request = repo.request(Vec::new());
        request.changes = random::changes(&random, &model, 1 + round * 15);
        let made = engine.commit(request.clone()).await.ok().map(Committed::tip);
        assert_eq!(made.is_some(), model.commit(&request).is_ok());
    }
    let all = &model.commits;
    for (before, files) in [None].into_iter().chain(all.iter().map(Some)).map(|one| match one {
        Some((id, files)) => (Some(*id), files.clone()),
        None => (None, model::Files::new()),
    }) {
        let (after, target) = &all[random.below(all.len())];
        let page = async |cursor| engine.diff(repo.key, before, *after, cursor, 50).await;
        let differences = pages(50, page).await;
        for one in &differences {
            assert_ne!(one.before, one.after);
            assert_eq!(one.before.as_ref(), files.get(one.path.as_str()));
            assert_eq!(one.after.as_ref(), target.get(one.path.as_str()));
        }
        let copy = Repo::new(engine).await;
        copy.commit_new(files.iter().map(|(at, node)| Change::Put { path: path(at), node: *node }).collect()).await;
        let made = copy.commit(steps(&differences)).await.unwrap().tip();
        assert_eq!(copy.tree(made).await, model::tree(target));
    }
}

pub async fn differences_page_like_one_page(engine: &Arc<dyn Versioning>) {
    let repo = Repo::new(engine).await;
    let names: Vec<String> = (0..900).map(|n| format!("{}/f{n}", n % 5)).collect();
    let before = repo.commit_new(names.iter().map(|name| put(name, name)).collect()).await;
    let mut changes: Vec<Change> = names.iter().step_by(10).map(|name| put(name, "changed")).collect();
    changes.extend(names.iter().skip(5).step_by(30).map(|name| delete(name)));
    changes.extend((0..40).map(|n| put(&format!("{}/new{n}", n % 6), "new")));
    changes.extend([delete_folder("4"), put("4", "a file now")]);
    let after = repo.commit_new(changes).await;
    let diff = async |before, after, limit| {
        let page = async |cursor| engine.diff(repo.key, before, after, cursor, limit).await;
        pages(limit, page).await
    };
    let whole = diff(Some(before), after, 100_000).await;
    for limit in [1, 13, whole.len(), whole.len() - 1] {
        assert_eq!(diff(Some(before), after, limit).await, whole, "in pages of {limit}");
    }
    let back = diff(Some(after), before, 100_000).await;
    assert!(back.iter().map(|d| (&d.path, d.after, d.before)).eq(whole.iter().map(|d| (&d.path, d.before, d.after))));
    assert_eq!(diff(Some(after), after, 10).await, []);
    assert_eq!(diff(None, before, 100).await.len(), 900);
}
