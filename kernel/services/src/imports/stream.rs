//! One file of a remote hub as one stream, however often its connection breaks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_contract::downloader::{Downloader, Source, SourceFile};
use ballast_contract::{ByteStream, Error, ErrorKind, Result};
use ballast_landing::Throttle;
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::progress::Progress;

/// The first wait after a broken connection; each further one is twice as long, up to `LONGEST`.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// Where files are read, and how.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub downloader: Arc<dyn Downloader>,
    /// Its revision is a commit.
    pub source: Source,
    /// How often in a row a file's bytes are asked for again.
    pub retries: u32,
    pub throttle: Arc<Throttle>,
    pub progress: Arc<Progress>,
}

/// Why a stream ended, where the remote hub is to blame: whoever reads it may put its errors in other words.
#[derive(Clone, Default)]
pub(crate) struct Blame(Arc<Mutex<Option<Error>>>);

impl Blame {
    /// The error of the remote hub, where there was one.
    pub fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, error: &Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

struct Reading {
    upstream: Upstream,
    file: SourceFile,
    blame: Blame,
    bytes: Option<ByteStream>,
    /// The next byte that whoever reads this gets.
    offset: u64,
    /// Bytes before that one, which come again where the remote hub sends no parts.
    skip: u64,
    left: u32,
    wait: Duration,
}

impl Upstream {
    /// The bytes of a file, as many as it should have, or an error behind those that arrived.
    pub fn read(&self, file: &SourceFile, blame: &Blame) -> ByteStream {
        let reading = Reading {
            upstream: self.clone(),
            file: file.clone(),
            blame: blame.clone(),
            bytes: None,
            offset: 0,
            skip: 0,
            left: self.retries,
            wait: FIRST_WAIT,
        };
        stream::try_unfold(reading, |mut reading| async move {
            match reading.next().await {
                Ok(bytes) => Ok(bytes.map(|bytes| (bytes, reading))),
                Err(error) => {
                    reading.blame.put(&error);
                    Err(error)
                }
            }
        })
        .boxed()
    }
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.offset < self.file.size {
            let came = match self.open().await {
                Ok(bytes) => bytes.next().await,
                Err(error) => Some(Err(error)),
            };
            match came {
                Some(Ok(bytes)) => {
                    let bytes = self.keep(bytes);
                    if !bytes.is_empty() {
                        self.upstream.throttle.pass(bytes.len()).await;
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => self.again(error).await?,
                None => self.again(self.too_little()).await?,
            }
        }
        Ok(None)
    }

    /// The connection that is open, or a new one for what is missing.
    async fn open(&mut self) -> Result<&mut ByteStream> {
        if self.bytes.is_none() {
            let range = ByteRange { start: self.offset, end: self.file.size };
            let fetched = self.upstream.downloader.fetch(&self.upstream.source, &self.file, range).await?;
            self.skip = self.offset.saturating_sub(fetched.range.start);
            self.bytes = Some(fetched.bytes);
        }
        self.bytes.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "import.read", "a stream is not there"))
    }

    /// What of these bytes was not there yet.
    fn keep(&mut self, mut bytes: Bytes) -> Bytes {
        let again = self.skip.min(bytes.len() as u64);
        self.skip -= again;
        let mut bytes = bytes.split_off(usize::try_from(again).unwrap_or(usize::MAX).min(bytes.len()));
        bytes.truncate(usize::try_from(self.file.size - self.offset).unwrap_or(usize::MAX));
        self.offset += bytes.len() as u64;
        self.upstream.progress.arrived(bytes.len() as u64);
        if !bytes.is_empty() {
            (self.left, self.wait) = (self.upstream.retries, FIRST_WAIT);
        }
        bytes
    }

    fn too_little(&self) -> Error {
        let SourceFile { path, size, .. } = &self.file;
        let why = format!("{path}: the remote hub sent no more than the first {} of {size} bytes", self.offset);
        Error::new(ErrorKind::Unavailable, "import.read", why)
    }

    /// Waits for the next try; the error itself where there is none.
    async fn again(&mut self, error: Error) -> Result<()> {
        self.bytes = None;
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
