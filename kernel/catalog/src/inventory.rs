//! All repositories of the hub, of whatever kind and whoever sees them, as whoever runs it lists them.

use ballast_database::{Result, for_both, read};
use ballast_types::{Name, NamespaceKey, RepoKey, RepoKind, Visibility};
use diesel::prelude::*;
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::listing::pattern;
use crate::rows::{self, RepositoryRow};
use crate::tables::{namespaces, repositories};
use crate::{Catalog, RepoState, Repository};

/// More words than anybody searches for.
const WORDS: usize = 16;

/// Which repositories; they come newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryQuery {
    pub kind: Option<RepoKind>,
    pub namespace: Option<NamespaceKey>,
    pub visibility: Option<Visibility>,
    /// Each of these must occur in `namespace/name`, in any case.
    pub search: Vec<String>,
    /// Of these alone.
    pub among: Option<Vec<RepoKey>>,
    /// Made before this one.
    pub before: Option<RepoKey>,
    pub limit: usize,
}

for_both! {
    pub async fn list(c: &mut Connection, query: InventoryQuery) -> Result<Vec<(RepositoryRow, String)>> {
        let mut found = repositories::table
            .inner_join(namespaces::table)
            .filter(repositories::state.eq(RepoState::Active.as_str()))
            .filter(repositories::id.lt(query.before.map_or(i64::MAX, |key| key.0)))
            .select((RepositoryRow::as_select(), namespaces::name))
            .into_boxed::<<Connection as AsyncConnectionCore>::Backend>();
        if let Some(kind) = query.kind {
            found = found.filter(repositories::kind.eq(kind.as_str()));
        }
        if let Some(namespace) = query.namespace {
            found = found.filter(repositories::namespace.eq(namespace.0));
        }
        if let Some(visibility) = query.visibility {
            found = found.filter(repositories::visibility.eq(visibility.as_str()));
        }
        if let Some(among) = query.among {
            found = found.filter(repositories::id.eq_any(among.into_iter().map(|key| key.0).collect::<Vec<_>>()));
        }
        for word in query.search.iter().take(WORDS) {
            let id = namespaces::lower.concat("/").concat(repositories::lower);
            found = found.filter(id.like(pattern(word)).escape('\\'));
        }
        Ok(found.order(repositories::id.desc()).limit(rows::limit(query.limit)).load(c).await?)
    }
}

impl Catalog {
    /// A page of all active repositories, each with the name of its namespace.
    pub async fn list_inventory(&self, query: InventoryQuery) -> Result<Vec<(Repository, Name)>> {
        if query.search.iter().any(|word| !word.is_ascii() || word.contains('\0')) {
            return Ok(vec![]);
        }
        let item = |(row, name): (RepositoryRow, String)| {
            let repository = Repository::try_from(row)?;
            let name = rows::parse("namespaces.name", repository.namespace.0, &name)?;
            Ok((repository, name))
        };
        read!(self.database, list(query))?.into_iter().map(item).collect()
    }
}
