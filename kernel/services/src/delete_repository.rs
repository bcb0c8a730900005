//! Deletes a repository, for good.

use ballast_types::RepoKey;
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::{Administering, Hub, Result};

const BATCH: usize = 100;

impl Administering {
    /// Frees the name at once; bytes that only this repository used go with the next collection.
    pub async fn delete(self) -> Result<()> {
        let repo = self.key();
        let object = repository_object(self.kind(), self.id());
        let noted = self.hub.noting(By::from(&self.caller), "repository.delete", object, json!({}));
        noted.mark_deleting(repo).await?;
        self.hub.finish_delete(repo).await
    }
}

impl Hub {
    pub(crate) async fn discard(&self, repo: RepoKey) -> Result<()> {
        self.catalog().mark_deleting(repo).await?;
        self.finish_delete(repo).await
    }

    /// All that follows on the mark. Idempotent: recovery calls it for a row that was left marked.
    pub(crate) async fn finish_delete(&self, repo: RepoKey) -> Result<()> {
        self.engine().delete(repo).await?;
        loop {
            let operations = self.catalog().operations_of(repo, None, BATCH).await?;
            if operations.is_empty() {
                break;
            }
            for operation in &operations {
                self.abandon(operation).await?;
            }
        }
        self.content().forget(repo).await?;
        self.quota().forget(repo).await?;
        self.catalog().remove_repository(repo).await?;
        Ok(())
    }
}
