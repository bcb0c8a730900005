//! What `ballast storage verify` costs: every object is read once, and twice as much stored is twice as many statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use ballast_contract::storage::{LocalFiles, Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Page, Result};
use ballast_database::testing::{Scratch, postgres, sqlite};
use ballast_services::{CommitHeader, CommitOperation, Depth, LfsObject, LfsUpload, Progress, VerifyOptions};
use ballast_storage_opendal::OpendalConfig;
use ballast_types::{ByteRange, RepoKind, Revision};
use bytes::Bytes;
use futures::{StreamExt, stream};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::journey::{new_repository, sha256};
use crate::world::{Kind, World, execute};

/// Files of one commit, and so of one pack.
const FILES: u64 = 500;
/// Large files that come with each commit, each an object of its own.
const LARGE: u64 = 6;

/// The statements of one thread.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicU64>);

impl Recorder for Statements {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "ballast_database_statements_total" => Counter::from_arc(self.0.clone()),
            _ => Counter::noop(),
        }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A store that counts what is asked of it.
struct Asked {
    inner: Arc<dyn Storage>,
    reads: AtomicU64,
    lists: AtomicU64,
}

#[async_trait]
impl Component for Asked {
    async fn start(&self) -> Result<()> {
        self.inner.start().await
    }
}

#[async_trait]
impl Storage for Asked {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        self.inner.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.reads.fetch_add(1, Relaxed);
        self.inner.read(key, range).await
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.inner.create(key).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        self.inner.delete(key).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        self.lists.fetch_add(1, Relaxed);
        self.inner.list(after, limit).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }

    fn files(&self) -> Option<&dyn LocalFiles> {
        self.inner.files()
    }
}

/// A hub that fills up, and what looking at all of it costs.
struct Filling {
    world: World,
    asked: Arc<Asked>,
    statements: Statements,
    commits: u64,
}

/// What one verification asked for.
#[derive(Clone, Copy, Debug)]
struct Cost {
    statements: u64,
    reads: u64,
    lists: u64,
}

impl Filling {
    async fn begin(scratch: &Scratch, statements: Statements, folder: &std::path::Path) -> Self {
        let store = ballast_storage_opendal::open(OpendalConfig::folder(folder)).await.unwrap();
        let asked = Arc::new(Asked { inner: Arc::new(store), reads: AtomicU64::new(0), lists: AtomicU64::new(0) });
        let world = World::over(&scratch.database, Kind::Sound, asked.clone()).await;
        world.hub.create_repository(&world.caller().await, new_repository("wide")).await.unwrap();
        Self { world, asked, statements, commits: 0 }
    }

    /// Commits until there are so many commits.
    async fn fill(&mut self, commits: u64) {
        let caller = self.world.caller().await;
        let repository = self.world.hub.writable(&caller, RepoKind::Model, "alice", "wide").await.unwrap();
        while self.commits < commits {
            self.commits += 1;
            let small = |n| CommitOperation::AddFile {
                path: format!("data/{}/{n:04}.txt", self.commits),
                content: Bytes::from(format!("file {n} of {}", self.commits)),
            };
            let mut operations: Vec<_> = (0..FILES).map(small).collect();
            for n in 0..LARGE {
                let bytes = Bytes::from(format!("large file {n} of {}", self.commits));
                let object = LfsObject { sha256: sha256(&bytes), size: bytes.len() as u64 };
                let answers = repository.lfs_upload(&[object], false).await.unwrap();
                let LfsUpload::Whole { ticket, .. } = &answers[0] else { panic!("{answers:?}") };
                let ticket = self.world.hub.read_ticket(ticket, object.sha256).unwrap();
                self.world.hub.receive_object(&ticket, stream::iter([Ok(bytes)]).boxed()).await.unwrap();
                let path = format!("large/{}-{n}.bin", self.commits);
                operations.push(CommitOperation::AddLfs { path, sha256: object.sha256, size: Some(object.size) });
            }
            let header = CommitHeader { summary: "more".to_owned(), description: String::new(), parent: None };
            let lines = stream::iter(operations.into_iter().map(Ok));
            repository.commit(&Revision::main(), header, lines).await.unwrap();
        }
    }

    async fn verify(&self) -> (Cost, Progress) {
        let counts =
            || (self.statements.0.load(Relaxed), self.asked.reads.load(Relaxed), self.asked.lists.load(Relaxed));
        let (before, operator) = (counts(), self.world.hub.operator());
        let options = VerifyOptions { depth: Depth::Bytes, side_by_side: 2 };
        let progress = operator.verify_storage(options, &mut |_, _| {}).await.unwrap();
        let after = counts();
        let cost = Cost { statements: after.0 - before.0, reads: after.1 - before.1, lists: after.2 - before.2 };
        println!("{} commits: {cost:?}, {progress:?}", self.commits);
        (cost, progress)
    }

    /// What it costs with so many commits, and with twice and four times as many.
    async fn costs(&mut self, commits: u64, damage: impl AsyncFn(&World)) -> [(Cost, Progress); 3] {
        let mut costs = vec![];
        for commits in [commits, 2 * commits, 4 * commits] {
            self.fill(commits).await;
            damage(&self.world).await;
            costs.push(self.verify().await);
        }
        costs.try_into().unwrap()
    }
}

/// The second doubling adds about twice what the first did: what grows with the square of its cause adds four times. How
/// nodes lie in their leaves differs from run to run, and where pages end with it: that has moved it by a quarter.
#[track_caller]
fn is_linear(what: &str, [once, twice, four_times]: [u64; 3]) {
    let (first, second) = (twice.saturating_sub(once), four_times.saturating_sub(twice));
    assert!(second <= first * 3, "{what}: {once}, {twice} and {four_times}");
}

async fn looks_at_everything_once(scratch: Scratch, statements: Statements) {
    let folder = tempfile::tempdir().unwrap();
    let mut filling = Filling::begin(&scratch, statements, folder.path()).await;
    let costs = filling.costs(4, async |_| {}).await;
    is_linear("statements", costs.map(|(cost, _)| cost.statements));
    is_linear("lists", costs.map(|(cost, _)| cost.lists));
    let (cost, progress) = costs[2];
    assert_eq!((progress.damage, progress.notices), (0, 0));
    // The first commit's own file lies in a pack too.
    assert_eq!((progress.objects, progress.names), (16 * (1 + LARGE) + 1, 16 * (FILES + LARGE) + 1));
    assert_eq!(cost.reads, progress.objects, "each object is read once");
    assert!(cost.statements < progress.names / 20, "{} statements for {} names", cost.statements, progress.names);
}

async fn findings_cost_no_walk_each(scratch: Scratch, statements: Statements) {
    let folder = tempfile::tempdir().unwrap();
    let mut filling = Filling::begin(&scratch, statements, folder.path()).await;
    let database = scratch.database.clone();
    let costs = filling.costs(2, async |_| execute(&database, "DELETE FROM holdings").await).await;
    is_linear("statements", costs.map(|(cost, _)| cost.statements));
    let (cost, progress) = costs[2];
    assert!(progress.damage > progress.names, "every name, and the count: {progress:?}");
    assert!(cost.statements < 2 * progress.damage, "{} statements for {} findings", cost.statements, progress.damage);
}

/// Runs a test whose statements are counted: all that touches the database happens on this thread.
fn counted<T: Future<Output = ()>>(test: impl FnOnce(Statements) -> T) {
    let statements = Statements::default();
    let _counting = metrics::set_default_local_recorder(&statements);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(statements.clone()));
}

#[test]
fn verifying_reads_each_object_once_and_asks_no_more_for_each_file_of_many_on_sqlite() {
    counted(async |statements| looks_at_everything_once(sqlite().await, statements).await);
}

#[test]
fn verifying_reads_each_object_once_and_asks_no_more_for_each_file_of_many_on_postgres() {
    counted(async |statements| {
        if let Some(scratch) = postgres().await {
            looks_at_everything_once(scratch, statements).await;
        }
    });
}

#[test]
fn verifying_walks_no_history_for_each_thing_it_finds() {
    counted(async |statements| findings_cost_no_walk_each(sqlite().await, statements).await);
}
