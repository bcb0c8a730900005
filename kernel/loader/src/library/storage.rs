//! The storage of a library behind the contract's trait.

mod signer;
mod writer;

use std::ffi::c_void;
use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd};
use std::task::Poll;

use async_trait::async_trait;
use ballast_abi::{
    self as abi, AT_ONCE, Buf, CAN_FILES, CAN_SIGN, CAN_SIGN_UPLOADS, END, Failure, PASSING, READY, Reader,
    StorageTable, Str, Writer, read_table,
};
use ballast_contract::storage::{LocalFiles, Presign, Storage, StorageKey, StorageWriter};
use ballast_contract::{ByteStream, Error, ErrorKind, Page, Result};
use ballast_types::ByteRange;

use super::declared::Made;
use super::loaded::{Loaded, Steps, lives};
use super::reader::Pieces;
use writer::LoadedWriter;

const STEPS: Steps = Steps { start: "storage.start", health: "storage.health", stop: "storage.stop" };

/// The storage of a library.
pub(crate) struct LoadedStorage {
    loaded: Loaded,
    table: StorageTable,
    /// The slots that no storage can do without.
    slots: Slots,
}

struct Slots {
    stat: unsafe extern "C" fn(*mut c_void, Str) -> abi::Future,
    read: unsafe extern "C" fn(*mut c_void, Str, u64, u64) -> abi::Future,
    create: unsafe extern "C" fn(*mut c_void, Str, u32) -> abi::Future,
    delete: unsafe extern "C" fn(*mut c_void, *const Str, usize) -> abi::Future,
    list: unsafe extern "C" fn(*mut c_void, Str, u64) -> abi::Future,
}

impl Slots {
    fn of(table: &StorageTable) -> std::result::Result<Self, String> {
        let lacks = |slot: &str| format!("its table of storage lacks {slot}");
        Ok(Self {
            stat: table.stat.ok_or_else(|| lacks("stat"))?,
            read: table.read.ok_or_else(|| lacks("read"))?,
            create: table.create.ok_or_else(|| lacks("create"))?,
            delete: table.remove.ok_or_else(|| lacks("remove"))?,
            list: table.list.ok_or_else(|| lacks("list"))?,
        })
    }
}

impl LoadedStorage {
    pub(super) fn new(made: Made) -> std::result::Result<Self, String> {
        let table = unsafe { read_table(made.table.0.cast::<StorageTable>()) };
        let table = table.map_err(|fault| format!("its table of storage: {fault}"))?;
        let slots = Slots::of(&table)?;
        Ok(Self { loaded: Loaded::new(made, STEPS), table, slots })
    }

    fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    async fn begin(&self, key: &StorageKey, flags: u32) -> Result<Box<dyn StorageWriter>> {
        let create = self.slots.create;
        let key = Str::of(key.as_str());
        let begun = self.loaded.call::<Writer>("storage.create", |data| unsafe { create(data, key, flags) })?;
        let writer = begun.await?;
        Ok(Box::new(LoadedWriter::new(writer, self.loaded.of("storage.write"), self.loaded.limits)))
    }

    async fn remove(&self, keys: &[StorageKey]) -> Result<()> {
        let delete = self.slots.delete;
        let call = {
            let keys: Vec<Str> = keys.iter().map(|key| Str::of(key.as_str())).collect();
            self.loaded.call::<()>("storage.delete", |data| unsafe { delete(data, keys.as_ptr(), keys.len()) })?
        };
        call.await
    }

    /// Whether a page is one that a list can go on from.
    fn held_to(&self, page: Page<StorageKey>, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let of = self.loaded.of("storage.list");
        let sorted = page.items.is_sorted_by(|one, next| one < next);
        let begins_behind = page.items.first().zip(after).is_none_or(|(first, after)| first > after);
        if page.items.len() > limit {
            return Err(of.misbehaved(format!("it listed {} keys, and {limit} were asked for", page.items.len())));
        }
        if !sorted || !begins_behind {
            return Err(of.misbehaved("it listed keys that are not in byte order from behind the one that was given"));
        }
        if page.items.is_empty() && page.next.is_some() && limit > 0 {
            return Err(of.misbehaved("it listed nothing, and said that there is more"));
        }
        Ok(page)
    }
}

lives!(LoadedStorage);

#[async_trait]
impl Storage for LoadedStorage {
    async fn stat(&self, key: &StorageKey) -> Result<u64> {
        let (stat, key) = (self.slots.stat, Str::of(key.as_str()));
        self.loaded.call("storage.stat", |data| unsafe { stat(data, key) })?.await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ByteStream> {
        let (read, key) = (self.slots.read, Str::of(key.as_str()));
        let call =
            self.loaded.call::<Reader>("storage.read", |data| unsafe { read(data, key, range.start, range.end) })?;
        let reader = call.await?;
        Ok(Box::pin(Pieces::new(reader, Some(range.len()), self.loaded.of("storage.read"), self.loaded.limits.answer)))
    }

    async fn create(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.begin(key, 0).await
    }

    async fn create_passing(&self, key: &StorageKey) -> Result<Box<dyn StorageWriter>> {
        self.begin(key, PASSING).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<()> {
        self.remove(std::slice::from_ref(key)).await
    }

    async fn delete_many(&self, keys: &[StorageKey]) -> Result<()> {
        self.remove(keys).await
    }

    async fn list(&self, after: Option<&StorageKey>, limit: usize) -> Result<Page<StorageKey>> {
        let (list, from) = (self.slots.list, after.map_or(Str::NONE, |after| Str::of(after.as_str())));
        let call = self.loaded.call::<Buf>("storage.list", |data| unsafe { list(data, from, limit as u64) })?;
        let said = call.await?;
        let page = serde_json::from_slice(said.as_ref());
        let wrong = |error| self.loaded.of("storage.list").misbehaved(format!("its page of keys is none: {error}"));
        self.held_to(page.map_err(wrong)?, after, limit)
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let unsupported = || Error::new(ErrorKind::Unsupported, "storage.copy", "the plugin copies nothing");
        let copy = self.table.copy.ok_or_else(unsupported)?;
        let (from, to) = (Str::of(from.as_str()), Str::of(to.as_str()));
        let mut call = self.loaded.call::<()>("storage.copy", |data| unsafe { copy(data, from, to) })?;
        call.allow(self.loaded.limits.whole());
        call.await
    }

    fn presign(&self) -> Option<&dyn Presign> {
        (self.loaded.can(CAN_SIGN) && self.table.sign.is_some()).then_some(self)
    }

    fn files(&self) -> Option<&dyn LocalFiles> {
        (self.loaded.can(CAN_FILES) && self.table.open_file.is_some()).then_some(self)
    }
}

impl LoadedStorage {
    fn takes_uploads(&self) -> bool {
        self.loaded.can(CAN_SIGN_UPLOADS)
    }

    fn descriptor(&self, key: &StorageKey, flags: u32) -> Result<Option<File>> {
        let of = self.loaded.of("storage.files");
        let lacks = || Error::new(ErrorKind::Unsupported, "storage.files", "the plugin has no files");
        let open = self.table.open_file.ok_or_else(lacks)?;
        let (mut descriptor, mut failure) = (-1, Failure::empty());
        let code = unsafe { open(self.loaded.data(), Str::of(key.as_str()), flags, &mut descriptor, &mut failure) };
        match of.polled(code, &failure) {
            Poll::Ready(Ok(READY)) if descriptor >= 0 => {
                Ok(Some(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) })))
            }
            Poll::Ready(Ok(END)) => Ok(None),
            Poll::Ready(Err(error)) => Err(error),
            _ => Err(of.misbehaved("it answered with no descriptor")),
        }
    }
}

impl LocalFiles for LoadedStorage {
    fn open(&self, key: &StorageKey) -> Result<File> {
        let none = || self.loaded.of("storage.files").misbehaved("it answered with no descriptor");
        self.descriptor(key, 0)?.ok_or_else(none)
    }

    fn open_at_once(&self, key: &StorageKey) -> Option<File> {
        self.descriptor(key, AT_ONCE).ok().flatten()
    }
}
