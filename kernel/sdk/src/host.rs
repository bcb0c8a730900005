//! What the hub lends an instance.

use std::sync::Arc;

use ballast_abi::{Host, Str};

use crate::Polling;

/// What an instance may use besides its own keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Slots {
    /// The name of the instance in the configuration: `storage.main`.
    pub instance: String,
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
        Slots { instance: name.unwrap_or_default().to_owned() }
    }

    /// Reports what no call can answer with.
    pub(crate) fn fault(&self, what: &str) {
        let host = &self.0.host;
        if let Some(fault) = host.fault {
            unsafe { fault(host.data, Str::of(what)) };
        }
    }
}
