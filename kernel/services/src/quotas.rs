//! Limits and usage of namespaces and repositories, as people see and set them.

use ballast_catalog::{Namespace, NamespaceKind, OrgRole, Repository};
use ballast_contract::Page;
use ballast_contract::auth::Role;
use ballast_contract::quota::{Account, Limit, Scope, Usage};
use ballast_types::{Name, NamespaceKey, RepoId, RepoKey, RepoKind, Timestamp, Visibility};
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::caller::Known;
use crate::paging::{after, page_size, paged};
use crate::place_repository::account;
use crate::{Administering, Caller, Failure, Hub, Readable, Result};

/// Where the two accounts of a namespace stand.
#[derive(Clone, Debug)]
pub struct NamespaceQuota {
    pub namespace: Name,
    pub is_organization: bool,
    /// None for whoever may not see what is private.
    pub private: Option<Usage>,
    pub public: Usage,
}

/// Where a repository stands, and the account that it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepositoryQuota {
    pub repository: Usage,
    /// As set; the default is that of its account.
    pub limit: Limit,
    pub account: Usage,
}

/// A repository among others of its namespace, with what it holds.
#[derive(Clone, Debug)]
pub struct StoredRepository {
    pub kind: RepoKind,
    pub id: RepoId,
    pub visibility: Visibility,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub quota: RepositoryQuota,
}

/// Limits to be set; none leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaPatch {
    pub private: Option<Limit>,
    pub public: Option<Limit>,
}

/// How far somebody reaches into a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Member,
    Admin,
    Hub,
}

const BATCH: usize = 100;

impl Hub {
    /// Where a namespace stands; who is not its owner, a member or an administrator sees what is public alone.
    pub async fn public_quota(&self, caller: &Caller, namespace: &str) -> Result<NamespaceQuota> {
        let namespace = self.namespace(namespace).await?;
        let reach = self.reach(caller, &namespace).await?;
        self.namespace_quota(&namespace, reach >= Reach::Member).await
    }

    /// Where a namespace stands, for its owner, its members and administrators.
    pub async fn quota_of(&self, caller: &Caller, namespace: &str) -> Result<NamespaceQuota> {
        let namespace = self.reached(caller, namespace, Reach::Member).await?;
        self.namespace_quota(&namespace, true).await
    }

    /// Sets limits. Whoever administers a namespace may lower them; raising takes an administrator of the hub.
    pub async fn set_quota(&self, caller: &Caller, namespace: &str, patch: QuotaPatch) -> Result<NamespaceQuota> {
        let namespace = self.reached(caller, namespace, Reach::Admin).await?;
        let reach = self.reach(caller, &namespace).await?;
        self.set_limits(By::from(caller), namespace.key, &namespace.name, patch, reach == Reach::Hub).await?;
        self.namespace_quota(&namespace, true).await
    }

    /// The same for whoever is known to have the right.
    pub(crate) async fn set_limits(
        &self,
        by: By<'_>,
        namespace: NamespaceKey,
        name: &Name,
        patch: QuotaPatch,
        may_raise: bool,
    ) -> Result<()> {
        for (visibility, limit) in [(Visibility::Private, patch.private), (Visibility::Public, patch.public)] {
            let Some(limit) = limit else { continue };
            self.set_limit(Scope::Account(Account { namespace, visibility }), limit, may_raise).await?;
        }
        let details = json!({ "private": patch.private, "public": patch.public });
        self.put_on_record(by, "quota.set", format!("namespace/{name}"), details).await
    }

    async fn set_limit(&self, scope: Scope, limit: Limit, may_raise: bool) -> Result<()> {
        let present = self.usage(scope).await?.limit;
        let raises = match (limit, present) {
            (Limit::Bytes(bytes), Some(present)) => bytes > present,
            (Limit::Bytes(_), None) => false,
            (Limit::Unlimited, present) => present.is_some(),
            (Limit::Default, _) => self.quota().limits(&[scope]).await?.first() != Some(&Limit::Default),
        };
        if raises && !may_raise {
            let why = "Only an administrator of the hub raises a limit; you may lower it";
            return Err(Failure::Forbidden(why.to_owned()));
        }
        Ok(self.quota().set_limit(scope, limit).await?)
    }

    /// Counts anew what each repository of a namespace holds, and tells the quota.
    pub async fn recalculate_quota(&self, caller: &Caller, namespace: &str) -> Result<NamespaceQuota> {
        let namespace = self.reached(caller, namespace, Reach::Admin).await?;
        let object = format!("namespace/{}", namespace.name);
        self.put_on_record(By::from(caller), "quota.recalculate", object, json!({})).await?;
        let mut after = None;
        loop {
            let page = self.catalog().repositories_of(namespace.key, after, BATCH).await?;
            for repository in &page {
                self.recount(repository.key).await?;
            }
            after = page.last().map(|repository| repository.key);
            if page.len() < BATCH {
                return self.namespace_quota(&namespace, true).await;
            }
        }
    }

    pub(crate) async fn recount(&self, repo: RepoKey) -> Result<()> {
        self.place_as_listed(repo).await?;
        let settlement = self.content().recount(repo).await?;
        self.settle(repo, &settlement).await
    }

    /// A namespace's repositories of every kind with what each holds, oldest first: 100 at a time unless asked, at most
    /// 1000. For its owner, its members and administrators.
    pub async fn stored_repositories(
        &self,
        caller: &Caller,
        namespace: &str,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<(NamespaceQuota, Page<StoredRepository>)> {
        let namespace = self.reached(caller, namespace, Reach::Member).await?;
        let limit = page_size(limit, 100, 1000);
        let found = self.catalog().repositories_of(namespace.key, after(cursor)?.map(RepoKey), limit + 1).await?;
        let page = paged(found, limit, |repository| repository.key.0);
        let quotas = self.repository_quotas(&page.items).await?;
        let stored = |(repository, quota): (Repository, RepositoryQuota)| StoredRepository {
            kind: repository.kind,
            id: RepoId { namespace: namespace.name.clone(), name: repository.name },
            visibility: repository.visibility,
            created_at: repository.created_at,
            updated_at: repository.updated_at,
            quota,
        };
        let items = page.items.into_iter().zip(quotas).map(stored).collect();
        Ok((self.namespace_quota(&namespace, true).await?, Page { items, next: page.next }))
    }

    /// `NotFound` unless there is a user or an organisation of this name.
    pub async fn check_namespace(&self, name: &str) -> Result<()> {
        self.namespace(name).await.map(drop)
    }

    async fn namespace(&self, name: &str) -> Result<Namespace> {
        let absent = || Failure::NotFound(format!("There is no user or organisation '{}'", name.escape_debug()));
        let parsed: Name = name.parse().map_err(|_| absent())?;
        self.catalog().find_namespace(&parsed).await?.ok_or_else(absent)
    }

    async fn reached(&self, caller: &Caller, name: &str, least: Reach) -> Result<Namespace> {
        caller.known()?;
        let namespace = self.namespace(name).await?;
        match self.reach(caller, &namespace).await? >= least {
            true => Ok(namespace),
            false => {
                let who =
                    if least == Reach::Member { "its members" } else { "its admins, with a token of role write," };
                Err(Failure::Forbidden(format!("Of '{}', this is for {who} and administrators", namespace.name)))
            }
        }
    }

    async fn reach(&self, caller: &Caller, namespace: &Namespace) -> Result<Reach> {
        let Ok(known) = caller.known() else { return Ok(Reach::Public) };
        // A credential that is limited to repositories is none elsewhere.
        if known.credential.repositories.is_some() {
            return Ok(Reach::Public);
        }
        if known.is_administrator() {
            return Ok(Reach::Hub);
        }
        let reach = match namespace.kind {
            NamespaceKind::User if namespace.key == known.user.key.namespace() => Reach::Admin,
            NamespaceKind::User => Reach::Public,
            NamespaceKind::Organization => match self.catalog().role(namespace.key, known.user.key).await? {
                Some(OrgRole::Admin | OrgRole::SuperAdmin) => Reach::Admin,
                Some(OrgRole::Member | OrgRole::Visitor) => Reach::Member,
                None => Reach::Public,
            },
        };
        Ok(reach.min(highest(known)))
    }

    async fn namespace_quota(&self, namespace: &Namespace, with_private: bool) -> Result<NamespaceQuota> {
        let of = |visibility| Scope::Account(Account { namespace: namespace.key, visibility });
        let usage = self.quota().usage(&[of(Visibility::Private), of(Visibility::Public)]).await?;
        let usage = |at: usize| usage.get(at).copied().unwrap_or_default();
        Ok(NamespaceQuota {
            namespace: namespace.name.clone(),
            is_organization: namespace.kind == NamespaceKind::Organization,
            private: with_private.then(|| usage(0)),
            public: usage(1),
        })
    }

    /// Where the accounts of a page's worth of users, or of organisations, stand.
    pub(crate) async fn namespace_quotas(
        &self,
        namespaces: &[(NamespaceKey, Name)],
        is_organization: bool,
    ) -> Result<Vec<NamespaceQuota>> {
        let of = |namespace, visibility| Scope::Account(Account { namespace, visibility });
        let both = |(key, _): &(NamespaceKey, Name)| [of(*key, Visibility::Private), of(*key, Visibility::Public)];
        let usage = self.quota().usage(&namespaces.iter().flat_map(both).collect::<Vec<_>>()).await?;
        let at = |at: usize| usage.get(at).copied().unwrap_or_default();
        let quota = |(place, (_, name)): (usize, &(NamespaceKey, Name))| NamespaceQuota {
            namespace: name.clone(),
            is_organization,
            private: Some(at(2 * place)),
            public: at(2 * place + 1),
        };
        Ok(namespaces.iter().enumerate().map(quota).collect())
    }

    async fn usage(&self, scope: Scope) -> Result<Usage> {
        Ok(self.quota().usage(&[scope]).await?.first().copied().unwrap_or_default())
    }

    async fn repository_quotas(&self, repositories: &[Repository]) -> Result<Vec<RepositoryQuota>> {
        let own: Vec<Scope> = repositories.iter().map(|repository| Scope::Repository(repository.key)).collect();
        let of = |visibility| repositories.iter().find(|repository| repository.visibility == visibility);
        let accounts = [of(Visibility::Private), of(Visibility::Public)];
        let accounts: Vec<Account> = accounts.into_iter().flatten().map(account).collect();
        let scopes: Vec<Scope> = own.iter().copied().chain(accounts.iter().copied().map(Scope::Account)).collect();
        let usage = self.quota().usage(&scopes).await?;
        let limits = self.quota().limits(&own).await?;
        let at = |at: usize| usage.get(at).copied().unwrap_or_default();
        let of_account = |repository: &Repository| {
            let place = accounts.iter().position(|one| *one == account(repository));
            place.map_or_else(Usage::default, |place| at(own.len() + place))
        };
        let quota = |(place, repository): (usize, &Repository)| RepositoryQuota {
            repository: at(place),
            limit: limits.get(place).copied().unwrap_or(Limit::Default),
            account: of_account(repository),
        };
        Ok(repositories.iter().enumerate().map(quota).collect())
    }
}

/// How far a credential reaches at most.
fn highest(known: &Known) -> Reach {
    match known.credential.role {
        Role::Read => Reach::Member,
        Role::Write | Role::Admin => Reach::Admin,
    }
}

impl Readable {
    /// Where the repository stands, and its account.
    pub async fn quota(&self) -> Result<RepositoryQuota> {
        let quotas = self.hub.repository_quotas(std::slice::from_ref(&*self.repository)).await?;
        quotas.into_iter().next().ok_or_else(|| Failure::NotFound(format!("There is no quota of '{}'", self.id())))
    }
}

impl Administering {
    /// Sets its limit; raising takes an administrator of the hub.
    pub async fn set_quota(&self, limit: Limit) -> Result<RepositoryQuota> {
        let may_raise = self.caller.known()?.is_administrator();
        self.hub.set_limit(Scope::Repository(self.key()), limit, may_raise).await?;
        let object = repository_object(self.kind(), self.id());
        self.hub.put_on_record(By::from(&self.caller), "quota.set", object, json!({ "repository": limit })).await?;
        self.quota().await
    }

    /// Counts anew what it holds, and tells the quota.
    pub async fn recalculate_quota(&self) -> Result<RepositoryQuota> {
        let object = repository_object(self.kind(), self.id());
        self.hub.put_on_record(By::from(&self.caller), "quota.recalculate", object, json!({})).await?;
        self.hub.recount(self.key()).await?;
        self.quota().await
    }
}
