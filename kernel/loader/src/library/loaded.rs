//! What instances of all roles share: their calls, and their life.

use std::ffi::c_void;
use std::sync::Arc;

use ballast_abi::{self as abi, Buf};
use ballast_contract::{Error, ErrorKind, Health, Result};
use futures::executor::block_on;

use super::call::{Answer, Call, Of};
use super::declared::Made;
use super::held::Held;
use super::host::Faults;
use super::{Limits, thread};

/// An instance of a library.
pub(super) struct Loaded {
    held: Arc<Held>,
    faults: Arc<Faults>,
    pub(super) limits: Limits,
    capabilities: u64,
    steps: Steps,
}

/// What the steps of a life are called in the role.
pub(super) struct Steps {
    pub start: &'static str,
    pub health: &'static str,
    pub stop: &'static str,
}

impl Loaded {
    pub(super) fn new(made: Made, steps: Steps) -> Self {
        let Made { held, faults, capabilities, limits, .. } = made;
        Self { held, faults, limits, capabilities, steps }
    }

    pub(super) fn can(&self, capability: u64) -> bool {
        self.capabilities & capability != 0
    }

    pub(super) fn data(&self) -> *mut c_void {
        self.held.data()
    }

    pub(super) fn of(&self, operation: &'static str) -> Of {
        Of { held: Arc::clone(&self.held), faults: Arc::clone(&self.faults), operation }
    }

    /// Begins a call of an instance that has started.
    pub(super) fn call<T: Answer>(
        &self,
        operation: &'static str,
        begin: impl FnOnce(*mut c_void) -> abi::Future,
    ) -> Result<Call<T>> {
        if !self.held.is_started() {
            return Err(Error::new(ErrorKind::Unavailable, operation, "the instance has not started"));
        }
        Ok(Call::new(begin(self.held.data()), self.of(operation), self.limits.answer))
    }

    /// A step of its life, on a thread of its own: it might block.
    async fn step<T: Answer + 'static>(
        &self,
        operation: &'static str,
        slot: Option<unsafe extern "C" fn(*mut c_void) -> abi::Future>,
    ) -> Result<Option<T>> {
        let Some(slot) = slot else { return Ok(None) };
        let (of, limit) = (self.of(operation), self.limits.start);
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let _timers = runtime.enter();
            let begun = unsafe { slot(of.held.data()) };
            block_on(Call::<T>::new(begun, of, limit))
        };
        let done = thread::within(limit, operation, work).await;
        done.map_err(|why| Error::new(ErrorKind::Unavailable, operation, why))?.map(Some)
    }

    pub(super) async fn start(&self) -> Result<()> {
        self.step::<()>(self.steps.start, self.held.life().start).await?;
        self.held.set_started(true);
        Ok(())
    }

    pub(super) async fn health(&self) -> Health {
        let said = match self.step::<Buf>(self.steps.health, self.held.life().health).await {
            Ok(None) => Health::Ready,
            Ok(Some(said)) => match serde_json::from_slice(said.as_ref()) {
                Ok(health) => health,
                Err(error) => Health::Degraded(format!("what it says of its health makes no sense: {error}")),
            },
            Err(error) => Health::Unavailable(error.to_string()),
        };
        match (said, self.faults.many()) {
            (Health::Ready, Some(faults)) => Health::Degraded(faults),
            (said, _) => said,
        }
    }

    pub(super) async fn stop(&self) {
        self.held.set_started(false);
        if let Err(error) = self.step::<()>(self.steps.stop, self.held.life().stop).await {
            tracing::warn!(%error, "a plugin did not stop as it should");
        }
    }
}

/// The life of what has a [`Loaded`].
macro_rules! lives {
    ($role:ty) => {
        #[async_trait::async_trait]
        impl ballast_contract::Component for $role {
            async fn start(&self) -> ballast_contract::Result<()> {
                self.loaded().start().await
            }

            async fn health(&self) -> ballast_contract::Health {
                self.loaded().health().await
            }

            async fn stop(&self) {
                self.loaded().stop().await;
            }
        }
    };
}

pub(super) use lives;
