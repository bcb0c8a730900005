//! Content: which bytes exist, where they lie, and which repository may name them.
//!
//! A blob is stored once per storage instance and named by its SHA-256. To know that name is worth nothing: a
//! repository may name a blob when it **holds** it (a commit names it) or has **leased** it (somebody proved possession
//! of the bytes under a lease of that repository). Everything else is garbage and goes, after its grace.
//!
//! Three rules keep a crash from ever leaving a hole:
//!
//! * The row of an object is written before its first byte, so nothing is stored unseen.
//! * A blob's row appears together with its location and its lease, after the bytes are durable and hashed.
//! * The collector removes rows first and bytes after, and rows only while it has them locked and nobody names them.
//!
//! And one keeps a disk that forgets from being believed: every piece that is read is checked before it goes out.

#[macro_use]
mod rows;
mod assemble;
mod checks;
mod claims;
mod compact;
mod damage;
mod delivery;
mod digest;
mod direct;
mod explain;
mod failure;
mod holdings;
mod leases;
mod multipart;
mod objects;
mod orphans;
mod plan;
mod prune;
mod purge;
mod receive;
mod recount;
mod schema;
mod small;
mod stats;
mod sums;
mod survey;
mod sweep;
mod transfer;
mod versions;
mod xet;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballast_contract::storage::Storage;
use ballast_contract::{Error, ErrorKind, Result};
use ballast_database::{Database, migrations};
use ballast_types::{GitOid, Sha256, XetHash};
use tokio::sync::Semaphore;

pub use ballast_contract::downloader::Expected;
pub use checks::Checks;
pub use damage::{Examined, Verdict};
pub use delivery::Delivery;
pub use direct::DirectUpload;
pub use explain::{BlobStory, HolderStory, LeaseStory, ObjectStory, PlaceStory, XorbStory};
pub use holdings::Settlement;
pub use multipart::{NewUpload, Upload, UploadId};
pub use orphans::Orphan;
pub use prune::Pruned;
pub use purge::{Large, LetGo, Purge};
pub use small::SmallBatch;
pub use stats::{Share, StorageStats, XetStats};
pub use survey::{Counted, Depth, Pack, Standing};
pub use sweep::Swept;
pub use transfer::{Kept, ToTransfer, Transferred};
pub use versions::{Version, Versions};
pub use xet::{ChunkHolder, Rebuilding, ReceivedXorb, Reconstruction, XorbGrant};

/// Immutable bytes that are stored and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blob {
    pub sha256: Sha256,
    /// In bytes.
    pub size: u64,
    /// The git blob id of these bytes; none where they were never hashed as git does, as large files are not.
    pub oid: Option<GitOid>,
}

/// A small file that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    pub sha256: Sha256,
    pub oid: GitOid,
    /// In bytes.
    pub size: u64,
}

/// How long a place is remembered: what another node finds damaged, this one asks about after that time. Until then it
/// finds the damage itself.
const PLACE_AGE: Duration = Duration::from_secs(60);

/// How much of what stands in xorbs is remembered, in bytes: of a thousand or so.
const XORBS: u64 = 48 << 20;

/// How many runs of chunks may be decoded or checked at the same time for each processor: one waits for its bytes meanwhile.
const DECODING: usize = 2;

/// How content behaves.
#[derive(Clone, Debug)]
pub struct ContentOptions {
    /// How long bytes that nobody names are kept. Longer than the longest upload, so that a slow writer never finds
    /// its bytes gone.
    pub grace: Duration,
    /// How many places of small blobs are remembered, so that a warm read asks no database; about 300 bytes each, and
    /// 128 bytes more for each MiB of a large one.
    pub places: u64,
    /// How long a xorb is kept that no file uses: longer than clients remember what they have uploaded and do not send
    /// it again (21 days, and a week for those that have just looked).
    pub xorb_grace: Duration,
    /// Storage instances that some uploads go to, besides the default.
    pub routed: BTreeSet<String>,
}

impl Default for ContentOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(2 * 24 * 60 * 60),
            places: 100_000,
            xorb_grace: Duration::from_secs(30 * 24 * 60 * 60),
            routed: BTreeSet::new(),
        }
    }
}

/// The room of bytes. Cheap to clone.
#[derive(Clone)]
pub struct Content {
    inner: Arc<Inner>,
    /// The storage instance that what is new goes to.
    uploads_to: Arc<str>,
}

struct Inner {
    database: Database,
    stores: BTreeMap<String, Arc<dyn Storage>>,
    default_store: String,
    options: ContentOptions,
    places: moka::sync::Cache<Sha256, delivery::Lies>,
    xorbs: moka::sync::Cache<XetHash, Arc<xet::Xorb>>,
    xet_hashes: moka::sync::Cache<Sha256, Option<XetHash>>,
    /// How many runs of chunks may be decoded or checked at the same time.
    decoding: Semaphore,
    /// Blobs that are being looked at because a read of them went wrong.
    suspects: Mutex<HashSet<Sha256>>,
    /// Uploads past the hub that are being taken over.
    concluding: Mutex<BTreeMap<UploadId, direct::Concluding>>,
}

impl Content {
    /// Content over these storage instances; what is new goes to `default_store`, unless it is
    /// [sent](Self::sent_to) elsewhere. `Invalid` where that is none of them.
    pub fn new(
        database: Database,
        stores: BTreeMap<String, Arc<dyn Storage>>,
        default_store: String,
        options: ContentOptions,
    ) -> Result<Self> {
        let mut wanted = std::iter::once(&default_store).chain(&options.routed);
        if let Some(absent) = wanted.find(|name| !stores.contains_key(*name)) {
            let names = stores.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let context = format!("there is no storage instance '{absent}'; configured are: {names}");
            return Err(Error::new(ErrorKind::Invalid, "content.new", context));
        }
        let places = moka::sync::Cache::builder().max_capacity(options.places).time_to_live(PLACE_AGE);
        let places = places.weigher(|_, lies: &delivery::Lies| lies.weight()).build();
        let xorbs = moka::sync::Cache::builder().max_capacity(XORBS).time_to_live(PLACE_AGE);
        let xorbs = xorbs.weigher(|_, xorb: &Arc<xet::Xorb>| xorb.weight()).build();
        let xet_hashes = moka::sync::Cache::builder().max_capacity(options.places).time_to_live(PLACE_AGE).build();
        let (suspects, concluding) = (Mutex::default(), Mutex::default());
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let decoding = Semaphore::new(DECODING * processors);
        let inner = Inner {
            database,
            stores,
            default_store,
            options,
            places,
            xorbs,
            xet_hashes,
            decoding,
            suspects,
            concluding,
        };
        let uploads_to = inner.default_store.as_str().into();
        Ok(Self { inner: Arc::new(inner), uploads_to })
    }

    /// The same content, with what is new going to another instance. What is there is read from wherever it lies.
    /// `Unavailable` where that instance is not configured.
    pub fn sent_to(&self, storage: &str) -> Result<Self> {
        self.store(storage)?;
        Ok(Self { inner: Arc::clone(&self.inner), uploads_to: storage.into() })
    }

    /// Whether uploads go to an instance, those of some repositories at least.
    pub fn takes_uploads(&self, storage: &str) -> bool {
        self.inner.default_store == storage || self.inner.options.routed.contains(storage)
    }

    /// The same content, with what is made of a blob going where the blob lies, if anything goes there.
    fn beside(&self, storage: &str) -> Result<Self> {
        if self.takes_uploads(storage) { self.sent_to(storage) } else { Ok(self.clone()) }
    }

    /// Brings this room's tables up to date.
    pub async fn migrate(&self) -> Result<()> {
        migrate(&self.inner.database).await
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Decodes or checks chunks when there is a processor for it: every thread that has ever done so keeps some memory.
    async fn in_turn<T: Send + 'static>(
        &self,
        operation: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        // Nobody closes it.
        let _turn = self.inner.decoding.acquire().await.ok();
        unblocked(operation, work).await
    }

    fn store(&self, name: &str) -> Result<&Arc<dyn Storage>> {
        self.inner.stores.get(name).ok_or_else(|| {
            let context = format!("bytes of this hub lie in storage instance '{name}', which is not configured");
            Error::new(ErrorKind::Unavailable, "content.storage", context)
        })
    }
}

/// Brings this room's tables up to date, without a storage.
pub async fn migrate(database: &Database) -> Result<()> {
    let done = database.migrate(migrations!()).await;
    done.map_err(|error| failure::Failure::from(error).during("content.migrate"))
}

/// A new key: positive, and not to be guessed.
fn random_key() -> Result<i64> {
    let failed = |error: getrandom::Error| {
        Error::new(ErrorKind::Unavailable, "content.key", format!("the system gives no randomness: {error}"))
    };
    // 62 bits and never zero.
    let bits = getrandom::u64().map_err(failed)? >> 2;
    Ok(i64::try_from(bits).unwrap_or(i64::MAX).max(1))
}

/// The result of work that ran on the blocking pool.
async fn unblocked<T: Send + 'static>(operation: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Internal, operation, format!("a worker broke off: {error}")))
}
