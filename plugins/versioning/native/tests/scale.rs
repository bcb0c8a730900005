//! A hundred thousand files, and with `BALLAST_TEST_ALL=1` a million: the engine reads and writes what a call is about
//! and no more. Times are printed, not asserted: `cargo test --release -p ballast-versioning-native --test scale --
//! --nocapture` is how they are measured.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use ballast_contract::Component;
use ballast_contract::versioning::{
    Change, CommitRequest, Committed, FileRef, ListRequest, Node, RefUpdate, Versioning,
};
use ballast_database::on_both;
use ballast_database::testing::Scratch;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, Revision, Sha256, Signature, Timestamp};
use ballast_versioning_native::{Counts, Native, NativeConfig, open};

/// Leaves hold 32 entries or more, but for the last of a map.
const FEWEST: u64 = 32;

fn files() -> u64 {
    let all = std::env::var("BALLAST_TEST_ALL").is_ok_and(|value| value == "1");
    if all { 1_000_000 } else { 100_000 }
}

async fn started(scratch: &Scratch) -> Native {
    let engine = open(NativeConfig::default(), scratch.database.clone()).await.unwrap();
    engine.start().await.unwrap();
    engine
}

fn many_folders(n: u64) -> String {
    format!("data/part-{:05}/sample-{n:08}.json", n / 1000)
}

fn flat(n: u64) -> String {
    format!("sample-{n:08}.json")
}

/// Every file has content of its own, as text of so many characters has.
fn put(path: String, n: u64) -> Change {
    let oid = object_id(ObjectKind::Blob, &n.to_le_bytes());
    let mut sha256 = [3; 32];
    sha256[..20].copy_from_slice(oid.as_bytes());
    let file = FileRef::Regular { oid, sha256: Sha256(sha256), size: 300 };
    Change::Put { path: path.parse().unwrap(), node: Node::File { file, executable: false } }
}

async fn commit(engine: &Native, repo: RepoKey, operation: i64, changes: Vec<Change>) -> CommitId {
    let request = CommitRequest {
        operation: OperationId(operation),
        repo,
        branch: RefName::branch("main").unwrap(),
        expected_parent: None,
        author: Signature::new("Ada", "ada@example.org"),
        time: Timestamp::from_seconds(1_700_000_000 + operation),
        message: "A commit\n".to_owned(),
        changes,
    };
    match engine.commit(request).await.unwrap() {
        Committed::New(id) => id,
        Committed::Unchanged(_) => panic!("nothing changed"),
    }
}

fn since(engine: &Native, before: Counts) -> Counts {
    let now = engine.counts();
    Counts {
        read: now.read - before.read,
        fetched: now.fetched - before.fetched,
        statements: now.statements - before.statements,
        written: now.written - before.written,
    }
}

async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    println!("{what}: {:?}", start.elapsed());
    result
}

/// Everything in pages of this size; answers how many entries.
async fn listed(engine: &Native, repo: RepoKey, at: CommitId, limit: usize) -> u64 {
    let mut request = ListRequest { repo, at, folder: None, recursive: true, after: None, limit };
    let mut count = 0;
    loop {
        let page = engine.list(&request).await.unwrap();
        count += page.items.len() as u64;
        request.after = page.next;
        if request.after.is_none() {
            return count;
        }
    }
}

on_both! {
    async fn many_files_are_imported_listed_and_found_for_what_each_costs(scratch: &Scratch) {
        let (engine, repo, all) = (started(scratch).await, RepoKey(1), files());
        let database = scratch.database.dialect();
        let main = RefName::branch("main").unwrap();
        engine.create(repo, &main).await.unwrap();
        let mut tip = None;
        for (batch, first) in (0..all).step_by(100_000).enumerate() {
            let changes = (first..first + 100_000).map(|n| put(many_folders(n), n)).collect();
            let name = format!("{database}: commit of 100,000 new files into {first}");
            tip = Some(timed(&name, commit(&engine, repo, batch as i64, changes)).await);
        }
        let tip = tip.unwrap();
        let entries = all + all / 1000 + 1;
        for (state, cold) in [("cold", true), ("warm", false)] {
            if cold {
                engine.forget_caches();
            }
            let before = engine.counts();
            let start = Instant::now();
            assert_eq!(listed(&engine, repo, tip, 1000).await, entries);
            let seconds = start.elapsed().as_secs_f64();
            println!("{database}: listing, {state}: {:.2} s, {:.0} entries/s", seconds, entries as f64 / seconds);
            // The way down and the last leaf are read again by every page.
            let most = entries / FEWEST + 10 * entries / 1000;
            assert!(since(&engine, before).read <= most, "{:?} for {entries} entries", since(&engine, before));
        }
        engine.forget_caches();
        let before = engine.counts();
        let paths: Vec<_> = (0..1000).map(|n| many_folders(n * 7919 % all).parse().unwrap()).collect();
        for state in ["cold", "warm"] {
            let start = Instant::now();
            for path in &paths {
                assert!(engine.entries(repo, tip, std::slice::from_ref(path)).await.unwrap()[0].is_some());
            }
            println!("{database}: lookup, {state}: {:?}", start.elapsed() / 1000);
        }
        assert!(since(&engine, before).read <= 2 * 1000 * 8, "{:?}", since(&engine, before));
        let update = RefUpdate { name: RefName::branch("new").unwrap(), old: None, new: Some(tip), annotation: None };
        timed(&format!("{database}: new branch"), engine.update_refs(repo, &[update])).await.unwrap();
        assert_eq!(engine.resolve(repo, &Revision::main()).await.unwrap(), tip);
    }

    async fn a_commit_of_a_thousand_costs_the_hundredth_time_what_it_cost_at_first(scratch: &Scratch) {
        let engine = started(scratch).await;
        let database = scratch.database.dialect();
        for (repo, shape, path) in [(1, "many folders", many_folders as fn(u64) -> String), (2, "one folder", flat)] {
            let repo = RepoKey(repo);
            engine.create(repo, &RefName::branch("main").unwrap()).await.unwrap();
            let mut costs: Vec<(Duration, u64)> = Vec::new();
            for batch in 0..100 {
                let changes = (batch * 1000..batch * 1000 + 1000).map(|n| put(path(n), n)).collect();
                let (start, before) = (Instant::now(), engine.counts());
                commit(&engine, repo, batch as i64, changes).await;
                costs.push((start.elapsed(), since(&engine, before).written));
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
