//! What commits, pages and differences read and write, counted over repositories of many shapes.

mod pushing;
mod rewriting;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::versioning::{Change, ListRequest, Versioning};
use ballast_database::testing::Scratch;
use ballast_testkit::Random;
use ballast_testkit::versioning::repo::{Repo, delete, put};
use ballast_types::CommitId;

use crate::node::NodeId;
use crate::scaffold::{new_repo, started};
use crate::walk::{Scan, Walk};
use crate::{Counts, Native, key};

fn flat(n: usize) -> String {
    format!("sample-{n:06}.json")
}

fn many_folders(n: usize) -> String {
    format!("data/{:03}/{}/sample-{n:06}.json", n % 251, n % 5)
}

/// Two ways at each of ten levels.
fn deep(n: usize) -> String {
    let folders: Vec<String> = (0..10).map(|level| format!("{}", n >> level & 1)).collect();
    format!("{}/sample-{n:06}.json", folders.join("/"))
}

/// An engine with one repository, and the tree of its only branch.
struct Subject {
    engine: Arc<Native>,
    repo: Repo,
    paths: BTreeSet<String>,
    tip: Option<CommitId>,
}

impl Subject {
    async fn new(scratch: &Scratch) -> Self {
        let engine = started(scratch).await;
        let repo = new_repo(&engine).await;
        Self { engine, repo, paths: BTreeSet::new(), tip: None }
    }

    /// A commit on cold caches, and what it cost.
    async fn commit(&mut self, changes: Vec<Change>) -> Counts {
        self.engine.forget_caches();
        let before = self.engine.counts();
        self.tip = Some(self.repo.commit_new(changes).await);
        self.engine.counts().since(before)
    }

    /// The roots of the tip's two maps.
    async fn roots(&self) -> [NodeId; 2] {
        let commit = self.engine.history.get(self.repo.key, self.tip.unwrap()).await.unwrap();
        [commit.root, commit.last_root]
    }

    /// How many levels the higher of the two maps has.
    async fn depth(&self) -> u64 {
        let mut depth = 0;
        for root in self.roots().await {
            let node = Walk::new(&self.engine.store).node(root).await.unwrap();
            depth = depth.max(u64::from(node.level()) + 1);
        }
        depth
    }

    /// How many leaves a range of the tip's map lies in.
    async fn leaves(&self, range: Range<Vec<u8>>) -> u64 {
        let mut walk = Walk::new(&self.engine.store);
        let mut scan = Scan::new(&mut walk, self.roots().await[0], range).await.unwrap();
        let mut leaves = 0;
        while scan.next(&mut walk, usize::MAX).await.unwrap().is_some() {
            leaves += 1;
        }
        leaves
    }

    /// Some changes of paths that differ: new files, new content, removals. Answers them with their paths.
    fn changes(&mut self, random: &Random, count: usize, path: fn(usize) -> String) -> (Vec<Change>, Vec<String>) {
        let (mut changes, mut touched) = (Vec::new(), BTreeSet::new());
        while changes.len() < count {
            let path = path(random.below(self.paths.len() * 5 / 4));
            if !touched.insert(path.clone()) {
                continue;
            }
            if self.paths.contains(&path) && random.below(4) == 0 {
                self.paths.remove(&path);
                changes.push(delete(&path));
            } else {
                changes.push(put(&path, &random.below(1_000_000).to_string()));
                self.paths.insert(path);
            }
        }
        (changes, touched.into_iter().collect())
    }
}

ballast_database::on_both! {
    async fn a_flat_folder_costs_what_is_touched(scratch: &Scratch) {
        costs_what_is_touched(scratch, flat, 20_000).await;
    }

    async fn many_folders_cost_what_is_touched(scratch: &Scratch) {
        costs_what_is_touched(scratch, many_folders, 20_000).await;
    }

    async fn deep_folders_cost_what_is_touched(scratch: &Scratch) {
        costs_what_is_touched(scratch, deep, 5_000).await;
    }
}

async fn costs_what_is_touched(scratch: &Scratch, path: fn(usize) -> String, files: usize) {
    let mut subject = Subject::new(scratch).await;
    let random = Random::new(1);
    subject.paths = (0..files).map(path).collect();
    let all = subject.paths.iter().map(|path| put(path, path)).collect();
    subject.commit(all).await;
    for count in [1, 2, 5, 20, 100, 1, 1, 50, 3, 10] {
        let parent = subject.tip.unwrap();
        let (changes, touched) = subject.changes(&random, count, path);
        // A folder's entry changes with what is in it: it is one of the map's changes, and its children are hashed.
        let folders: BTreeSet<String> =
            touched.iter().flat_map(|path| key::ancestors(path)).map(str::to_owned).chain([String::new()]).collect();
        let mut hashed = 0;
        for folder in &folders {
            hashed += subject.leaves(key::children(folder)).await;
        }
        let before = subject.depth().await;
        let cost = subject.commit(changes).await;
        let changed = (touched.len() + folders.len() - 1) as u64;
        let most = 4 * (changed + 1) * subject.depth().await.max(before);
        assert!(cost.written <= most, "{count} changes: {cost:?}, {most} may be written");
        assert!(cost.read <= most + hashed, "{count} changes: {cost:?}, {most} and {hashed} may be read");
        assert!(cost.statements <= 12 + hashed, "{count} changes: {cost:?}");
        difference(&subject, parent, &touched, most).await;
        page(&subject, &random).await;
    }
}

/// What two commits share is never opened.
async fn difference(subject: &Subject, parent: CommitId, touched: &[String], most: u64) {
    subject.engine.forget_caches();
    let (tip, before) = (subject.tip.unwrap(), subject.engine.counts());
    let found = subject.engine.diff(subject.repo.key, Some(parent), tip, None, 1000).await.unwrap().items;
    let cost = subject.engine.counts().since(before);
    assert!(!found.is_empty() && found.iter().all(|one| touched.iter().any(|path| path == one.path.as_str())));
    assert!(cost.read <= 2 * most, "{} differences: {cost:?}, twice {most} may be read", found.len());
}

/// A page reads its own leaves, and the way to them.
async fn page(subject: &Subject, random: &Random) {
    let depth = subject.depth().await;
    for limit in [1, 10, 1000] {
        let skipped = random.below(subject.paths.len());
        let after = subject.paths.iter().nth(skipped).map(|path| key::of_file(path)).unwrap();
        let cursor = String::from_utf8(after.clone()).unwrap();
        subject.engine.forget_caches();
        let before = subject.engine.counts();
        let at = subject.tip.unwrap();
        let list =
            ListRequest { repo: subject.repo.key, at, folder: None, recursive: true, after: Some(cursor), limit };
        let page = subject.engine.list(&list).await.unwrap();
        let cost = subject.engine.counts().since(before);
        // One entry more is read, to know whether there is another page.
        let end = page.next.map_or(vec![0xff], String::into_bytes);
        let own = subject.leaves(key::behind(&after)..key::behind(&end)).await;
        assert!(cost.read <= own + 2 * depth, "{} entries in {own} leaves: {cost:?}", page.items.len());
    }
}
