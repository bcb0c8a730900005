//! A repository as git sees it: its refs, and the objects that somebody lacks.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use ballast_contract::ByteStream;
use ballast_contract::versioning::{Common, Cut, Encoded, FetchRequest, FileRef, GitObject, Ref};
use ballast_types::git::{self, ObjectKind};
use ballast_types::{ByteRange, CommitId, GitOid, RefName, Sha256};
use bytes::Bytes;
use futures::StreamExt;

use crate::{Failure, Hub, Readable, Result};

/// Refs on one page.
const PAGE: usize = 1000;
/// The most refs that are told; a repository with more is listed by the API.
const MAX_REFS: usize = 200_000;
/// Objects that are asked for at once.
const AHEAD: usize = 1000;
/// Bytes of blobs that are read before they are passed on; one that is longer goes by itself.
const BYTES: u64 = 4 << 20;
/// Longer files than this go by in pieces, in bytes, unless they are told as changes.
const WHOLE: u64 = 1 << 20;
/// Files of these lengths may be told as changes of others, in bytes: shorter ones are hardly worth it, and longer ones
/// want too much memory.
const TOLD_AS_CHANGE: RangeInclusive<u64> = 100..=2 << 20;
/// The most objects of one pack: git counts them in 32 bits.
const MAX_OBJECTS: usize = u32::MAX as usize;

/// Refs, and where `HEAD` points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRefs {
    /// The default branch, born or not.
    pub head: RefName,
    /// By name; unborn branches are not among them.
    pub refs: Vec<Ref>,
}

/// The objects of one pack, in the order in which they are to be sent.
pub struct PackObjects {
    hub: Hub,
    repository: Readable,
    /// Commits, tags and trees.
    others: VecDeque<GitObject>,
    /// After them all, so that many are read at once.
    blobs: VecDeque<Blob>,
}

/// A blob that is still to come.
struct Blob {
    oid: GitOid,
    file: FileRef,
    /// What stood at its path before, where telling the difference may pay.
    base: Option<Box<FileRef>>,
}

impl Blob {
    fn new(oid: GitOid, file: FileRef, base: Option<FileRef>) -> Self {
        let pays = |file: &FileRef| !file.is_lfs() && TOLD_AS_CHANGE.contains(&file.size());
        Self { oid, file, base: base.filter(|base| pays(base) && pays(&file)).map(Box::new) }
    }

    /// Whether it is never whole in memory.
    fn is_long(&self) -> bool {
        !self.file.is_lfs() && self.base.is_none() && self.file.size() > WHOLE
    }

    /// How many bytes are read for it.
    fn cost(&self) -> u64 {
        let own = if self.file.is_lfs() { 0 } else { self.file.size() };
        own + self.base.as_ref().map_or(0, |base| base.size())
    }
}

/// An object's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitBytes {
    pub oid: GitOid,
    pub kind: ObjectKind,
    /// Where `bytes` is a delta: against which object.
    pub base: Option<GitOid>,
    pub bytes: Bytes,
    /// An object of which it may be told as a change, and its bytes.
    pub like: Option<(GitOid, Bytes)>,
}

/// A file of git's own that is too long to be held.
pub struct LongBlob {
    pub oid: GitOid,
    /// In bytes.
    pub size: u64,
    pub bytes: ByteStream,
}

impl Readable {
    /// Every ref that points somewhere, and `HEAD`.
    pub async fn git_refs(&self) -> Result<GitRefs> {
        self.check_git()?;
        let head = RefName::branch(self.default_branch()).map_err(Failure::invalid)?;
        let (mut refs, mut after) = (Vec::new(), None);
        loop {
            let page = self.hub.engine().refs(self.key(), "refs/", after, PAGE).await?;
            refs.extend(page.items.into_iter().filter(|found| found.commit.is_some()));
            after = page.next;
            if after.is_none() || refs.len() >= MAX_REFS {
                return Ok(GitRefs { head, refs });
            }
        }
    }

    /// `Unsupported` where the engine has no git objects.
    pub fn check_git(&self) -> Result<()> {
        self.hub.git().map(drop)
    }

    /// `Unsupported` where the engine takes no pushes.
    pub fn check_git_push(&self) -> Result<()> {
        self.hub.git_pushes().map(drop)
    }

    /// Which of these objects the repository has.
    pub async fn git_has(&self, oids: &[GitOid]) -> Result<Vec<bool>> {
        Ok(self.hub.git()?.find(self.key(), oids).await?.iter().map(Option::is_some).collect())
    }

    /// Which of these commits both sides have, and whether that is enough.
    pub async fn git_common(&self, wants: &[GitOid], haves: &[CommitId]) -> Result<Common> {
        Ok(self.hub.git()?.common(self.key(), wants, haves).await?)
    }

    /// Where a history ends that is cut off like this.
    pub async fn git_ends(&self, wants: &[GitOid], cut: &Cut) -> Result<Vec<CommitId>> {
        Ok(self.hub.git()?.ends(self.key(), wants, cut).await?)
    }

    /// What the wants lead to and the reader lacks.
    pub async fn git_missing(&self, request: FetchRequest) -> Result<PackObjects> {
        let mut objects = self.pack();
        let mut pages = self.hub.git()?.missing(self.key(), request);
        while let Some(page) = pages.next().await {
            page?.into_iter().for_each(|object| objects.push(object));
            if objects.len() > MAX_OBJECTS {
                return Err(Failure::TooLarge("The pack would have more objects than git counts".to_owned()));
            }
        }
        Ok(objects)
    }

    /// One object of the repository, whole; none where it has none of this id.
    pub async fn git_object(&self, oid: GitOid) -> Result<Option<(ObjectKind, Bytes)>> {
        let found = self.hub.git()?.find(self.key(), &[oid]).await?.into_iter().next().flatten();
        let Some(object) = found else { return Ok(None) };
        let kind = object.kind();
        let mut one = self.pack();
        one.push(object);
        Ok(one.next(|_, _| false).await?.into_iter().next().map(|object| (kind, object.bytes)))
    }
}

impl Readable {
    fn pack(&self) -> PackObjects {
        let (others, blobs) = (VecDeque::new(), VecDeque::new());
        PackObjects { hub: self.hub.clone(), repository: self.clone(), others, blobs }
    }
}

impl PackObjects {
    fn push(&mut self, object: GitObject) {
        match object {
            GitObject::Blob { oid, file, base } => self.blobs.push_back(Blob::new(oid, file, base)),
            other => self.others.push_back(other),
        }
    }

    /// How many are still to come.
    pub fn len(&self) -> usize {
        self.others.len() + self.blobs.len()
    }

    /// Whether all have come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next objects; none at the end. `plan` is asked, of each object in turn, whether it may come as a delta against
    /// this base, if it has one; perhaps of the same one again.
    pub async fn next(&mut self, plan: impl FnMut(GitOid, Option<GitOid>) -> bool) -> Result<Vec<GitBytes>> {
        match (self.others.is_empty(), self.blobs.is_empty()) {
            (true, true) => Ok(Vec::new()),
            (true, false) => self.next_blobs(plan).await,
            (false, _) => self.next_others(plan).await,
        }
    }

    /// The next object, where it is one that may come by in pieces; [`next`](Self::next) would give it whole.
    pub async fn next_long(&mut self) -> Result<Option<LongBlob>> {
        if !self.others.is_empty() {
            return Ok(None);
        }
        let Some(Blob { oid, file, .. }) = self.blobs.pop_front_if(|blob| blob.is_long()) else { return Ok(None) };
        let size = file.size();
        let bytes = self.hub.content().open(file.sha256(), ByteRange::whole(size)).await?.into_stream();
        Ok(Some(LongBlob { oid, size, bytes }))
    }

    async fn next_others(&mut self, mut plan: impl FnMut(GitOid, Option<GitOid>) -> bool) -> Result<Vec<GitBytes>> {
        let others = self.others.iter().take(AHEAD);
        let asked: Vec<(&GitObject, bool)> = others.map(|object| (object, plan(object.oid(), base(object)))).collect();
        let encoded = self.hub.git()?.encode(self.repository.key(), &asked).await?;
        let mut objects = Vec::with_capacity(encoded.len());
        for encoded in encoded {
            let Some(object) = self.others.pop_front() else { break };
            let (bytes, base) = match encoded {
                Encoded::Whole(bytes) => (bytes, None),
                Encoded::Delta(bytes) => (bytes, base(&object)),
            };
            objects.push(GitBytes { oid: object.oid(), kind: object.kind(), base, bytes: bytes.into(), like: None });
        }
        Ok(objects)
    }

    async fn next_blobs(&mut self, mut plan: impl FnMut(GitOid, Option<GitOid>) -> bool) -> Result<Vec<GitBytes>> {
        let (mut blobs, mut bytes): (Vec<Blob>, u64) = (Vec::new(), 0);
        while let Some(mut blob) = self.blobs.pop_front() {
            let is_apart = !blobs.is_empty() && (blob.is_long() || bytes + blob.cost() > BYTES);
            if blobs.len() >= AHEAD || is_apart {
                self.blobs.push_front(blob);
                break;
            }
            if !plan(blob.oid, blob.base.as_ref().map(|base| base.oid())) {
                blob.base = None;
            }
            bytes += blob.cost();
            blobs.push(blob);
        }
        let mut contents = self.read(&blobs).await;
        if contents.is_err() && blobs.iter().any(|blob| blob.base.is_some()) {
            // Perhaps it is only what stood there before that cannot be read.
            blobs.iter_mut().for_each(|blob| blob.base = None);
            contents = self.read(&blobs).await;
        }
        let mut contents = contents?.into_iter();
        let object = |Blob { oid, file, base }: Blob| {
            let bytes = match stored(&file) {
                Some(_) => contents.next().unwrap_or_default(),
                None => git::pointer(file.sha256(), file.size()).into_bytes().into(),
            };
            let like = base.and_then(|base| Some((base.oid(), contents.next()?)));
            GitBytes { oid, kind: ObjectKind::Blob, base: None, bytes, like }
        };
        Ok(blobs.into_iter().map(object).collect())
    }

    /// What is stored of these blobs: each one's own bytes, and behind them its base's.
    async fn read(&self, blobs: &[Blob]) -> Result<Vec<Bytes>> {
        let files = blobs.iter().flat_map(|blob| [Some(&blob.file), blob.base.as_deref()]).flatten();
        let wanted: Vec<Sha256> = files.filter_map(stored).collect();
        self.hub.content().locate(&wanted).await?;
        Ok(self.hub.content().read_all(&wanted).await?)
    }
}

/// What a tree may be told as a change of.
fn base(object: &GitObject) -> Option<GitOid> {
    match object {
        GitObject::Tree { base, .. } => base.map(|base| base.oid),
        _ => None,
    }
}

/// The blob that holds what git holds; none where a pointer is written anew.
fn stored(file: &FileRef) -> Option<Sha256> {
    match file {
        FileRef::Regular { sha256, .. } => Some(*sha256),
        FileRef::Lfs { pointer, .. } => *pointer,
    }
}
