//! A hundred thousand files, and with `BALLAST_TEST_ALL=1` a million: the engine reads and writes what a call is about
//! and no more. Times are printed, not asserted: `cargo test --release -p ballast-versioning-native --test native scale --
//! --nocapture` is how they are measured.

use std::time::{Duration, Instant};

use ballast_contract::versioning::{ListRequest, RefUpdate, Versioning};
use ballast_database::on_both;
use ballast_testkit::versioning::repo::{Repo, path, put};
use ballast_types::{CommitId, RefName};

use crate::world::{new_repo, started};

/// Leaves hold 32 entries or more, but for the last of a map.
const FEWEST: u64 = 32;

fn files() -> u64 {
    let all = std::env::var("BALLAST_TEST_ALL").is_ok_and(|value| value == "1");
    if all { 1_000_000 } else { 100_000 }
}

fn many_folders(n: u64) -> String {
    format!("data/part-{:05}/sample-{n:08}.json", n / 1000)
}

fn flat(n: u64) -> String {
    format!("sample-{n:08}.json")
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    println!("{what}: {:?}", start.elapsed());
    result
}

/// Everything in pages of this size; answers how many entries.
async fn listed(repo: &Repo, at: CommitId, limit: usize) -> u64 {
    let mut request = ListRequest { repo: repo.key, at, folder: None, recursive: true, after: None, limit };
    let mut count = 0;
    loop {
        let page = repo.engine.list(&request).await.unwrap();
        count += page.items.len() as u64;
        request.after = page.next;
        if request.after.is_none() {
            return count;
        }
    }
}

on_both! {
    async fn many_files_are_imported_listed_and_found_for_what_each_costs(scratch: &Scratch) {
        let (engine, all) = (started(scratch).await, files());
        let repo = new_repo(&engine).await;
        let database = scratch.database.dialect();
        let mut tip = None;
        for first in (0..all).step_by(100_000) {
            // Every file has content of its own.
            let changes = (first..first + 100_000).map(|n| put(&many_folders(n), &n.to_string())).collect();
            let name = format!("{database}: commit of 100,000 new files into {first}");
            tip = Some(timed(&name, repo.commit_new(changes)).await);
        }
        let tip = tip.unwrap();
        let entries = all + all / 1000 + 1;
        for (state, cold) in [("cold", true), ("warm", false)] {
            if cold {
                engine.forget_caches();
            }
            let before = engine.counts();
            let start = Instant::now();
            assert_eq!(listed(&repo, tip, 1000).await, entries);
            let seconds = start.elapsed().as_secs_f64();
            println!("{database}: listing, {state}: {:.2} s, {:.0} entries/s", seconds, entries as f64 / seconds);
            // The way down and the last leaf are read again by every page.
            let most = entries / FEWEST + 10 * entries / 1000;
            assert!(engine.counts().since(before).read <= most, "{:?} for {entries} entries", engine.counts().since(before));
        }
        engine.forget_caches();
        let before = engine.counts();
        let paths: Vec<_> = (0..1000).map(|n| path(&many_folders(n * 7919 % all))).collect();
        for state in ["cold", "warm"] {
            let start = Instant::now();
            for path in &paths {
                assert!(engine.entries(repo.key, tip, std::slice::from_ref(path)).await.unwrap()[0].is_some());
            }
            println!("{database}: lookup, {state}: {:?}", start.elapsed() / 1000);
        }
        assert!(engine.counts().since(before).read <= 2 * 1000 * 8, "{:?}", engine.counts().since(before));
        let update = RefUpdate { name: RefName::branch("new").unwrap(), old: None, new: Some(tip), annotation: None };
        timed(&format!("{database}: new branch"), engine.update_refs(repo.key, &[update])).await.unwrap();
        assert_eq!(repo.tip().await, Some(tip));
    }

    async fn a_commit_of_a_thousand_costs_the_hundredth_time_what_it_cost_at_first(scratch: &Scratch) {
        let engine = started(scratch).await;
        let database = scratch.database.dialect();
        for (shape, path) in [("many folders", many_folders as fn(u64) -> String), ("one folder", flat)] {
            let repo = new_repo(&engine).await;
            let mut costs: Vec<(Duration, u64)> = Vec::new();
            for batch in 0..100 {
                let changes = (batch * 1000..batch * 1000 + 1000).map(|n| put(&path(n), &n.to_string())).collect();
                let (start, before) = (Instant::now(), engine.counts());
                repo.commit_new(changes).await;
                costs.push((start.elapsed(), engine.counts().since(before).written));
            }
            let median = |costs: &[(Duration, u64)]| {
                let mut times: Vec<Duration> = costs.iter().map(|(time, _)| *time).collect();
                times.sort_unstable();
                times[times.len() / 2]
            };
            let (first, last) = (median(&costs[..5]), median(&costs[95..]));
            println!("{database}: 1,000 files into {shape}: first {first:?}, 100th {last:?}, {:.2}",
                last.as_secs_f64() / first.as_secs_f64());
            // A thousand files fill some eight leaves of either map; what grows is the way down to them.
            let written: Vec<u64> = costs.iter().map(|(_, written)| *written).collect();
            assert!(written.iter().all(|written| *written <= 60), "{shape}: {written:?}");
        }
    }
}
