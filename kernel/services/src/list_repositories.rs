//! Lists of repositories, as far as the caller may see them.

use ballast_catalog::Viewer;
use ballast_contract::Page;
use ballast_types::{Name, RepoId, RepoKind};

use crate::paging::page_size;
use crate::{Caller, Failure, Hub, RepositoryInfo, Result};

pub use ballast_catalog::Sort;

/// What to list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub kind: RepoKind,
    /// Of this user or organisation alone, in any spelling of the case.
    pub author: Option<String>,
    /// Each of these must occur in `namespace/name`.
    pub search: Vec<String>,
    pub sort: Sort,
    pub ascending: bool,
    /// The cursor of the page before.
    pub after: Option<String>,
    /// 100 unless asked, at most 1000.
    pub limit: Option<usize>,
}

impl Hub {
    /// A page of repositories: what is public, and what is private in the caller's own namespaces.
    pub async fn list_repositories(&self, caller: &Caller, query: ListQuery) -> Result<Page<RepositoryInfo>> {
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
        let info = |(repository, namespace): (ballast_catalog::Repository, Name)| {
            let id = RepoId { namespace, name: repository.name.clone() };
            RepositoryInfo::new(&repository, id, repository.head)
        };
        Ok(Page { items: listed.items.into_iter().map(info).collect(), next: listed.next })
    }

    async fn find_author(&self, author: &str) -> Result<Option<ballast_types::NamespaceKey>> {
        let Ok(name) = author.parse::<Name>() else { return Ok(None) };
        Ok(self.catalog().find_namespace(&name).await?.map(|namespace| namespace.key))
    }
}

impl Caller {
    fn viewer(&self) -> Viewer {
        match self.known() {
            Ok(known) => Viewer {
                user: Some(known.user.key),
                everything: known.is_administrator(),
                scope: known.credential.repositories.clone(),
            },
            Err(_) => Viewer::default(),
        }
    }
}
