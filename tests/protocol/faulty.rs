//! A storage that goes wrong once, at a call that the test chooses.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ballast_contract::storage::{Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Page, Result};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and nothing was done.
    Refused,
    /// It was done, and its answer is that the time was over; of a read half of the bytes have come by then.
    TimedOut,
    /// Nothing is done, and there is no answer, until whoever waits goes away.
    Silent,
    /// Fewer bytes come than were asked for, or are kept than were given, and no error.
    Short,
    /// Other bytes come than lie there.
    Wrong,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::Refused, Self::TimedOut, Self::Silent, Self::Short, Self::Wrong];

    /// Whether a call can go wrong in this way.
    fn fits(self, call: &str) -> bool {
        match self {
            Self::Refused | Self::TimedOut | Self::Silent => true,
            Self::Short => matches!(call, "read" | "write"),
            Self::Wrong => call == "read",
        }
    }
}

/// What is to happen, and whether it has.
#[derive(Default)]
struct Plan {
    armed: Mutex<Armed>,
    silence: Notify,
}

#[derive(Default)]
struct Armed {
    fault: Option<Fault>,
    /// Calls that pass before it.
    before: usize,
    /// The call that went wrong.
    struck: Option<&'static str>,
}

/// A storage with a plan.
pub struct Faulty {
    inner: Arc<dyn Storage>,
    plan: Arc<Plan>,
}

impl Faulty {
    /// One where nothing goes wrong yet.
    pub fn over(inner: Arc<dyn Storage>) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Of the calls from here on that can go wrong in this way, the one behind so many others does, and no other.
    pub fn arm(&self, fault: Fault, before: usize) {
        // A silence that nobody waited for is over.
        let _ = self.plan.silence.notified().now_or_never();
        *self.plan.armed() = Armed { fault: Some(fault), before, struck: None };
    }

    /// Nothing goes wrong from here on; answers the call that did.
    pub fn disarm(&self) -> Option<&'static str> {
        std::mem::take(&mut *self.plan.armed()).struck
    }

    /// Until somebody waits for an answer that does not come.
    pub async fn silence(&self) {
        self.plan.silence.notified().await;
    }
}

impl Plan {
    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to this call.
    fn next(&self, call: &'static str) -> Option<Fault> {
        let mut armed = self.armed();
        let fault = armed.fault.filter(|fault| fault.fits(call))?;
        if armed.before > 0 {
            armed.before -= 1;
            return None;
        }
        *armed = Armed { struck: Some(call), ..Armed::default() };
        Some(fault)
    }

    async fn call<T>(&self, call: &'static str, act: impl Future<Output = Result<T>>) -> Result<T> {
        match self.next(call) {
            None => act.await,
            Some(fault) => self.go_wrong(fault, call, act).await,
        }
    }

    async fn go_wrong<T>(&self, fault: Fault, call: &str, act: impl Future<Output = Result<T>>) -> Result<T> {
        match fault {
            Fault::Silent => {
                self.silence.notify_one();
                pending().await
            }
            Fault::TimedOut => {
                act.await?;
                Err(timed_out(call))
            }
            Fault::Refused | Fault::Short | Fault::Wrong => {
                Err(Error::new(ErrorKind::Unavailable, format!("storage.{call}"), "the storage refuses this call"))
            }
        }
    }
}

fn timed_out(call: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("storage.{call}"), "the storage has not answered in time")
}

#[async_trait]
impl Component for Faulty {
    async fn start(&self) -> Result<()> {
        self.inner.start().await
    }
}

#[async_trait]
impl Storage for Faulty {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        self.plan.call("stat", self.inner.stat(key)).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let read = self.inner.read(key, range);
        match self.plan.next("read") {
            None => read.await,
            Some(fault @ (Fault::Refused | Fault::Silent)) => self.plan.go_wrong(fault, "read", read).await,
            Some(fault) => {
                let mut bytes = read.await?.try_collect::<Vec<Bytes>>().await?.concat();
                match fault {
                    Fault::Wrong => bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1),
                    _ => bytes.truncate(bytes.len() / 2),
                }
                let end = (fault == Fault::TimedOut).then(|| Err(timed_out("read")));
                Ok(stream::iter([Ok(Bytes::from(bytes))].into_iter().chain(end)).boxed())
            }
        }
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        let writer = self.plan.call("create", self.inner.create(key)).await?;
        Ok(Box::new(FaultyWriter { inner: writer, plan: self.plan.clone() }))
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        self.plan.call("delete", self.inner.delete(key)).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        self.plan.call("list", self.inner.list(after, limit)).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.plan.call("copy", self.inner.copy(from, to)).await
    }
}

struct FaultyWriter {
    inner: Box<dyn StorageWriter>,
    plan: Arc<Plan>,
}

#[async_trait]
impl StorageWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match self.plan.next("write") {
            None => self.inner.write(bytes).await,
            Some(Fault::Short) => self.inner.write(bytes.slice(..bytes.len() / 2)).await,
            Some(fault) => self.plan.go_wrong(fault, "write", self.inner.write(bytes)).await,
        }
    }

    async fn commit(self: Box<Self>) -> Result<u64> {
        let Self { inner, plan } = *self;
        plan.call("commit", inner.commit()).await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        let Self { inner, plan } = *self;
        plan.call("abort", inner.abort()).await
    }
}
