//! Makes a repository.

use ballast_catalog::{NamespaceKind, OrgRole, RepoState, Repository};
use ballast_content::Stored;
use ballast_contract::ErrorKind;
use ballast_contract::auth::Role;
use ballast_contract::quota::Account;
use ballast_contract::versioning::{Change, FileRef, Node};
use ballast_types::{Name, RefName, RepoId, RepoKind, Revision, Signature, Timestamp, Visibility};
use bytes::Bytes;
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::caller::Known;
use crate::operation::{CREATE, Making};
use crate::{Caller, Failure, Hub, Result};

/// A repository to be made.
#[derive(Clone, Debug)]
pub struct NewRepository {
    pub kind: RepoKind,
    /// `name`, or `namespace/name`.
    pub name: String,
    /// The namespace, where `name` does not say it; none is the caller's own.
    pub organization: Option<String>,
    /// None is the namespace's own default.
    pub visibility: Option<Visibility>,
    /// What a space is run with.
    pub sdk: Option<String>,
}

/// What a repository is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryName {
    pub kind: RepoKind,
    pub id: RepoId,
}

/// What every repository begins with.
const FIRST_MESSAGE: &str = "initial commit\n";

impl Hub {
    /// Makes a repository with its first commit, which says in `.gitattributes` what goes to LFS, as on the Hub.
    /// `RepositoryExists`, with the name of what is there, where the name is taken in any spelling.
    pub async fn create_repository(&self, caller: &Caller, new: NewRepository) -> Result<RepositoryName> {
        let (repository, name) = self.take_name(caller.known()?, new, None).await?;
        self.finish_create(&repository).await?;
        Ok(name)
    }

    /// A repository that has its name and nothing else, for whoever may make one there; `origin` is what it is to be a
    /// copy of, whose gate and rules for large files it takes over. Nobody sees it yet.
    pub(crate) async fn take_name(
        &self,
        known: &Known,
        new: NewRepository,
        origin: Option<&Repository>,
    ) -> Result<(Repository, RepositoryName)> {
        let (namespace, name) = match new.name.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (new.organization.as_deref(), new.name.as_str()),
        };
        let name: Name = name.parse().map_err(Failure::invalid)?;
        let place = self.place_for(known, namespace).await?;
        let row = ballast_catalog::NewRepository {
            kind: new.kind,
            namespace: place.key,
            name: name.clone(),
            visibility: new.visibility.unwrap_or(place.default_visibility),
            sdk: new.sdk,
            gated: origin.and_then(|origin| origin.gated),
            lfs: origin.map(|origin| origin.lfs.clone()).unwrap_or_default(),
            origin: origin.map(|origin| origin.key),
            created_at: self.now(),
        };
        let id = RepoId { namespace: place.name.clone(), name: name.clone() };
        let details = json!({ "visibility": row.visibility });
        let noted = self.noting(By::Known(known), "repository.create", repository_object(new.kind, &id), details);
        let repository = match noted.create_repository(row).await {
            Err(ballast_catalog::Error::Exists { .. }) => {
                // Whoever goes on with what is there has to be told what it is called.
                let there = self.catalog().find_namesake(new.kind, place.key, &name).await?.unwrap_or(name);
                let id = RepoId { namespace: place.name, name: there };
                return Err(Failure::RepositoryExists { kind: new.kind, id });
            }
            made => made?,
        };
        Ok((repository, RepositoryName { kind: new.kind, id }))
    }

    pub(crate) async fn place_for(&self, known: &Known, namespace: Option<&str>) -> Result<Place> {
        let own = known.user.name.as_str();
        let wanted = namespace.filter(|name| !name.is_empty()).unwrap_or(own);
        let absent = || Failure::NamespaceNotFound { namespace: wanted.to_owned() };
        if known.credential.role < Role::Write || known.credential.repositories.is_some() {
            let why = "This token may not create repositories: use one with role write and without a repository scope";
            return Err(Failure::Forbidden(why.to_owned()));
        }
        let name: Name = wanted.parse().map_err(|_| absent())?;
        let found = self.catalog().find_namespace(&name).await?.ok_or_else(absent)?;
        let default_visibility = match found.kind {
            NamespaceKind::User => Visibility::Public,
            NamespaceKind::Organization => {
                self.catalog().find_organization(&name).await?.map_or(Visibility::Public, |o| o.default_visibility)
            }
        };
        let member = match found.kind {
            NamespaceKind::User => found.key == known.user.key.namespace(),
            NamespaceKind::Organization => {
                self.catalog().role(found.key, known.user.key).await? >= Some(OrgRole::Member)
            }
        };
        if !member && !known.is_administrator() {
            let why = format!("You may not create repositories in '{}'", found.name);
            return Err(Failure::Forbidden(why));
        }
        Ok(Place { key: found.key, name: found.name, default_visibility })
    }

    /// All that follows on the row. Idempotent: recovery calls it for a row that was left in the making.
    pub(crate) async fn finish_create(&self, repository: &Repository) -> Result<()> {
        let main = self.place_new(repository).await?;
        match self.engine().resolve(repository.key, &Revision::main()).await {
            Err(error) if error.is(ErrorKind::NotFound) => self.make_first_commit(repository, main).await?,
            resolved => drop(resolved?),
        }
        self.catalog().activate_repository(repository.key).await?;
        Ok(())
    }

    /// Tells the engine and the quota of a new repository; answers its default branch, which is unborn. Idempotent.
    pub(crate) async fn place_new(&self, repository: &Repository) -> Result<RefName> {
        debug_assert_eq!(repository.state, RepoState::Creating);
        let main = RefName::branch("main").map_err(Failure::invalid)?;
        self.engine().create(repository.key, &main).await?;
        let account = Account { namespace: repository.namespace, visibility: repository.visibility };
        self.quota().place(repository.key, account, true).await?;
        Ok(main)
    }

    async fn make_first_commit(&self, repository: &Repository, branch: RefName) -> Result<()> {
        let mut write = self.begin(repository.key, CREATE, None, None).await?;
        let text = Bytes::from(attributes(&self.settings().lfs.suffixes));
        match write.store_small(vec![text]).await {
            Ok(blobs) => {
                let settings = self.settings();
                let author = Signature::new(&settings.site_name, &format!("hub@{}", settings.no_reply_host));
                write.commit(first_commit(branch, &blobs, author, repository.created_at)).await.map(drop)
            }
            Err(failure) => Err(write.failed(failure).await),
        }
    }
}

/// Where somebody may make repositories.
pub(crate) struct Place {
    pub key: ballast_types::NamespaceKey,
    pub name: Name,
    default_visibility: Visibility,
}

fn first_commit(branch: RefName, blobs: &[Stored], author: Signature, time: Timestamp) -> Making {
    let put = |blob: &Stored| {
        let file = FileRef::Regular { oid: blob.oid, sha256: blob.sha256, size: blob.size };
        Change::Put { path: attributes_path(), node: Node::File { file, executable: false } }
    };
    Making {
        branch,
        expected_parent: None,
        author,
        time,
        message: FIRST_MESSAGE.to_owned(),
        changes: blobs.iter().map(put).collect(),
        blobs: blobs.iter().map(|blob| blob.sha256).collect(),
    }
}

pub(crate) fn attributes_path() -> ballast_types::RepoPath {
    ".gitattributes".parse().unwrap_or_else(|_| unreachable!("a constant path is valid"))
}

/// What tells git-lfs which files are its own.
fn attributes(suffixes: &[String]) -> String {
    suffixes.iter().map(|suffix| format!("*{suffix} filter=lfs diff=lfs merge=lfs -text\n")).collect()
}
