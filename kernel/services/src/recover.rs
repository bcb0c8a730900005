//! What a crash left is brought to an end.

use std::time::Duration;

use ballast_catalog::RepoState;
use ballast_types::{RepoKey, Timestamp};

use crate::{Hub, Result};

const BATCH: usize = 100;

/// How old an unfinished repository must be before another node takes it over.
const TAKE_OVER: Duration = Duration::from_secs(120);

/// No deadline is further away.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Hub {
    /// Ends operations whose deadline is over, finishes repositories that are half made or half deleted, and lets
    /// reservations expire. At start and every minute, on every node: each step is idempotent, so nodes may meet.
    /// Answers how many things it brought to an end.
    pub async fn recover(&self) -> Result<usize> {
        let now = self.now();
        let mut ended = self.end_operations(now).await?;
        ended += self.recover_repositories(now).await?;
        ended += self.index_new_cards().await?;
        self.quota().expire(now).await?;
        Ok(ended)
    }

    /// The same for all that is under way, whatever its deadline, where nobody serves: whoever began it is gone.
    pub(crate) async fn recover_unserved(&self) -> Result<usize> {
        let later = self.now().after(LONGEST);
        Ok(self.end_operations(later).await? + self.recover_repositories(later).await?)
    }

    async fn end_operations(&self, now: Timestamp) -> Result<usize> {
        let (mut ended, mut after) = (0, None);
        loop {
            let operations = self.catalog().expired_operations(now, after, BATCH).await?;
            after = operations.last().map(|operation| operation.id);
            for operation in &operations {
                match self.engine().conclude(operation.repo, operation.id).await? {
                    Some(commit) => self.finish(operation, commit).await?,
                    None => {
                        // Before the row goes, because without it nobody would know any more if this were cut off; and
                        // after, because until then the catalog could change.
                        self.place_as_listed(operation.repo).await?;
                        self.abandon(operation).await?;
                        self.place_as_listed(operation.repo).await?;
                    }
                }
                ended += 1;
            }
            if operations.len() < BATCH {
                return Ok(ended);
            }
        }
    }

    async fn is_written(&self, repo: RepoKey) -> Result<bool> {
        Ok(!self.catalog().operations_of(repo, None, 1).await?.is_empty())
    }

    async fn recover_repositories(&self, now: Timestamp) -> Result<usize> {
        let (mut ended, mut after) = (0, None);
        loop {
            let states = [RepoState::Creating, RepoState::Deleting];
            let page = self.catalog().repositories_in(&states, after, BATCH).await?;
            after = page.last().map(|repository| repository.key);
            let whole = page.len() == BATCH;
            for repository in page {
                match repository.state {
                    RepoState::Deleting => self.finish_delete(repository.key).await?,
                    _ if repository.created_at.after(TAKE_OVER) > now => continue,
                    // Nobody was told of it, and its original may be another one by now.
                    _ if repository.origin.is_some() => match self.is_written(repository.key).await? {
                        true => continue,
                        false => self.discard(repository.key).await?,
                    },
                    _ => self.finish_create(&repository).await?,
                }
                ended += 1;
            }
            if !whole {
                return Ok(ended);
            }
        }
    }
}
