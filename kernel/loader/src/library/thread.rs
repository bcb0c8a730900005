//! Foreign code that might never come back runs on a thread of its own, which nobody waits for longer than its limit.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// What `work` answers, where it does so in time.
pub(super) async fn within<T: Send + 'static>(
    limit: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (say, said) = oneshot::channel();
    let thread = std::thread::Builder::new().name("plugin".to_owned());
    let begun = thread.spawn(move || drop(say.send(work())));
    begun.map_err(|error| format!("{what}: no thread: {error}"))?;
    match timeout(limit, said).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(format!("{what} ended without an answer")),
        Err(_) => Err(format!("{what} took longer than {} seconds", limit.as_secs())),
    }
}
