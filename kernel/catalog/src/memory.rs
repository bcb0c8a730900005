//! What every request asks of the catalog, from memory where this process alone writes.
//!
//! A write says here what it outdates. What only adds rows outdates nothing: that something is absent is not kept.

use std::sync::Arc;
use std::time::Duration;

use ballast_database::{Database, Recent};
use ballast_types::{NamespaceKey, RepoKey, RepoKind, UserKey};

use crate::{Namespace, OrgRole, Repository, User};

/// Kind, and the names of namespace and repository in lower case.
pub(crate) type RepositoryName = (RepoKind, String, String);

/// An auth instance, and a subject of it.
pub(crate) type Subject = (String, String);

/// Some hundred bytes an entry.
const ENTRIES: u64 = 20_000;

pub(crate) struct Memory {
    /// Which repository, and in whose namespace, a name stands for.
    pub names: Recent<RepositoryName, (RepoKey, Arc<Namespace>)>,
    /// Active ones only.
    pub repositories: Recent<RepoKey, Arc<Repository>>,
    pub subjects: Recent<Subject, Arc<User>>,
    /// What a user is in an organisation; none is kept too.
    pub roles: Recent<(NamespaceKey, UserKey), Option<OrgRole>>,
}

impl Memory {
    pub fn new(database: &Database) -> Self {
        // On a shared database nothing: who was shut out elsewhere is shut out here.
        Self {
            names: Recent::new(database, ENTRIES, Duration::ZERO),
            repositories: Recent::new(database, ENTRIES, Duration::ZERO),
            subjects: Recent::new(database, ENTRIES, Duration::ZERO),
            roles: Recent::new(database, ENTRIES, Duration::ZERO),
        }
    }
}
