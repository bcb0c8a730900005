//! A whole repository, or what is wanted of it, into a cache.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ballast_contract::downloader::{Downloader, Source, SourceFile};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoId, Revision};
use futures::{StreamExt, TryStreamExt, stream};

use crate::cache::{Cache, RepositoryFolder, View};
use crate::digest;
use crate::failure::{at, blocking};
use crate::lock::Lock;
use crate::partial::allocated;
use crate::progress::{FileStatus, Progress};
use crate::throttle::Throttle;
use crate::transfer::{Context, Landing};

/// How a download goes about it.
#[derive(Clone)]
pub struct Options {
    /// Connections for one file, and small files that are fetched side by side.
    pub connections: u32,
    /// Large files that are fetched side by side.
    pub active: u32,
    /// From this size on, in bytes, a file is fetched in pieces.
    pub pieces_from: u64,
    /// Whether the digest that the remote hub named must be that of what came.
    pub verify_digest: bool,
    /// How often in a row a file's bytes are asked for again.
    pub retries: u32,
    pub throttle: Arc<Throttle>,
    /// Whether a file gets its name only when the disk has its bytes.
    pub flush: bool,
    /// Whether files are to be seen under their own names beside the cache.
    pub view: bool,
}

/// What is to be downloaded.
pub struct Order {
    pub downloader: Arc<dyn Downloader>,
    pub source: Source,
    pub id: RepoId,
    /// What the source's revision means.
    pub commit: CommitId,
    /// The files, each with the folder of the friendly view that it has.
    pub files: Vec<(SourceFile, Option<String>)>,
}

/// Room that is left for others on a disk.
const SPARE: u64 = 64 << 20;

/// A download that has begun.
pub struct Download {
    context: Arc<Context>,
    cache: Cache,
    folder: RepositoryFolder,
    order: Order,
}

impl Download {
    /// Nothing is fetched before [`run`](Self::run).
    pub fn new(cache: &Cache, order: Order, options: Options) -> Self {
        let files: Vec<SourceFile> = order.files.iter().map(|(file, _)| file.clone()).collect();
        let revision = Revision::new(order.commit.to_string());
        let source = Source { revision, ..order.source.clone() };
        let downloader = Arc::clone(&order.downloader);
        let context = Context { downloader, source, options, progress: Progress::new(&files) };
        let folder = cache.repository(order.source.kind, &order.id);
        Self { context: Arc::new(context), cache: cache.clone(), folder, order }
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.context.progress
    }

    /// Fetches what is not there. Dropping this ends it; run again, it goes on where it was.
    pub async fn run(&self) -> Result<()> {
        let blobs = self.folder.blobs();
        blocking(move || fs::create_dir_all(&blobs).map_err(at(&blobs))).await?;
        self.check_room().await?;
        let cache = self.cache.clone();
        let known = Arc::new(blocking(move || Ok(cache.known_blobs())).await?);
        let options = &self.context.options;
        let is_small = |index: &usize| self.order.files[*index].0.size < options.pieces_from;
        let (small, large): (Vec<usize>, Vec<usize>) = (0..self.order.files.len()).partition(is_small);
        let all_of = |files: Vec<usize>, at_once: u32| {
            let landing = stream::iter(files).map(|index| self.one(index, &known));
            landing.buffer_unordered(at_once.max(1) as usize).try_collect::<()>()
        };
        let small_at_once = options.connections.max(options.active);
        futures::future::try_join(all_of(small, small_at_once), all_of(large, options.active)).await?;
        let (folder, revision, commit) = (self.folder.clone(), self.order.source.revision.clone(), self.order.commit);
        blocking(move || folder.set_ref(&revision, commit)).await
    }

    /// `NoRoom` where the disk cannot hold what is still to come.
    async fn check_room(&self) -> Result<()> {
        let (folder, files) = (self.folder.clone(), self.context.progress.files.len());
        let wanted: Vec<_> = (0..files).map(|index| self.order.files[index].0.clone()).collect();
        blocking(move || {
            let mut seen = std::collections::HashSet::new();
            let missing =
                |file: &&SourceFile| seen.insert(file.expected.to_string()) && !folder.blob(file.expected).exists();
            let lacks = |file: &SourceFile| file.size.saturating_sub(allocated(&folder.partial(file.expected)));
            let needed: u64 = wanted.iter().filter(missing).map(lacks).sum();
            let disk = rustix::fs::statvfs(folder.path()).map_err(|error| at(folder.path())(error.into()))?;
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if needed > 0 && needed.saturating_add(SPARE) > free {
                let place = folder.path().display();
                let why = format!("{place}: {needed} bytes are still to come, and the disk has room for {free}");
                return Err(Error::new(ErrorKind::NoRoom, "landing", why));
            }
            Ok(())
        })
        .await
    }

    /// One file: found, or fetched, then linked.
    async fn one(&self, index: usize, known: &Arc<HashMap<String, PathBuf>>) -> Result<()> {
        let progress = &self.context.progress.files[index];
        progress.set(FileStatus::Downloading);
        let done = self.place(index, known).await;
        progress.set(if done.is_ok() { FileStatus::Complete } else { FileStatus::Failed });
        done
    }

    async fn place(&self, index: usize, known: &Arc<HashMap<String, PathBuf>>) -> Result<()> {
        let file = self.order.files[index].0.clone();
        let blob = self.folder.blob(file.expected);
        if !is_whole(&blob, file.size) {
            let path = self.folder.lock(file.expected);
            let lock = Lock::wait(&path).await.map_err(at(&path))?;
            // Whoever had the lock may have fetched it.
            if !is_whole(&blob, file.size) && !self.borrow(&file, &blob, known).await? {
                let (context, partial) = (Arc::clone(&self.context), self.folder.partial(file.expected));
                Landing { context, index, file: file.clone(), partial, blob }.land(lock).await?;
            }
        }
        let (folder, commit, subfolder) = (self.folder.clone(), self.order.commit, self.order.files[index].1.clone());
        let view = match self.context.options.view {
            true => View::new(&self.cache, self.order.source.kind, &self.order.id, commit),
            false => None,
        };
        blocking(move || {
            folder.link(commit, &file.path, file.expected)?;
            view.map_or(Ok(()), |view| view.show(&file.path, subfolder.as_deref()))
        })
        .await
    }

    /// Takes a blob from another repository of the cache, where one has it and it is what its name says.
    async fn borrow(&self, file: &SourceFile, blob: &Path, known: &Arc<HashMap<String, PathBuf>>) -> Result<bool> {
        let Some(other) = known.get(&file.expected.to_string()).filter(|other| *other != blob).cloned() else {
            return Ok(false);
        };
        let (expected, size, blob) = (file.expected, file.size, blob.to_owned());
        blocking(move || {
            if !is_whole(&other, size) || digest::of_file(&other, expected).ok() != Some(expected) {
                return Ok(false);
            }
            // Blobs never change, so two repositories may share one. What cannot be linked is fetched.
            match fs::hard_link(&other, &blob) {
                Ok(()) => Ok(true),
                Err(error) => {
                    tracing::debug!(%error, blob = %blob.display(), "a blob that is here already cannot be linked");
                    Ok(false)
                }
            }
        })
        .await
    }
}

/// Whether a blob is there. Its name is given when its digest was right.
fn is_whole(blob: &Path, size: u64) -> bool {
    fs::metadata(blob).is_ok_and(|about| about.is_file() && about.len() == size)
}
