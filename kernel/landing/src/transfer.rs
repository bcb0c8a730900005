//! One file, from a remote hub to its place in the cache.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ballast_contract::downloader::{Downloader, Expected, Fetched, Source, SourceFile};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::StreamExt;
use tokio::task::JoinSet;

use crate::Options;
use crate::digest::Hasher;
use crate::failure::{at, blocking};
use crate::lock::Lock;
use crate::partial::{Partial, piece_length};
use crate::progress::Progress;
use crate::schedule::{Schedule, Slot};

/// So much is written at a time.
const BATCH: usize = 1 << 20;

/// How long a connection that has nothing to do waits until it looks for something again.
const LOOK: Duration = Duration::from_millis(200);

/// The first wait after a broken connection; each further one is twice as long, up to `LONGEST`.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// What every file of a download needs.
pub(crate) struct Context {
    pub downloader: Arc<dyn Downloader>,
    pub source: Source,
    pub options: Options,
    pub progress: Progress,
}

/// A file that is to be fetched, and where.
pub(crate) struct Landing {
    pub context: Arc<Context>,
    /// Its number in the plan.
    pub index: usize,
    pub file: SourceFile,
    pub partial: std::path::PathBuf,
    pub blob: std::path::PathBuf,
}

impl Landing {
    /// Fetches the file, looks whether it is what the remote hub said, and gives it its name.
    pub(crate) async fn land(self, lock: Lock) -> Result<()> {
        let landing = Arc::new(self);
        match landing.file.size {
            size if size < landing.context.options.pieces_from.max(1) => landing.in_one_go(lock).await,
            _ => landing.in_pieces(lock).await,
        }
    }

    fn progress(&self) -> &crate::FileProgress {
        &self.context.progress.files[self.index]
    }

    fn hasher(&self) -> Option<Hasher> {
        self.context.options.verify_digest.then(|| Hasher::new(self.file.expected, self.file.size))
    }

    async fn fetch(&self, range: ByteRange) -> Result<Fetched> {
        self.context.downloader.fetch(&self.context.source, &self.file, range).await
    }

    /// An error unless the bytes are those that the remote hub promised.
    fn check(&self, found: Option<Expected>) -> Result<()> {
        match found {
            Some(found) if found != self.file.expected => {
                let path = &self.file.path;
                let why = format!(
                    "{path} is not what the remote hub said: {found} came, and {} was expected",
                    self.file.expected
                );
                Err(Error::new(ErrorKind::Corrupt, "landing.check", why))
            }
            _ => Ok(()),
        }
    }

    async fn finish(self: &Arc<Self>, partial: Arc<Partial>) -> Result<()> {
        let landing = Arc::clone(self);
        blocking(move || partial.finish(&landing.blob, landing.context.options.flush).map_err(at(&landing.blob))).await
    }

    async fn in_one_go(self: Arc<Self>, lock: Lock) -> Result<()> {
        let (path, size) = (self.partial.clone(), self.file.size);
        let partial = blocking(move || Partial::create(lock, path.clone(), size).map_err(at(&path))).await?;
        let partial = Arc::new(partial);
        let mut tries = Tries::new(self.context.options.retries);
        let found = loop {
            match self.one_stream(&partial).await {
                Ok(found) => break found,
                Err(error) => tries.again(error).await?,
            }
            self.progress().restart(0);
        };
        if let Err(error) = self.check(found) {
            let _ = partial.discard();
            return Err(error);
        }
        self.finish(partial).await
    }

    async fn one_stream(self: &Arc<Self>, partial: &Arc<Partial>) -> Result<Option<Expected>> {
        let size = self.file.size;
        let mut hasher = self.hasher();
        if size > 0 {
            let mut stream = self.fetch(ByteRange::whole(size)).await?.bytes;
            let (mut offset, mut ended) = (0, false);
            while !ended {
                let (batch, length, end) = self.batch(&mut stream, size - offset).await;
                ended = length == 0 || offset + length >= size;
                let (landing, partial) = (Arc::clone(self), Arc::clone(partial));
                hasher = blocking(move || {
                    partial.write(offset, &batch).map_err(at(&landing.partial))?;
                    if let Some(hasher) = &mut hasher {
                        batch.iter().for_each(|some| hasher.update(some));
                    }
                    Ok(hasher)
                })
                .await?;
                offset += length;
                self.progress().arrived(length);
                end?;
            }
            if offset < size {
                return Err(too_little(&self.file, offset));
            }
        }
        Ok(hasher.map(Hasher::finish))
    }

    /// The next bytes of a stream, at most `limit` of them, and what ended it, where something did.
    async fn batch(&self, stream: &mut ballast_contract::ByteStream, limit: u64) -> (Vec<Bytes>, u64, Result<()>) {
        let (mut batch, mut length) = (Vec::new(), 0_u64);
        while length < limit.min(BATCH as u64) {
            match stream.next().await {
                Some(Ok(mut bytes)) => {
                    bytes.truncate(usize::try_from(limit - length).unwrap_or(usize::MAX));
                    self.context.progress.count_fetched(bytes.len() as u64);
                    self.context.options.throttle.pass(bytes.len()).await;
                    length += bytes.len() as u64;
                    batch.push(bytes);
                }
                Some(Err(error)) => return (batch, length, Err(error)),
                None => break,
            }
        }
        (batch, length, Ok(()))
    }

    async fn in_pieces(self: Arc<Self>, lock: Lock) -> Result<()> {
        let (path, size) = (self.partial.clone(), self.file.size);
        let piece = piece_length(size);
        let opened = blocking(move || Partial::resume(lock, path.clone(), size, piece).map_err(at(&path))).await?;
        let (partial, done) = (Arc::new(opened.0), opened.1);
        let resumed = done.contains(&true);
        let found = self.fetch_missing(&partial, Schedule::new(size, piece, &done)).await?;
        let Err(error) = self.check(found) else { return self.finish(partial).await };
        if !resumed {
            let _ = partial.discard();
            return Err(error);
        }
        // What an earlier run left may be what is wrong; nobody can say which piece.
        tracing::warn!(path = %self.file.path, "what had arrived before is damaged; the file is fetched anew");
        self.progress().restart(0);
        let none = vec![false; done.len()];
        let found = self.fetch_missing(&partial, Schedule::new(size, piece, &none)).await?;
        if let Err(error) = self.check(found) {
            let _ = partial.discard();
            return Err(error);
        }
        self.finish(partial).await
    }

    /// Fetches what a schedule says, hashing behind it.
    async fn fetch_missing(self: &Arc<Self>, partial: &Arc<Partial>, schedule: Schedule) -> Result<Option<Expected>> {
        self.progress().restart(self.file.size - schedule.missing());
        let pieces = schedule.missing().div_ceil(piece_length(self.file.size));
        let connections = u64::from(self.context.options.connections.max(1)).min(pieces);
        let shared = Arc::new(Shared {
            landing: Arc::clone(self),
            partial: Arc::clone(partial),
            state: Mutex::new(State { schedule, ended: false, last: None }),
            moved: Condvar::new(),
        });
        let hashing = self.hasher().map(|hasher| {
            let shared = Arc::clone(&shared);
            tokio::task::spawn_blocking(move || shared.hash(hasher))
        });
        let _end = Ends(Arc::clone(&shared));
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            workers.spawn(Arc::clone(&shared).work());
        }
        while let Some(worked) = workers.join_next().await {
            let worked = worked.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Internal, "landing", "a connection's work was cut off").with_source(error))
            });
            if worked.is_err() || shared.state().schedule.missing() == 0 {
                workers.shutdown().await;
                worked?;
            }
        }
        if shared.state().schedule.missing() > 0 {
            let error = shared.state().last.take();
            return Err(error.unwrap_or_else(|| too_little(&self.file, shared.state().schedule.frontier())));
        }
        match hashing {
            Some(hashing) => match hashing.await {
                Ok(found) => found.map(Some),
                Err(error) => {
                    Err(Error::new(ErrorKind::Internal, "landing", "the digest was not worked out").with_source(error))
                }
            },
            None => Ok(None),
        }
    }
}

struct State {
    schedule: Schedule,
    /// Nobody fetches any more.
    ended: bool,
    /// Why a connection gave up.
    last: Option<Error>,
}

/// What the connections of one file share.
struct Shared {
    landing: Arc<Landing>,
    partial: Arc<Partial>,
    state: Mutex<State>,
    moved: Condvar,
}

/// Lets the thread that hashes go when whoever waits for the file has gone.
struct Ends(Arc<Shared>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.moved.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes what has arrived without a gap, until it is the whole file.
    fn hash(&self, mut hasher: Hasher) -> Result<Expected> {
        let (mut hashed, size) = (0, self.landing.file.size);
        while hashed < size {
            let mut state = self.state();
            while state.schedule.frontier() <= hashed {
                if state.ended {
                    return Err(Error::new(ErrorKind::Unavailable, "landing", "the download was ended"));
                }
                state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let frontier = state.schedule.frontier();
            drop(state);
            hasher.read(self.partial.file(), hashed, frontier).map_err(at(&self.landing.partial))?;
            hashed = frontier;
        }
        Ok(hasher.finish())
    }

    /// One connection: fetches one run after another while there are any.
    async fn work(self: Arc<Self>) -> Result<()> {
        let mut tries = Tries::new(self.landing.context.options.retries);
        loop {
            let (taken, missing, single) = {
                let mut state = self.state();
                (state.schedule.take(), state.schedule.missing(), state.schedule.is_single())
            };
            let Some((slot, range)) = taken else {
                if missing == 0 || (single && !self.state().schedule.is_idle()) {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let run = Run { shared: Arc::clone(&self), slot };
            match run.fetch(range).await {
                Ok(()) => tries.worked(),
                Err((error, moved)) => {
                    if moved {
                        tries.worked();
                    }
                    drop(run);
                    if let Err(error) = tries.again(error).await {
                        return self.give_up(error);
                    }
                }
            }
        }
    }

    /// A connection that the remote hub does not want is not missed while others fetch.
    fn give_up(&self, error: Error) -> Result<()> {
        let mut state = self.state();
        if !error.retryable || state.schedule.is_idle() {
            return Err(error);
        }
        state.last = Some(error);
        Ok(())
    }

    /// Counts bytes that were written; whether the connection has more to fetch.
    fn written(&self, slot: Slot, bytes: u64) -> Result<bool> {
        let advance = self.state().schedule.advance(slot, bytes);
        self.moved.notify_all();
        self.landing.progress().arrived(advance.counted);
        for piece in advance.finished {
            self.partial.piece_is_whole(piece).map_err(at(&self.landing.partial))?;
        }
        Ok(!advance.over)
    }
}

/// A run of bytes in the hands of a connection; what is left of it when this is dropped is for others.
struct Run {
    shared: Arc<Shared>,
    slot: Slot,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.shared.state().schedule.give_back(self.slot);
        self.shared.moved.notify_all();
    }
}

impl Run {
    /// An error comes with whether anything had arrived before it.
    async fn fetch(&self, range: ByteRange) -> std::result::Result<(), (Error, bool)> {
        let landing = &self.shared.landing;
        let fetched = landing.fetch(range).await.map_err(|error| (error, false))?;
        let mut stream = fetched.bytes;
        let (mut offset, mut to_skip) = (range.start, 0);
        if fetched.range != range {
            let begin = {
                let mut state = self.shared.state();
                let begin = match state.schedule.is_single() {
                    true => Some(range.start),
                    false => state.schedule.be_single(self.slot),
                };
                landing.progress().restart(landing.file.size - state.schedule.missing());
                begin
            };
            let Some(begin) = begin else { return Ok(()) };
            tracing::debug!(path = %landing.file.path, "the remote hub sends no parts of files; one connection fetches it");
            (offset, to_skip) = (begin, begin - fetched.range.start);
        }
        let end = fetched.range.end;
        let mut moved = false;
        loop {
            let (mut batch, mut length, ended) = landing.batch(&mut stream, to_skip + (end - offset)).await;
            if length == 0 {
                let error = ended.err().unwrap_or_else(|| too_little(&landing.file, offset));
                return Err((error, moved));
            }
            skip(&mut batch, &mut length, &mut to_skip);
            let (shared, slot, at_offset) = (Arc::clone(&self.shared), self.slot, offset);
            let written = blocking(move || {
                shared.partial.write(at_offset, &batch).map_err(at(&shared.landing.partial))?;
                shared.written(slot, length)
            });
            let more = written.await.map_err(|error| (error, moved))?;
            moved |= length > 0;
            offset += length;
            if !more {
                return Ok(());
            }
            ended.map_err(|error| (error, moved))?;
        }
    }
}

/// Leaves bytes out that are there already.
fn skip(batch: &mut Vec<Bytes>, length: &mut u64, to_skip: &mut u64) {
    for some in batch.iter_mut() {
        let out = (some.len() as u64).min(*to_skip);
        let _ = some.split_to(usize::try_from(out).unwrap_or(usize::MAX));
        (*length, *to_skip) = (*length - out, *to_skip - out);
    }
    batch.retain(|some| !some.is_empty());
}

fn too_little(file: &SourceFile, offset: u64) -> Error {
    let why = format!("{}: the remote hub sent no more than the first {offset} of {} bytes", file.path, file.size);
    Error::new(ErrorKind::Unavailable, "landing", why)
}

/// How often something was tried in a row without anything having come of it.
struct Tries {
    left: u32,
    most: u32,
    wait: Duration,
}

impl Tries {
    fn new(most: u32) -> Self {
        Self { left: most, most, wait: FIRST_WAIT }
    }

    fn worked(&mut self) {
        (self.left, self.wait) = (self.most, FIRST_WAIT);
    }

    /// Waits for the next try; the error itself where there is none.
    async fn again(&mut self, error: Error) -> Result<()> {
        if !error.retryable || self.left == 0 {
            return Err(error);
        }
        self.left -= 1;
        tracing::debug!(%error, "a connection broke; its rest is fetched again");
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST);
        Ok(())
    }
}
