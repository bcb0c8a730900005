//! The one runtime of this library.

use std::sync::OnceLock;

use ballast_contract::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, EnterGuard, Runtime};

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The runtime, made by the first instance. It lives as long as the process: libraries are never unloaded.
pub(crate) fn start() -> Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread().thread_name("ballast-plugin").enable_all().build();
    let made =
        made.map_err(|error| Error::new(ErrorKind::Unavailable, "plugin.create", "no threads").with_source(error))?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// The runtime, where an instance has been made.
pub(crate) fn runtime() -> Option<&'static Runtime> {
    RUNTIME.get()
}

/// Makes the runtime the current one of this thread.
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    runtime().map(Runtime::enter)
}
