//! The catalog on both databases.
#![allow(clippy::unwrap_used)]

mod accounts;
mod attempts;
mod audit;
mod device_logins;
mod discussions;
mod downloads;
mod imports;
mod invitations;
mod jobs;
mod links;
mod listing;
mod memory;
mod mirrors;
mod namespaces;
mod operations;
mod repositories;
mod secrets;
mod webhooks;

use ballast_catalog::{
    Catalog, EventKind, LfsSettings, NewEvent, NewOrganization, NewRepository, NewUser, Operation, Organization,
    Repository, User,
};
use ballast_database::testing::Scratch;
use ballast_database::{Database, Result, for_both, transaction};
use ballast_types::{
    CommitId, LeaseId, Name, NamespaceKey, OperationId, RepoKey, RepoKind, Timestamp, UserKey, Visibility,
};
use diesel_async::SimpleAsyncConnection;

const NOW: Timestamp = Timestamp(1_795_224_855_000);

async fn open(scratch: &Scratch) -> Catalog {
    let catalog = Catalog::new(scratch.database.clone());
    catalog.migrate().await.unwrap();
    catalog
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn new_user(text: &str) -> NewUser {
    NewUser {
        name: name(text),
        full_name: String::new(),
        email: None,
        email_verified: false,
        administrator: false,
        created_at: NOW,
    }
}

async fn user(catalog: &Catalog, text: &str) -> User {
    catalog.create_user(new_user(text)).await.unwrap()
}

fn new_organization(text: &str, creator: Option<UserKey>) -> NewOrganization {
    NewOrganization {
        name: name(text),
        full_name: String::new(),
        description: String::new(),
        default_visibility: Visibility::Private,
        creator,
        created_at: NOW,
    }
}

async fn organization(catalog: &Catalog, text: &str) -> Organization {
    catalog.create_organization(new_organization(text, None)).await.unwrap()
}

fn new_model(namespace: NamespaceKey, text: &str) -> NewRepository {
    NewRepository {
        gated: None,
        lfs: LfsSettings::default(),
        origin: None,
        kind: RepoKind::Model,
        namespace,
        name: name(text),
        visibility: Visibility::Public,
        sdk: None,
        created_at: NOW,
    }
}

/// A repository that is there to be seen.
async fn active(catalog: &Catalog, new: NewRepository) -> Repository {
    let made = catalog.create_repository(new).await.unwrap();
    assert!(catalog.activate_repository(made.key).await.unwrap());
    catalog.get_repository(made.key).await.unwrap()
}

fn operation(id: i64, repo: RepoKey) -> Operation {
    Operation {
        id: OperationId(id),
        repo,
        lease: LeaseId(100 + id),
        reservations: Vec::new(),
        deadline: Timestamp(NOW.0 + 60_000),
        created_at: NOW,
        purpose: "commit".to_owned(),
        actor: None,
        merges: None,
    }
}

fn committed(repo: RepoKey, head: Option<CommitId>, at: Timestamp) -> NewEvent {
    let details = serde_json::json!({ "branch": "main\0" });
    NewEvent { repo, kind: EventKind::Committed, actor: None, head, at, details }
}

/// A write to a repository's content, from its beginning to its end.
async fn write_to(catalog: &Catalog, repo: RepoKey, head: Option<CommitId>, at: Timestamp) {
    let operation = operation(1000, repo);
    assert!(catalog.begin_operation(operation.clone()).await.unwrap());
    assert!(catalog.close_operation(operation.id, Some(committed(repo, head, at))).await.unwrap());
}

for_both! {
    pub async fn batch(c: &mut Connection, sql: String) -> Result<()> {
        Ok(c.batch_execute(&sql).await?)
    }
}

/// Rows that no verb writes yet.
async fn execute(database: &Database, sql: String) {
    try_execute(database, sql).await.unwrap();
}

/// The same, where the database may refuse it.
async fn try_execute(database: &Database, sql: String) -> Result<()> {
    transaction!(database, batch(sql))
}
