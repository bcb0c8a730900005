//! What the hub lends an instance.

use std::sync::Arc;

use ballast_abi::{Host, Str};
use ballast_contract::{Error, ErrorKind, Result, State};

use crate::Polling;
use crate::state::Lent;

/// What an instance may use besides its own keys.
#[derive(Clone)]
#[non_exhaustive]
pub struct Slots {
    /// The name of the instance in the configuration: `storage.main`.
    pub instance: String,
    state: Option<Arc<dyn State>>,
}

impl Slots {
    /// Slots as a hub would hand them over, for an author's own tests.
    pub fn of(instance: &str, state: Option<Arc<dyn State>>) -> Self {
        Self { instance: instance.to_owned(), state }
    }

    /// A durable space of the instance's own, the same on every node. `Unsupported` where `export_plugin!` does not say
    /// `requires: [state]`, and on a hub that is older than that.
    pub fn state(&self) -> Result<Arc<dyn State>> {
        let why = "the hub lends no state: the plugin has to require it, and the hub to speak plugin ABI 1.1 or later";
        self.state.clone().ok_or_else(|| Error::new(ErrorKind::Unsupported, "plugin.create", why))
    }
}

/// What all that the hub holds of one instance shares.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    host: Host,
    polling: Polling,
}

impl Shared {
    pub(crate) fn new(host: Host, polling: Polling) -> Self {
        Self(Arc::new(Inner { host, polling }))
    }

    pub(crate) fn polling(&self) -> Polling {
        self.0.polling
    }

    /// What its author is handed.
    pub(crate) fn slots(&self) -> Slots {
        // The hub promises that it lives as long as the process.
        let name = unsafe { self.0.host.instance.text() };
        let state = Lent::of(self.0.host).map(|lent| Arc::new(lent) as _);
        Slots { instance: name.unwrap_or_default().to_owned(), state }
    }

    /// Reports what no call can answer with.
    pub(crate) fn fault(&self, what: &str) {
        let host = &self.0.host;
        if let Some(fault) = host.fault {
            unsafe { fault(host.data, Str::of(what)) };
        }
    }
}
