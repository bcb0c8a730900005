//! The durable space that the hub lends an instance.

use std::ffi::c_void;

use async_trait::async_trait;
use ballast_abi::{Buf, Failure, Host, READY, Reply, Str};
use ballast_contract::state::message::{Kept, StateCall};
use ballast_contract::{Error, ErrorKind, Page, Result, State, Versioned, WriteIf};
use futures::channel::oneshot;
use serde::de::DeserializeOwned;

use crate::failure;

const OPERATION: &str = "state";

/// The space of one instance.
pub(crate) struct Lent {
    host: Host,
    ask: unsafe extern "C" fn(*const c_void, Str, Reply),
}

type Told = std::result::Result<Buf, Failure>;

impl Lent {
    /// None where the hub lends none.
    pub(crate) fn of(host: Host) -> Option<Self> {
        host.state.map(|ask| Self { host, ask })
    }

    async fn ask<T: DeserializeOwned>(&self, call: &StateCall) -> Result<T> {
        let broken = |error: serde_json::Error| Error::new(ErrorKind::Internal, OPERATION, error.to_string());
        let (say, said) = oneshot::channel::<Told>();
        {
            let call = serde_json::to_string(call).map_err(broken)?;
            let reply = Reply { context: Box::into_raw(Box::new(say)).cast(), done: Some(done) };
            unsafe { (self.ask)(self.host.data, Str::of(&call), reply) };
        }
        let gone = |_| Error::new(ErrorKind::Unavailable, OPERATION, "the hub has ended");
        let told = said.await.map_err(gone)?.map_err(|why| failure::read(&why, OPERATION))?;
        serde_json::from_slice(told.as_ref()).map_err(broken)
    }
}

unsafe extern "C" fn done(context: *mut c_void, code: u32, answer: *mut Buf, failure: *mut Failure) {
    let say = unsafe { Box::from_raw(context.cast::<oneshot::Sender<Told>>()) };
    let told = match code {
        READY => Ok(unsafe { (*answer).take() }),
        _ => Err(unsafe { std::ptr::replace(failure, Failure::empty()) }),
    };
    // Nobody may be waiting any more.
    let _ = say.send(told);
}

#[async_trait]
impl State for Lent {
    async fn get(&self, key: &str) -> Result<Option<Versioned>> {
        let kept: Option<Kept> = self.ask(&StateCall::Get { key: key.to_owned() }).await?;
        Ok(kept.map(Versioned::from))
    }

    async fn apply(&self, writes: Vec<WriteIf>) -> Result<bool> {
        self.ask(&StateCall::Apply { writes: writes.into_iter().map(Into::into).collect() }).await
    }

    async fn scan(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<(String, Versioned)>> {
        let page: Page<(String, Kept)> = self.ask(&StateCall::Scan { prefix: prefix.to_owned(), after, limit }).await?;
        Ok(page.map(|(key, kept)| (key, kept.into())))
    }
}
