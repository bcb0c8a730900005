//! Verifying and sweeping, where an engine does them.

use std::sync::Arc;

use ballast_contract::versioning::{Change, Damage, RefUpdate, SweepRequest, Upkeep, Versioning};
use ballast_contract::{ErrorKind, Result};
use ballast_types::{RepoKey, Timestamp};

use super::repo::{Repo, delete_folder, large, main, path, put, unique};

const ALL: SweepRequest = SweepRequest { cutoff: Timestamp(i64::MAX), dry_run: false };

/// All damage of a repository, in pages of so much work, and how many pages these were. A page may be empty and have
/// more behind it.
pub async fn damage(upkeep: &dyn Upkeep, repo: RepoKey, limit: usize) -> Result<(Vec<Damage>, usize)> {
    let (mut found, mut after) = (Vec::new(), None);
    for pages in 1..100_000 {
        let page = upkeep.verify(repo, after, limit).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok((found, pages));
        }
    }
    panic!("the walk does not end");
}

async fn whole(upkeep: &dyn Upkeep, repo: RepoKey, limit: usize) {
    assert_eq!(damage(upkeep, repo, limit).await.unwrap().0, Vec::new(), "in pages of {limit}");
}

async fn filled(engine: &Arc<dyn Versioning>) -> Repo {
    let repo = Repo::new(engine).await;
    let files = (0..800).map(|n| put(&format!("a/{}/f{n}", n % 7), &n.to_string()));
    let big = Change::Put { path: path("big"), node: large("big", 1 << 40) };
    repo.commit_new(files.chain([big]).collect()).await;
    repo.commit_new(vec![put("a/3/f3", "changed"), delete_folder("a/5")]).await;
    repo
}

/// What was stored is whole, in pages of any size.
pub async fn what_is_whole_is_said_to_be_whole(engine: &Arc<dyn Versioning>) {
    let Some(upkeep) = engine.upkeep() else { return };
    let repo = filled(engine).await;
    for limit in [1, 10, 1000] {
        whole(upkeep, repo.key, limit).await;
    }
    let unborn = Repo::new(engine).await;
    whole(upkeep, unborn.key, 10).await;
    let nobody = upkeep.verify(RepoKey(unique()), None, 10).await.unwrap_err();
    assert!(nobody.is(ErrorKind::NotFound), "{nobody}");
}

/// What was acknowledged stays while its repository lives, on a ref or not; what a deleted one leaves goes.
pub async fn a_sweep_takes_only_what_nobody_keeps(engine: &Arc<dyn Versioning>) {
    let Some(upkeep) = engine.upkeep() else { return };
    let (repo, gone) = (filled(engine).await, filled(engine).await);
    let (first, tip) = {
        let tip = repo.tip().await.unwrap();
        let log = engine.log(repo.key, tip, None, 10).await.unwrap().items;
        (log[1].id, tip)
    };
    let back = RefUpdate { name: main(), old: Some(tip), new: Some(first), annotation: None };
    engine.update_refs(repo.key, &[back]).await.unwrap();
    let (before, before_first) = (repo.files(tip).await, repo.files(first).await);
    engine.delete(gone.key).await.unwrap();
    let plan = upkeep.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap();
    assert_eq!(upkeep.sweep(&SweepRequest { dry_run: true, ..ALL }).await.unwrap(), plan, "a plan changes nothing");
    assert_eq!(upkeep.sweep(&ALL).await.unwrap(), plan);
    assert_eq!(upkeep.sweep(&ALL).await.unwrap().removed, 0);
    assert!(repo.files(tip).await == before && repo.files(first).await == before_first);
    whole(upkeep, repo.key, 100).await;
}

/// Commits of content that is being swept at the same moment are whole.
pub async fn commits_beside_sweeps_are_whole(engine: &Arc<dyn Versioning>) {
    let Some(upkeep) = engine.upkeep() else { return };
    for _ in 0..4 {
        engine.delete(filled(engine).await.key).await.unwrap();
        let (repo, swept) = tokio::join!(filled(engine), upkeep.sweep(&ALL));
        swept.unwrap();
        whole(upkeep, repo.key, 100).await;
        engine.delete(repo.key).await.unwrap();
    }
}
