//! How much of everything there is, and how much of it is used.

use ballast_catalog::{ListQuery, Sort, Totals, Viewer};
use ballast_types::{RepoId, RepoKind};

use super::Administrator;
use crate::downloads::in_every_day;
use crate::paging::page_size;
use crate::{RepositoryInfo, Result, Series};

/// The hub in numbers.
#[derive(Clone, Debug)]
pub struct Statistics {
    pub totals: Totals,
    /// What repositories hold, in bytes: each distinct blob once in each.
    pub held_bytes: u64,
    /// As many blobs that is.
    pub held_files: u64,
    /// What lies in storage, in bytes, and in how many objects.
    pub stored_bytes: u64,
    pub stored_objects: u64,
    /// Of all repositories.
    pub downloads: Series,
    /// Those that were downloaded most, ever.
    pub top: Vec<RepositoryInfo>,
}

impl Administrator {
    /// The hub in numbers: the downloads of so many days, today included, and so many repositories (10 unless asked, at
    /// most 100). `Invalid` for no day, or more than a year.
    pub async fn statistics(&self, days: u32, top: Option<usize>) -> Result<Statistics> {
        let (first, today) = self.hub.period(days)?;
        let (catalog, content) = (self.hub.catalog(), self.hub.content());
        let stored = content.stats().await?.stored;
        let (held_bytes, held_files) = content.held_in_all().await?;
        let found = catalog.all_daily_downloads(first).await?;
        Ok(Statistics {
            totals: catalog.totals().await?,
            held_bytes,
            held_files,
            stored_bytes: stored.values().map(|(_, bytes)| bytes).sum(),
            stored_objects: stored.values().map(|(objects, _)| objects).sum(),
            downloads: in_every_day(first, today, &found),
            top: self.most_downloaded(page_size(top, 10, 100)).await?,
        })
    }

    async fn most_downloaded(&self, limit: usize) -> Result<Vec<RepositoryInfo>> {
        let mut most = vec![];
        for kind in [RepoKind::Model, RepoKind::Dataset, RepoKind::Space] {
            let listed = self.hub.catalog().list_repositories(ListQuery {
                kind,
                author: None,
                search: vec![],
                tags: vec![],
                pipeline_tag: None,
                gated: None,
                viewer: Viewer { everything: true, ..Viewer::default() },
                sort: Sort::Downloads,
                descending: true,
                after: None,
                limit,
            });
            most.extend(listed.await?.items.into_iter().filter(|(repository, _)| repository.downloads > 0));
        }
        most.sort_by_key(|(repository, _)| std::cmp::Reverse(repository.downloads));
        most.truncate(limit);
        let info = |(repository, namespace): (ballast_catalog::Repository, _)| {
            let id = RepoId { namespace, name: repository.name.clone() };
            RepositoryInfo::new(&repository, id, repository.head)
        };
        Ok(most.into_iter().map(info).collect())
    }
}
