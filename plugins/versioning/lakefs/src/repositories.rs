//! Making and deleting repositories.
//!
//! A repository in lakeFS has a name that nobody else ever has, since what lakeFS stored of a deleted one stays in the
//! bucket and keeps its folder from being used again. The name stands in the state before lakeFS hears of it, so that
//! whoever is cut off in between finds it when trying again.

use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{RefName, RepoKey};

use crate::Lakefs;
use crate::names::mirror;
use crate::records::{self, RefRow, Repository};
use ballast_contract::versioning::failure::{conflict, corrupt, internal};

const OPERATION: &str = "versioning.repository";
/// Each time, somebody else went a step ahead.
const ATTEMPTS: usize = 64;

impl Lakefs {
    pub(crate) async fn make_repository(&self, repo: RepoKey, default_branch: &RefName) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let Some(kept) = self.records.repository(repo).await? else {
                let name = self.new_name(repo)?;
                let row = Repository { name, root: None, default_branch: default_branch.clone(), deleted: false };
                self.records.apply(vec![records::write(records::repository_key(repo), 0, &row)?]).await?;
                continue;
            };
            let row = kept.value;
            if row.deleted {
                return Err(conflict(OPERATION, format!("repository {repo} was deleted; its key is not used again")));
            }
            if row.root.is_some() {
                return Ok(());
            }
            let (name, branch) = (row.name.clone(), mirror(&row.default_branch));
            let namespace = format!("{}/{name}", self.storage_namespace);
            self.client.create_repository(&name, &namespace, &branch).await?;
            let root = self.client.branch(&name, &branch).await?;
            let root =
                root.ok_or_else(|| corrupt(OPERATION, format!("lakeFS made {name} without a branch {branch}")))?;
            let unborn = records::ref_key(repo, row.default_branch.as_str());
            let row = Repository { root: Some(root.commit_id), ..row };
            let writes = vec![
                records::write(records::repository_key(repo), kept.version, &row)?,
                records::write(unborn, 0, &RefRow::default())?,
            ];
            self.records.apply(writes).await?;
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            OPERATION,
            format!("repository {repo} could not be made: others make it too"),
        ))
    }

    /// The mark comes first: from then on nobody finds the repository, and nothing that is late can move a ref of it.
    pub(crate) async fn delete_repository(&self, repo: RepoKey) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let kept = self.records.repository(repo).await?;
            let (version, row) = match kept {
                Some(kept) if kept.value.deleted => return self.bury(repo, &kept.value).await.map(drop),
                Some(kept) => (kept.version, Repository { deleted: true, ..kept.value }),
                None => {
                    let default_branch = RefName::branch("main");
                    let default_branch = default_branch.map_err(|error| internal(OPERATION, error.to_string()))?;
                    (0, Repository { name: String::new(), root: None, default_branch, deleted: true })
                }
            };
            self.records.apply(vec![records::write(records::repository_key(repo), version, &row)?]).await?;
        }
        Err(Error::new(ErrorKind::Unavailable, OPERATION, format!("repository {repo} changes too fast to be deleted")))
    }

    /// Takes away what a deleted repository has left; how many rows these were.
    pub(crate) async fn bury(&self, repo: RepoKey, row: &Repository) -> Result<u64> {
        // Its refs first: a commit that is under way finds none to move.
        let rows = self.records.forget(repo).await?;
        if !row.name.is_empty() {
            self.client.delete_repository(&row.name).await?;
        }
        Ok(rows)
    }

    fn new_name(&self, repo: RepoKey) -> Result<String> {
        let mut random = [0; 6];
        let none = |error| internal(OPERATION, format!("the operating system gave no random bytes: {error}"));
        getrandom::fill(&mut random).map_err(none)?;
        Ok(format!("{}{repo}-{}", self.prefix, hex::encode(random)))
    }
}
