//! Packs that were sent, kept for a while: where many machines clone the same commit, the hub makes one pack.
//!
//! What a fetch is answered follows from the ids that it names, and what these stand for never changes, so a copy is as
//! good as a new pack. It may only lack annotated tags that were made since, which a client that wants them asks for anyhow
//! (`include-tag` in `gitprotocol-capabilities`). Whether somebody may fetch is asked before, each time. The copies have no
//! names, in the folder for temporary files: a crash takes them away.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use ballast_contract::versioning::FetchRequest;
use ballast_types::{CommitId, GitOid, RepoKey};
use bytes::{Bytes, BytesMut};
use moka::sync::Cache;
use tokio::io::AsyncWriteExt;

use crate::{Output, Result, WireError};

/// How long a copy waits for somebody who wants it.
const IDLE: Duration = Duration::from_secs(600);
/// The part of the room that one pack may take.
const SHARE: u64 = 4;
/// A fetch that names more ids than this is not made twice.
const IDS: usize = 20_000;
/// Bytes that are written, or read, at once.
const PIECE: usize = 256 << 10;

/// Everything that a pack follows from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    repository: RepoKey,
    wants: Vec<GitOid>,
    haves: Vec<CommitId>,
    shallow: Vec<CommitId>,
    cut: Vec<CommitId>,
    tags: bool,
    blobs_from: Option<u64>,
    trees: bool,
    thin: bool,
    offsets: bool,
}

impl Key {
    /// None for a fetch that is not worth it.
    pub(crate) fn of(repository: RepoKey, request: &FetchRequest, thin: bool, offsets: bool) -> Option<Self> {
        let FetchRequest { wants, haves, shallow, cut, tags, filter } = request;
        (wants.len() + haves.len() + shallow.len() + cut.len() <= IDS).then(|| Self {
            repository,
            wants: sorted(wants),
            haves: sorted(haves),
            shallow: sorted(shallow),
            cut: sorted(cut),
            tags: *tags,
            blobs_from: filter.blobs_from,
            trees: filter.trees,
            thin,
            offsets,
        })
    }
}

/// In what order ids are named makes no difference.
fn sorted<T: Clone + Ord>(ids: &[T]) -> Vec<T> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The copies of one process.
pub struct Packs {
    kept: Cache<Key, Arc<Kept>>,
    /// The longest pack that is kept, in bytes.
    longest: u64,
}

impl Packs {
    /// Keeps packs of so many bytes in all; none keeps none.
    pub fn new(bytes: u64) -> Self {
        let kept = Cache::builder()
            .max_capacity(bytes >> 10)
            .weigher(|_, kept: &Arc<Kept>| u32::try_from((kept.length >> 10) + 1).unwrap_or(u32::MAX))
            .time_to_idle(IDLE)
            .build();
        Self { kept, longest: bytes / SHARE }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Kept>> {
        self.kept.get(key)
    }

    /// A copy of a pack that is about to be sent; without a key nothing is kept of it.
    pub(crate) async fn copy(&self, key: Option<Key>, objects: u64) -> Copying<'_> {
        let kept = match key.filter(|_| self.longest > 0) {
            Some(key) => {
                let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
                let file = usable(made.unwrap_or_else(|error| Err(error.into())));
                file.map(|file| (key, tokio::fs::File::from_std(file)))
            }
            None => None,
        };
        Copying { packs: self, kept, waiting: BytesMut::new(), length: 0, objects }
    }
}

/// A pack that is wanted again can always be made again.
fn usable<T>(done: std::io::Result<T>) -> Option<T> {
    done.inspect_err(|error| tracing::warn!(%error, "a pack is not kept: see the folder for temporary files (TMPDIR)"))
        .ok()
}

/// A copy under way. It is kept when it is finished, and otherwise gone.
pub(crate) struct Copying<'a> {
    packs: &'a Packs,
    /// None where this pack is not kept.
    kept: Option<(Key, tokio::fs::File)>,
    waiting: BytesMut,
    length: u64,
    objects: u64,
}

impl Copying<'_> {
    /// What was sent next.
    pub(crate) async fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.length > self.packs.longest {
            (self.kept, self.waiting) = (None, BytesMut::new());
        } else if self.kept.is_some() {
            self.waiting.extend_from_slice(bytes);
            if self.waiting.len() >= PIECE {
                self.write().await;
            }
        }
    }

    async fn write(&mut self) {
        let Some((_, file)) = &mut self.kept else { return };
        if usable(file.write_all(&self.waiting).await).is_none() {
            self.kept = None;
        }
        self.waiting.clear();
    }

    /// Keeps it: all was sent.
    pub(crate) async fn finish(mut self) {
        self.write().await;
        let Some((key, mut file)) = self.kept else { return };
        if usable(file.flush().await).is_some() {
            let kept = Kept { file: file.into_std().await, length: self.length, objects: self.objects };
            self.packs.kept.insert(key, Arc::new(kept));
        }
    }
}

/// A whole pack.
pub(crate) struct Kept {
    file: File,
    length: u64,
    objects: u64,
}

impl Kept {
    pub(crate) fn objects(&self) -> u64 {
        self.objects
    }

    /// Sends it.
    pub(crate) async fn send(self: Arc<Self>, output: &mut Output) -> Result<()> {
        let mut at = 0;
        while at < self.length {
            let kept = self.clone();
            let read = tokio::task::spawn_blocking(move || kept.read(at));
            let piece = read.await.map_err(|_| WireError::protocol("the pack could not be read"))??;
            at += piece.len() as u64;
            output.data(&piece).await?;
        }
        output.flush().await
    }

    fn read(&self, at: u64) -> std::io::Result<Bytes> {
        let length = usize::try_from(self.length - at).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; length];
        self.file.read_exact_at(&mut piece, at)?;
        Ok(piece.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer;

    fn key(want: u8) -> Key {
        let request = FetchRequest { wants: vec![GitOid([want; 20])], ..FetchRequest::default() };
        Key::of(RepoKey(1), &request, true, true).unwrap()
    }

    async fn kept(packs: &Packs, key: Key, pack: &[u8]) {
        let mut copy = packs.copy(Some(key), 3).await;
        for piece in pack.chunks(1000) {
            copy.add(piece).await;
        }
        copy.finish().await;
    }

    #[tokio::test]
    async fn a_pack_comes_again_as_it_was_sent() {
        let packs = Packs::new(16 << 20);
        let pack: Vec<u8> = (0..3_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        kept(&packs, key(1), &pack).await;
        let found = packs.find(&key(1)).unwrap();
        assert_eq!(found.objects(), 3);
        let (mut output, mut answer) = answer();
        let sent = tokio::spawn(async move { found.send(&mut output).await.unwrap() });
        let mut came = Vec::new();
        while let Some(piece) = answer.recv().await {
            came.extend_from_slice(&piece);
        }
        sent.await.unwrap();
        assert!(came == pack, "{} bytes of {}", came.len(), pack.len());
        assert!(packs.find(&key(2)).is_none());
    }

    #[tokio::test]
    async fn what_was_not_sent_whole_or_is_too_long_is_not_kept() {
        let packs = Packs::new(1 << 20);
        let mut broken_off = packs.copy(Some(key(1)), 3).await;
        broken_off.add(b"PACK").await;
        drop(broken_off);
        kept(&packs, key(2), &vec![7; (256 << 10) + 1]).await;
        kept(&packs, key(3), &vec![7; 256 << 10]).await;
        kept(&Packs::new(0), key(1), b"PACK").await;
        let found = [1, 2, 3].map(|want| packs.find(&key(want)).is_some());
        assert_eq!(found, [false, false, true]);
    }

    #[test]
    fn a_pack_is_of_one_repository_and_one_question_in_any_order() {
        let ids = |ids: [u8; 2]| ids.map(|n| CommitId([n; 20])).to_vec();
        let request = |haves| FetchRequest { haves, ..FetchRequest::default() };
        let of = |repo, haves, thin| Key::of(RepoKey(repo), &request(haves), thin, true).unwrap();
        assert_eq!(of(1, ids([1, 2]), true), of(1, ids([2, 1]), true));
        assert_ne!(of(1, ids([1, 2]), true), of(2, ids([1, 2]), true));
        assert_ne!(of(1, ids([1, 2]), true), of(1, ids([1, 3]), true));
        assert_ne!(of(1, ids([1, 2]), true), of(1, ids([1, 2]), false));
        let many = (0..=IDS as u32).map(|n| {
            let mut id = [0; 20];
            id[..4].copy_from_slice(&n.to_be_bytes());
            CommitId(id)
        });
        assert!(Key::of(RepoKey(1), &request(many.collect()), true, true).is_none());
    }
}
