//! A process that goes away at any point leaves garbage that is swept, and never a hole.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_content::{Content, Expected, NewUpload};
use ballast_contract::storage::{LocalFiles, Storage, StorageKey, StorageWriter, UploadedPart};
use ballast_contract::{ByteStream, Component, Page, Result};
use ballast_testkit::polled;
use ballast_types::{ByteRange, LeaseId};
use bytes::Bytes;
use tokio::sync::{Notify, RwLock};

use crate::world::{ALICE, World, body, pattern, sha256, store_all};

/// Everything that writes, in one go.
async fn write_all(content: Content, lease: LeaseId) {
    let (large, parts) = (pattern(90_000, 1), pattern(80_000, 2));
    store_all(&content, lease, vec![Bytes::from("a"), Bytes::from("b")]).await.unwrap();
    content.receive(lease, Expected::Sha256(sha256(&large)), 90_000, body(&large)).await.unwrap();
    let new = NewUpload { sha256: sha256(&parts), size: 80_000, part_size: 50_000 };
    let upload = content.begin_multipart(lease, &[new]).await.unwrap()[0];
    let mut listed = Vec::new();
    for (number, part) in [(1, parts.slice(..50_000)), (2, parts.slice(50_000..))] {
        listed.push(UploadedPart { number, etag: content.receive_part(upload, number, body(&part)).await.unwrap() });
    }
    content.complete_multipart(upload, &listed).await.unwrap();
    let leased = content.leased_blobs(lease).await.unwrap();
    content.hold(lease, &leased).await.unwrap();
    content.unhold(lease).await.unwrap();
    content.drop_lease(lease).await.unwrap();
}

/// What becomes of a commit in storage.
#[derive(Clone)]
enum Commits {
    /// It is done, and never says so.
    Silent(Arc<Notify>),
    /// It goes on to its end though its caller is gone, as a rename on a disk does. Who takes the lock for writing
    /// waits for those under way.
    Finished(Arc<RwLock<()>>),
}

struct Watched {
    inner: Arc<dyn Storage>,
    commits: Commits,
}

struct WatchedWriter {
    inner: Box<dyn StorageWriter>,
    commits: Commits,
}

#[async_trait]
impl Component for Watched {}

#[async_trait]
impl Storage for Watched {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        self.inner.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.inner.read(key, range).await
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let inner = self.inner.create(key).await?;
        Ok(Box::new(WatchedWriter { inner, commits: self.commits.clone() }))
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        self.inner.delete(key).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        self.inner.list(after, limit).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }

    fn files(&self) -> Option<&dyn LocalFiles> {
        self.inner.files()
    }
}

#[async_trait]
impl StorageWriter for WatchedWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.inner.write(bytes).await
    }

    async fn commit(self: Box<Self>) -> Result<u64> {
        match self.commits {
            Commits::Silent(committed) => {
                self.inner.commit().await?;
                committed.notify_one();
                std::future::pending().await
            }
            Commits::Finished(under_way) => {
                let running = under_way.read_owned().await;
                let inner = self.inner;
                let finished = async move {
                    let size = inner.commit().await;
                    drop(running);
                    size
                };
                tokio::spawn(finished).await.unwrap()
            }
        }
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.inner.abort().await
    }
}

in_each_world! {
    async fn a_writer_cut_off_at_any_point_leaves_nothing_that_is_not_swept(world: &World) {
        let under_way = Arc::new(RwLock::new(()));
        let commits = Commits::Finished(under_way.clone());
        let node = world.node_over(Arc::new(Watched { inner: world.storage.clone(), commits }));
        for point in 1.. {
            let lease = world.lease(ALICE).await;
            let done = polled::at_most(&mut Box::pin(write_all(node.clone(), lease)), point).await;
            // The sweeps of this test have no grace: a commit that storage has begun has to be over before them.
            drop(under_way.write().await);
            // What holdings were left are those of a commit under way: recovery gives it up.
            world.content.drop_lease(lease).await.unwrap();
            world.content.unhold(lease).await.unwrap();
            world.content.forget(ALICE).await.unwrap();
            if point % 8 == 0 || done.is_some() {
                world.is_swept_clean().await;
            }
            // On a busy machine the disk is sometimes done before anybody asks, and fewer awaits are seen.
            if done.is_some() && point > 10 {
                break;
            }
        }
        world.is_swept_clean().await;
    }

    async fn bytes_that_were_committed_and_never_recorded_are_swept_when_their_lease_is(world: &World) {
        let committed = Arc::new(Notify::new());
        let silent = world.node_over(Arc::new(Watched { inner: world.storage.clone(), commits: Commits::Silent(committed.clone()) }));
        let (lease, bytes) = (world.lease(ALICE).await, pattern(60_000, 3));
        let digest = Expected::Sha256(sha256(&bytes));
        tokio::select! {
            _ = silent.receive(lease, digest, 60_000, body(&bytes)) => panic!("a silent storage has spoken"),
            () = committed.notified() => {}
        }
        tokio::select! {
            _ = store_all(&silent, lease, vec![Bytes::from("small")]) => panic!("a silent storage has spoken"),
            () = committed.notified() => {}
        }
        assert_eq!((world.keys().await.len(), world.count("blobs").await), (2, 0));
        assert_eq!(world.content.claim(lease, &[sha256(&bytes)]).await.unwrap(), [None]);
        // The same file again has to go around the leftover.
        world.content.receive(lease, digest, 60_000, body(&bytes)).await.unwrap();
        assert!(world.read(sha256(&bytes), ByteRange::whole(60_000)).await.unwrap() == bytes);
        assert_eq!(world.keys().await.len(), 3);
        world.is_swept_clean().await;
    }
}
