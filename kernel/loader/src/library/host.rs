//! What an instance is lent: the log, somebody to report faults to, and its space where it requires one.

use std::ffi::c_void;
use std::fmt;
use std::mem::size_of;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ballast_abi::{self as abi, Buf, FAILED, Failure, Host, READY, Reply, Str};
use ballast_contract::state::message::StateCall;
use ballast_contract::{Error, ErrorKind, Result, State};
use tokio::runtime::Handle;
use tracing::Level;

use super::failure::failed;

/// So many faults, and the instance counts as degraded.
const MANY: u32 = 3;

/// What is known of an instance's faults.
#[derive(Debug)]
pub(super) struct Faults {
    /// Of the instance: `storage.main`.
    instance: String,
    plugin: String,
    count: AtomicU32,
    last: Mutex<String>,
}

impl Faults {
    pub(super) fn new(instance: &str, plugin: String) -> Arc<Self> {
        Arc::new(Self { instance: instance.to_owned(), plugin, count: AtomicU32::new(0), last: Mutex::default() })
    }

    /// Counts a fault, and writes it down.
    pub(super) fn count(&self, what: impl fmt::Display) {
        let what = what.to_string();
        tracing::error!(instance = self.instance, plugin = self.plugin, "{what}");
        self.count.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// What is to be said of an instance with many.
    pub(super) fn many(&self) -> Option<String> {
        let count = self.count.load(Ordering::Relaxed);
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (count >= MANY).then(|| format!("it has misbehaved {count} times; the last time: {}", last()))
    }
}

/// What an instance has of the hub.
struct Lent {
    faults: Arc<Faults>,
    state: Option<Arc<dyn State>>,
    /// Where its questions are answered: they may come from any thread.
    runtime: Handle,
}

/// The table of an instance. It lives as long as the process, because threads of the library may use it until then.
pub(super) fn lend(faults: &Arc<Faults>, minor: u32, state: Option<Arc<dyn State>>, runtime: Handle) -> *const Host {
    let instance: &'static str = String::leak(faults.instance.clone());
    let asked = state.is_some();
    let lent: &'static Lent = Box::leak(Box::new(Lent { faults: Arc::clone(faults), state, runtime }));
    let host = Host {
        size: size_of::<Host>(),
        minor,
        reserved: 0,
        data: std::ptr::from_ref(lent).cast(),
        instance: Str::of(instance),
        logs: Some(logs),
        log: Some(log),
        fault: Some(fault),
        state: if asked { Some(ask_state) } else { None },
    };
    Box::leak(Box::new(host))
}

/// Who is told, exactly once, even where the work is broken off.
struct Once(Option<Reply>);

impl Once {
    fn tell(&mut self, outcome: Result<Vec<u8>>) {
        let Some(Reply { context, done: Some(done) }) = self.0.take() else { return };
        let (mut answer, mut failure) = (Buf::EMPTY, Failure::empty());
        let code = match outcome {
            Ok(text) => {
                answer = Buf::owning(text);
                READY
            }
            Err(error) => {
                failure = failed(&error);
                FAILED
            }
        };
        unsafe { done(context, code, &mut answer, &mut failure) };
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        self.tell(Err(Error::new(ErrorKind::Unavailable, "state", "the hub is ending")));
    }
}

unsafe extern "C" fn ask_state(data: *const c_void, call: Str, reply: Reply) {
    let lent: &'static Lent = unsafe { &*data.cast::<Lent>() };
    let mut reply = Once(Some(reply));
    let call = serde_json::from_slice::<StateCall>(unsafe { call.bytes() }.unwrap_or_default());
    lent.runtime.spawn(async move {
        let unknown = |error: serde_json::Error| Error::new(ErrorKind::Unsupported, "state", error.to_string());
        let lacks = || Error::new(ErrorKind::Unsupported, "state", "it was not required");
        let answer = async { call.map_err(unknown)?.answer(lent.state.as_deref().ok_or_else(lacks)?).await };
        reply.tell(answer.await);
    });
}

/// Expands to one event of the level that a library named.
macro_rules! at_level {
    ($level:expr, $constant:ident => $body:expr) => {
        match $level {
            abi::ERROR => {
                const $constant: Level = Level::ERROR;
                $body
            }
            abi::WARN => {
                const $constant: Level = Level::WARN;
                $body
            }
            abi::INFO => {
                const $constant: Level = Level::INFO;
                $body
            }
            abi::DEBUG => {
                const $constant: Level = Level::DEBUG;
                $body
            }
            _ => {
                const $constant: Level = Level::TRACE;
                $body
            }
        }
    };
}

unsafe extern "C" fn logs(_: *const c_void, level: u32) -> u32 {
    at_level!(level, LEVEL => u32::from(tracing::enabled!(LEVEL)))
}

unsafe extern "C" fn log(data: *const c_void, level: u32, target: Str, message: Str, fields: Str) {
    let of = unsafe { &(*data.cast::<Lent>()).faults };
    let lossy = |text: Str| unsafe { text.bytes() }.map(String::from_utf8_lossy);
    let (target, message) = (lossy(target).unwrap_or_default(), lossy(message).unwrap_or_default());
    let (instance, plugin) = (&of.instance, &of.plugin);
    match lossy(fields) {
        Some(fields) => at_level!(level, LEVEL => {
            tracing::event!(LEVEL, instance, plugin, from = %target, fields = %fields, "{message}")
        }),
        None => at_level!(level, LEVEL => tracing::event!(LEVEL, instance, plugin, from = %target, "{message}")),
    }
}

unsafe extern "C" fn fault(data: *const c_void, what: Str) {
    let of = unsafe { &(*data.cast::<Lent>()).faults };
    of.count(unsafe { what.bytes() }.map(String::from_utf8_lossy).unwrap_or_default());
}
