//! What a repository counts for follows what the catalog says of it.
//!
//! Two owners and no common transaction: the quota is asked first, because only it can refuse; then the catalog is
//! changed; then the quota is told what the catalog says, until the catalog says nothing new. An operation's row stands
//! meanwhile, so that recovery tells it again after a crash; the catalog is changed only while it stands, so that nothing
//! changes behind a recovery that gave it up. Whoever comes last has read the truth, in whatever order several arrive.

use ballast_catalog::{RepoState, Repository};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Account;
use ballast_types::{OperationId, RepoKey};

use crate::{Failure, Hub, Result};

impl Hub {
    /// Changes what a repository counts for: `change` is what changes the catalog, under an operation. `NoRoomThere`, and nothing changed,
    /// where the new account has no room for what the repository holds.
    pub(crate) async fn place<T, F: Future<Output = Result<T>>>(
        &self,
        repo: RepoKey,
        to: Account,
        change: impl FnOnce(OperationId) -> F,
    ) -> Result<T> {
        let write = self.begin(repo, "place_repository", None, None).await?;
        let changed = match self.quota().place(repo, to, false).await {
            Err(error) if error.is(ErrorKind::OverLimit) => Err(Failure::NoRoomThere(error.context)),
            Err(error) => Err(error.into()),
            Ok(()) => change(write.id()).await,
        };
        // Where this fails, the row stays, and recovery does it.
        self.place_as_listed(repo).await?;
        write.give_up().await?;
        changed
    }

    /// Tells the quota what the catalog says. Idempotent.
    pub(crate) async fn place_as_listed(&self, repo: RepoKey) -> Result<()> {
        let mut told = None;
        loop {
            let Some(account) = self.listed_account(repo).await? else { return Ok(self.quota().forget(repo).await?) };
            if told == Some(account) {
                return Ok(());
            }
            self.quota().place(repo, account, true).await?;
            told = Some(account);
        }
    }

    /// None where the repository is gone or on its way.
    async fn listed_account(&self, repo: RepoKey) -> Result<Option<Account>> {
        match self.catalog().get_repository(repo).await {
            Err(ballast_catalog::Error::NotFound) => Ok(None),
            Ok(repository) if repository.state == RepoState::Deleting => Ok(None),
            found => Ok(Some(account(&found?))),
        }
    }
}

/// What a repository counts for.
pub(crate) fn account(repository: &Repository) -> Account {
    Account { namespace: repository.namespace, visibility: repository.visibility }
}
