//! The life of an instance, as the hub drives it.

use std::ffi::c_void;
use std::mem::size_of;
use std::sync::Arc;

use ballast_abi::{self as abi, Buf, LifeTable};
use ballast_contract::Component;

use crate::future::future;
use crate::guard::{self, Held};
use crate::host::Shared;

/// An instance that the hub holds.
pub(crate) struct Stored<R: ?Sized> {
    pub shared: Shared,
    pub role: Arc<R>,
}

impl<R: ?Sized> Held for Stored<R> {
    fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

impl<R: ?Sized> Stored<R> {
    /// What the hub holds.
    ///
    /// # Safety
    ///
    /// `data` is that of an instance of this role that has not been destroyed.
    pub(crate) unsafe fn of(data: *mut c_void) -> (Shared, Arc<R>) {
        let stored = unsafe { &*data.cast::<Self>() };
        (stored.shared.clone(), Arc::clone(&stored.role))
    }
}

/// The life of every instance that is one of these.
pub(crate) const fn table<R: ?Sized + Component>() -> LifeTable {
    LifeTable {
        size: size_of::<LifeTable>(),
        start: Some(start::<R>),
        health: Some(health::<R>),
        stop: Some(stop::<R>),
        destroy: Some(destroy::<R>),
    }
}

unsafe extern "C" fn start<R: ?Sized + Component>(data: *mut c_void) -> abi::Future {
    let (shared, role) = unsafe { Stored::<R>::of(data) };
    future(&shared, async move { role.start().await })
}

unsafe extern "C" fn health<R: ?Sized + Component>(data: *mut c_void) -> abi::Future {
    let (shared, role) = unsafe { Stored::<R>::of(data) };
    future(&shared, async move {
        let health = serde_json::to_vec(&role.health().await).unwrap_or_default();
        Ok(Buf::owning(health))
    })
}

unsafe extern "C" fn stop<R: ?Sized + Component>(data: *mut c_void) -> abi::Future {
    let (shared, role) = unsafe { Stored::<R>::of(data) };
    future(&shared, async move {
        role.stop().await;
        Ok(())
    })
}

unsafe extern "C" fn destroy<R: ?Sized + Component>(data: *mut c_void) {
    unsafe { guard::drop_box::<Stored<R>>(data) };
}
