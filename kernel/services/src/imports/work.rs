//! Working on imports: taking one, and telling how far it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballast_catalog::{Import, JobStatus};
use ballast_types::{LeaseId, RepoKey};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::progress::Progress;
use super::take_over::TakingOver;
use crate::{Failure, Hub, Result};

/// How long a worker may not be heard of until its import is another one's.
const CLAIM: Duration = Duration::from_secs(15);
/// How often a worker tells how far its import is.
const TELL: Duration = Duration::from_secs(1);
/// How often is looked for an import whose time has come, or that another node left.
const LOOK: Duration = Duration::from_secs(2);
/// How often the end of a lease is moved away, which what has arrived must not see.
const EXTEND: Duration = Duration::from_secs(600);

/// An import that is worked on here.
pub(crate) struct Live {
    pub(super) run: i64,
    pub(super) progress: Arc<Progress>,
    /// Holds what has arrived.
    pub(super) lease: Mutex<Option<LeaseId>>,
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

impl Live {
    fn new(run: i64) -> Self {
        let (stop, ended) = (watch::Sender::new(false), watch::Sender::new(false));
        Self { run, progress: Arc::default(), lease: Mutex::default(), stop, ended }
    }

    /// Asks the run to end.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    async fn stopped(&self) {
        // It cannot be closed while this is borrowed.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Ends when the run has.
    pub(super) async fn ended(&self) {
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Removes an import from those that are worked on here, however its run ends.
struct Registered<'a> {
    hub: &'a Hub,
    repo: RepoKey,
    live: Arc<Live>,
}

impl<'a> Registered<'a> {
    fn new(hub: &'a Hub, import: &Import) -> Self {
        let (repo, live) = (import.order.repo, Arc::new(Live::new(import.run)));
        let mut all = hub.imports().live.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(repo, Arc::clone(&live));
        Self { hub, repo, live }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut live = self.hub.imports().live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.get(&self.repo).is_some_and(|present| Arc::ptr_eq(present, &self.live)) {
            live.remove(&self.repo);
        }
        drop(live);
        self.live.ended.send_replace(true);
    }
}

impl Hub {
    /// Works on imports, as many at a time as this node does jobs, and on those whose time has come, until this is dropped.
    /// What it was at then goes on where it was when somebody takes it again.
    pub async fn work_on_imports(&self) {
        let Ok(parts) = self.job_parts() else { return };
        if let Err(error) = self.catalog().release_imports(None).await {
            tracing::warn!(%error, "imports that a former process left wait for their time");
        }
        let from = self.import_endpoints();
        let mut running = JoinSet::new();
        loop {
            while running.len() < parts.at_once.max(1) {
                let until = self.now().after(CLAIM);
                match self.catalog().take_import(self.now(), until, &from, None).await {
                    Ok(Some(import)) => {
                        let hub = self.clone();
                        drop(running.spawn(async move { drop(run(&hub, import).await) }));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "no import could be taken; it is tried again");
                        break;
                    }
                }
            }
            tokio::select! {
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = self.imports().waits.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Works on the import of one repository, if nobody else does: for the command line. Answers why it failed.
    pub async fn work_on_import(&self, repo: RepoKey) -> Result<Option<Failure>> {
        let (now, from) = (self.now(), self.import_endpoints());
        match self.catalog().take_import(now, now.after(CLAIM), &from, Some(repo)).await? {
            Some(import) => Ok(run(self, import).await),
            None => Ok(None),
        }
    }

    /// Leaves the imports of this node to others, at once: when nobody works on them here any more.
    pub async fn leave_imports(&self, repos: Vec<RepoKey>) -> Result<()> {
        if !repos.is_empty() {
            self.catalog().release_imports(Some(repos)).await?;
        }
        Ok(())
    }

    /// The repositories whose imports are worked on here.
    pub fn imports_here(&self) -> Vec<RepoKey> {
        self.imports().live.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Answers why it failed, where it did.
async fn run(hub: &Hub, import: Import) -> Option<Failure> {
    let registered = Registered::new(hub, &import);
    let (live, order) = (&registered.live, &import.order);
    tracing::info!(repository = %order.repo, source = order.source, run = import.run, "an import begins");
    let outcome = tokio::select! {
        outcome = take_over(hub, &import, live) => Some(outcome),
        () = live.stopped() => None,
        () = tell(hub, &import, live) => None,
    };
    let failure = match outcome {
        Some(outcome) => outcome.err(),
        None => {
            tracing::info!(repository = %order.repo, run = import.run, "an import was ended");
            return None;
        }
    };
    let (status, why) = match &failure {
        None => (JobStatus::Completed, String::new()),
        Some(failure) => (JobStatus::Failed, told(failure)),
    };
    match hub.catalog().end_import(&import, status, &why, live.progress.now(), hub.now()).await {
        Ok(true) => tracing::info!(repository = %order.repo, source = order.source, %status, why, "an import is over"),
        Ok(false) => tracing::info!(repository = %order.repo, "an import was ended while it came to its end"),
        Err(error) => {
            let repository = order.repo;
            tracing::warn!(%error, %repository, "that an import is over could not be kept; it is taken up again");
        }
    }
    failure
}

/// A failure in words for whoever looks at the import; what went wrong in the hub itself stands in its log.
fn told(failure: &Failure) -> String {
    let why = match failure {
        Failure::NoRoom(_) => "The hub's disk is full: start the import again when there is room",
        Failure::Unavailable(_) => "The hub could not go on at this moment: start the import again",
        Failure::Damaged(_) => "What the hub has stored for this is damaged; its log has the cause",
        Failure::Broken(_) => "Something went wrong in the hub itself; its log has the cause",
        other => return other.to_string(),
    };
    tracing::error!(cause = %failure, "an import came upon a fault of the hub's own");
    why.to_owned()
}

async fn take_over(hub: &Hub, import: &Import, live: &Live) -> Result<()> {
    let from = hub.import_source(Some(&import.order.endpoint))?;
    TakingOver::open(hub, import, live).await?.run(from).await
}

/// Tells every second how far an import is; ends when it is not this run's any more.
async fn tell(hub: &Hub, import: &Import, live: &Live) {
    let (mut heard, mut extended) = (Instant::now(), Instant::now());
    loop {
        tokio::time::sleep(TELL).await;
        let lease = *live.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = lease.filter(|_| extended.elapsed() > EXTEND) {
            extended = Instant::now();
            if let Err(error) = hub.content().extend_lease(lease, hub.now().after(hub.settings().lease)).await {
                tracing::warn!(%error, repository = %import.order.repo, "what has arrived may be collected before its end");
            }
        }
        match hub.catalog().tell_of_import(import, hub.now().after(CLAIM), live.progress.now()).await {
            Ok(true) => heard = Instant::now(),
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, repository = %import.order.repo, "how far an import is could not be kept");
                if heard.elapsed() > CLAIM {
                    return;
                }
            }
        }
    }
}
