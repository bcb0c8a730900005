//! A repository that is to be read, wherever it is: in this hub, or mirrored from another one.

use std::borrow::Borrow;

use ballast_types::{CommitId, RepoKind, Revision};

use crate::{
    Caller, Downloadable, Failure, Hub, HubToken, Mirrored, Origin, Provenance, Readable, Refs, ResolvedFile, Result,
    TreeEntry, TreeOptions, TreePage,
};

/// Which repository is to be read, and where it is looked for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    pub kind: RepoKind,
    /// As the URL has it, in any spelling of the case; the name too. Empty where the name stands alone: no repository of
    /// this hub is called so.
    pub namespace: &'a str,
    pub name: &'a str,
    /// None is the default branch.
    pub revision: Option<&'a Revision>,
    /// Whether other hubs are asked for what is not here, where this one mirrors any.
    pub fallback: bool,
    /// The caller's own, for hubs that are mirrored.
    pub tokens: &'a [HubToken],
}

/// A right to a repository of this hub, or one that is mirrored.
pub enum Found<T> {
    Here(T),
    Mirrored(Box<Mirrored>),
}

/// A repository that the caller may read.
pub type Reading = Found<Readable>;

/// A repository whose files the caller may have.
pub type Fetching = Found<Downloadable>;

impl Wish<'_> {
    /// That this hub has no such repository, where the name stands alone.
    fn stands_alone(&self, caller: &Caller) -> Option<Failure> {
        let (kind, anonymous) = (self.kind, caller.is_anonymous());
        let absent = || Failure::RepositoryNotFound { kind, id: self.name.to_owned(), anonymous };
        self.namespace.is_empty().then(absent)
    }
}

impl Hub {
    /// The right to read a repository of this hub; where there is none of that name, one that is mirrored.
    pub async fn reading(&self, caller: &Caller, wish: Wish<'_>) -> Result<Reading> {
        let here = match wish.stands_alone(caller) {
            Some(absent) => Err(absent),
            None => self.readable(caller, wish.kind, wish.namespace, wish.name).await,
        };
        match here {
            Ok(here) => Ok(Reading::Here(here)),
            Err(failure) => Ok(Reading::Mirrored(self.not_here(caller, failure, &wish).await?)),
        }
    }

    /// The same for a repository's files.
    pub async fn fetching(&self, caller: &Caller, wish: Wish<'_>) -> Result<Fetching> {
        let here = match wish.stands_alone(caller) {
            Some(absent) => Err(absent),
            None => self.downloadable(caller, wish.kind, wish.namespace, wish.name).await,
        };
        match here {
            Ok(here) => Ok(Fetching::Here(here)),
            Err(failure) => Ok(Fetching::Mirrored(self.not_here(caller, failure, &wish).await?)),
        }
    }

    async fn not_here(&self, caller: &Caller, failure: Failure, wish: &Wish<'_>) -> Result<Box<Mirrored>> {
        match failure {
            absent @ Failure::RepositoryNotFound { .. } if wish.fallback => {
                let found = self.elsewhere(caller, absent, wish).await?;
                Ok(Box::new(found))
            }
            failure => Err(failure),
        }
    }
}

impl<T: Borrow<Readable>> Found<T> {
    /// Where this comes from; none is this hub.
    pub fn provenance(&self) -> Option<Provenance> {
        match self {
            Self::Here(_) => None,
            Self::Mirrored(mirrored) => Some(mirrored.provenance()),
        }
    }

    /// `namespace/name`, or the name alone of what has no other at another hub.
    pub fn id(&self) -> String {
        match self {
            Self::Here(here) => here.borrow().id().to_string(),
            Self::Mirrored(mirrored) => mirrored.id().to_string(),
        }
    }

    /// Model, dataset or space.
    pub fn kind(&self) -> RepoKind {
        match self {
            Self::Here(here) => here.borrow().kind(),
            Self::Mirrored(mirrored) => mirrored.kind(),
        }
    }
}

impl Found<Readable> {
    /// A page of a folder; none is the root.
    pub async fn tree(&self, revision: &Revision, folder: Option<&str>, options: TreeOptions) -> Result<TreePage> {
        match self {
            Self::Here(here) => here.tree(revision, folder, options).await,
            Self::Mirrored(mirrored) => mirrored.tree(folder, options),
        }
    }

    /// What stands at each of these paths; those where nothing does are left out.
    pub async fn paths_info(
        &self,
        revision: &Revision,
        paths: &[String],
        expand: bool,
    ) -> Result<(CommitId, Vec<TreeEntry>)> {
        match self {
            Self::Here(here) => here.paths_info(revision, paths, expand).await,
            Self::Mirrored(mirrored) => Ok((mirrored.commit(), mirrored.paths_info(paths, expand)?)),
        }
    }

    /// Every ref that points somewhere; proposals where they are asked for, and never those of a mirror.
    pub async fn refs(&self, proposals: bool) -> Result<Refs> {
        match self {
            Self::Here(here) => here.refs(proposals).await,
            Self::Mirrored(mirrored) => mirrored.refs().await,
        }
    }
}

impl Found<Downloadable> {
    /// Finds a file. A folder, or nothing, at the path is `EntryNotFound`.
    pub async fn resolve_file(&self, revision: &Revision, path: &str) -> Result<ResolvedFile> {
        match self {
            Self::Here(here) => here.resolve_file(revision, path).await,
            Self::Mirrored(mirrored) => mirrored.resolve_file(path),
        }
    }

    /// Counts a download by the caller, of so many files. Downloads of mirrors are counted nowhere.
    pub fn downloaded(&self, origin: &Origin, files: u64) {
        if let Self::Here(here) = self {
            here.downloaded(origin, files);
        }
    }
}
