//! Moves a repository to another name, in its namespace or in another one.

use ballast_contract::quota::Account;
use ballast_types::{Name, RepoId, RepoKind};
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::{Administering, Caller, Failure, Hub, RepositoryName, Result};

impl Hub {
    /// Gives a repository another name; `from` and `to` are `namespace/name`, or a name in the caller's own namespace.
    /// It takes the right to administer it, and the right to make repositories where it goes. All that is in it, its
    /// likes and its statistics go with it, and its former names lead to it until somebody takes them.
    pub async fn move_repository(
        &self,
        caller: &Caller,
        kind: RepoKind,
        from: &str,
        to: &str,
    ) -> Result<RepositoryName> {
        let own = caller.known()?.user.name.as_str();
        let (namespace, name) = from.split_once('/').unwrap_or((own, from));
        let repository = match self.administering(caller, kind, namespace, name).await {
            // There is nothing of this name to be moved.
            Err(Failure::RepositoryMoved { to, .. }) => {
                return Err(Failure::Conflict(format!("The {kind} '{from}' is called '{to}' already")));
            }
            granted => granted?,
        };
        let (namespace, name) = to.split_once('/').unwrap_or((own, to));
        let name: Name = name.parse().map_err(Failure::invalid)?;
        repository.move_to(namespace, name).await
    }
}

impl Administering {
    async fn move_to(&self, namespace: &str, name: Name) -> Result<RepositoryName> {
        let place = self.hub.place_for(self.caller.known()?, Some(namespace)).await?;
        let (kind, repo) = (self.kind(), self.key());
        let id = RepoId { namespace: place.name.clone(), name: name.clone() };
        let object = repository_object(kind, self.id());
        let details = json!({ "to": id.to_string() });
        let noted = self.hub.noting(By::from(&self.caller), "repository.move", object, details);
        let relocate = async |operation| match noted.relocate_repository(operation, repo, place.key, &name).await {
            Err(ballast_catalog::Error::Exists { .. }) => {
                let there = self.hub.catalog().find_namesake(kind, place.key, &name).await?;
                let id = RepoId { namespace: place.name.clone(), name: there.unwrap_or_else(|| name.clone()) };
                Err(Failure::RepositoryExists { kind, id })
            }
            Ok(None) => Err(Failure::given_up()),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(error.into()),
        };
        match place.key == self.repository.namespace {
            true => relocate(None).await?,
            false => {
                let to = Account { namespace: place.key, visibility: self.repository.visibility };
                self.hub.place(repo, to, async |operation| relocate(Some(operation)).await).await?;
            }
        }
        self.changed(json!({ "moved": { "from": self.id().to_string(), "to": id.to_string() } })).await?;
        Ok(RepositoryName { kind, id })
    }
}
