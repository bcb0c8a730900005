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
//! Who may propose may open discussions and pull requests, say something in every one, and write to the refs of their own
//! pull requests; who may write may do so with all of them ([`Committing`]).
//!
//! A credential lowers that to its role's ceiling, a policy plugin may take more away, and nothing adds to it.

use std::borrow::Borrow;
use std::ops::Deref;
use std::sync::Arc;

use ballast_catalog::{Namespace, NamespaceKind, OrgRole, Repository, Viewer};
use ballast_contract::auth::Question;
use ballast_types::{NamespaceKey, RefKind, RefName, RepoId, RepoKey, RepoKind, Revision, Right, UserKey, Visibility};
use serde::{Deserialize, Serialize};

use crate::caller::Known;
use crate::{Caller, Failure, Hub, Result};

/// A repository that the caller may read.
#[derive(Clone)]
pub struct Readable {
    pub(crate) hub: Hub,
    pub(crate) repository: Arc<Repository>,
    pub(crate) id: RepoId,
    pub(crate) caller: Caller,
    /// The most that the caller's place gives, before the credential lowers it.
    pub(crate) role: Right,
}

/// A repository whose files the caller may have.
#[derive(Clone)]
pub struct Downloadable(Readable);

/// A repository that the caller may propose something to, and bring the bytes for it.
#[derive(Clone)]
pub struct Proposing {
    readable: Readable,
    /// Whether the caller may write to every ref of it.
    pub(crate) writes: bool,
}

/// A repository that the caller may write content to.
#[derive(Clone)]
pub struct Writable(Proposing);

/// One ref of a repository, to which the caller may commit.
#[derive(Clone)]
pub struct Committing {
    pub(crate) repository: Proposing,
    /// As it was asked for.
    pub(crate) revision: Revision,
    pub(crate) name: RefName,
}

/// Where the bytes of an upload are to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// To a branch, or to the ref of a pull request.
    #[serde(rename = "r")]
    Ref(Revision),
    /// To a pull request that is still to be opened.
    #[serde(rename = "p")]
    Proposal,
}

/// A repository that the caller may change in every way, and delete.
pub struct Administering(Writable);

impl Borrow<Readable> for Downloadable {
    fn borrow(&self) -> &Readable {
        self
    }
}

impl Deref for Downloadable {
    type Target = Readable;
    fn deref(&self) -> &Readable {
        &self.0
    }
}

impl Downloadable {
    pub(crate) fn of(repository: Readable) -> Self {
        Self(repository)
    }
}

impl Deref for Proposing {
    type Target = Readable;
    fn deref(&self) -> &Readable {
        &self.readable
    }
}

impl Deref for Writable {
    type Target = Proposing;
    fn deref(&self) -> &Proposing {
        &self.0
    }
}

impl Deref for Committing {
    type Target = Proposing;
    fn deref(&self) -> &Proposing {
        &self.repository
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

    /// What it stays however it is called.
    pub fn key(&self) -> RepoKey {
        self.repository.key
    }
}

impl Hub {
    /// The right to read; `namespace` and `name` as the URL has them, in any spelling of the case.
    pub async fn readable(&self, caller: &Caller, kind: RepoKind, namespace: &str, name: &str) -> Result<Readable> {
        Ok(self.grant(caller, kind, namespace, name, Right::Read).await?.0)
    }

    /// The right to open discussions and pull requests, and to say something in them.
    pub async fn proposing(&self, caller: &Caller, kind: RepoKind, namespace: &str, name: &str) -> Result<Proposing> {
        let (readable, most) = self.grant(caller, kind, namespace, name, Right::Propose).await?;
        let known = caller.for_repository(readable.key());
        let writes = most >= Right::Write && self.policies_allow(known, &readable.repository, Right::Write).await?;
        Ok(Proposing { readable, writes })
    }

    /// The right to write content, branches and tags.
    pub async fn writable(&self, caller: &Caller, kind: RepoKind, namespace: &str, name: &str) -> Result<Writable> {
        let (readable, _) = self.grant(caller, kind, namespace, name, Right::Write).await?;
        Ok(Writable(Proposing { readable, writes: true }))
    }

    /// The right to commit to one ref: the ref of a pull request, or another one, which takes the right to write.
    pub async fn committing(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
        revision: &Revision,
    ) -> Result<Committing> {
        match is_proposal(revision) {
            true => self.proposing(caller, kind, namespace, name).await?.committing(revision).await,
            false => self.writable(caller, kind, namespace, name).await?.committing(revision).await,
        }
    }

    /// The right to bring bytes that are to be committed somewhere: the right to commit there.
    pub async fn uploading(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
        destination: &Destination,
    ) -> Result<Proposing> {
        match destination {
            Destination::Proposal => self.proposing(caller, kind, namespace, name).await,
            Destination::Ref(revision) if is_proposal(revision) => {
                Ok(self.committing(caller, kind, namespace, name, revision).await?.repository)
            }
            Destination::Ref(_) => Ok(self.writable(caller, kind, namespace, name).await?.0),
        }
    }

    /// The right to settings, move and delete.
    pub async fn administering(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
    ) -> Result<Administering> {
        let (readable, _) = self.grant(caller, kind, namespace, name, Right::Admin).await?;
        Ok(Administering(Writable(Proposing { readable, writes: true })))
    }

    /// The repository, and the most that the caller may do with it: at least `right`.
    async fn grant(
        &self,
        caller: &Caller,
        kind: RepoKind,
        namespace: &str,
        name: &str,
        right: Right,
    ) -> Result<(Readable, Right)> {
        let written = format!("{namespace}/{name}");
        let absent = || Failure::RepositoryNotFound { kind, id: written.clone(), anonymous: caller.is_anonymous() };
        let Some(found) = self.catalog().find_repository(kind, namespace, name).await? else {
            // Who may not even ask hears nothing of it.
            let mirror = match right > Right::Read && !caller.is_anonymous() {
                true => self.mirror_of(kind, namespace, name).await?,
                false => None,
            };
            return Err(mirror.map_or_else(absent, |from| Failure::Forbidden(of_a_mirror(&written, &from))));
        };
        let repository = found.repository;

        let known = caller.for_repository(repository.key);
        let role = match known {
            Some(known) => self.role(known, &repository, found.namespace.kind).await?,
            None => (repository.visibility == Visibility::Public).then_some(Right::Read),
        };
        let role = role.ok_or_else(absent)?;
        let most = known.map_or(role, |known| role.min(known.credential.role.ceiling()));
        if !self.policies_allow(known, &repository, Right::Read).await? {
            return Err(absent());
        }
        let id = RepoId { namespace: found.namespace.name.clone(), name: repository.name.clone() };
        if found.by_redirect {
            return Err(Failure::RepositoryMoved { kind, from: written, to: id });
        }
        if most < right || (right > Right::Read && !self.policies_allow(known, &repository, right).await?) {
            caller.known_for(repository.key)?;
            return Err(Failure::Forbidden(refusal(right, &id)));
        }
        Ok((Readable { hub: self.clone(), repository, id, caller: caller.clone(), role }, most))
    }

    /// The most that a user's place gives; none where the repository looks absent.
    async fn role(&self, known: &Known, repository: &Repository, owner: NamespaceKind) -> Result<Option<Right>> {
        if known.is_administrator() || repository.namespace == known.user.key.namespace() {
            return Ok(Some(Right::Admin));
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
        Ok(Some(right))
    }

    /// Those of a few repositories that a viewer may read, in as many statements for a hundred as for one. Rules are told
    /// who it is where a credential was shown.
    pub(crate) async fn visible_among(
        &self,
        viewer: &Viewer,
        known: Option<&Known>,
        found: Vec<(Repository, Namespace)>,
    ) -> Result<Vec<(Repository, Namespace)>> {
        let owners: Vec<NamespaceKey> = found.iter().map(|(_, owner)| owner.key).collect();
        let memberships = match viewer.user {
            Some(user) => self.catalog().roles_in(&owners, user).await?,
            None => vec![],
        };
        let belongs = |owner: &Namespace| {
            viewer.everything
                || viewer.user.is_some_and(|user| user.namespace() == owner.key)
                || memberships.iter().any(|(organization, _)| *organization == owner.key)
        };
        let in_scope = |key: &RepoKey| viewer.scope.as_ref().is_none_or(|scope| scope.contains(key));
        let seen = |(repository, owner): &(Repository, Namespace)| {
            repository.visibility == Visibility::Public || (belongs(owner) && in_scope(&repository.key))
        };
        let visible = found.into_iter().filter(seen).collect();
        self.readable_by_rules(viewer.user, known, visible, |(repository, _)| repository).await
    }

    /// Those of what a list found that no rule takes from the caller.
    pub(crate) async fn listed_by_rules<T>(
        &self,
        caller: &Caller,
        found: Vec<T>,
        of: impl Fn(&T) -> &Repository,
    ) -> Result<Vec<T>> {
        let known = caller.known().ok();
        self.readable_by_rules(known.map(|known| known.user.key), known, found, of).await
    }

    async fn readable_by_rules<T>(
        &self,
        user: Option<UserKey>,
        known: Option<&Known>,
        mut found: Vec<T>,
        of: impl Fn(&T) -> &Repository,
    ) -> Result<Vec<T>> {
        for (instance, auth) in &self.0.parts.auth {
            let Some(policy) = auth.policy() else { continue };
            let subject = subject_of(known, instance);
            let questions: Vec<Question> =
                found.iter().map(|one| question(user, subject, of(one), Right::Read)).collect();
            let mut answers = policy.narrow(&questions).await?.into_iter();
            found.retain(|_| answers.next() == Some(true));
        }
        Ok(found)
    }

    async fn policies_allow(&self, known: Option<&Known>, repository: &Repository, right: Right) -> Result<bool> {
        let user = known.map(|known| known.user.key);
        for (instance, auth) in &self.0.parts.auth {
            let Some(policy) = auth.policy() else { continue };
            let asked = question(user, subject_of(known, instance), repository, right);
            if policy.narrow(&[asked]).await?.first() != Some(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_proposal(revision: &Revision) -> bool {
    RefName::writable(revision).is_ok_and(|name| name.kind() == RefKind::Proposal)
}

/// Whom an instance knows the caller as, where it was the one that proved it.
fn subject_of<'a>(known: Option<&'a Known>, instance: &str) -> Option<&'a str> {
    known.filter(|known| known.instance == instance).map(|known| known.subject.as_str())
}

fn question(user: Option<UserKey>, subject: Option<&str>, repository: &Repository, right: Right) -> Question {
    Question {
        user,
        subject: subject.map(str::to_owned),
        repo: repository.key,
        namespace: repository.namespace,
        visibility: repository.visibility,
        right,
    }
}

fn of_a_mirror(id: &str, from: &str) -> String {
    format!(
        "'{id}' is mirrored from {from} and cannot be changed here: change it there, or make a repository of your own and \
         import it"
    )
}

fn refusal(right: Right, id: &RepoId) -> String {
    match right {
        Right::Admin => format!(
            "You may not administer '{id}': that takes an admin's role in its namespace and a token with role write"
        ),
        Right::Propose => format!("You may not propose anything to '{id}': that takes a token with role write"),
        _ => format!(
            "You may not write to '{id}': that takes a member's role in its namespace and a token with role write"
        ),
    }
}
