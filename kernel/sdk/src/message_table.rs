//! The roles that are asked by messages, with the C table that they share.

use std::ffi::c_void;
use std::mem::size_of;
use std::sync::Arc;

use async_trait::async_trait;
use ballast_abi::{Buf, CAN_KEEP, CAN_NARROW, Future, Instance, LifeTable, MessageTable, Str, Streamed};
use ballast_contract::auth::Auth;
use ballast_contract::auth::message::AuthCall;
use ballast_contract::downloader::Downloader;
use ballast_contract::downloader::message::DownloaderCall;
use ballast_contract::endpoints::Endpoints;
use ballast_contract::endpoints::message::EndpointsCall;
use ballast_contract::quota::Quota;
use ballast_contract::quota::message::QuotaCall;
use ballast_contract::{ByteStream, Component, Error, ErrorKind, Result};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::future::future;
use crate::host::Shared;
use crate::life::{self, Stored};
use crate::reader::reader;

/// A role that answers messages.
#[async_trait]
trait Asked: Component {
    async fn answer(&self, call: &[u8]) -> Result<Vec<u8>>;
}

/// A role of which some calls have bytes.
#[async_trait]
trait Streams: Asked {
    async fn stream(&self, call: &[u8], bytes: Bytes) -> Result<(Vec<u8>, ByteStream)>;
}

#[async_trait]
impl Asked for dyn Auth {
    async fn answer(&self, call: &[u8]) -> Result<Vec<u8>> {
        read::<AuthCall>(call)?.answer(self).await
    }
}

#[async_trait]
impl Asked for dyn Quota {
    async fn answer(&self, call: &[u8]) -> Result<Vec<u8>> {
        read::<QuotaCall>(call)?.answer(self).await
    }
}

#[async_trait]
impl Asked for dyn Downloader {
    async fn answer(&self, call: &[u8]) -> Result<Vec<u8>> {
        read::<DownloaderCall>(call)?.answer(self).await
    }
}

#[async_trait]
impl Streams for dyn Downloader {
    async fn stream(&self, call: &[u8], _: Bytes) -> Result<(Vec<u8>, ByteStream)> {
        read::<DownloaderCall>(call)?.stream(self).await
    }
}

/// Every call of endpoints has bytes.
#[async_trait]
impl Asked for dyn Endpoints {
    async fn answer(&self, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::new(ErrorKind::Unsupported, "plugin.call", "endpoints are asked with bytes"))
    }
}

#[async_trait]
impl Streams for dyn Endpoints {
    async fn stream(&self, call: &[u8], bytes: Bytes) -> Result<(Vec<u8>, ByteStream)> {
        read::<EndpointsCall>(call)?.answer(self, bytes).await
    }
}

fn read<T: DeserializeOwned>(call: &[u8]) -> Result<T> {
    let unknown = |error: serde_json::Error| Error::new(ErrorKind::Unsupported, "plugin.call", error.to_string());
    serde_json::from_slice(call).map_err(unknown)
}

static AUTH_LIFE: LifeTable = life::table::<dyn Auth>();
static AUTH: MessageTable = table::<dyn Auth>();
static QUOTA_LIFE: LifeTable = life::table::<dyn Quota>();
static QUOTA: MessageTable = table::<dyn Quota>();
static DOWNLOADER_LIFE: LifeTable = life::table::<dyn Downloader>();
static DOWNLOADER: MessageTable = streaming::<dyn Downloader>();
static ENDPOINTS_LIFE: LifeTable = life::table::<dyn Endpoints>();
static ENDPOINTS: MessageTable = streaming::<dyn Endpoints>();

const fn table<R: ?Sized + Asked>() -> MessageTable {
    MessageTable { size: size_of::<MessageTable>(), call: Some(call::<R>), stream: None }
}

const fn streaming<R: ?Sized + Streams>() -> MessageTable {
    MessageTable { stream: Some(stream::<R>), ..table::<R>() }
}

/// Hands an auth to the hub.
pub(crate) fn auth(shared: Shared, auth: Arc<dyn Auth>) -> Instance {
    let keeps = auth.credentials().map_or(0, |_| CAN_KEEP);
    let capabilities = keeps | auth.policy().map_or(0, |_| CAN_NARROW);
    instance(shared, auth, capabilities, (&AUTH_LIFE, &AUTH))
}

/// Hands a quota to the hub.
pub(crate) fn quota(shared: Shared, quota: Arc<dyn Quota>) -> Instance {
    instance(shared, quota, 0, (&QUOTA_LIFE, &QUOTA))
}

/// Hands a downloader to the hub.
pub(crate) fn downloader(shared: Shared, downloader: Arc<dyn Downloader>) -> Instance {
    instance(shared, downloader, 0, (&DOWNLOADER_LIFE, &DOWNLOADER))
}

/// Hands endpoints to the hub.
pub(crate) fn endpoints(shared: Shared, endpoints: Arc<dyn Endpoints>) -> Instance {
    instance(shared, endpoints, 0, (&ENDPOINTS_LIFE, &ENDPOINTS))
}

fn instance<R: ?Sized>(
    shared: Shared,
    role: Arc<R>,
    capabilities: u64,
    (life, table): (&'static LifeTable, &'static MessageTable),
) -> Instance {
    let data = Box::into_raw(Box::new(Stored { shared, role })).cast();
    Instance { data, capabilities, life, role: std::ptr::from_ref(table).cast() }
}

unsafe extern "C" fn call<R: ?Sized + Asked>(data: *mut c_void, message: Str) -> Future {
    let (shared, role) = unsafe { Stored::<R>::of(data) };
    let message = unsafe { message.bytes() }.unwrap_or_default().to_vec();
    future(&shared, async move { role.answer(&message).await.map(Buf::owning) })
}

unsafe extern "C" fn stream<R: ?Sized + Streams>(data: *mut c_void, message: Str, bytes: *mut Buf) -> Future {
    let (shared, role) = unsafe { Stored::<R>::of(data) };
    let message = unsafe { message.bytes() }.unwrap_or_default().to_vec();
    let lent = if bytes.is_null() { Buf::EMPTY } else { unsafe { (*bytes).take() } };
    let (of, bytes) = (shared.clone(), Bytes::from_owner(lent));
    future(&shared, async move {
        let (answer, bytes) = role.stream(&message, bytes).await?;
        Ok(Streamed { answer: Buf::owning(answer), bytes: reader(&of, bytes) })
    })
}
