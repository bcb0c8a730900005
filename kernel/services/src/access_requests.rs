//! Gated repositories: everybody may see them, and their files go to those who were given access.

use ballast_catalog::{AccessRequest, Noted, User};
use ballast_contract::Page;
use ballast_contract::auth::Role;
use ballast_types::{Name, RepoKind, Right, UserKey};
use serde_json::{Map, Value, json};

use crate::audit::{By, repository_object};
use crate::grant::Downloadable;
use crate::paging::{after, page_size, paged};
use crate::{Administering, Caller, Failure, Gated, Hub, Readable, Result};

pub use ballast_catalog::AccessStatus;

/// The most that a request may say, in bytes of JSON.
const MOST: usize = 16 << 10;

/// A request for access, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessAsked {
    pub user: User,
    pub request: AccessRequest,
}

impl Hub {
    /// The right to a repository's files. Of a gated one it takes a role in its namespace, or access that was granted;
    /// whoever sees it and lacks that hears how to ask.
    pub async fn downloadable(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
    ) -> Result<Downloadable> {
        let repository = self.readable(caller, kind, namespace, name).await?;
        match repository.is_open().await? {
            true => Ok(Downloadable::of(repository)),
            false => Err(Failure::Gated {
                kind,
                id: repository.id().clone(),
                anonymous: repository.caller.for_repository(repository.key()).is_none(),
            }),
        }
    }
}

impl Readable {
    /// Whether the gate is open to the caller.
    async fn is_open(&self) -> Result<bool> {
        if self.repository.gated.is_none() || self.is_insider() {
            return Ok(true);
        }
        let Some(known) = self.caller.for_repository(self.key()) else { return Ok(false) };
        let request = self.hub.catalog().find_access(self.key(), known.user.key).await?;
        Ok(request.is_some_and(|request| request.status == AccessStatus::Accepted))
    }

    /// Whether the caller is in by their role, whatever the credential lowers it to.
    fn is_insider(&self) -> bool {
        self.role >= Right::Write
    }

    /// Asks for access: granted at once where the gate is automatic. Answers where the request stands, also where it was
    /// made before. `Invalid` where the repository is not gated.
    pub async fn ask_access(&self, fields: Map<String, Value>) -> Result<AccessStatus> {
        let known = self.caller.known_for(self.key())?;
        if known.credential.role == Role::Read {
            return Err(Failure::Forbidden("Asking for access takes a token with role write".to_owned()));
        }
        if Value::Object(fields.clone()).to_string().len() > MOST {
            return Err(Failure::TooLarge(format!("The request says more than {MOST} bytes")));
        }
        let status = match self.repository.gated {
            None => return Err(Failure::Invalid(format!("'{}' is not gated: its files are for everybody", self.id()))),
            Some(Gated::Auto) => AccessStatus::Accepted,
            Some(Gated::Manual) => AccessStatus::Pending,
        };
        let request = AccessRequest { status, fields, reason: None, at: self.hub.now() };
        let (repo, user) = (self.key(), known.user.key);
        let object = repository_object(self.kind(), self.id());
        let details = json!({ "user": known.user.name, "status": status });
        let noted = self.hub.noting(By::Known(known), "access.ask", object, details);
        match noted.ask_access(repo, user, request).await? {
            true => Ok(status),
            false => Ok(self.hub.catalog().find_access(repo, user).await?.map_or(status, |request| request.status)),
        }
    }
}

impl Administering {
    /// Requests that stand so: 100 at a time unless asked, at most 1000.
    pub async fn access_requests(
        &self,
        status: AccessStatus,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<AccessAsked>> {
        let limit = page_size(limit, 100, 1000);
        let after = after(cursor)?.map(UserKey);
        let found = self.hub.catalog().list_access(self.key(), status, after, limit + 1).await?;
        let page = paged(found, limit, |(_, user)| user.key.0);
        let items = page.items.into_iter().map(|(request, user)| AccessAsked { user, request }).collect();
        Ok(Page { items, next: page.next })
    }

    /// Decides on a request. `NotFound` where this user has not asked; `Invalid` where it stands so already.
    pub async fn decide_access(&self, user: &str, status: AccessStatus, reason: Option<String>) -> Result<()> {
        let user = self.user(user).await?;
        let (catalog, repo) = (self.hub.catalog(), self.key());
        if catalog.find_access(repo, user.key).await?.is_none() {
            let why = format!("'{}' has not asked for access to '{}'", user.name, self.id());
            return Err(Failure::NotFound(why));
        }
        let noted = self.noting_access(&user, status);
        match noted.decide_access(repo, user.key, status, reason, self.hub.now()).await? {
            true => Ok(()),
            false => Err(Failure::Invalid(format!("The request of '{}' is {status} already", user.name))),
        }
    }

    /// Gives access to somebody, whether they asked or not. `Invalid` where they have it.
    pub async fn grant_access(&self, user: &str) -> Result<()> {
        let user = self.user(user).await?;
        let (status, at) = (AccessStatus::Accepted, self.hub.now());
        let repo = self.key();
        if self.repository.gated.is_none() {
            return Err(Failure::Invalid(format!("'{}' is not gated: its files are for everybody", self.id())));
        }
        let request = AccessRequest { status, fields: Map::new(), reason: None, at };
        let noted = self.noting_access(&user, status);
        if noted.ask_access(repo, user.key, request).await?
            || noted.decide_access(repo, user.key, status, None, at).await?
        {
            return Ok(());
        }
        Err(Failure::Invalid(format!("'{}' has access already", user.name)))
    }

    fn noting_access(&self, user: &User, status: AccessStatus) -> Noted {
        let object = repository_object(self.kind(), self.id());
        let details = json!({ "user": user.name, "status": status });
        self.hub.noting(By::from(&self.caller), "access.decide", object, details)
    }

    async fn user(&self, name: &str) -> Result<User> {
        let absent = || Failure::NotFound(format!("There is no user '{}'", name.escape_debug()));
        let parsed: Name = name.parse().map_err(|_| absent())?;
        self.hub.catalog().find_user(&parsed).await?.ok_or_else(absent)
    }
}
