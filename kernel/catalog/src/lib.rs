//! The kernel's rows: namespaces, members, identities, repositories, writes under way, events, the hub's own secrets.
//!
//! The catalog knows facts and keeps them consistent; it decides nothing. Who may see or do something is `services`'
//! table over these facts, and no plugin ever sees a row. One file per noun; `rows` turns columns into nouns.
//!
//! Every list takes the key to go on after and a limit, and costs the same number of statements whatever its length.

#[macro_use]
mod word;

mod clash;
mod event;
mod identity;
mod listing;
mod member;
mod memory;
mod namespace;
mod operation;
mod organization;
mod repository;
mod resolve;
mod rows;
mod secret;
mod tables;
mod user;

use std::sync::Arc;

use ballast_database::{Database, Result, migrations};

pub use ballast_database::Error;
pub use clash::Clash;
pub use event::{Event, EventId, EventKind, NewEvent};
pub use listing::{ListQuery, Listed, Sort, Viewer};
pub use member::OrgRole;
pub use namespace::{Namespace, NamespaceKind};
pub use operation::Operation;
pub use organization::{NewOrganization, Organization, OrganizationPatch};
pub use repository::{Gated, LfsSettings, NewRepository, RepoState, Repository, RepositoryPatch};
pub use resolve::Found;
pub use user::{NewUser, User, UserPatch};
pub use word::UnknownWord;

use memory::Memory;

/// The kernel's rows in one database. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    database: Database,
    memory: Arc<Memory>,
}

impl Catalog {
    /// The catalog of a database; [`migrate`](Self::migrate) comes before anything else.
    pub fn new(database: Database) -> Self {
        Self { memory: Arc::new(Memory::new(&database)), database }
    }

    /// Brings the tables up to date. Several nodes may do so at once.
    pub async fn migrate(&self) -> Result<()> {
        self.database.migrate(migrations!()).await
    }
}
