//! Lists of repositories, as far as the caller may see them.

use std::collections::HashMap;

use ballast_catalog::Viewer;
use ballast_contract::Page;
use ballast_types::{Name, RepoId, RepoKey, RepoKind};

use crate::caller::Known;
use crate::paging::page_size;
use crate::{Caller, Failure, Hub, RepositoryInfo, Result};

pub use ballast_catalog::{Card as IndexedCard, Sort};

/// What to list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub kind: RepoKind,
    /// Of this user or organisation alone, in any spelling of the case.
    pub author: Option<String>,
    /// Each of these must occur in `namespace/name`.
    pub search: Vec<String>,
    /// Each of these must be among the tags of its card, in any case.
    pub tags: Vec<String>,
    pub pipeline_tag: Option<String>,
    /// Gated ones alone, or those that are not.
    pub gated: Option<bool>,
    pub sort: Sort,
    pub ascending: bool,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// 100 unless asked, at most 1000.
    pub limit: Option<usize>,
}

impl ListQuery {
    /// One author's repositories of a kind.
    pub fn by(kind: RepoKind, author: &str, sort: Sort) -> Self {
        Self {
            kind,
            author: Some(author.to_owned()),
            search: vec![],
            tags: vec![],
            pipeline_tag: None,
            gated: None,
            sort,
            ascending: false,
            after: None,
            limit: None,
        }
    }
}

/// A repository in a list, with what its README said when it was last committed.
#[derive(Clone, Debug)]
pub struct ListedRepository {
    pub info: RepositoryInfo,
    pub card: IndexedCard,
}

impl Hub {
    /// A page of repositories: what is public, and what is private in the caller's own namespaces.
    pub async fn list_repositories(&self, caller: &Caller, query: ListQuery) -> Result<Page<ListedRepository>> {
        let author = match &query.author {
            Some(author) => match self.find_author(author).await? {
                Some(key) => Some(key),
                None => return Ok(Page::last(vec![])),
            },
            None => None,
        };
        let listed = self.catalog().list_repositories(ballast_catalog::ListQuery {
            kind: query.kind,
            author,
            search: query.search,
            tags: query.tags,
            pipeline_tag: query.pipeline_tag,
            gated: query.gated,
            viewer: caller.viewer(),
            sort: query.sort,
            descending: !query.ascending,
            after: query.after,
            limit: page_size(query.limit, 100, 1000),
        });
        let listed = listed.await.map_err(|error| match error {
            ballast_catalog::Error::Cursor(_) => Failure::invalid("The cursor is not one that this list gave"),
            other => other.into(),
        })?;
        // A page has less than was asked for where rules take something from it.
        let items = self.listed_by_rules(caller, listed.items, |(repository, _)| repository).await?;
        let keys: Vec<RepoKey> = items.iter().map(|(repository, _)| repository.key).collect();
        let mut cards: HashMap<RepoKey, ballast_catalog::Card> =
            self.catalog().cards(&keys).await?.into_iter().collect();
        let item = |(repository, namespace): (ballast_catalog::Repository, Name)| {
            let id = RepoId { namespace, name: repository.name.clone() };
            let card = cards.remove(&repository.key).unwrap_or_default();
            ListedRepository { info: RepositoryInfo::new(&repository, id, repository.head), card }
        };
        Ok(Page { items: items.into_iter().map(item).collect(), next: listed.next })
    }

    async fn find_author(&self, author: &str) -> Result<Option<ballast_types::NamespaceKey>> {
        let Ok(name) = author.parse::<Name>() else { return Ok(None) };
        Ok(self.catalog().find_namespace(&name).await?.map(|namespace| namespace.key))
    }
}

impl Caller {
    pub(crate) fn viewer(&self) -> Viewer {
        self.known().map(Known::viewer).unwrap_or_default()
    }
}

impl Known {
    pub(crate) fn viewer(&self) -> Viewer {
        Viewer {
            user: Some(self.user.key),
            everything: self.is_administrator(),
            scope: self.credential.repositories.clone(),
        }
    }
}
