//! Asking an operation that a plugin brings: who is calling and what they may do is settled before the plugin hears of it.

use std::sync::Arc;

use ballast_contract::auth::Role;
use ballast_contract::endpoints::part::{Access, Operation};
use ballast_contract::endpoints::{Account, Endpoints, Repository, Request, Response};
use ballast_contract::{Error, ErrorKind};
use ballast_types::{RepoKind, Right};

use crate::caller::Known;
use crate::grant::Readable;
use crate::{Caller, Failure, Hub, Result};

/// An operation that this caller may ask.
pub struct Asking {
    instance: String,
    endpoints: Arc<dyn Endpoints>,
    caller: Option<Account>,
    repository: Option<Repository>,
}

impl Hub {
    /// The right to ask an operation of an instance; `repository` is what the address names, where the operation is about
    /// one, and one that the caller may not see looks as everywhere.
    pub async fn asking(
        &self,
        caller: &Caller,
        instance: &str,
        operation: &Operation,
        repository: Option<(RepoKind, &str, &str)>,
    ) -> Result<Asking> {
        let mut all = self.0.parts.endpoints.iter();
        let absent = || Error::new(ErrorKind::Unavailable, "endpoints", format!("endpoints.{instance} is not here"));
        let found = all.find(|(name, _)| name == instance).ok_or_else(|| Failure::Unavailable(absent()))?;
        let repository = match (operation.right, repository) {
            (Some(right), Some(named)) => Some(self.granted(caller, right, named).await?),
            _ => None,
        };
        let known = match (operation.access, &repository) {
            (Access::Administrator, _) => {
                self.administrator(caller).await?;
                Some(caller.known()?)
            }
            (Access::Account, Some(repository)) => Some(caller.known_for(repository.key())?),
            (Access::Account, None) => Some(everywhere(caller)?),
            (Access::Anybody, Some(repository)) => caller.for_repository(repository.key()),
            (Access::Anybody, None) => caller.known().ok().filter(|known| known.credential.repositories.is_none()),
        };
        if let Some(known) = known.filter(|_| operation.access != Access::Anybody && !operation.is_safe()) {
            writing(known)?;
        }
        let (instance, endpoints) = (instance.to_owned(), Arc::clone(&found.1));
        Ok(Asking { instance, endpoints, caller: known.map(account), repository: repository.map(fact) })
    }

    async fn granted(
        &self,
        caller: &Caller,
        right: Right,
        (kind, namespace, name): (RepoKind, &str, &str),
    ) -> Result<Readable> {
        Ok(match right {
            Right::Read => self.readable(caller, kind, namespace, name).await?,
            Right::Propose => Readable::clone(&*self.proposing(caller, kind, namespace, name).await?),
            Right::Write => Readable::clone(&**self.writable(caller, kind, namespace, name).await?),
            Right::Admin => Readable::clone(&***self.administering(caller, kind, namespace, name).await?),
        })
    }
}

/// Whoever shows a credential that is good for the whole hub.
fn everywhere(caller: &Caller) -> Result<&Known> {
    let known = caller.known()?;
    match known.credential.repositories {
        None => Ok(known),
        Some(_) => {
            Err(Failure::Forbidden("The token is limited to some repositories, and this is about none".to_owned()))
        }
    }
}

fn writing(known: &Known) -> Result<()> {
    match known.credential.role {
        Role::Write | Role::Admin => Ok(()),
        Role::Read => Err(Failure::Forbidden("This may change something: it takes a token of role write".to_owned())),
    }
}

fn account(known: &Known) -> Account {
    Account {
        name: known.user.name.clone(),
        key: known.user.key,
        is_administrator: known.is_administrator(),
        role: known.credential.role,
    }
}

fn fact(of: Readable) -> Repository {
    Repository { key: of.key(), kind: of.kind(), id: of.id().to_string(), visibility: of.repository.visibility }
}

impl Asking {
    /// Asks. Who is calling, and which repository it is about, is filled in here.
    pub async fn answer(self, request: Request) -> Result<Response> {
        let request = Request { caller: self.caller, repository: self.repository, ..request };
        let answer = self.endpoints.answer(request).await;
        answer.map_err(|error| match error.kind {
            ErrorKind::Internal | ErrorKind::Corrupt => Failure::PluginFault { instance: self.instance, cause: error },
            _ => error.into(),
        })
    }
}
