//! The kernel's rows: namespaces, members, identities, repositories, discussions, writes under way, events, the hub's
//! own secrets.
//!
//! The catalog knows facts and keeps them consistent; it decides nothing. Who may see or do something is `services`'
//! table over these facts, and no plugin ever sees a row. One file per noun; `rows` turns columns into nouns.
//!
//! Every list takes the key to go on after and a limit, and costs the same number of statements whatever its length.

#[macro_use]
mod word;
#[macro_use]
mod audit;

mod access;
mod account;
mod attempt;
mod audit_chain;
mod card;
mod census;
mod clash;
mod collection;
mod collection_item;
mod device_login;
mod directory;
mod discussion;
mod discussion_event;
mod download;
mod event;
mod identity;
mod import;
mod inventory;
mod invitation;
mod job;
mod lfs_lock;
mod like;
mod listing;
mod mail_token;
mod member;
mod memory;
mod message;
mod mirror;
mod mirror_reader;
mod mirror_redirect;
mod namespace;
mod noted;
mod operation;
mod organization;
mod profile;
mod recalculation;
mod refresh_token;
mod relocate;
mod repository;
mod resolve;
mod rows;
mod secret;
mod tables;
mod totals;
mod user;
mod webhook;

use std::sync::Arc;

use ballast_database::{Database, Result, migrations};

pub use access::{AccessRequest, AccessStatus};
pub use account::Removal;
pub use attempt::Charge;
pub use audit::{AuditFilter, AuditNote, AuditOutcome, AuditQuery, AuditRecord, Content as AuditContent};
pub use audit_chain::{Break, Chain, Link};
pub use ballast_database::Error;
pub use card::{Card, CardMark};
pub use census::Census;
pub use clash::Clash;
pub use collection::{Collection, CollectionKey, CollectionPatch, CollectionQuery, NewCollection};
pub use collection_item::{Addition, CollectionItem};
pub use device_login::{DevicePoll, NewDeviceLogin};
pub use directory::{NamespaceOrder, NamespaceQuery};
pub use discussion::{
    Author, Discussion, DiscussionPage, DiscussionQuery, DiscussionStatus, NewDiscussion, PullRequest,
};
pub use discussion_event::{Act, Change, Comment, DiscussionEvent, Edit, Happening, HappeningKey};
pub use download::{Daily, Day, Download, Trend, Visitor};
pub use event::{Event, EventId, EventKind, NewEvent};
pub use import::{Import, ImportMark, ImportProgress, ImportWish, NewImport, PutImport};
pub use inventory::InventoryQuery;
pub use invitation::{Acceptance, Invitation, NewInvitation, Seat, Uses};
pub use job::{Job, JobFile, JobFileStatus, JobProgress, JobStatus, JobWish};
pub use lfs_lock::{LfsLock, LockFilter, LockKey};
pub use like::{Liked, LikedRepository};
pub use listing::{ListQuery, Listed, Sort, Viewer};
pub use mail_token::{MailPurpose, NewMailToken};
pub use member::{OrgRole, Standing};
pub use message::{Message, NewMessage};
pub use mirror::{Mirror, MirrorName, MirrorPin, NewMirrorPin};
pub use namespace::{Namespace, NamespaceKind};
pub use noted::Noted;
pub use operation::Operation;
pub use organization::{NewOrganization, Organization, OrganizationPatch};
pub use profile::{Avatar, Profile, ProfilePatch};
pub use recalculation::{Recalculation, RecalculationState};
pub use refresh_token::{NewRefreshToken, Refreshed};
pub use repository::{Deleted, Gated, LfsSettings, NewRepository, RepoState, Repository, RepositoryPatch};
pub use resolve::Found;
pub use totals::Totals;
pub use user::{NewUser, User, UserPatch};
pub use webhook::{Domain, Watched, Webhook, WebhookWish};
pub use word::UnknownWord;

use memory::Memory;

/// The kernel's rows in one database. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    database: Database,
    memory: Arc<Memory>,
    /// What the next change is to put on record; only a [`Noted`] has one.
    note: Option<Arc<AuditNote>>,
}

impl Catalog {
    /// The catalog of a database; [`migrate`](Self::migrate) comes before anything else.
    pub fn new(database: Database) -> Self {
        Self { memory: Arc::new(Memory::new(&database)), database, note: None }
    }

    /// Brings the tables up to date. Several nodes may do so at once.
    pub async fn migrate(&self) -> Result<()> {
        self.database.migrate(migrations!()).await
    }
}
