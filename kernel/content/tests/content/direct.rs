//! Uploads past the hub, over a storage that signs: what a client sends, what a provider forgets, what a crash leaves.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ballast_content::{Content, DirectUpload, NewUpload, UploadId};
use ballast_contract::storage::{
    Presign, ResponseHeaders, SignedRequest, Storage, StorageKey, StorageWriter, UploadedPart,
};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Page};
use ballast_types::{ByteRange, LeaseId, Timestamp};
use bytes::Bytes;
use futures::future::join_all;

use crate::world::{ALICE, BOB, World, in_an_hour, much_later, pattern, sha256};

type Result<T, E = Error> = std::result::Result<T, E>;

const VALID: Duration = Duration::from_secs(60);
const PART: usize = 5 << 20;

/// Parts that have come, by the id of their upload.
type Uploads = HashMap<String, (StorageKey, BTreeMap<u32, Bytes>)>;

/// A storage with signed requests that are never sent: tests put parts here by hand.
struct Signing {
    inner: Arc<dyn Storage>,
    uploads: Mutex<Uploads>,
    /// How many calls succeed before one fails; negative where none does.
    patience: AtomicI64,
    /// Whether a failing completion has happened all the same: its answer is lost.
    loses_answers: bool,
}

impl Signing {
    fn over(inner: Arc<dyn Storage>) -> Self {
        Self { inner, uploads: Mutex::default(), patience: AtomicI64::new(-1), loses_answers: false }
    }

    fn tries(&self) -> Result<()> {
        match self.patience.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(Error::new(ErrorKind::Unavailable, "test", "the provider does not answer")),
            _ => Ok(()),
        }
    }

    /// What a client does with the request for a part.
    fn arrive(&self, request: &SignedRequest, bytes: Bytes) -> bool {
        let (upload, number) = request.url.rsplit_once('/').unwrap();
        match self.uploads.lock().unwrap().get_mut(upload) {
            Some((_, parts)) => {
                parts.insert(number.parse().unwrap(), bytes);
                true
            }
            None => false,
        }
    }

    fn unfinished(&self) -> usize {
        self.uploads.lock().unwrap().len()
    }
}

#[async_trait]
impl Component for Signing {}

#[async_trait]
impl Storage for Signing {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        self.tries()?;
        self.inner.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        self.tries()?;
        self.inner.read(key, range).await
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.tries()?;
        self.inner.create(key).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        self.tries()?;
        self.inner.delete(key).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        self.inner.list(after, limit).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }

    fn presign(&self) -> Option<&dyn Presign> {
        Some(self)
    }
}

fn request(url: String) -> SignedRequest {
    SignedRequest { method: "PUT".to_owned(), url, headers: vec![], expires: Timestamp::now().after(VALID) }
}

fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "test", "there is no such upload")
}

#[async_trait]
impl Presign for Signing {
    fn takes_uploads(&self) -> bool {
        true
    }

    async fn get(&self, key: &StorageKey, _: &ResponseHeaders, _: Duration) -> Result<SignedRequest> {
        Ok(request(key.to_string()))
    }

    async fn get_range(&self, key: &StorageKey, _: ByteRange, _: Duration) -> Result<SignedRequest> {
        Ok(request(key.to_string()))
    }

    async fn put(&self, key: &StorageKey, _: u64, _: Duration) -> Result<SignedRequest> {
        Ok(request(key.to_string()))
    }

    async fn create_multipart(&self, key: &StorageKey) -> Result<String> {
        self.tries()?;
        let mut uploads = self.uploads.lock().unwrap();
        let upload = format!("upload of {key}");
        uploads.insert(upload.clone(), (key.clone(), BTreeMap::new()));
        Ok(upload)
    }

    async fn put_part(&self, _: &StorageKey, upload: &str, n: u32, _: u64, _: Duration) -> Result<SignedRequest> {
        Ok(request(format!("{upload}/{n}")))
    }

    async fn list_parts(&self, _: &StorageKey, upload: &str) -> Result<Vec<(UploadedPart, u64)>> {
        self.tries()?;
        let uploads = self.uploads.lock().unwrap();
        let (_, parts) = uploads.get(upload).ok_or_else(gone)?;
        let part = |(n, bytes): (&u32, &Bytes)| (UploadedPart { number: *n, etag: n.to_string() }, bytes.len() as u64);
        Ok(parts.iter().map(part).collect())
    }

    async fn complete_multipart(&self, key: &StorageKey, upload: &str, listed: &[UploadedPart]) -> Result<u64> {
        let answered = self.tries();
        if !self.loses_answers {
            answered.clone()?;
        }
        let (_, parts) = self.uploads.lock().unwrap().remove(upload).ok_or_else(gone)?;
        assert_eq!(listed.len(), parts.len());
        let mut writer = self.inner.create(key).await?;
        for bytes in parts.into_values() {
            writer.write(bytes).await?;
        }
        let size = writer.commit().await?;
        answered.map(|()| size)
    }

    async fn abort_multipart(&self, _: &StorageKey, upload: &str) -> Result<()> {
        self.tries()?;
        self.uploads.lock().unwrap().remove(upload);
        Ok(())
    }
}

fn signing(world: &World) -> (Arc<Signing>, Content) {
    let signing = Arc::new(Signing::over(world.storage.clone()));
    (signing.clone(), world.node_over(signing))
}

fn new(bytes: &Bytes) -> NewUpload {
    NewUpload { sha256: sha256(bytes), size: bytes.len() as u64, part_size: PART as u64 }
}

async fn begin(content: &Content, lease: LeaseId, bytes: &Bytes) -> DirectUpload {
    content.begin_direct(lease, &[new(bytes)], VALID).await.unwrap().remove(0)
}

/// Sends all parts.
fn send(signing: &Signing, upload: &DirectUpload, bytes: &Bytes) {
    for (number, part) in upload.parts.iter().enumerate() {
        let start = number * PART;
        assert!(signing.arrive(part, bytes.slice(start..bytes.len().min(start + PART))));
    }
}

in_each_world! {
    async fn what_was_sent_past_the_hub_is_a_leased_blob_when_it_was_seen(world: &World) {
        let (signing, content) = signing(world);
        let (lease, bytes) = (world.lease(ALICE).await, pattern(PART + 1000, 1));
        let upload = begin(&content, lease, &bytes).await;
        assert_eq!(upload.parts.len(), 2);
        assert_eq!(content.find_direct(ALICE, &[sha256(b"other"), sha256(&bytes)]).await.unwrap(), [vec![], vec![upload.id]]);
        assert!(content.find_direct(BOB, &[sha256(&bytes)]).await.unwrap()[0].is_empty());
        send(&signing, &upload, &bytes);
        assert!(content.find_known(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_none());
        for _ in 0..2 {
            assert_eq!(content.conclude_direct(upload.id).await.unwrap().size, bytes.len() as u64);
        }
        assert!(content.find_known(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_some());
        assert!(content.find_direct(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_empty());
        assert!(crate::world::read_from(&content, sha256(&bytes), ByteRange::whole(bytes.len() as u64)).await.unwrap() == bytes);
        let signed = content.redirect_all(&[sha256(b"unknown"), sha256(&bytes)], VALID).await.unwrap();
        assert!(signed[0].is_none() && signed[1].as_ref().is_some_and(|signed| signed.url.starts_with("lfs/")));
        world.is_swept_clean().await;
    }

    async fn many_who_ask_at_once_wait_for_the_same(world: &World) {
        let (signing, content) = signing(world);
        let (lease, bytes) = (world.lease(ALICE).await, pattern(200_000, 2));
        let upload = begin(&content, lease, &bytes).await;
        send(&signing, &upload, &bytes);
        // Also from another node, which knows nothing of this one.
        let other = world.node_over(signing.clone());
        let asked = (0..8).map(|n| if n % 2 == 0 { &content } else { &other }).map(|node| node.conclude_direct(upload.id));
        for concluded in join_all(asked).await {
            assert_eq!(concluded.unwrap().sha256, sha256(&bytes));
        }
        assert_eq!(world.keys().await.len(), 1);
        world.is_swept_clean().await;
    }

    async fn what_is_not_what_was_announced_is_thrown_away(world: &World) {
        let (signing, content) = signing(world);
        let (lease, bytes) = (world.lease(ALICE).await, pattern(100_000, 3));
        let upload = begin(&content, lease, &bytes).await;
        let nothing = content.conclude_direct(upload.id).await.unwrap_err();
        assert_eq!(nothing.kind, ErrorKind::NotFound, "{nothing}");
        signing.arrive(&upload.parts[0], bytes.slice(1..));
        let short = content.conclude_direct(upload.id).await.unwrap_err();
        assert_eq!(short.kind, ErrorKind::Invalid, "{short}");
        signing.arrive(&upload.parts[0], pattern(100_000, 4));
        let other = content.conclude_direct(upload.id).await.unwrap_err();
        assert!(other.is(ErrorKind::Invalid) && other.context.contains("SHA-256"), "{other}");
        assert_eq!(content.conclude_direct(upload.id).await.unwrap_err().kind, ErrorKind::NotFound, "it is over");
        assert!(!signing.arrive(&upload.parts[0], bytes.clone()), "the provider has forgotten it");
        assert!(world.keys().await.is_empty());
        assert_eq!(world.count("objects").await, 0);
    }

    async fn a_completion_whose_answer_was_lost_is_found_to_have_happened(world: &World) {
        let signing = Arc::new(Signing { loses_answers: true, ..Signing::over(world.storage.clone()) });
        let content = world.node_over(signing.clone());
        let (lease, bytes) = (world.lease(ALICE).await, pattern(100_000, 5));
        let upload = begin(&content, lease, &bytes).await;
        send(&signing, &upload, &bytes);
        // The list of parts answers, the completion does not.
        signing.patience.store(1, Ordering::Relaxed);
        content.conclude_direct(upload.id).await.unwrap();
        assert!(content.find_known(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_some());
    }

    async fn whichever_call_fails_the_next_try_succeeds_and_nothing_is_left_over(world: &World) {
        let bytes = pattern(PART + 10, 6);
        for patience in 0..8 {
            let (signing, content) = signing(world);
            let lease = world.lease(ALICE).await;
            signing.patience.store(patience, Ordering::Relaxed);
            let upload = match content.begin_direct(lease, &[new(&bytes)], VALID).await {
                Ok(mut begun) => begun.remove(0),
                Err(error) => {
                    assert!(error.is(ErrorKind::Unavailable), "{error}");
                    begin(&content, lease, &bytes).await
                }
            };
            send(&signing, &upload, &bytes);
            if let Err(error) = content.conclude_direct(upload.id).await {
                assert!(error.is(ErrorKind::Unavailable), "call {patience}: {error}");
                content.conclude_direct(upload.id).await.unwrap();
            }
            signing.patience.store(-1, Ordering::Relaxed);
            content.drop_lease(lease).await.unwrap();
            sweep_all(&content).await;
            assert_eq!(signing.unfinished(), 0, "call {patience}");
            assert_eq!((world.keys().await.len(), world.count("objects").await), (0, 0), "call {patience}");
        }
    }

    async fn an_upload_that_nobody_finishes_ends_at_the_provider_with_its_lease_and_grace(world: &World) {
        let (signing, content) = signing(world);
        let lease = content.create_lease(ALICE, in_an_hour()).await.unwrap();
        let bytes = pattern(1000, 7);
        let upload = begin(&content, lease, &bytes).await;
        content.sweep(Timestamp::now()).await.unwrap();
        send(&signing, &upload, &bytes);
        assert_eq!(signing.unfinished(), 1);
        sweep_all(&content).await;
        assert_eq!((signing.unfinished(), world.count("objects").await, world.count("uploads").await), (0, 0, 0));
        assert!(!signing.arrive(&upload.parts[0], bytes), "who comes too late leaves nothing");
        assert_eq!(content.conclude_direct(upload.id).await.unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(content.conclude_direct(UploadId(1)).await.unwrap_err().kind, ErrorKind::NotFound);
    }

    async fn a_blob_that_came_another_way_meanwhile_stays_where_it_is(world: &World) {
        let (signing, content) = signing(world);
        let (lease, bytes) = (world.lease(ALICE).await, pattern(50_000, 8));
        let upload = begin(&content, lease, &bytes).await;
        send(&signing, &upload, &bytes);
        let other = world.lease(BOB).await;
        crate::world::receive(&content, other, &bytes).await.unwrap();
        let before = world.keys().await;
        content.conclude_direct(upload.id).await.unwrap();
        assert_eq!(world.keys().await, before);
        assert!(content.find_known(ALICE, &[sha256(&bytes)]).await.unwrap()[0].is_some());
    }
}

/// Twice, because the grace of what the end of a lease sets free begins with that end.
async fn sweep_all(content: &Content) {
    content.sweep(much_later()).await.unwrap();
    content.sweep(much_later().after(content.grace() * 2)).await.unwrap();
}
