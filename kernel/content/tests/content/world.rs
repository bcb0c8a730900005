//! What the tests stand on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballast_content::{Blob, Content, ContentOptions, Delivery, Expected, Stored};
use ballast_contract::storage::Storage;
use ballast_contract::{ByteStream, Component};
use ballast_database::{Error, for_both, read, testing::Scratch};
use ballast_storage_opendal::OpendalConfig;
use ballast_types::{ByteRange, LeaseId, RepoKey, Sha256, Timestamp};
use bytes::Bytes;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::Digest;

type Result<T, E = ballast_contract::Error> = std::result::Result<T, E>;

pub const GRACE: Duration = Duration::from_secs(3600);
pub const ALICE: RepoKey = RepoKey(1);
pub const BOB: RepoKey = RepoKey(2);

/// Stores small files, as a commit does.
pub async fn store_all(content: &Content, lease: LeaseId, files: Vec<Bytes>) -> Result<Vec<Stored>> {
    let small = content.begin_small(lease, files).await?;
    content.store_small(small).await
}

/// Content, and what it lies in.
pub struct World {
    pub content: Content,
    pub storage: Arc<dyn Storage>,
    pub scratch: Scratch,
    place: Option<tempfile::TempDir>,
}

impl World {
    pub async fn in_folder(scratch: Scratch) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut world = Self::over(scratch, OpendalConfig::folder(place.path())).await;
        world.place = Some(place);
        world
    }

    pub async fn in_memory(scratch: Scratch) -> Self {
        Self::over(scratch, OpendalConfig::memory()).await
    }

    async fn over(scratch: Scratch, config: OpendalConfig) -> Self {
        let storage = ballast_storage_opendal::open(config).await.unwrap();
        storage.start().await.unwrap();
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let content = node(&scratch, storage.clone(), GRACE);
        content.migrate().await.unwrap();
        Self { content, storage, scratch, place: None }
    }

    /// Another node on the same database and storage.
    pub fn node(&self, grace: Duration) -> Content {
        node(&self.scratch, self.storage.clone(), grace)
    }

    /// A node that sees the storage through something else.
    pub fn node_over(&self, storage: Arc<dyn Storage>) -> Content {
        node(&self.scratch, storage, GRACE)
    }

    pub async fn lease(&self, repo: RepoKey) -> LeaseId {
        self.content.create_lease(repo, in_an_hour()).await.unwrap()
    }

    pub async fn store(&self, lease: LeaseId, text: &str) -> Sha256 {
        store_all(&self.content, lease, vec![Bytes::from(text.to_owned())]).await.unwrap()[0].sha256
    }

    /// Stores and holds, as a commit does.
    pub async fn commit(&self, repo: RepoKey, texts: &[&str]) -> Vec<Sha256> {
        let lease = self.lease(repo).await;
        let files = texts.iter().map(|text| Bytes::from((*text).to_owned())).collect();
        let stored = store_all(&self.content, lease, files).await.unwrap();
        let digests: Vec<_> = stored.iter().map(|file| file.sha256).collect();
        self.content.hold(lease, &digests).await.unwrap();
        self.content.confirm(lease, &[]).await.unwrap();
        self.content.drop_lease(lease).await.unwrap();
        digests
    }

    pub async fn read(&self, sha256: Sha256, range: ByteRange) -> Result<Vec<u8>> {
        read_from(&self.content, sha256, range).await
    }

    /// What lies in storage.
    pub async fn keys(&self) -> Vec<String> {
        let page = self.storage.list(None, 10_000).await.unwrap();
        page.items.iter().map(ToString::to_string).collect()
    }

    /// The files of objects whose parts are on their way, where they are written in place.
    pub fn unpublished(&self) -> Vec<PathBuf> {
        let Some(place) = &self.place else { return Vec::new() };
        let entries = std::fs::read_dir(place.path().join(".parts")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Flips one bit of an object, as a disk does.
    pub async fn flip(&self, key: &str, at: u64) {
        let key = key.parse().unwrap();
        let size = self.storage.stat(&key).await.unwrap();
        let bytes = self.storage.read(&key, ByteRange::whole(size)).await.unwrap();
        let mut bytes = bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat();
        bytes[usize::try_from(at).unwrap()] ^= 0x10;
        let mut writer = self.storage.create(&key).await.unwrap();
        writer.write(bytes.into()).await.unwrap();
        writer.commit().await.unwrap();
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        read!(self.scratch.database, count(table)).unwrap()
    }

    pub async fn execute(&self, statement: &'static str) {
        let done: Result<(), Error> = ballast_database::write!(self.scratch.database, execute(statement));
        done.unwrap();
    }

    /// Sweeps until nothing is left. What was cut off may still be ending on its own task.
    pub async fn is_swept_clean(&self) {
        let clean = async {
            // The grace of what a sweep's own ending of a lease has set free begins with that sweep.
            let mut now = much_later();
            loop {
                now = now.after(GRACE * 2);
                self.content.sweep(now).await.unwrap();
                let rows = self.count("objects").await + self.count("blobs").await + self.count("leases").await;
                if rows == 0 && self.keys().await.is_empty() && self.unpublished().is_empty() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), clean).await.is_err() {
            let rows = [self.count("objects").await, self.count("blobs").await, self.count("leases").await];
            let (keys, unpublished) = (self.keys().await, self.unpublished());
            panic!("left behind: {rows:?} objects, blobs and leases; {keys:?}; {unpublished:?}");
        }
    }
}

fn node(scratch: &Scratch, storage: Arc<dyn Storage>, grace: Duration) -> Content {
    let stores = BTreeMap::from([("main".to_owned(), storage)]);
    let options = ContentOptions { grace, ..ContentOptions::default() };
    Content::new(scratch.database.clone(), stores, "main".to_owned(), options).unwrap()
}

pub async fn read_from(content: &Content, sha256: Sha256, range: ByteRange) -> Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    match content.open(sha256, range).await? {
        Delivery::Stream(bytes) => Ok(bytes.try_collect::<Vec<Bytes>>().await?.concat()),
        Delivery::Chunks(chunks) => Ok(chunks.into_stream().try_collect::<Vec<Bytes>>().await?.concat()),
        Delivery::File { mut file, range, checks } => {
            let cover = checks.cover(range);
            let mut bytes = vec![0; usize::try_from(cover.len()).unwrap()];
            file.seek(SeekFrom::Start(cover.start)).unwrap();
            file.read_exact(&mut bytes).unwrap();
            Ok(checks.check(range, bytes.into())?.to_vec())
        }
    }
}

pub async fn receive(content: &Content, lease: LeaseId, bytes: &Bytes) -> Result<Blob> {
    content.receive(lease, Expected::Sha256(sha256(bytes)), bytes.len() as u64, body(bytes)).await
}

pub fn in_an_hour() -> Timestamp {
    Timestamp::now().after(Duration::from_secs(3600))
}

/// When every lease and every grace is over.
pub fn much_later() -> Timestamp {
    Timestamp::now().after(GRACE * 10)
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

/// Bytes of any length that compress badly and differ by seed.
pub fn pattern(length: usize, seed: u8) -> Bytes {
    let mut state = u64::from(seed) * 2 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A body that comes in pieces of odd sizes.
pub fn body(bytes: &Bytes) -> ByteStream {
    let (bytes, mut pieces, mut at, mut step) = (bytes.clone(), Vec::new(), 0, 1);
    while at < bytes.len() {
        let end = bytes.len().min(at + step);
        pieces.push(Ok(bytes.slice(at..end)));
        (at, step) = (end, (step * 5 + 7) % 300_000);
    }
    stream::iter(pieces).boxed()
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

for_both! {
    pub async fn count(c: &mut Connection, table: &'static str) -> Result<i64, Error> {
        let count: Count = diesel::sql_query(format!("SELECT COUNT(*) AS found FROM {table}")).get_result(c).await?;
        Ok(count.found)
    }

    pub async fn execute(c: &mut Connection, statement: &'static str) -> Result<(), Error> {
        diesel::sql_query(statement).execute(c).await?;
        Ok(())
    }
}

/// Runs a test on both databases, over a folder and over memory.
macro_rules! in_each_world {
    ($(async fn $name:ident($world:ident: &World) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($world: &World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite_in_a_folder() {
                test(&World::in_folder(ballast_database::testing::sqlite().await).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite_in_memory() {
                test(&World::in_memory(ballast_database::testing::sqlite().await).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres_in_a_folder() {
                if let Some(scratch) = ballast_database::testing::postgres().await {
                    test(&World::in_folder(scratch).await).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres_in_memory() {
                if let Some(scratch) = ballast_database::testing::postgres().await {
                    test(&World::in_memory(scratch).await).await;
                }
            }
        }
    )*};
}
