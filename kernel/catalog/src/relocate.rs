//! What a repository counts for: its name, in its namespace or in another one, and who sees it.

use ballast_database::{Result, for_both, transaction};
use ballast_types::{Name, NamespaceKey, OperationId, RepoKey};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::audit::UnsealedRow;
use crate::repository::Changes;
use crate::rows::RepositoryRow;
use crate::tables::{operations, redirects, repositories};
use crate::{Catalog, RepoState, Repository, RepositoryPatch};

/// The columns that a name makes.
#[derive(Clone, AsChangeset)]
#[diesel(table_name = repositories)]
struct Place {
    namespace: i64,
    name: String,
    lower: String,
    normalized: String,
}

for_both! {
    /// Whether a write goes on. Locked, so that it is not given up in between: what recovery gave up changes nothing.
    async fn goes_on(c: &mut Connection, operation: Option<OperationId>) -> Result<bool> {
        let Some(operation) = operation else { return Ok(true) };
        let row = operations::table.find(operation.0).select(operations::id);
        let found: Option<i64> = lock!(row).first(c).await.optional()?;
        Ok(found.is_some())
    }

    pub async fn update(
        c: &mut Connection, operation: Option<OperationId>, id: i64, changes: Changes, note: Option<UnsealedRow>,
    ) -> Result<Option<RepositoryRow>> {
        if !goes_on(c, operation).await? {
            return Ok(None);
        }
        let active = repositories::table.find(id).filter(repositories::state.eq(RepoState::Active.as_str()));
        let update = diesel::update(active).set((changes, repositories::version.eq(repositories::version + 1)));
        let changed = update.returning(RepositoryRow::as_returning()).get_result(c).await.optional()?;
        if changed.is_some() {
            put_down!(c, note);
        }
        Ok(changed)
    }

    pub async fn relocate(
        c: &mut Connection, operation: Option<OperationId>, id: i64, to: Place, note: Option<UnsealedRow>,
    ) -> Result<Option<RepositoryRow>> {
        if !goes_on(c, operation).await? {
            return Ok(None);
        }
        let active = repositories::table.find(id).filter(repositories::state.eq(RepoState::Active.as_str()));
        let columns = (repositories::namespace, repositories::kind, repositories::lower);
        let before: Option<(i64, String, String)> = lock!(active.select(columns)).first(c).await.optional()?;
        let Some((namespace, kind, lower)) = before else { return Ok(None) };
        // Whoever takes a name takes it from those that only redirect from it.
        diesel::delete(redirects::table.find((to.namespace, &kind, &to.lower))).execute(c).await?;
        if (namespace, &lower) != (to.namespace, &to.lower) {
            let former = (
                redirects::namespace.eq(namespace),
                redirects::kind.eq(&kind),
                redirects::lower.eq(&lower),
                redirects::repository.eq(id),
            );
            diesel::insert_into(redirects::table).values(former).execute(c).await?;
        }
        let next = (to, repositories::version.eq(repositories::version + 1));
        let update = diesel::update(repositories::table.find(id)).set(next).returning(RepositoryRow::as_returning());
        put_down!(c, note);
        Ok(Some(update.get_result(c).await?))
    }
}

impl Catalog {
    /// Changes a repository's settings; answers it as it is then. None where it is not active, or the operation that
    /// this belongs to is closed.
    pub async fn update_repository(
        &self,
        operation: Option<OperationId>,
        key: RepoKey,
        patch: RepositoryPatch,
    ) -> Result<Option<Repository>> {
        let changes = Changes::from(patch);
        let row: Option<RepositoryRow> =
            transaction!(self.changing(key), update(operation, key.0, changes, self.note_row()?))?;
        row.map(Repository::try_from).transpose()
    }

    /// Gives a repository another place; every name that it ever had redirects to it until somebody takes that name.
    /// None where it is not active, or the operation that this belongs to is closed. `Exists` when the name or another spelling of it is taken.
    pub async fn relocate_repository(
        &self,
        operation: Option<OperationId>,
        key: RepoKey,
        namespace: NamespaceKey,
        name: &Name,
    ) -> Result<Option<Repository>> {
        let to = Place {
            namespace: namespace.0,
            name: name.as_str().to_owned(),
            lower: name.lower(),
            normalized: name.normalized(),
        };
        let database = self.changing(key).outdating(self.memory.names.all());
        let row: Option<RepositoryRow> = transaction!(database, relocate(operation, key.0, to, self.note_row()?))?;
        row.map(Repository::try_from).transpose()
    }
}
