//! What is in this node's cache.

use ballast_landing::{CachedRepository, Inventory};
use ballast_types::RepoKind;

use super::Downloading;
use super::request::repo_id;
use crate::{Failure, Result};

/// What a cached repository has.
#[derive(Clone, Debug)]
pub struct CachedDetails(pub Inventory);

const NOT_CACHED: &str = "Repository not found in cache";

impl Downloading {
    /// The repositories of the cache, of one kind or of all.
    pub async fn list_cached(&self, kind: Option<RepoKind>) -> Result<Vec<CachedRepository>> {
        let cache = self.parts()?.cache.clone();
        let mut found = on_disk(move || cache.list()).await?;
        found.retain(|repository| kind.is_none_or(|kind| kind == repository.kind));
        Ok(found)
    }

    /// What a repository of the cache has; without a kind, the first that there is of models, datasets and spaces.
    pub async fn cached(&self, repo: &str, kind: Option<RepoKind>) -> Result<CachedDetails> {
        let (cache, id) = (self.parts()?.cache.clone(), repo_id(repo)?);
        let found = on_disk(move || {
            for kind in RepoKind::ALL.into_iter().filter(|one| kind.is_none_or(|kind| kind == *one)) {
                if let Some(found) = cache.inventory(kind, &id)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        });
        found.await?.map(CachedDetails).ok_or_else(|| Failure::NotFound(NOT_CACHED.to_owned()))
    }

    /// Takes a repository out of the cache: the bytes that this frees. `Conflict` while it is fetched.
    pub async fn delete_cached(&self, repo: &str, kind: RepoKind) -> Result<u64> {
        let (cache, id) = (self.parts()?.cache.clone(), repo_id(repo)?);
        let freed = on_disk(move || cache.delete(kind, &id)).await?;
        freed.ok_or_else(|| Failure::NotFound(NOT_CACHED.to_owned()))
    }
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> ballast_contract::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            let why = ballast_contract::Error::new(
                ballast_contract::ErrorKind::Internal,
                "jobs",
                "a look at the cache was cut off",
            );
            Err(Failure::Broken(why.with_source(error)))
        }
    }
}
