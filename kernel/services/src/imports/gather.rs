//! Bringing what a repository lacks: found here, or fetched, held against what the remote hub said, and stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::PoisonError;

use ballast_catalog::ImportMark;
use ballast_content::Blob;
use ballast_contract::downloader::{Expected, SourceFile};
use ballast_contract::versioning::FileRef;
use ballast_contract::{Error, ErrorKind};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{GitOid, LeaseId, RepoKey, RepoPath, Sha256, git};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use sha2::Digest;

use super::stream::{Blame, Upstream};
use super::take_over::TakingOver;
use super::tree::Tree;
use crate::{Failure, Result};

/// Small files are stored together when this many bytes have come, which bounds what an import holds in memory.
const PACK_BYTES: usize = 8 << 20;
const PACK_FILES: usize = 4096;

/// Files whose fetching is prepared at once.
const ASKED: usize = 4096;

/// Blobs that are asked for elsewhere in this hub at once.
const LOOKED_UP: usize = 1000;

/// Repositories that are asked for one blob each.
const LENDERS: usize = 50;

impl TakingOver<'_> {
    /// Sees to it that the repository may name these files; answers what each is, in their order.
    pub(super) async fn gather(
        &mut self,
        upstream: &Upstream,
        wanted: &[&SourceFile],
        tree: &Tree,
    ) -> Result<Vec<(RepoPath, FileRef)>> {
        if wanted.is_empty() {
            return Ok(vec![]);
        }
        let lease = self.lease().await?;
        self.bring_large(upstream, lease, wanted).await?;
        let regular = self.bring_regular(upstream, lease, wanted, tree).await?;
        let file = |file: &&SourceFile| {
            let found = match file.expected {
                Expected::Sha256(sha256) => {
                    let oid = git::pointer_oid(sha256, file.size);
                    FileRef::Lfs { oid, sha256, size: file.size, pointer: None }
                }
                Expected::Git(oid) => {
                    let missing = || Error::new(ErrorKind::Internal, "import", format!("{} is not there", file.path));
                    let blob = regular.get(&oid).ok_or_else(missing)?;
                    FileRef::Regular { oid, sha256: blob.sha256, size: blob.size }
                }
            };
            Ok((file.path.clone(), found))
        };
        wanted.iter().map(file).collect()
    }

    /// The lease of what arrives: the one of a run that was cut off, as long as it is there.
    async fn lease(&mut self) -> Result<LeaseId> {
        let lease = self.find_lease().await?;
        *self.live.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
        Ok(lease)
    }

    async fn find_lease(&mut self) -> Result<LeaseId> {
        let (content, expires) = (self.hub.content(), self.hub.now().after(self.hub.settings().lease));
        if let Some(lease) = self.lease {
            match content.extend_lease(lease, expires).await {
                Ok(()) => return Ok(lease),
                Err(error) if error.is(ErrorKind::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let lease = content.create_lease(self.repository.key(), expires).await?;
        self.lease = Some(lease);
        // A lease that no row names would keep what it has until its end.
        if !self.mark(ImportMark::Lease(Some(lease))).await? {
            content.drop_lease(lease).await?;
            return Err(Failure::given_up());
        }
        Ok(lease)
    }

    async fn bring_large<'f>(&self, upstream: &Upstream, lease: LeaseId, wanted: &[&'f SourceFile]) -> Result<()> {
        let mut large: BTreeMap<Sha256, (&'f SourceFile, u64)> = BTreeMap::new();
        for file in wanted {
            if let Expected::Sha256(sha256) = file.expected {
                large.entry(sha256).or_insert((file, 0)).1 += 1;
            }
        }
        let digests: Vec<Sha256> = large.keys().copied().collect();
        let known = self.hub.content().find_known(self.repository.key(), &digests).await?;
        let mut missing = HashMap::new();
        for (sha256, blob) in digests.into_iter().zip(known) {
            let (file, places) = large[&sha256];
            match blob {
                Some(blob) if blob.size != file.size => return Err(wrong_size(file, blob.size)),
                Some(_) => upstream.progress.complete_files(places, places * file.size),
                None => drop(missing.insert(sha256, (file, places))),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.make_room(lease, missing.iter().map(|(sha256, (file, _))| (*sha256, file.size)).collect()).await?;
        let brought = async {
            for sha256 in self.borrow(lease, missing.iter().map(|(sha256, (file, _))| (*sha256, *file))).await? {
                if let Some((file, places)) = missing.remove(&sha256) {
                    upstream.progress.complete_files(places, places * file.size);
                }
            }
            let wanted: Vec<(&SourceFile, u64)> = missing.values().copied().collect();
            let at_once = self.settings.max_active.max(1) as usize;
            for some in wanted.chunks(ASKED) {
                // Boxed, because the compiler does not see that they may go from thread to thread.
                let fetch = |(file, places): &(&'f SourceFile, u64)| self.fetch_large(upstream, lease, file, *places);
                let fetching: Vec<BoxFuture<'_, Result<()>>> = some.iter().map(|one| fetch(one).boxed()).collect();
                stream::iter(fetching).buffer_unordered(at_once).try_collect::<()>().await?;
            }
            Ok(())
        };
        let brought = brought.await;
        if brought.is_err() {
            self.give_back(lease, missing.keys().copied().collect()).await?;
        }
        brought
    }

    async fn fetch_large(&self, upstream: &Upstream, lease: LeaseId, file: &SourceFile, places: u64) -> Result<()> {
        let blame = Blame::default();
        let content = self.hub.content_for(self.repository.key()).await?;
        let body = upstream.read(file, &blame);
        match content.receive(lease, file.expected, file.size, body).await {
            Ok(_) => {
                upstream.progress.complete_files(places, (places - 1) * file.size);
                Ok(())
            }
            Err(error) => Err(match blame.take() {
                Some(error) => Failure::Remote(error),
                None if error.is(ErrorKind::Invalid) => not_as_said(file, &error.context),
                None => error.into(),
            }),
        }
    }

    /// Leases from other repositories of this hub what their files are that the import's owner may have; answers what was
    /// found.
    async fn borrow<'a>(
        &self,
        lease: LeaseId,
        wanted: impl Iterator<Item = (Sha256, &'a SourceFile)>,
    ) -> Result<HashSet<Sha256>> {
        let wanted: Vec<(Sha256, &SourceFile)> = wanted.collect();
        let mut found = HashSet::new();
        for some in wanted.chunks(LOOKED_UP) {
            let sizes: HashMap<Sha256, u64> = some.iter().map(|(sha256, file)| (*sha256, file.size)).collect();
            let digests: Vec<Sha256> = sizes.keys().copied().collect();
            for (lender, digests) in self.lenders(&digests).await? {
                let left: Vec<Sha256> = digests.into_iter().filter(|sha256| !found.contains(sha256)).collect();
                if left.is_empty() {
                    continue;
                }
                let lent = self.hub.content().lend(lender, lease, &left).await?;
                let whole = |blob: &Blob| sizes.get(&blob.sha256) == Some(&blob.size);
                found.extend(lent.into_iter().flatten().filter(whole).map(|blob| blob.sha256));
            }
        }
        Ok(found)
    }

    /// Repositories that hold some of these blobs and whose files the owner may have.
    async fn lenders(&self, digests: &[Sha256]) -> Result<BTreeMap<RepoKey, Vec<Sha256>>> {
        let mut holders: BTreeMap<RepoKey, Vec<Sha256>> = BTreeMap::new();
        let mut each: HashMap<Sha256, usize> = HashMap::new();
        for (sha256, repo) in self.hub.content().find_holders(digests).await? {
            let count = each.entry(sha256).or_default();
            if *count < LENDERS && repo != self.repository.key() {
                *count += 1;
                holders.entry(repo).or_default().push(sha256);
            }
        }
        if holders.is_empty() {
            return Ok(holders);
        }
        let keys: Vec<RepoKey> = holders.keys().copied().collect();
        let there = self.hub.catalog().find_owned(&keys).await?;
        let caller = &self.repository.caller;
        let visible = self.hub.visible_among(&caller.viewer(), caller.known().ok(), there).await?;
        // Who sees a gated repository may not have its files for that.
        let lenders = visible.into_iter().filter(|(repository, _)| repository.gated.is_none());
        let lenders: HashSet<RepoKey> = lenders.map(|(repository, _)| repository.key).collect();
        holders.retain(|repo, _| lenders.contains(repo));
        Ok(holders)
    }

    /// Regular files, by git's id: of this tree, of what a former run left, or fetched.
    async fn bring_regular<'f>(
        &self,
        upstream: &Upstream,
        lease: LeaseId,
        wanted: &[&'f SourceFile],
        tree: &Tree,
    ) -> Result<HashMap<GitOid, Blob>> {
        let mut places: BTreeMap<GitOid, (&'f SourceFile, u64)> = BTreeMap::new();
        for file in wanted {
            if let Expected::Git(oid) = file.expected {
                self.check_regular(file)?;
                places.entry(oid).or_insert((file, 0)).1 += 1;
            }
        }
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let mut known = tree.regular();
        let left = self.hub.content().leased_blobs(lease).await?;
        let left = self.hub.content().find_known(self.repository.key(), &left).await?;
        known.extend(left.into_iter().flatten().filter_map(|blob| Some((blob.oid?, blob))));
        let mut missing = vec![];
        for (oid, (file, places)) in &places {
            match known.get(oid) {
                Some(_) => upstream.progress.complete_files(*places, *places * file.size),
                None => missing.push((*file, *places)),
            }
        }
        let connections = self.settings.connections.max(1) as usize;
        let (mut pack, mut bytes) = (vec![], 0);
        for some in missing.chunks(ASKED) {
            let fetch = |(file, places): &(&'f SourceFile, u64)| fetch_regular(upstream, file, *places);
            let fetching: Vec<BoxFuture<'_, Result<_>>> = some.iter().map(|one| fetch(one).boxed()).collect();
            let mut fetched = stream::iter(fetching).buffer_unordered(connections);
            while let Some(file) = fetched.try_next().await? {
                bytes += file.1.len();
                pack.push(file);
                if bytes >= PACK_BYTES || pack.len() >= PACK_FILES {
                    self.store(lease, std::mem::take(&mut pack), &mut known).await?;
                    bytes = 0;
                }
            }
        }
        self.store(lease, pack, &mut known).await?;
        Ok(known)
    }

    /// Regular files are read whole, and git's own way of keeping them has the same limit.
    fn check_regular(&self, file: &SourceFile) -> Result<()> {
        let most = self.hub.settings().pushed_file;
        match file.size > most {
            true => Err(Failure::TooLarge(format!(
                "'{}' of the source has {} bytes and is no large file there; this hub takes regular files of up to {most} \
                 bytes (git.max_file_bytes)",
                file.path, file.size
            ))),
            false => Ok(()),
        }
    }

    /// Stores small files under the lease, with room for those that the repository does not hold.
    async fn store(&self, lease: LeaseId, pack: Vec<(Sha256, Bytes)>, known: &mut HashMap<GitOid, Blob>) -> Result<()> {
        if pack.is_empty() {
            return Ok(());
        }
        let (digests, files): (Vec<Sha256>, Vec<Bytes>) = pack.into_iter().unzip();
        let held = self.hub.content().find_known(self.repository.key(), &digests).await?;
        let sizes = digests.iter().zip(files.iter().map(|file| file.len() as u64));
        let new = sizes.zip(&held).filter(|(_, held)| held.is_none()).map(|((sha256, size), _)| (*sha256, size));
        self.make_room(lease, new.collect()).await?;
        let content = self.hub.content_for(self.repository.key()).await?;
        let small = content.begin_small(lease, files).await?;
        for stored in content.store_small(small).await? {
            known.insert(stored.oid, Blob { sha256: stored.sha256, size: stored.size, oid: Some(stored.oid) });
        }
        Ok(())
    }

    /// Promises room for what is about to arrive, instead of what was promised for it before.
    async fn make_room(&self, lease: LeaseId, wanted: HashMap<Sha256, u64>) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        self.give_back(lease, wanted.keys().copied().collect()).await?;
        let expires = self.hub.now().after(self.hub.settings().lease);
        self.repository.make_room_under(lease, &wanted, expires).await
    }

    /// Takes back what was promised for those of these that have not come.
    async fn give_back(&self, lease: LeaseId, digests: Vec<Sha256>) -> Result<()> {
        let content = self.hub.content();
        let known = content.find_known(self.repository.key(), &digests).await?;
        let absent = digests.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(sha256, _)| sha256);
        let promised = content.take_promises(lease, &absent.collect::<Vec<_>>()).await?;
        match promised.is_empty() {
            true => Ok(()),
            false => Ok(self.hub.quota().release(&promised).await?),
        }
    }
}

/// One small file, whole and held against git's id, with the digest that names it here.
async fn fetch_regular(upstream: &Upstream, file: &SourceFile, places: u64) -> Result<(Sha256, Bytes)> {
    let mut body = upstream.read(file, &Blame::default());
    let mut bytes = BytesMut::new();
    while let Some(some) = body.try_next().await.map_err(Failure::Remote)? {
        bytes.extend_from_slice(&some);
    }
    let bytes = bytes.freeze();
    let (sha256, found) = digests(bytes.clone()).await?;
    if Expected::Git(found) != file.expected {
        return Err(not_as_said(file, &format!("the git blob id of its bytes is {found}, not {}", file.expected)));
    }
    upstream.progress.complete_files(places, (places - 1) * file.size);
    Ok((sha256, bytes))
}

/// What a file is called here and by git, worked out where it keeps nobody waiting.
async fn digests(bytes: Bytes) -> Result<(Sha256, GitOid)> {
    let work = move || (Sha256(sha2::Sha256::digest(&bytes).into()), object_id(ObjectKind::Blob, &bytes));
    let cut_off = |error| Error::new(ErrorKind::Internal, "import.check", "a worker broke off").with_source(error);
    tokio::task::spawn_blocking(work).await.map_err(|error: tokio::task::JoinError| cut_off(error).into())
}

fn not_as_said(file: &SourceFile, why: &str) -> Failure {
    let why = format!("'{}' is not what the remote hub said it is: {why}", file.path);
    Failure::Remote(Error::new(ErrorKind::Corrupt, "import.check", why))
}

fn wrong_size(file: &SourceFile, size: u64) -> Failure {
    let why = format!("the content of its digest has {size} bytes, and {} were said", file.size);
    not_as_said(file, &why)
}
