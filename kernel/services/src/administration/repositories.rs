//! All repositories, whoever sees them.

use std::collections::HashMap;

use ballast_catalog::{InventoryQuery, Repository};
use ballast_content::Share;
use ballast_contract::Page;
use ballast_types::{Name, NamespaceKey, RepoId, RepoKey, RepoKind, Visibility};

use super::{Administrator, LONGEST_PAGE, USUAL_PAGE};
use crate::paging::{after, page_size, paged};
use crate::{Administering, Failure, RepositoryInfo, RepositoryQuota, Result};

/// In which order repositories come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepositoryOrder {
    /// The newest first.
    #[default]
    Created,
    /// Those that hold most first.
    Bytes,
}

/// Which repositories.
#[derive(Clone, Debug, Default)]
pub struct RepositoryFilter {
    pub kind: Option<RepoKind>,
    /// In any case.
    pub namespace: Option<String>,
    pub visibility: Option<Visibility>,
    /// Each of these must occur in `namespace/name`.
    pub search: Vec<String>,
    pub order: RepositoryOrder,
    pub cursor: Option<String>,
    /// 100 unless asked, at most 1000.
    pub limit: Option<usize>,
}

/// A repository, with what it holds.
#[derive(Clone, Debug)]
pub struct RepositoryAbout {
    pub info: RepositoryInfo,
    /// Each distinct blob once, over all of its history.
    pub bytes: u64,
}

/// Repositories that are looked at in one step of a list by size, and the steps that a page takes at most.
const STEP: usize = 1000;
const STEPS: usize = 10;

impl Administrator {
    /// A page of all repositories. One by size that is narrowed down a lot may be shorter than asked for and still have
    /// a next one.
    pub async fn list_inventory(&self, filter: RepositoryFilter) -> Result<Page<RepositoryAbout>> {
        let limit = page_size(filter.limit, USUAL_PAGE, LONGEST_PAGE);
        let namespace = match &filter.namespace {
            Some(name) => match self.namespace_of(name).await? {
                Some(key) => Some(key),
                None => return Ok(Page::last(vec![])),
            },
            None => None,
        };
        let RepositoryFilter { kind, visibility, search, order, cursor, .. } = filter;
        let query = InventoryQuery { kind, namespace, visibility, search, among: None, before: None, limit: limit + 1 };
        match order {
            RepositoryOrder::Created => self.newest(query, cursor.as_deref(), limit).await,
            RepositoryOrder::Bytes => self.largest(query, cursor.as_deref(), limit).await,
        }
    }

    async fn namespace_of(&self, name: &str) -> Result<Option<NamespaceKey>> {
        let Ok(name) = name.parse::<Name>() else { return Ok(None) };
        Ok(self.hub.catalog().find_namespace(&name).await?.map(|namespace| namespace.key))
    }

    async fn newest(&self, query: InventoryQuery, cursor: Option<&str>, limit: usize) -> Result<Page<RepositoryAbout>> {
        let query = InventoryQuery { before: after(cursor)?.map(RepoKey), ..query };
        let found = self.hub.catalog().list_inventory(query).await?;
        let Page { items, next } = paged(found, limit, |(repository, _)| repository.key.0);
        let keys: Vec<RepoKey> = items.iter().map(|(repository, _)| repository.key).collect();
        let bytes: HashMap<RepoKey, u64> = self.hub.content().levels_of(&keys).await?.into_iter().collect();
        let about = |(repository, namespace)| {
            let held = |repository: &Repository| bytes.get(&repository.key).copied().unwrap_or_default();
            about(repository, namespace, held)
        };
        Ok(Page { items: items.into_iter().map(about).collect(), next })
    }

    /// What is held is content's to know, and what is asked for the catalog's: the list is gone through in content's
    /// order, and the catalog says of each step which repositories are meant.
    async fn largest(
        &self,
        query: InventoryQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<RepositoryAbout>> {
        let mut place = cursor.map(Place::read).transpose()?;
        let mut items = vec![];
        for _ in 0..STEPS {
            let step = self.hub.content().list_largest(place.map(|place| (place.bytes, place.repo)), STEP).await?;
            let among = step.iter().map(|(repo, _)| *repo).collect();
            let query = InventoryQuery { among: Some(among), limit: STEP, ..query.clone() };
            let mut meant: HashMap<RepoKey, (Repository, Name)> =
                self.hub.catalog().list_inventory(query).await?.into_iter().map(|one| (one.0.key, one)).collect();
            let ended = step.len() < STEP;
            for (repo, bytes) in step {
                if items.len() == limit {
                    return Ok(Page { items, next: place.map(Place::write) });
                }
                place = Some(Place { bytes, repo });
                if let Some((repository, namespace)) = meant.remove(&repo) {
                    items.push(about(repository, namespace, |_| bytes));
                }
            }
            if ended {
                return Ok(Page { items, next: None });
            }
        }
        Ok(Page { items, next: place.map(Place::write) })
    }

    /// What a repository holds, its share of what is stored for it, and its quota.
    pub async fn repository_about(
        &self,
        repository: &Administering,
    ) -> Result<(RepositoryAbout, Share, RepositoryQuota)> {
        let key = repository.key();
        let info = repository.info(None).await?;
        let levels = self.hub.content().levels_of(&[key]).await?;
        let bytes = levels.first().map_or(0, |(_, bytes)| *bytes);
        let share = self.hub.content().share_of(key).await?;
        Ok((RepositoryAbout { info, bytes }, share, repository.quota().await?))
    }
}

/// A place in the order of sizes, written `BYTES.KEY`.
#[derive(Clone, Copy)]
struct Place {
    bytes: u64,
    repo: RepoKey,
}

impl Place {
    fn read(text: &str) -> Result<Self> {
        let read = || {
            let (bytes, repo) = text.split_once('.')?;
            Some(Self { bytes: bytes.parse().ok()?, repo: RepoKey(repo.parse().ok()?) })
        };
        read().ok_or_else(|| Failure::invalid("The cursor is not one that this list gave"))
    }

    fn write(self) -> String {
        format!("{}.{}", self.bytes, self.repo.0)
    }
}

fn about(repository: Repository, namespace: Name, bytes: impl Fn(&Repository) -> u64) -> RepositoryAbout {
    let id = RepoId { namespace, name: repository.name.clone() };
    RepositoryAbout { bytes: bytes(&repository), info: RepositoryInfo::new(&repository, id, repository.head) }
}
