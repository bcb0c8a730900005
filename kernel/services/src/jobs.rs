//! Jobs: downloads from other hubs into this node's cache, as whoever may order them sees them. The right is a
//! [`Downloading`].
//!
//! A job is a row; whichever node takes it first works on it (`work`), and says every second how far it is. Pausing and
//! cancelling change the row, which ends the work of whoever is at it: a run that is still winding down has nothing more
//! to say. Who watches (`watch`) is told what changed, on every node alike.

mod analyze;
mod cached;
mod order;
mod request;
mod settings;
mod watch;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ballast_contract::downloader::Downloader;
use ballast_landing::{Cache, Throttle};
use ballast_types::{Name, Secret};
use subtle::ConstantTimeEq;
use tokio::sync::{Notify, broadcast};

use crate::audit::By;
use crate::{Caller, Failure, Hub, ImportSource, Result};

pub use analyze::Analysis;
pub use cached::CachedDetails;
pub use order::{JobFileView, JobView};
pub(crate) use request::repo_id;
pub use request::{JobRequest, Planned, PlannedFile};
pub use settings::{JobSettings, JobSettingsPatch, Verify};
pub use watch::{JobNews, JobWatch};
use work::Live;

/// Who may order downloads.
#[derive(Clone, Debug)]
pub enum JobAccess {
    /// Administrators of the hub, and these users.
    Accounts(Vec<Name>),
    /// Who knows this name and password.
    Password { user: String, password: Secret },
    /// Whoever reaches the hub.
    Everybody,
}

/// What downloads are made with.
pub struct JobParts {
    pub downloader: Arc<dyn Downloader>,
    /// The hubs that repositories may be imported from; the first is that one.
    pub sources: Vec<ImportSource>,
    /// Where they go.
    pub cache: Cache,
    pub access: JobAccess,
    pub settings: JobSettings,
    /// Jobs that this node works on at the same time.
    pub at_once: usize,
    /// Bytes a second that they may fetch together.
    pub throttle: Arc<Throttle>,
    /// Whether a file gets its name only when the disk has its bytes.
    pub flush: bool,
}

/// What this process knows of jobs besides their rows.
pub(crate) struct Jobs {
    parts: Option<JobParts>,
    /// Those that are worked on here, by their numbers.
    live: Mutex<HashMap<i64, Arc<Live>>>,
    /// A job waits.
    waits: Notify,
    /// A job has changed.
    changed: Notify,
    told: broadcast::Sender<JobNews>,
    seen: tokio::sync::Mutex<watch::Seen>,
}

/// A watcher that is so many messages behind is left behind.
const MOST_BEHIND: usize = 256;

/// Jobs that are told of: all that are under way, and the newest of those that are over.
const MOST_JOBS: usize = 500;

/// Files that are told of with each job of a list; their sums are of all.
const MOST_FILES: usize = 2000;

impl Jobs {
    pub(crate) fn new(parts: Option<JobParts>) -> Self {
        let (told, _) = broadcast::channel(MOST_BEHIND);
        Self {
            parts,
            live: Mutex::default(),
            waits: Notify::new(),
            changed: Notify::new(),
            told,
            seen: tokio::sync::Mutex::default(),
        }
    }

    fn live(&self) -> HashMap<i64, Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The right to download from other hubs.
#[derive(Clone)]
pub struct Downloading {
    hub: Hub,
    caller: Option<Caller>,
}

impl Hub {
    fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// `Unsupported` where the hub reads no other.
    pub(crate) fn job_parts(&self) -> Result<&JobParts> {
        let none = "This hub downloads from no other hub; its operator would configure [downloader.main]";
        self.jobs().parts.as_ref().ok_or_else(|| Failure::Unsupported(none.to_owned()))
    }

    /// Who may order downloads here, and hear where there are none.
    pub fn job_access(&self) -> &JobAccess {
        static NOBODY_ELSE: JobAccess = JobAccess::Accounts(Vec::new());
        self.jobs().parts.as_ref().map_or(&NOBODY_ELSE, |parts| &parts.access)
    }

    /// The right to download, of an account. `Forbidden` where it is not the caller's.
    pub fn downloading(&self, caller: &Caller) -> Result<Downloading> {
        let JobAccess::Accounts(users) = self.job_access() else { return self.downloading_without_account(None) };
        let known = caller.known()?;
        let named = known.credential.repositories.is_none() && users.contains(&known.user.name);
        if known.is_administrator() || named {
            return Ok(Downloading { hub: self.clone(), caller: Some(caller.clone()) });
        }
        let why =
            "Downloads from other hubs are for administrators, and for users whom the operator names in jobs.users";
        Err(Failure::Forbidden(why.to_owned()))
    }

    /// The right to download, where it is for whoever knows a password, or for everybody. `WrongPassword` otherwise.
    pub fn downloading_without_account(&self, shown: Option<(&str, &Secret)>) -> Result<Downloading> {
        let known = match (self.job_access(), shown) {
            (JobAccess::Everybody, _) => true,
            (JobAccess::Password { user, password }, Some((name, secret))) => {
                let same = |a: &str, b: &str| bool::from(a.as_bytes().ct_eq(b.as_bytes()));
                same(user, name) & same(password.expose(), secret.expose())
            }
            _ => false,
        };
        known.then(|| Downloading { hub: self.clone(), caller: None }).ok_or(Failure::WrongPassword)
    }
}

impl Downloading {
    fn parts(&self) -> Result<&JobParts> {
        self.hub.job_parts()
    }

    fn by(&self) -> By<'_> {
        self.caller.as_ref().map_or(By::Operator, By::from)
    }
}
