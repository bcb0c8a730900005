//! Repositories: their names, states and settings. What is in them is the engine's.

use ballast_database::{Database, Result, for_both, read, transaction, write};
use ballast_types::{CommitId, Name, NamespaceKey, RepoKey, RepoKind, Timestamp, Visibility};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::UnsealedRow;
use crate::event::NewRow as Told;
use crate::rows::{self, RepositoryRow};
use crate::tables::{events, namespaces, operations, redirects, repositories};
use crate::{Catalog, EventKind, Namespace};

words! {
    /// Where a repository is in its life. Recovery finishes what is `creating` or `deleting` for too long.
    pub enum RepoState: "state of a repository" {
        /// Its name is taken; the other owners of its facts are being told. Nobody sees it yet.
        Creating = "creating",
        Active = "active",
        /// Its name is free again; what it held is being let go. Nobody sees it any more.
        Deleting = "deleting",
    }
}

words! {
    /// How access to a gated repository is granted.
    pub enum Gated: "way of gating" {
        /// To whoever accepts the terms.
        Auto = "auto",
        /// By an administrator of the repository.
        Manual = "manual",
    }
}

/// What a repository says of large files; none leaves it to the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LfsSettings {
    /// Files of this many bytes and more are large.
    pub threshold: Option<u64>,
    /// Endings of lower-case paths that are large whatever their size.
    pub suffixes: Option<Vec<String>>,
    /// How many versions of a large file are kept.
    pub keep_versions: Option<u32>,
}

/// A model, a dataset or a space, as far as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub key: RepoKey,
    pub kind: RepoKind,
    pub namespace: NamespaceKey,
    /// As its owner writes it.
    pub name: Name,
    pub visibility: Visibility,
    pub state: RepoState,
    /// Grows with every change of name, state or settings.
    pub version: i64,
    /// Of a space.
    pub sdk: Option<String>,
    pub gated: Option<Gated>,
    pub lfs: LfsSettings,
    pub downloads: u64,
    pub likes: u64,
    /// Its place among those that are downloaded much these days; 0 is none.
    pub trending: u64,
    /// By an administrator of the hub.
    pub disabled: bool,
    pub default_branch: String,
    /// The default branch's tip as last told by a write: what lists show. The engine knows the truth.
    pub head: Option<CommitId>,
    pub created_at: Timestamp,
    /// When its content last changed.
    pub updated_at: Timestamp,
    /// What it was made a copy of, which may be gone.
    pub origin: Option<RepoKey>,
    /// Whether large files were ever deleted from it for good.
    pub purged: bool,
}

impl Repository {
    /// Whether somebody means this one, which belongs to `owner`: by kind, namespace and name, in any case.
    pub fn is_called(&self, owner: &Namespace, (kind, namespace, name): &(RepoKind, Name, Name)) -> bool {
        self.kind == *kind && owner.name.lower() == namespace.lower() && self.name.lower() == name.lower()
    }
}

/// A repository to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRepository {
    pub kind: RepoKind,
    pub namespace: NamespaceKey,
    pub name: Name,
    pub visibility: Visibility,
    pub sdk: Option<String>,
    pub gated: Option<Gated>,
    pub lfs: LfsSettings,
    /// What it is to be a copy of.
    pub origin: Option<RepoKey>,
    pub created_at: Timestamp,
}

/// What the outbox is told of a repository that is deleted, which nobody can look up any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub kind: RepoKind,
    pub namespace: NamespaceKey,
    pub name: String,
    pub visibility: Visibility,
}

impl Deleted {
    fn of(repository: &Repository) -> Self {
        let Repository { kind, namespace, name, visibility, .. } = repository;
        Self { kind: *kind, namespace: *namespace, name: name.to_string(), visibility: *visibility }
    }
}

/// What to change of a repository's settings; none leaves things as they are, `Some(None)` resets to the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryPatch {
    pub visibility: Option<Visibility>,
    pub gated: Option<Option<Gated>>,
    pub lfs_threshold: Option<Option<u64>>,
    pub lfs_suffixes: Option<Option<Vec<String>>>,
    pub lfs_keep_versions: Option<Option<u32>>,
    pub disabled: Option<bool>,
}

/// A threshold beyond what SQL can count is as good as the greatest that it can.
fn threshold(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn suffixes(list: Vec<String>) -> String {
    serde_json::json!(list).to_string()
}

#[derive(Insertable)]
#[diesel(table_name = repositories)]
struct NewRow {
    kind: &'static str,
    namespace: i64,
    name: String,
    lower: String,
    normalized: String,
    visibility: &'static str,
    state: &'static str,
    sdk: Option<String>,
    gated: Option<&'static str>,
    lfs_threshold: Option<i64>,
    lfs_suffixes: Option<String>,
    lfs_keep_versions: Option<i64>,
    origin: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl From<NewRepository> for NewRow {
    fn from(new: NewRepository) -> Self {
        Self {
            kind: new.kind.as_str(),
            namespace: new.namespace.0,
            name: new.name.as_str().to_owned(),
            lower: new.name.lower(),
            normalized: new.name.normalized(),
            visibility: new.visibility.as_str(),
            state: RepoState::Creating.as_str(),
            sdk: new.sdk,
            gated: new.gated.map(Gated::as_str),
            lfs_threshold: new.lfs.threshold.map(threshold),
            lfs_suffixes: new.lfs.suffixes.map(suffixes),
            lfs_keep_versions: new.lfs.keep_versions.map(i64::from),
            origin: new.origin.map(|origin| origin.0),
            created_at: new.created_at.0,
            updated_at: new.created_at.0,
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = repositories)]
pub(crate) struct Changes {
    visibility: Option<&'static str>,
    gated: Option<Option<&'static str>>,
    lfs_threshold: Option<Option<i64>>,
    lfs_suffixes: Option<Option<String>>,
    lfs_keep_versions: Option<Option<i64>>,
    disabled: Option<bool>,
}

impl From<RepositoryPatch> for Changes {
    fn from(patch: RepositoryPatch) -> Self {
        Self {
            visibility: patch.visibility.map(Visibility::as_str),
            gated: patch.gated.map(|gated| gated.map(Gated::as_str)),
            lfs_threshold: patch.lfs_threshold.map(|stated| stated.map(threshold)),
            lfs_suffixes: patch.lfs_suffixes.map(|stated| stated.map(suffixes)),
            lfs_keep_versions: patch.lfs_keep_versions.map(|versions| versions.map(i64::from)),
            disabled: patch.disabled,
        }
    }
}

for_both! {
    pub async fn create(c: &mut Connection, row: NewRow, note: Option<UnsealedRow>) -> Result<RepositoryRow> {
        // Whoever takes a name takes it from those that only redirect from it.
        let former = redirects::table.find((row.namespace, row.kind, row.lower.clone()));
        diesel::delete(former).execute(c).await?;
        let insert = diesel::insert_into(repositories::table).values(row).returning(RepositoryRow::as_returning());
        let made = insert.get_result(c).await?;
        put_down!(c, note);
        Ok(made)
    }

    pub async fn activate(c: &mut Connection, id: i64) -> Result<bool> {
        let creating = repositories::table.find(id).filter(repositories::state.eq(RepoState::Creating.as_str()));
        let next = (
            repositories::state.eq(RepoState::Active.as_str()),
            repositories::version.eq(repositories::version + 1),
        );
        let activated = diesel::update(creating).set(next).execute(c).await? > 0;
        if activated {
            let at: i64 = repositories::table.find(id).select(repositories::created_at).first(c).await?;
            let told = Told::of_repository(id, EventKind::RepositoryCreated, at, json!({}));
            diesel::insert_into(events::table).values(told).execute(c).await?;
        }
        Ok(activated)
    }

    pub async fn namesake(c: &mut Connection, namespace: i64, kind: &'static str, normalized: String)
        -> Result<Option<(i64, String)>> {
        let found = repositories::table
            .filter(repositories::namespace.eq(namespace))
            .filter(repositories::kind.eq(kind))
            .filter(repositories::normalized.eq(normalized));
        Ok(found.select((repositories::id, repositories::name)).first(c).await.optional()?)
    }

    pub async fn by_key(c: &mut Connection, id: i64) -> Result<RepositoryRow> {
        Ok(repositories::table.find(id).select(RepositoryRow::as_select()).first(c).await?)
    }

    pub async fn by_keys(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<RepositoryRow>> {
        let found = repositories::table.filter(repositories::id.eq_any(keys)).order(repositories::id);
        Ok(found.select(RepositoryRow::as_select()).load(c).await?)
    }

    pub async fn named(c: &mut Connection, keys: Vec<i64>) -> Result<Vec<(RepositoryRow, String)>> {
        let found = repositories::table.inner_join(namespaces::table).filter(repositories::id.eq_any(keys));
        let columns = (RepositoryRow::as_select(), namespaces::name);
        Ok(found.order(repositories::id).select(columns).load(c).await?)
    }

    pub async fn of_namespace(c: &mut Connection, namespace: i64, after: i64, limit: i64) -> Result<Vec<RepositoryRow>> {
        let found = repositories::table.filter(repositories::namespace.eq(namespace))
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .filter(repositories::id.gt(after));
        Ok(found.order(repositories::id).limit(limit).select(RepositoryRow::as_select()).load(c).await?)
    }

    pub async fn in_states(c: &mut Connection, states: Vec<&'static str>, after: i64, limit: i64)
        -> Result<Vec<RepositoryRow>> {
        let found = repositories::table.filter(repositories::state.eq_any(states)).filter(repositories::id.gt(after));
        Ok(found.order(repositories::id).limit(limit).select(RepositoryRow::as_select()).load(c).await?)
    }

    pub async fn mark_purged(c: &mut Connection, id: i64) -> Result<bool> {
        let row = repositories::table.find(id);
        Ok(diesel::update(row).set(repositories::purged.eq(true)).execute(c).await? > 0)
    }

    /// Of what somebody could see, the outbox is told all that is to be told once the row is gone.
    pub async fn mark_deleting(c: &mut Connection, id: i64, now: i64, note: Option<UnsealedRow>) -> Result<bool> {
        let deleting = RepoState::Deleting.as_str();
        let active = repositories::table.find(id).filter(repositories::state.eq(RepoState::Active.as_str()));
        if let Some(row) = lock!(active.select(RepositoryRow::as_select())).first(c).await.optional()? {
            let last = Repository::try_from(row)?;
            let told = Told::of_repository(id, EventKind::RepositoryDeleted, now, json!(Deleted::of(&last)));
            diesel::insert_into(events::table).values(told).execute(c).await?;
        }
        let living = repositories::table.find(id).filter(repositories::state.ne(deleting));
        let tombstone = format!("/{id}");
        let last = (
            repositories::state.eq(deleting),
            repositories::lower.eq(&tombstone),
            repositories::normalized.eq(&tombstone),
            repositories::version.eq(repositories::version + 1),
        );
        let marked = diesel::update(living).set(last).execute(c).await? > 0;
        diesel::delete(redirects::table.filter(redirects::repository.eq(id))).execute(c).await?;
        if marked {
            put_down!(c, note);
        }
        Ok(marked)
    }

    pub async fn remove(c: &mut Connection, id: i64) -> Result<bool> {
        let writes = operations::table.filter(operations::repository.eq(repositories::id));
        let finished = repositories::table.find(id)
            .filter(repositories::state.eq(RepoState::Deleting.as_str()))
            .filter(diesel::dsl::not(diesel::dsl::exists(writes)));
        Ok(diesel::delete(finished).execute(c).await? > 0)
    }
}

impl Catalog {
    /// Takes a name for a new repository, which nobody sees before [`activate_repository`](Self::activate_repository).
    /// `Exists` when the name or another spelling of it is taken; a redirect from the name gives way.
    pub async fn create_repository(&self, new: NewRepository) -> Result<Repository> {
        let database = self.database.outdating(self.memory.names.all());
        transaction!(database, create(NewRow::from(new), self.note_row()?))?.try_into()
    }

    /// How the repository that keeps this name from being taken spells it.
    pub async fn find_namesake(&self, kind: RepoKind, namespace: NamespaceKey, name: &Name) -> Result<Option<Name>> {
        let found = read!(self.database, namesake(namespace.0, kind.as_str(), name.normalized()))?;
        found.map(|(id, name)| rows::parse("repositories.name", id, &name)).transpose()
    }

    /// Shows a repository that was being created, and puts the event of it into the outbox; false when it is not (any more): recovery may have given it up.
    pub async fn activate_repository(&self, key: RepoKey) -> Result<bool> {
        transaction!(self.changing(key), activate(key.0))
    }

    /// A repository by its key, in whatever state; `NotFound` when it is gone.
    pub async fn get_repository(&self, key: RepoKey) -> Result<Repository> {
        read!(self.database, by_key(key.0))?.try_into()
    }

    /// Those of these repositories that there are, by their keys.
    pub async fn find_repositories(&self, keys: &[RepoKey]) -> Result<Vec<Repository>> {
        let keys = keys.iter().map(|key| key.0).collect();
        read!(self.database, by_keys(keys))?.into_iter().map(Repository::try_from).collect()
    }

    /// The same, each with the name of its namespace.
    pub async fn named_repositories(&self, keys: &[RepoKey]) -> Result<Vec<(Repository, Name)>> {
        let keys = keys.iter().map(|key| key.0).collect();
        let item = |(row, name): (RepositoryRow, String)| {
            let repository = Repository::try_from(row)?;
            let name = rows::parse("namespaces.name", repository.namespace.0, &name)?;
            Ok((repository, name))
        };
        read!(self.database, named(keys))?.into_iter().map(item).collect()
    }

    /// A namespace's active repositories of every kind, by their keys.
    pub async fn repositories_of(
        &self,
        namespace: NamespaceKey,
        after: Option<RepoKey>,
        limit: usize,
    ) -> Result<Vec<Repository>> {
        let after = after.map_or(0, |key| key.0);
        let found = read!(self.database, of_namespace(namespace.0, after, rows::limit(limit)))?;
        found.into_iter().map(Repository::try_from).collect()
    }

    /// Repositories in any of these states, by their keys: what recovery looks for.
    pub async fn repositories_in(
        &self,
        states: &[RepoState],
        after: Option<RepoKey>,
        limit: usize,
    ) -> Result<Vec<Repository>> {
        let states = states.iter().copied().map(RepoState::as_str).collect();
        let after = after.map_or(0, |key| key.0);
        let found = read!(self.database, in_states(states, after, rows::limit(limit)))?;
        found.into_iter().map(Repository::try_from).collect()
    }

    /// Says that large files are about to be deleted from a repository for good; false when it is gone.
    pub async fn mark_purged(&self, key: RepoKey) -> Result<bool> {
        write!(self.changing(key), mark_purged(key.0))
    }

    /// Hides a repository for ever and gives its name back, with every name that redirected to it; the outbox is told
    /// what it was. False when that has
    /// been done, or it is gone. No write begins on it from then on.
    pub async fn mark_deleting(&self, key: RepoKey) -> Result<bool> {
        let database = self.changing(key).outdating(self.memory.names.all());
        transaction!(database, mark_deleting(key.0, Timestamp::now().0, self.note_row()?))
    }

    /// Forgets a repository that every other owner of its facts has let go. False, and nothing done, when it is gone,
    /// is not being deleted, or a write on it has yet to be concluded.
    pub async fn remove_repository(&self, key: RepoKey) -> Result<bool> {
        write!(self.changing(key), remove(key.0))
    }

    /// The database, for a write that changes a repository's row.
    pub(crate) fn changing(&self, key: RepoKey) -> Database {
        self.database.outdating(self.memory.repositories.one(&key))
    }
}
