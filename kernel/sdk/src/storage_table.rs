//! A storage of the contract as the C table of its role.

use std::ffi::c_void;
use std::mem::size_of;
use std::sync::Arc;
use std::task::Poll;

use ballast_abi::{
    AT_ONCE, Buf, CAN_FILES, CAN_SIGN, CAN_SIGN_UPLOADS, Failure, Future, Instance, LifeTable, PASSING, StorageTable,
    Str,
};
use ballast_contract::storage::message::SignCall;
use ballast_contract::storage::{Storage, StorageKey};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::ByteRange;

use crate::future::future;
use crate::guard;
use crate::host::Shared;
use crate::life::{self, Stored};
use crate::reader::reader;
use crate::writer::writer;

type Of = Stored<dyn Storage>;

static LIFE: LifeTable = life::table::<dyn Storage>();

static TABLE: StorageTable = StorageTable {
    size: size_of::<StorageTable>(),
    stat: Some(stat),
    read: Some(read),
    create: Some(create),
    remove: Some(remove),
    list: Some(list),
    copy: Some(copy),
    sign: Some(sign),
    open_file: if cfg!(unix) { Some(open_file) } else { None },
};

/// Hands an instance to the hub.
pub(crate) fn instance(shared: Shared, storage: Arc<dyn Storage>) -> Instance {
    let uploads = |takes| if takes { CAN_SIGN | CAN_SIGN_UPLOADS } else { CAN_SIGN };
    let signs = storage.presign().map_or(0, |signer| uploads(signer.takes_uploads()));
    let files = if cfg!(unix) && storage.files().is_some() { CAN_FILES } else { 0 };
    Instance {
        data: Box::into_raw(Box::new(Of { shared, role: storage })).cast(),
        capabilities: signs | files,
        life: &raw const LIFE,
        role: (&raw const TABLE).cast(),
    }
}

/// A key that the hub lent for a call.
///
/// # Safety
///
/// The text is good for this call.
unsafe fn key(text: Str) -> Result<StorageKey> {
    let text = unsafe { text.text() }.unwrap_or_default();
    text.parse().map_err(|error| Error::new(ErrorKind::Invalid, "storage.key", format!("{error}")))
}

unsafe extern "C" fn stat(data: *mut c_void, at: Str) -> Future {
    let ((shared, storage), key) = unsafe { (Of::of(data), key(at)) };
    future(&shared, async move { storage.stat(&key?).await })
}

unsafe extern "C" fn read(data: *mut c_void, at: Str, start: u64, end: u64) -> Future {
    let ((shared, storage), key) = unsafe { (Of::of(data), key(at)) };
    let of = shared.clone();
    future(&shared, async move { Ok(reader(&of, storage.read(&key?, ByteRange { start, end }).await?)) })
}

unsafe extern "C" fn create(data: *mut c_void, at: Str, flags: u32) -> Future {
    let ((shared, storage), key) = unsafe { (Of::of(data), key(at)) };
    let of = shared.clone();
    future(&shared, async move {
        let key = key?;
        let open = match flags & PASSING {
            0 => storage.create(&key).await?,
            _ => storage.create_passing(&key).await?,
        };
        Ok(writer(&of, open))
    })
}

unsafe extern "C" fn remove(data: *mut c_void, keys: *const Str, count: usize) -> Future {
    let (shared, storage) = unsafe { Of::of(data) };
    let keys: Result<Vec<StorageKey>> = match count {
        0 => Ok(Vec::new()),
        _ => unsafe { std::slice::from_raw_parts(keys, count).iter().map(|at| key(*at)).collect() },
    };
    future(&shared, async move {
        match keys?.as_slice() {
            [one] => storage.delete(one).await,
            several => storage.delete_many(several).await,
        }
    })
}

unsafe extern "C" fn list(data: *mut c_void, after: Str, limit: u64) -> Future {
    let (shared, storage) = unsafe { Of::of(data) };
    let after = if after.ptr.is_null() { Ok(None) } else { unsafe { key(after) }.map(Some) };
    future(&shared, async move {
        let page = storage.list(after?.as_ref(), usize::try_from(limit).unwrap_or(usize::MAX)).await?;
        let page = serde_json::to_vec(&page);
        page.map(Buf::owning).map_err(|error| Error::new(ErrorKind::Internal, "storage.list", error.to_string()))
    })
}

unsafe extern "C" fn copy(data: *mut c_void, from: Str, to: Str) -> Future {
    let ((shared, storage), from, to) = unsafe { (Of::of(data), key(from), key(to)) };
    future(&shared, async move { storage.copy(&from?, &to?).await })
}

unsafe extern "C" fn sign(data: *mut c_void, call: Str) -> Future {
    let (shared, storage) = unsafe { Of::of(data) };
    let call = serde_json::from_slice::<SignCall>(unsafe { call.bytes() }.unwrap_or_default());
    future(&shared, async move {
        let call = call.map_err(|error| Error::new(ErrorKind::Unsupported, "storage.sign", error.to_string()))?;
        let unsupported = || Error::new(ErrorKind::Unsupported, "storage.sign", "it signs no URLs");
        call.answer(storage.presign().ok_or_else(unsupported)?).await.map(Buf::owning)
    })
}

unsafe extern "C" fn open_file(data: *mut c_void, at: Str, flags: u32, out: *mut i32, failure: *mut Failure) -> u32 {
    let ((_, storage), key) = unsafe { (Of::of(data), key(at)) };
    let open = || -> Result<Option<i32>> {
        let files = storage.files();
        let files = files.ok_or_else(|| Error::new(ErrorKind::Unsupported, "storage.files", "it has no files"))?;
        match flags & AT_ONCE {
            0 => files.open(&key?).map(|file| Some(descriptor(file))),
            _ => Ok(files.open_at_once(&key?).map(descriptor)),
        }
    };
    unsafe { guard::poll(out, failure, || Poll::Ready(open().transpose())) }
}

#[cfg(unix)]
fn descriptor(file: std::fs::File) -> i32 {
    std::os::fd::IntoRawFd::into_raw_fd(file)
}

/// Never asked: there the table has no such slot.
#[cfg(not(unix))]
fn descriptor(_: std::fs::File) -> i32 {
    -1
}
