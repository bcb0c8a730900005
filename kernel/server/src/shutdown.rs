//! When the hub is asked to end.

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;

/// Ends when Ctrl-C or SIGTERM arrives. The signals are caught from this call on, not from the first poll.
pub fn asked() -> Result<impl Future<Output = ()> + Send + 'static, Exit> {
    let catch = |kind| signal(kind).map_err(|error| Exit::failure(format!("cannot catch signals: {error}")));
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("shutting down: requests under way may end");
    })
}
