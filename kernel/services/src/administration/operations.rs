//! Writes under way, and those that are past their time.

use std::collections::HashMap;

use ballast_catalog::Operation;
use ballast_contract::Page;
use ballast_types::{Name, OperationId, RepoId, RepoKey, RepoKind, Timestamp, UserKey};

use super::{Administrator, LONGEST_PAGE, USUAL_PAGE};
use crate::Result;
use crate::paging::{after, page_size, paged};

/// A write under way.
#[derive(Clone, Debug)]
pub struct OperationAbout {
    pub id: OperationId,
    /// What it is for: `commit`, `place_repository`.
    pub purpose: String,
    /// None where it is gone.
    pub repository: Option<(RepoKind, RepoId)>,
    pub actor: Option<Name>,
    pub created_at: Timestamp,
    pub deadline: Timestamp,
    /// Whether its time is over: recovery ends it within a minute or so.
    pub is_overdue: bool,
    pub reservations: usize,
}

impl Administrator {
    /// A page of writes under way, in no order that says anything: all, or those that are past their deadline.
    pub async fn list_operations(
        &self,
        overdue: bool,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<OperationAbout>> {
        let (catalog, now) = (self.hub.catalog(), self.hub.now());
        let limit = page_size(limit, USUAL_PAGE, LONGEST_PAGE);
        let place = after(cursor)?.map(OperationId);
        let found = catalog.list_operations(overdue.then_some(now), place, limit + 1).await?;
        let Page { items, next } = paged(found, limit, |operation| operation.id.0);
        let repositories: Vec<RepoKey> = items.iter().map(|operation| operation.repo).collect();
        let actors: Vec<UserKey> = items.iter().filter_map(|operation| operation.actor).collect();
        let repositories: HashMap<RepoKey, (RepoKind, RepoId)> = catalog
            .named_repositories(&repositories)
            .await?
            .into_iter()
            .map(|(found, namespace)| (found.key, (found.kind, RepoId { namespace, name: found.name })))
            .collect();
        let actors = catalog.find_users(&actors).await?;
        let about = |operation: Operation| OperationAbout {
            id: operation.id,
            repository: repositories.get(&operation.repo).cloned(),
            actor: actors.iter().find(|user| Some(user.key) == operation.actor).map(|user| user.name.clone()),
            created_at: operation.created_at,
            deadline: operation.deadline,
            is_overdue: operation.deadline <= now,
            reservations: operation.reservations.len(),
            purpose: operation.purpose,
        };
        Ok(Page { items: items.into_iter().map(about).collect(), next })
    }
}
