//! Files of other hubs on their way: fetched once, written down where all who want them read along, hashed, and stored.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError};

use ballast_content::Delivery;
use ballast_contract::downloader::{Expected, SourceFile};
use ballast_contract::{ByteStream, Error, ErrorKind};
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{ByteRange, RepoKey, Sha256};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::Digest;
use tokio::sync::watch;

use super::look::Miss;
use super::{MirrorParts, Mirrored};
use crate::imports::{Blame, Upstream};
use crate::{Failure, Hub, Result};

/// Files up to this length, in bytes, are stored as small ones.
const SMALL: u64 = 1 << 20;
/// How much is read at once, in bytes.
const READ: u64 = 256 << 10;

/// A file that is being fetched.
pub(super) struct Arriving {
    /// What has come, where nobody finds it by name: it is gone when nobody reads it any more.
    spool: File,
    size: u64,
    state: watch::Sender<State>,
}

#[derive(Clone, Default)]
struct State {
    /// So many bytes from the beginning have come.
    bytes: u64,
    /// What it is called here, once it is whole, verified and stored; or why that does not come.
    outcome: Option<std::result::Result<Sha256, Miss>>,
}

/// Ends the fetching of a file, however that ends.
struct Fetching {
    hub: Hub,
    key: (RepoKey, String),
    arriving: Arc<Arriving>,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let broke_off = || Miss::Here(Error::new(ErrorKind::Internal, "mirror.fetch", "fetching the file broke off"));
        self.arriving.state.send_modify(|state| {
            state.outcome.get_or_insert_with(|| Err(broke_off()));
        });
        self.hub.mirrors().arriving.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Mirrored {
    /// What a file is called here, where it has arrived.
    pub(crate) async fn stored(&self, file: &SourceFile) -> Result<Option<Sha256>> {
        Ok(self.hub.catalog().find_mirror_file(self.mirror.key, &file.expected.to_string()).await?)
    }

    /// Bytes of a file: of what has arrived, or of what is arriving. The last byte of a file that is arriving goes out when
    /// the whole is what the other hub said it is.
    pub(crate) async fn open(&self, file: &SourceFile, range: ByteRange) -> Result<Delivery> {
        let content = self.hub.content();
        if let Some(sha256) = self.stored(file).await? {
            match content.open(sha256, range).await {
                // Damaged, or gone: it is fetched again.
                Err(error) if error.is(ErrorKind::Corrupt) => {
                    tracing::warn!(%error, id = %self.id, path = %file.path, "a mirrored file is fetched again");
                    self.hub.catalog().drop_mirror_file(self.mirror.key, &file.expected.to_string()).await?;
                }
                opened => return Ok(opened?),
            }
        }
        let arriving = self.arriving(file)?;
        match arriving.begun().await {
            None => Ok(Delivery::Stream(arriving.read(range))),
            Some(Ok(sha256)) => Ok(content.open(sha256, range).await?),
            Some(Err(Miss::Here(error))) => Err(error.into()),
            Some(Err(Miss::Remote(error))) => Err(Failure::Remote(error)),
            Some(Err(_)) => Err(Failure::NotFound(format!("'{}' is not to be had", file.path))),
        }
    }

    /// The one fetch of a file, which begins where there is none.
    fn arriving(&self, file: &SourceFile) -> Result<Arc<Arriving>> {
        let mirrors = self.hub.mirrors();
        let parts = mirrors.parts.clone().ok_or_else(|| Failure::Unsupported("Nothing is mirrored here".to_owned()))?;
        // What comes by somebody's own right comes for them.
        let whose = self.reader.as_ref().map(|reader| format!(" {}", reader.key)).unwrap_or_default();
        let key = (self.mirror.key, format!("{}{whose}", file.expected));
        if let Some(there) = mirrors.arriving(&key) {
            return Ok(there);
        }
        let new = Arc::new(Arriving::new(file.size)?);
        {
            let mut all = mirrors.arriving.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(there) = all.get(&key) {
                return Ok(Arc::clone(there));
            }
            all.insert(key.clone(), Arc::clone(&new));
        }
        let fetching = Fetching { hub: self.hub.clone(), key, arriving: Arc::clone(&new) };
        let (mirrored, file) = (self.clone(), file.clone());
        // It goes on when nobody waits for it any more: whoever asks next finds more of it.
        tokio::spawn(async move {
            let fetching = fetching;
            let outcome = mirrored.fetch(&parts, &file, &fetching.arriving).await.map_err(Miss::from);
            if let Err(miss) = &outcome {
                tracing::info!(?miss, id = %mirrored.id, path = %file.path, "a file of another hub was not mirrored");
            }
            fetching.arriving.state.send_modify(|state| state.outcome = Some(outcome));
        });
        Ok(new)
    }

    async fn fetch(&self, parts: &MirrorParts, file: &SourceFile, arriving: &Arc<Arriving>) -> Result<Sha256> {
        // It may have arrived since whoever wants it looked.
        if let Some(sha256) = self.stored(file).await? {
            return Ok(sha256);
        }
        let upstream = Upstream {
            downloader: Arc::clone(&self.source.downloader),
            source: self.at(self.commit),
            retries: parts.retries,
            throttle: Arc::clone(&self.hub.job_parts()?.throttle),
            progress: Arc::default(),
        };
        let blame = Blame::default();
        let body = arriving.along(upstream.read(file, &blame));
        let stored = match file.size <= SMALL {
            true => self.store_small(file, body).await,
            false => {
                let received = self.hub.content().receive(self.mirror.lease, file.expected, file.size, body).await;
                received.map(|blob| blob.sha256).map_err(Failure::from)
            }
        };
        let blamed = blame.take();
        if let Some(error) = &blamed {
            self.was_refused(error).await?;
        }
        let sha256 = stored.map_err(|failure| match (blamed, failure) {
            (Some(error), _) => Failure::Remote(error),
            (None, Failure::Invalid(why)) => not_as_said(file, &why),
            (None, failure) => failure,
        })?;
        self.hub.catalog().put_mirror_file(self.mirror.key, &file.expected.to_string(), sha256).await?;
        Ok(sha256)
    }

    async fn store_small(&self, file: &SourceFile, mut body: ByteStream) -> Result<Sha256> {
        let mut bytes = BytesMut::new();
        while let Some(some) = body.try_next().await? {
            bytes.extend_from_slice(&some);
        }
        let (bytes, expected) = (bytes.freeze(), file.expected);
        let found = match expected {
            Expected::Sha256(_) => Expected::Sha256(Sha256(sha2::Sha256::digest(&bytes).into())),
            Expected::Git(_) => Expected::Git(object_id(ObjectKind::Blob, &bytes)),
        };
        if found != expected {
            return Err(not_as_said(file, &format!("the digest of its bytes is {found}, not {expected}")));
        }
        let content = self.hub.content();
        let small = content.begin_small(self.mirror.lease, vec![bytes]).await?;
        let stored = content.store_small(small).await?;
        let none = || Error::new(ErrorKind::Internal, "mirror.store", "nothing was stored");
        Ok(stored.first().ok_or_else(none)?.sha256)
    }
}

fn not_as_said(file: &SourceFile, why: &str) -> Failure {
    let why = format!("'{}' is not what the other hub said it is: {why}", file.path);
    Failure::Remote(Error::new(ErrorKind::Corrupt, "mirror.check", why))
}

impl Arriving {
    fn new(size: u64) -> Result<Self> {
        let spool = tempfile::tempfile().map_err(|error| no_spool(&error))?;
        Ok(Self { spool, size, state: watch::Sender::new(State::default()) })
    }

    /// Waits until some of it has come, or it is over, and then how.
    async fn begun(&self) -> Option<std::result::Result<Sha256, Miss>> {
        let mut state = self.state.subscribe();
        // It cannot be closed while this is borrowed.
        let begun = state.wait_for(|state| state.bytes > 0 || state.outcome.is_some()).await;
        begun.ok().and_then(|state| state.outcome.clone())
    }

    /// The same bytes, written down on their way.
    fn along(self: &Arc<Self>, body: ByteStream) -> ByteStream {
        let arriving = Arc::clone(self);
        let write = move |(at, bytes): (u64, Bytes)| {
            let (arriving, written) = (Arc::clone(&arriving), bytes.clone());
            async move {
                let to = Arc::clone(&arriving);
                blocking(move || to.spool.write_all_at(&written, at)).await?;
                arriving.state.send_modify(|state| state.bytes = at + bytes.len() as u64);
                Ok::<_, Error>(bytes)
            }
        };
        let mut next = 0;
        let placed = body.map_ok(move |bytes| {
            let at = next;
            next += bytes.len() as u64;
            (at, bytes)
        });
        placed.and_then(write).boxed()
    }

    /// Bytes as they come, or an error in the place of those that do not.
    fn read(self: Arc<Self>, range: ByteRange) -> ByteStream {
        stream::try_unfold((self, range.start), move |(arriving, at)| async move {
            if at >= range.end {
                return Ok(None);
            }
            let there = arriving.there(at).await?.min(range.end).min(at + READ);
            let (from, length) = (Arc::clone(&arriving), usize::try_from(there - at).unwrap_or(0));
            let read = blocking(move || {
                let mut bytes = BytesMut::zeroed(length);
                from.spool.read_exact_at(&mut bytes, at).map(|()| bytes.freeze())
            });
            Ok::<_, Error>(Some((read.await?, (arriving, there))))
        })
        .boxed()
    }

    /// Waits for bytes behind that one; answers where those end that may go out.
    async fn there(&self, at: u64) -> std::result::Result<u64, Error> {
        let free = |state: &State| match &state.outcome {
            Some(Ok(_)) => Some(Ok(self.size)),
            Some(Err(Miss::Remote(error) | Miss::Here(error))) => Some(Err(error.clone())),
            Some(Err(_)) => Some(Err(Error::new(ErrorKind::Unavailable, "mirror.read", "the file did not come"))),
            // Nobody has the whole of it before it is known to be right.
            None => {
                Some(Ok(state.bytes.min(self.size.saturating_sub(1)))).filter(|end| matches!(end, Ok(end) if *end > at))
            }
        };
        let mut state = self.state.subscribe();
        let gone = |_| Error::new(ErrorKind::Internal, "mirror.read", "fetching the file broke off");
        let found = state.wait_for(|state| free(state).is_some()).await.map_err(gone)?;
        free(&found).unwrap_or(Ok(at))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> std::result::Result<T, Error> {
    let broke = |error| Error::new(ErrorKind::Internal, "mirror.spool", "a worker broke off").with_source(error);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error: tokio::task::JoinError| broke(error))?
        .map_err(|error| no_spool(&error))
}

fn no_spool(error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoRoom,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "mirror.spool", format!("the folder for temporary files (TMPDIR): {error}"))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn arriving(size: u64) -> Arc<Arriving> {
        Arc::new(Arriving::new(size).unwrap())
    }

    async fn feed(arriving: &Arc<Arriving>, bytes: &'static [u8]) {
        let body = stream::iter(bytes.chunks(2).map(|some| Ok(Bytes::from_static(some)))).boxed();
        arriving.along(body).try_for_each(|_| async { Ok(()) }).await.unwrap();
    }

    fn end(arriving: &Arriving, outcome: std::result::Result<Sha256, Miss>) {
        arriving.state.send_modify(|state| state.outcome = Some(outcome));
    }

    async fn all(arriving: &Arc<Arriving>, start: u64, end: u64) -> std::result::Result<Vec<u8>, Error> {
        let bytes = Arc::clone(arriving).read(ByteRange { start, end });
        bytes
            .try_fold(vec![], |mut all, some| async move {
                all.extend_from_slice(&some);
                Ok(all)
            })
            .await
    }

    #[tokio::test]
    async fn whoever_reads_along_has_all_but_the_last_byte_before_the_file_is_verified() {
        let file = arriving(5);
        feed(&file, b"hello").await;
        assert_eq!(all(&file, 1, 4).await.unwrap(), b"ell");
        let mut whole = Arc::clone(&file).read(ByteRange::whole(5));
        assert_eq!(whole.try_next().await.unwrap().unwrap(), "hell");
        assert!(whole.next().now_or_never().is_none());
        end(&file, Ok(Sha256([1; 32])));
        assert_eq!(whole.try_next().await.unwrap().unwrap(), "o");
        assert!(whole.try_next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_that_is_another_one_ends_in_an_error_for_all_who_read_along() {
        let file = arriving(5);
        feed(&file, b"hello").await;
        end(&file, Err(Miss::Remote(Error::new(ErrorKind::Corrupt, "test", "other bytes"))));
        assert!(all(&file, 0, 5).await.unwrap_err().is(ErrorKind::Corrupt));
        assert!(matches!(file.begun().await, Some(Err(Miss::Remote(_)))));
    }
}
