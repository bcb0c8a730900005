//! A remote hub in memory, which can be told to misbehave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ballast_contract::downloader::{Downloader, Expected, Fetched, Source, SourceFile};
use ballast_contract::{Component, Error, ErrorKind, Page, Result};
use ballast_landing::{Cache, Download, Options, Order, Throttle};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{ByteRange, CommitId, RepoId, RepoKind, Revision, Sha256};
use bytes::Bytes;
use futures::{StreamExt, stream};
use sha2::Digest;

/// What happens to a request for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Parts are not sent: the whole file is.
    IgnoresRange,
    /// Each body breaks off after so many bytes.
    Breaks(u64),
    /// One byte of each body is another one.
    Lies,
    /// Requests while another one is under way are refused.
    OneAtATime,
    /// Nothing is sent any more.
    Stalls,
    /// The file is not the one that was planned.
    Changed,
}

pub struct Remote {
    files: BTreeMap<String, Bytes>,
    pub fault: Mutex<Fault>,
    pub sent: Arc<AtomicU64>,
    pub requests: AtomicUsize,
    under_way: Arc<AtomicUsize>,
}

pub const COMMIT: CommitId = CommitId([7; 20]);

struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Remote {
    pub fn new(files: &[(&str, Vec<u8>)]) -> Arc<Self> {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), Bytes::from(bytes.clone())));
        Arc::new(Self {
            files: files.collect(),
            fault: Mutex::new(Fault::None),
            sent: Arc::default(),
            requests: AtomicUsize::new(0),
            under_way: Arc::default(),
        })
    }

    pub fn be(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// The files as a hub would list them: what ends in `.bin` is a large file.
    pub fn listing(&self) -> Vec<SourceFile> {
        let file = |(path, bytes): (&String, &Bytes)| {
            let is_lfs = path.ends_with(".bin");
            let expected = match is_lfs {
                true => Expected::Sha256(Sha256(sha2::Sha256::digest(bytes).into())),
                false => Expected::Git(object_id(ObjectKind::Blob, bytes)),
            };
            SourceFile { path: path.parse().unwrap(), size: bytes.len() as u64, expected, is_lfs }
        };
        self.files.iter().map(file).collect()
    }

    pub fn download(self: &Arc<Self>, cache: &Cache, options: Options) -> Download {
        self.download_as(cache, "acme/bert", options)
    }

    pub fn download_as(self: &Arc<Self>, cache: &Cache, repo: &str, options: Options) -> Download {
        let (namespace, name) = repo.split_once('/').unwrap();
        let id = RepoId { namespace: namespace.parse().unwrap(), name: name.parse().unwrap() };
        let revision = Revision::new("main");
        let source = Source { kind: RepoKind::Model, repo: repo.to_owned(), revision, token: None };
        let files = self.listing().into_iter().map(|file| (file, None)).collect();
        Download::new(cache, Order { downloader: self.clone(), source, id, commit: COMMIT, files }, options)
    }
}

/// Small files are below a MiB here.
pub fn options() -> Options {
    Options {
        connections: 4,
        active: 2,
        pieces_from: 1 << 20,
        verify_digest: true,
        retries: 2,
        throttle: Arc::new(Throttle::new(None)),
        flush: false,
        view: true,
    }
}

/// Bytes that differ from place to place.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

impl Component for Remote {}

#[async_trait::async_trait]
impl Downloader for Remote {
    fn endpoint(&self) -> String {
        "memory".to_owned()
    }

    async fn pin(&self, _: &Source) -> Result<CommitId> {
        Ok(COMMIT)
    }

    async fn plan(&self, _: &Source, _: Option<String>) -> Result<Page<SourceFile>> {
        Ok(Page::last(self.listing()))
    }

    async fn fetch(&self, source: &Source, file: &SourceFile, range: ByteRange) -> Result<Fetched> {
        assert_eq!(source.revision.as_str(), COMMIT.to_string(), "what is fetched is pinned");
        self.requests.fetch_add(1, Ordering::AcqRel);
        let before = self.under_way.fetch_add(1, Ordering::AcqRel);
        let count = Count(Arc::clone(&self.under_way));
        let whole = self.files[file.path.as_str()].clone();
        let fault = *self.fault.lock().unwrap();
        let broken = || Error::new(ErrorKind::Unavailable, "fetch", "the connection broke");
        let range = if fault == Fault::IgnoresRange { ByteRange::whole(file.size) } else { range };
        let mut bytes = whole.slice(range.start as usize..range.end as usize).to_vec();
        match fault {
            Fault::OneAtATime if before > 0 => return Err(broken()),
            Fault::Changed => return Err(Error::new(ErrorKind::Conflict, "fetch", "the file changed")),
            Fault::Lies => bytes[0] ^= 1,
            _ => {}
        }
        let cut = match fault {
            Fault::Breaks(after) => bytes.len().min(after as usize),
            Fault::Stalls => 0,
            _ => bytes.len(),
        };
        let short = cut < bytes.len();
        let pieces: Vec<Bytes> = bytes[..cut].chunks(100_000).map(Bytes::copy_from_slice).collect();
        let sent = Arc::clone(&self.sent);
        let pieces = stream::iter(pieces).then(move |piece| {
            let _under_way = &count;
            sent.fetch_add(piece.len() as u64, Ordering::AcqRel);
            async move {
                tokio::task::yield_now().await;
                Ok(piece)
            }
        });
        let end = match (fault, short) {
            (Fault::Stalls, true) => stream::pending().boxed(),
            (_, true) => stream::once(async move { Err(broken()) }).boxed(),
            _ => stream::empty().boxed(),
        };
        Ok(Fetched { range, bytes: pieces.chain(end).boxed() })
    }

    async fn analyze(&self, _: &Source) -> Result<serde_json::Value> {
        Err(Error::new(ErrorKind::Unsupported, "analyze", "not here"))
    }
}
