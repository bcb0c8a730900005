//! Mirrors: repositories of other hubs that are read through this one, under the names that they have there.
//!
//! What this hub has under a name always wins, and a namespace that exists here is looked for nowhere else. For any other
//! name the configured hubs are asked in their order (`look`): what such a hub says of the repository and all files of one
//! commit become a snapshot, which is kept and answered from until it is time to ask again. Bytes come when a file is first
//! asked for, once however many ask (`arrive`), and lie under the mirror's lease, which is the only thing that keeps them:
//! they count for nobody, and go when nobody reads the mirror for long enough.
//!
//! What everybody may have at the other hub is mirrored for everybody, by what that hub says each time it is asked; and what
//! only some may have for those of them who show a token of their own (`own`).

mod arrive;
mod id;
mod keep;
mod listing;
mod look;
mod moved;
mod own;
mod people;
mod read;
mod rules;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballast_catalog::Mirror;
use ballast_contract::downloader::{Downloader, SourceInfo, SourceProfile};
use ballast_types::{CommitId, Name, RepoKey, RepoKind, Timestamp};
use moka::sync::Cache;

use crate::Hub;
use arrive::Arriving;
use listing::Listing;
use look::Looking;
use own::Reader;

pub use id::MirrorId;
pub(crate) use listing::node as mirrored_node;
pub use own::HubToken;
pub use rules::MirrorRules;

/// A hub that is mirrored.
#[derive(Clone)]
pub struct MirrorSource {
    pub downloader: Arc<dyn Downloader>,
    pub rules: MirrorRules,
}

/// What mirrors are made with.
#[derive(Clone)]
pub struct MirrorParts {
    /// In the order in which they are asked.
    pub sources: Vec<MirrorSource>,
    /// How long what a hub said is answered without asking it again.
    pub fresh: Duration,
    /// How long who had a right of their own has it while a hub cannot be asked.
    pub trust: Duration,
    /// How long what nobody reads is kept.
    pub keep: Duration,
    /// How long a hub may take to say whether what is known of it still holds, until that is answered as stale.
    pub patience: Duration,
    /// How often in a row a file's bytes are asked for again.
    pub retries: u32,
}

/// What this process knows of mirrors besides their rows.
pub(crate) struct Mirrors {
    parts: Option<Arc<MirrorParts>>,
    /// Hubs that are being asked.
    looking: Mutex<HashMap<(Whose, String), Looking>>,
    /// Files that are on their way, by what the other hub calls them and by whose right they come.
    arriving: Mutex<HashMap<(RepoKey, String), Arc<Arriving>>>,
    listings: Cache<(RepoKey, CommitId), Arc<Listing>>,
    /// Hubs that could not be asked a moment ago.
    unreachable: Cache<String, ()>,
    /// What hubs said of users and organisations, and when.
    people: Cache<(String, String), Said>,
    /// Names that hubs did not have a moment ago.
    absent: Cache<(Whose, String), ()>,
}

/// What a hub said of somebody, if it knows them, and when.
type Said = (Option<Arc<SourceProfile>>, Timestamp);

/// Whose snapshot, in one spelling: the address of its hub, its kind, what it is called, and for whom where not for everybody.
type Whose = (String, RepoKind, String);

/// How long a hub that could not be reached is not waited for again where something is known of it.
const UNREACHABLE: Duration = Duration::from_secs(15);
/// How long is remembered that a hub does not have a name.
const ABSENT: Duration = Duration::from_secs(10);
/// Users and organisations of which is remembered what was said, and for how long.
const MOST_PEOPLE: u64 = 10_000;
const KNOWN_PEOPLE: Duration = Duration::from_secs(24 * 60 * 60);
/// Names that are remembered to be nowhere.
const MOST_ABSENT: u64 = 100_000;
/// Files of listings that are kept in memory.
const MOST_LISTED: u64 = 2_000_000;

impl Mirrors {
    pub(crate) fn new(parts: Option<MirrorParts>) -> Self {
        let weigh = |_: &(RepoKey, CommitId), listing: &Arc<Listing>| listing.weight();
        Self {
            parts: parts.map(Arc::new),
            looking: Mutex::default(),
            arriving: Mutex::default(),
            listings: Cache::builder().max_capacity(MOST_LISTED).weigher(weigh).build(),
            unreachable: Cache::builder().max_capacity(1000).time_to_live(UNREACHABLE).build(),
            people: Cache::builder().max_capacity(MOST_PEOPLE).time_to_live(KNOWN_PEOPLE).build(),
            absent: Cache::builder().max_capacity(MOST_ABSENT).time_to_live(ABSENT).build(),
        }
    }

    fn arriving(&self, key: &(RepoKey, String)) -> Option<Arc<Arriving>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// Where an answer came from that this hub does not have of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The address of the other hub.
    pub source: String,
    /// How long ago that hub confirmed it last, where it cannot be asked now.
    pub stale: Option<Duration>,
}

/// A snapshot of a repository of another hub, which everybody may read there, or whoever asked.
#[derive(Clone)]
pub struct Mirrored {
    hub: Hub,
    source: MirrorSource,
    kind: RepoKind,
    id: MirrorId,
    mirror: Mirror,
    commit: CommitId,
    about: Arc<SourceInfo>,
    checked_at: Timestamp,
    stale: bool,
    listing: Arc<Listing>,
    /// Whoever asked, where it is theirs alone.
    reader: Option<Reader>,
}

impl Mirrored {
    pub(crate) fn content(&self) -> &ballast_content::Content {
        self.hub.content()
    }

    /// As it was asked for.
    pub fn id(&self) -> &MirrorId {
        &self.id
    }

    /// Model, dataset or space.
    pub fn kind(&self) -> RepoKind {
        self.kind
    }

    /// The commit that the revision means, by the other hub's word.
    pub fn commit(&self) -> CommitId {
        self.commit
    }

    /// What the other hub says of the repository.
    pub fn about(&self) -> &SourceInfo {
        &self.about
    }

    /// Where this comes from.
    pub fn provenance(&self) -> Provenance {
        let age = u64::try_from(self.hub.now().0 - self.checked_at.0).unwrap_or(0);
        Provenance { source: self.source.downloader.endpoint(), stale: self.stale.then(|| Duration::from_millis(age)) }
    }
}

impl Hub {
    fn mirrors(&self) -> &Mirrors {
        &self.0.mirrors
    }

    /// Whether repositories of other hubs are read through this one.
    pub fn is_mirroring(&self) -> bool {
        self.mirrors().parts.is_some()
    }

    /// The address of the hub whose repository of this name is mirrored here; none where none is, and nothing is asked
    /// where nothing is mirrored at all.
    pub(crate) async fn mirror_of(&self, kind: RepoKind, namespace: &str, name: &str) -> crate::Result<Option<String>> {
        let (Some(_), Ok(owner)) = (&self.mirrors().parts, namespace.parse::<Name>()) else { return Ok(None) };
        match self.catalog().find_namespace(&owner).await? {
            Some(_) => Ok(None),
            None => Ok(self.catalog().find_mirrored(kind, namespace, name).await?),
        }
    }
}
