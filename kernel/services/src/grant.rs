//! Where rights are granted: the only place that decides who may do what with a repository.
//!
//! | caller | public repository | private repository |
//! |---|---|---|
//! | nobody | read | looks absent |
//! | a user | read, propose | looks absent |
//! | a visitor of the organisation | read, propose | read, propose |
//! | a member of the organisation | write | write |
//! | the user whose namespace it is, an admin or super-admin of the organisation | admin | admin |
//! | an administrator of the hub | admin | admin |
//!
//! A credential lowers that to its role's ceiling, a policy plugin may take more away, and nothing adds to it.

use std::ops::Deref;
use std::sync::Arc;

use ballast_catalog::{NamespaceKind, OrgRole, Repository};
use ballast_contract::auth::Question;
use ballast_types::{RepoId, RepoKey, RepoKind, Right, Visibility};

use crate::caller::Known;
use crate::{Caller, Failure, Hub, Result};

/// A repository that the caller may read.
#[derive(Clone)]
pub struct Readable {
    pub(crate) hub: Hub,
    pub(crate) repository: Arc<Repository>,
    pub(crate) id: RepoId,
    pub(crate) caller: Caller,
}

/// A repository that the caller may write content to.
#[derive(Clone)]
pub struct Writable(Readable);

/// A repository that the caller may change in every way, and delete.
pub struct Administering(Writable);

impl Deref for Writable {
    type Target = Readable;
    fn deref(&self) -> &Readable {
        &self.0
    }
}

impl Deref for Administering {
    type Target = Writable;
    fn deref(&self) -> &Writable {
        &self.0
    }
}

impl Readable {
    /// `namespace/name`, spelt as its owner does.
    pub fn id(&self) -> &RepoId {
        &self.id
    }

    /// Model, dataset or space.
    pub fn kind(&self) -> RepoKind {
        self.repository.kind
    }

    pub(crate) fn key(&self) -> RepoKey {
        self.repository.key
    }
}

impl Hub {
    /// The right to read; `namespace` and `name` as the URL has them, in any spelling of the case.
    pub async fn readable(&self, caller: &Caller, kind: RepoKind, namespace: &str, name: &str) -> Result<Readable> {
        self.grant(caller, kind, namespace, name, Right::Read).await
    }

    /// The right to write content, branches and tags.
    pub async fn writable(&self, caller: &Caller, kind: RepoKind, namespace: &str, name: &str) -> Result<Writable> {
        Ok(Writable(self.grant(caller, kind, namespace, name, Right::Write).await?))
    }

    /// The right to settings, move and delete.
    pub async fn administering(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
    ) -> Result<Administering> {
        Ok(Administering(Writable(self.grant(caller, kind, namespace, name, Right::Admin).await?)))
    }

    async fn grant(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
        right: Right,
    ) -> Result<Readable> {
        let written = format!("{namespace}/{name}");
        let absent = || Failure::RepositoryNotFound { kind, id: written.clone(), anonymous: caller.is_anonymous() };
        let found = self.catalog().find_repository(kind, namespace, name).await?.ok_or_else(absent)?;
        let repository = found.repository;

        let known = caller.for_repository(repository.key);
        let most = match known {
            Some(known) => self.most(known, &repository, found.namespace.kind).await?,
            None => (repository.visibility == Visibility::Public).then_some(Right::Read),
        };
        let most = most.ok_or_else(absent)?;
        if !self.policies_allow(known, &repository, Right::Read).await? {
            return Err(absent());
        }
        let id = RepoId { namespace: found.namespace.name.clone(), name: repository.name.clone() };
        if found.by_redirect {
            return Err(Failure::RepositoryMoved { kind, from: written, to: id });
        }
        if most < right || (right > Right::Read && !self.policies_allow(known, &repository, right).await?) {
            return Err(match known {
                None => Failure::CredentialRequired,
                Some(_) => Failure::Forbidden(refusal(right, &id)),
            });
        }
        Ok(Readable { hub: self.clone(), repository, id, caller: caller.clone() })
    }

    /// The most that a user may do; none where the repository looks absent.
    async fn most(&self, known: &Known, repository: &Repository, owner: NamespaceKind) -> Result<Option<Right>> {
        let ceiling = known.credential.role.ceiling();
        if known.is_administrator() || repository.namespace == known.user.key.namespace() {
            return Ok(Some(ceiling));
        }
        let role = match owner {
            NamespaceKind::Organization => self.catalog().role(repository.namespace, known.user.key).await?,
            NamespaceKind::User => None,
        };
        let right = match (role, repository.visibility) {
            (Some(OrgRole::Admin | OrgRole::SuperAdmin), _) => Right::Admin,
            (Some(OrgRole::Member), _) => Right::Write,
            (Some(OrgRole::Visitor), _) | (None, Visibility::Public) => Right::Propose,
            (None, Visibility::Private) => return Ok(None),
        };
        Ok(Some(right.min(ceiling)))
    }

    async fn policies_allow(&self, known: Option<&Known>, repository: &Repository, right: Right) -> Result<bool> {
        for (_, auth) in &self.0.parts.auth {
            let Some(policy) = auth.policy() else { continue };
            let question = Question {
                user: known.map(|known| known.user.key),
                subject: None,
                repo: repository.key,
                namespace: repository.namespace,
                visibility: repository.visibility,
                right,
            };
            if policy.narrow(&[question]).await?.first() != Some(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn refusal(right: Right, id: &RepoId) -> String {
    match right {
        Right::Admin => format!(
            "You may not administer '{id}': that takes an admin's role in its namespace and a token with role write"
        ),
        _ => format!(
            "You may not write to '{id}': that takes a member's role in its namespace and a token with role write"
        ),
    }
}
