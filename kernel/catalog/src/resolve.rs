//! From what a URL says to a repository: the way that every request on one takes.

use std::sync::Arc;

use ballast_database::{Result, for_both, read};
use ballast_types::{Name, RepoKey, RepoKind};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::RunQueryDsl;

use crate::memory::RepositoryName;
use crate::rows::{NamespaceRow, RepositoryRow};
use crate::tables::{namespaces, redirects, repositories};
use crate::{Catalog, Namespace, RepoState, Repository};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub repository: Arc<Repository>,
    pub namespace: Arc<Namespace>,
    /// The name is a former one: clients are sent on to the present one.
    pub by_redirect: bool,
}

diesel::define_sql_function! {
    fn coalesce(first: Nullable<BigInt>, second: Nullable<BigInt>) -> Nullable<BigInt>;
}

diesel::alias! {
    const NAMED: Alias<Named> = repositories as named;
    const OWNERS: Alias<Owners> = namespaces as owners;
}

for_both! {
    pub async fn by_name(c: &mut Connection, kind: RepoKind, namespace: String, name: String)
        -> Result<Option<(RepositoryRow, NamespaceRow)>> {
        let kind = kind.as_str();
        let named = NAMED
            .inner_join(OWNERS.on(OWNERS.field(namespaces::id).eq(NAMED.field(repositories::namespace))))
            .filter(OWNERS.field(namespaces::lower).eq(&namespace))
            .filter(NAMED.field(repositories::kind).eq(kind))
            .filter(NAMED.field(repositories::lower).eq(&name))
            .select(NAMED.field(repositories::id));
        let formerly = redirects::table
            .inner_join(OWNERS.on(OWNERS.field(namespaces::id).eq(redirects::namespace)))
            .filter(OWNERS.field(namespaces::lower).eq(&namespace))
            .filter(redirects::kind.eq(kind))
            .filter(redirects::lower.eq(&name))
            .select(redirects::repository);
        let found = repositories::table
            .inner_join(namespaces::table)
            .filter(repositories::id.nullable().eq(coalesce(named.single_value(), formerly.single_value())))
            .filter(repositories::state.eq(RepoState::Active.as_str()));
        Ok(found.select((RepositoryRow::as_select(), NamespaceRow::as_select())).first(c).await.optional()?)
    }

    /// Whatever has one of these names in one of these namespaces, of any kind.
    pub async fn by_names(c: &mut Connection, owners: Vec<String>, names: Vec<String>)
        -> Result<Vec<(RepositoryRow, NamespaceRow)>> {
        let found = repositories::table
            .inner_join(namespaces::table)
            .filter(namespaces::lower.eq_any(owners).and(repositories::lower.eq_any(names)))
            .filter(repositories::state.eq(RepoState::Active.as_str()));
        Ok(found.select((RepositoryRow::as_select(), NamespaceRow::as_select())).load(c).await?)
    }

    pub async fn by_ids(c: &mut Connection, ids: Vec<i64>) -> Result<Vec<(RepositoryRow, NamespaceRow)>> {
        let found = repositories::table
            .inner_join(namespaces::table)
            .filter(repositories::id.eq_any(ids))
            .filter(repositories::state.eq(RepoState::Active.as_str()));
        Ok(found.select((RepositoryRow::as_select(), NamespaceRow::as_select())).load(c).await?)
    }

    pub async fn active(c: &mut Connection, id: i64) -> Result<Option<RepositoryRow>> {
        let found = repositories::table.find(id).filter(repositories::state.eq(RepoState::Active.as_str()));
        Ok(found.select(RepositoryRow::as_select()).first(c).await.optional()?)
    }
}

impl Catalog {
    /// The active repository that a name stands for, in any case; or the one that had this name before. One statement
    /// at most.
    ///
    /// The names may be any text: what is no name is simply not found.
    pub async fn find_repository(&self, kind: RepoKind, namespace: &str, name: &str) -> Result<Option<Found>> {
        let (Ok(namespace), Ok(name)) = (namespace.parse::<Name>(), name.parse::<Name>()) else { return Ok(None) };
        let asked = (kind, namespace.lower(), name.lower());
        if let Some((key, owner)) = self.memory.names.get(&asked)
            && let Some(repository) = self.recent_repository(key).await?
        {
            return Ok(Some(Found::new(&asked, repository, owner)));
        }
        let mark = self.memory.names.mark(&asked);
        let row = read!(self.database, by_name(kind, asked.1.clone(), asked.2.clone()))?;
        let Some((repository, owner)): Option<(RepositoryRow, NamespaceRow)> = row else { return Ok(None) };
        let (repository, owner) = (Arc::new(Repository::try_from(repository)?), Arc::new(Namespace::try_from(owner)?));
        self.memory.names.put(asked.clone(), (repository.key, owner.clone()), mark);
        Ok(Some(Found::new(&asked, repository, owner)))
    }

    /// Those of a few repositories that are active under these names (not former ones), in no order: a kind, a
    /// namespace and a name each. One statement.
    pub async fn find_named(&self, wanted: &[(RepoKind, Name, Name)]) -> Result<Vec<(Repository, Namespace)>> {
        let owners = wanted.iter().map(|(_, owner, _)| owner.lower()).collect();
        let names = wanted.iter().map(|(_, _, name)| name.lower()).collect();
        let mut found = pairs(read!(self.database, by_names(owners, names))?)?;
        found.retain(|(repository, owner)| wanted.iter().any(|one| repository.is_called(owner, one)));
        Ok(found)
    }

    /// Those of a few repositories that are active, in no order, with their namespaces. One statement.
    pub async fn find_owned(&self, keys: &[RepoKey]) -> Result<Vec<(Repository, Namespace)>> {
        pairs(read!(self.database, by_ids(keys.iter().map(|key| key.0).collect()))?)
    }

    /// A repository whose name was known; none where it is not active any more.
    async fn recent_repository(&self, key: RepoKey) -> Result<Option<Arc<Repository>>> {
        if let Some(repository) = self.memory.repositories.get(&key) {
            return Ok(Some(repository));
        }
        let mark = self.memory.repositories.mark(&key);
        let Some(row) = read!(self.database, active(key.0))? else { return Ok(None) };
        let repository = Arc::new(Repository::try_from(row)?);
        self.memory.repositories.put(key, repository.clone(), mark);
        Ok(Some(repository))
    }
}

fn pairs(rows: Vec<(RepositoryRow, NamespaceRow)>) -> Result<Vec<(Repository, Namespace)>> {
    rows.into_iter().map(|(row, owner)| Ok((Repository::try_from(row)?, Namespace::try_from(owner)?))).collect()
}

impl Found {
    fn new((_, namespace, name): &RepositoryName, repository: Arc<Repository>, owner: Arc<Namespace>) -> Self {
        let by_redirect = repository.name.lower() != *name || owner.name.lower() != *namespace;
        Self { repository, namespace: owner, by_redirect }
    }
}
