//! Makes a repository that begins as a copy of another one.

use std::collections::HashSet;

use ballast_catalog::Repository;
use ballast_contract::versioning::{Change, Entry, ListRequest, Node};
use ballast_types::{CommitId, RefName, Revision, Sha256, Visibility};

use crate::create_commit::MAX_OPERATIONS;
use crate::operation::{DUPLICATE, Making, Write};
use crate::{Downloadable, Failure, NewRepository, RepositoryName, Result};

const PAGE: usize = 1000;

impl Downloadable {
    /// Makes a repository whose first commit has the files of this one's default branch; `to` is `namespace/name`, or a
    /// name in the caller's own namespace. It is as visible as this one unless told otherwise, gated if this one is, and
    /// large files are large in it by the same rules. History, discussions and likes stay behind; bytes are not copied,
    /// but counted. `RepositoryExists` where the name is taken.
    pub async fn duplicate(&self, to: &str, visibility: Option<Visibility>) -> Result<RepositoryName> {
        let at = self.resolve(&Revision::new(self.default_branch())).await?;
        let new = NewRepository {
            kind: self.kind(),
            name: to.to_owned(),
            organization: None,
            visibility: Some(visibility.unwrap_or(self.repository.visibility)),
            sdk: self.repository.sdk.clone(),
        };
        let (repository, name) = self.hub.take_name(self.caller.known()?, new, Some(&self.repository)).await?;
        match self.fill(&repository, at).await {
            Ok(()) => Ok(name),
            Err(failure) => {
                if let Err(error) = self.hub.discard(repository.key).await {
                    tracing::warn!(%error, repository = %name.id, "a copy that failed is left to recovery");
                }
                Err(failure)
            }
        }
    }

    async fn fill(&self, copy: &Repository, at: CommitId) -> Result<()> {
        let main = self.hub.place_new(copy).await?;
        let author = self.caller.known()?.user.key;
        let mut write = self.hub.begin(copy.key, DUPLICATE, Some(author), None).await?;
        match self.borrow_tree(&mut write, at, main).await {
            Err(failure) => return Err(write.failed(failure).await),
            // There is nothing to copy: it begins as every repository does.
            Ok(making) if making.changes.is_empty() => {
                write.give_up().await?;
                return self.hub.finish_create(copy).await;
            }
            Ok(making) => write.commit(making).await?,
        };
        match self.hub.catalog().activate_repository(copy.key).await? {
            true => Ok(()),
            false => Err(Failure::given_up()),
        }
    }

    fn lacks_some(&self) -> Failure {
        Failure::Conflict(format!(
            "'{}' cannot be copied: a large file was permanently deleted from it, or its branch moved meanwhile",
            self.id()
        ))
    }

    /// Leases what the commit names for the copy, with room for it.
    async fn borrow_tree(&self, write: &mut Write, at: CommitId, branch: RefName) -> Result<Making> {
        let (mut changes, mut borrowed, mut bytes) = (vec![], HashSet::new(), 0);
        let mut after = None;
        loop {
            let request = ListRequest { repo: self.key(), at, folder: None, recursive: true, after, limit: PAGE };
            let page = self.hub.engine().list(&request).await?;
            let files = page.items.into_iter().filter(|entry| !matches!(entry.node, Node::Directory { .. }));
            let files: Vec<Entry> = files.collect();
            let named = files.iter().filter_map(|entry| entry.node.file()).flat_map(|file| file.blobs());
            let new: Vec<Sha256> = named.filter(|sha256| borrowed.insert(*sha256)).collect();
            for lent in self.hub.content().lend(self.key(), write.lease(), &new).await? {
                bytes += lent.ok_or_else(|| self.lacks_some())?.size;
            }
            changes.extend(files.into_iter().map(|entry| Change::Put { path: entry.path, node: entry.node }));
            if changes.len() > MAX_OPERATIONS {
                let why = format!("'{}' has more than {MAX_OPERATIONS} files: clone and push it", self.id());
                return Err(Failure::TooLarge(why));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        write.reserve(bytes).await?;
        Ok(Making {
            branch,
            expected_parent: None,
            author: self.caller.known()?.signature(&self.hub),
            time: self.hub.now(),
            message: format!("Duplicate from {}\n", self.id()),
            changes,
            blobs: borrowed.into_iter().collect(),
        })
    }
}
