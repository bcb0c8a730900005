//! Whether both engines have the same of one repository.

use std::collections::BTreeSet;

use ballast_contract::Result;
use ballast_contract::versioning::failure::{corrupt, no_commit};
use ballast_contract::versioning::{ListRequest, WholeRef};
use ballast_types::git::{ObjectKind, TreeItem, encode_tree_item, object_id};
use ballast_types::{CommitId, GitOid, RepoKey};

use super::history::whole_refs;
use super::{Relocating, Side};

const OPERATION: &str = "versioning.migrate";
/// Entries of a root that are read at a time.
const BATCH: usize = 1000;

impl Relocating<'_> {
    /// Whether the refs of both are the same now, as they are read; `false` where the old engine's have moved on since
    /// these were read. `Corrupt` where the new engine does not have what it was given.
    pub(super) async fn verify(&self, repo: RepoKey, refs: &[WholeRef]) -> Result<bool> {
        if whole_refs(&self.to, repo).await? != refs {
            let context = format!("the refs of repository {repo} in '{}' are not those that were set", self.to.name);
            return Err(corrupt(OPERATION, context));
        }
        let tips: BTreeSet<CommitId> = refs.iter().filter_map(|one| one.commit).collect();
        for tip in tips {
            let (tree, listed) = (tree_of(&self.from, repo, tip).await?, listed_tree(&self.to, repo, tip).await?);
            if tree != listed {
                let context =
                    format!("the tree of commit {tip} is {tree}, and what '{}' lists makes {listed}", self.to.name);
                return Err(corrupt(OPERATION, context));
            }
        }
        Ok(whole_refs(&self.from, repo).await? == refs)
    }
}

async fn tree_of(side: &Side, repo: RepoKey, id: CommitId) -> Result<GitOid> {
    let info = side.engine.commits(repo, &[id]).await?.into_iter().flatten().next();
    info.map(|info| info.tree).ok_or_else(|| no_commit(OPERATION, repo, id))
}

/// The id of the tree that an engine lists at the root of a commit.
async fn listed_tree(side: &Side, repo: RepoKey, at: CommitId) -> Result<GitOid> {
    let (mut tree, mut after) = (Vec::new(), None);
    loop {
        let request = ListRequest { repo, at, folder: None, recursive: false, after, limit: BATCH };
        let page = side.engine.list(&request).await?;
        for entry in page.items {
            let name = entry.path.as_str().as_bytes();
            encode_tree_item(&mut tree, &TreeItem { mode: entry.node.mode(), name, oid: entry.node.oid() });
        }
        after = page.next;
        if after.is_none() {
            return Ok(object_id(ObjectKind::Tree, &tree));
        }
    }
}
