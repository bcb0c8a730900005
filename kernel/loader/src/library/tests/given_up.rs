//! Calls that are dropped where they wait: nothing is left behind, and every buffer is released once.

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use ballast_contract::storage::StorageWriter;
use ballast_contract::{ByteStream, Component, Page};
use ballast_types::ByteRange;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::memory::{HELD_BUFFERS, NONE_HELD};
use super::*;

/// A store in memory that waits before and after everything that it does.
struct Waits(Memory);

/// Waits until it is polled again, once.
async fn a_while() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        // Kept and dropped by whoever waits, as a timer or a socket would.
        let waker = context.waker().clone();
        drop(waker);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Component for Waits {}

#[async_trait::async_trait]
impl Storage for Waits {
    async fn stat(&self, key: &StorageKey) -> ballast_contract::Result<u64> {
        a_while().await;
        self.0.stat(key).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> ballast_contract::Result<ByteStream> {
        a_while().await;
        let stream = self.0.read(key, range).await?;
        Ok(stream
            .then(async |piece| {
                a_while().await;
                piece
            })
            .boxed())
    }

    async fn create(&self, key: &StorageKey) -> ballast_contract::Result<Box<dyn StorageWriter>> {
        a_while().await;
        Ok(Box::new(WaitsWriter(self.0.create(key).await?)))
    }

    async fn delete(&self, key: &StorageKey) -> ballast_contract::Result<()> {
        a_while().await;
        self.0.delete(key).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> ballast_contract::Result<Page<StorageKey>> {
        a_while().await;
        self.0.list(after, limit).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> ballast_contract::Result<()> {
        a_while().await;
        self.0.copy(from, to).await
    }
}

struct WaitsWriter(Box<dyn StorageWriter>);

#[async_trait::async_trait]
impl StorageWriter for WaitsWriter {
    async fn write(&mut self, bytes: Bytes) -> ballast_contract::Result<()> {
        a_while().await;
        self.0.write(bytes).await
    }

    async fn commit(self: Box<Self>) -> ballast_contract::Result<u64> {
        a_while().await;
        self.0.commit().await
    }

    async fn abort(self: Box<Self>) -> ballast_contract::Result<()> {
        a_while().await;
        self.0.abort().await
    }
}

struct Waiting;

impl Exported for Waiting {
    type Config = NoKeys;
    const ROLE: &'static str = "storage";
    const POLLING: Polling = Polling::Inline;

    fn open(_: NoKeys, _: Slots) -> ballast_contract::Result<Exports> {
        Ok(Exports::Storage(Arc::new(Waits(Memory::default()))))
    }
}

static WAITING: Declaration = declaration::<Waiting>(MANIFEST.as_bytes());

/// A waker that can be counted.
struct Counted;

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

/// Bytes that tell when they are gone.
struct Sent {
    _held: Arc<()>,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        b"sent"
    }
}

/// Every call there is, one after the other.
async fn journey(storage: Arc<dyn Storage>, sent: Arc<()>) {
    let mut writer = storage.create(&key("a")).await.unwrap();
    for _ in 0..2 {
        writer.write(Bytes::from_owner(Sent { _held: Arc::clone(&sent) })).await.unwrap();
    }
    assert_eq!(writer.commit().await.unwrap(), 8);
    let mut writer = storage.create(&key("b")).await.unwrap();
    writer.write(Bytes::from_owner(Sent { _held: sent })).await.unwrap();
    writer.abort().await.unwrap();
    storage.copy(&key("a"), &key("c")).await.unwrap();
    assert_eq!(storage.stat(&key("c")).await.unwrap(), 8);
    let read = storage.read(&key("c"), ByteRange::whole(8)).await.unwrap();
    let pieces: Vec<Bytes> = read.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"sentsent");
    assert_eq!(storage.list(None, 10).await.unwrap().items.len(), 2);
    storage.delete_many(&[key("a"), key("c")]).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_given_up_at_any_await_leaves_nothing_behind() {
    let mut given_up = 0;
    for limit in 1.. {
        let storage = instance(&WAITING).await.unwrap();
        storage.start().await.unwrap();
        let (sent, counted) = (Arc::new(()), Arc::new(Counted));
        let waker = Waker::from(Arc::clone(&counted));
        let mut ended = false;
        {
            let mut journey = pin!(journey(Arc::clone(&storage), Arc::clone(&sent)));
            for _ in 0..limit {
                ended = journey.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
                if ended {
                    break;
                }
            }
        }
        assert_eq!(Arc::strong_count(&sent), 1, "bytes that were sent are held, given up at {limit}");
        let held = storage.stat(&key(HELD_BUFFERS)).await.unwrap();
        assert_eq!(held, NONE_HELD, "bytes that were read are held, given up at {limit}");
        drop(waker);
        assert_eq!(Arc::strong_count(&counted), 1, "a waker is held, given up at {limit}");
        // What was under way had not happened, and the instance goes on.
        assert!(storage.list(None, 10).await.unwrap().items.len() <= 2);
        assert_eq!(Arc::strong_count(&storage), 1);
        if ended {
            break;
        }
        given_up += 1;
    }
    assert!(given_up >= 12, "it was given up at {given_up} awaits");
}

#[tokio::test]
async fn a_write_that_was_given_up_comes_before_the_next_one() {
    let storage = instance(&WAITING).await.unwrap();
    storage.start().await.unwrap();
    let mut writer = storage.create(&key("a")).await.unwrap();
    {
        let mut write = pin!(writer.write(Bytes::from("one ")));
        assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    writer.write(Bytes::from("two")).await.unwrap();
    // The hub counts what it knows to be written, and the plugin keeps more.
    let refused = writer.commit().await.unwrap_err().to_string();
    assert_eq!(refused, "storage.commit: it says that it keeps 7 bytes of the 3 that were written");
}

/// A million calls and 100 GiB with `tests/run --all`, a hundredth of it otherwise.
#[tokio::test]
async fn nothing_leaks_over_many_calls_and_bytes() {
    let share = if std::env::var_os("BALLAST_TEST_ALL").is_some() { 1 } else { 100 };
    let storage = instance(&INLINE).await.unwrap();
    storage.start().await.unwrap();
    let size = 64 << 20;
    let mut writer = storage.create(&key("a")).await.unwrap();
    writer.write(vec![1; size].into()).await.unwrap();
    writer.commit().await.unwrap();
    let whole = ByteRange::whole(size as u64);
    let turn = async |calls: u32, streams: u32| {
        for _ in 0..calls {
            assert_eq!(storage.stat(&key("a")).await.unwrap(), whole.end);
        }
        for _ in 0..streams {
            let mut stream = storage.read(&key("a"), whole).await.unwrap();
            while stream.try_next().await.unwrap().is_some() {}
        }
    };
    turn(1000, 10).await;
    let before = resident();
    turn(1_000_000 / share, 1600 / share).await;
    assert_eq!(storage.stat(&key(HELD_BUFFERS)).await.unwrap(), NONE_HELD);
    // Tests beside this one have their share of memory in the short form.
    assert!(share > 1 || resident() < before + (64 << 20), "{before} bytes before, {} after", resident());
}

/// Of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
