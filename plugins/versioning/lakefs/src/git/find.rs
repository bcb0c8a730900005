//! What a git oid of a repository stands for.
//!
//! Nothing leads from the oid of a tree or a file to where it lies, and a fetch asks for few of them by name: a clone
//! without files, when it wants some of them. So they are looked for, in the commits of the refs, the latest first, and
//! each folder once. What is in a tip costs what the tip holds; what is nowhere costs the whole history, as a clone does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::GitObject;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{CommitId, GitOid, RefName, RepoKey};

use crate::Lakefs;
use crate::folder::{Folder, Item, What, join};
use crate::history::Log;
use crate::reading::repo_path;
use crate::records::{Commit, RefRow};

/// Refs on one page.
const REFS: usize = 500;

/// An annotated tag of a ref.
pub struct Tagged {
    pub commit: CommitId,
    /// The tag itself, and those that it leads through.
    texts: Vec<(GitOid, String)>,
}

impl Tagged {
    /// Its objects, the outermost first.
    pub fn objects(&self) -> impl Iterator<Item = GitObject> {
        self.texts.iter().map(|(oid, _)| GitObject::Tag { oid: *oid })
    }
}

/// All annotated tags of a repository.
pub struct Tags(Vec<Tagged>);

impl Tags {
    /// The tag with this object; it may be one that another tag leads through.
    pub fn find(&self, oid: GitOid) -> Option<&Tagged> {
        self.0.iter().find(|tag| tag.texts.iter().any(|(each, _)| *each == oid))
    }

    /// The tags' own bytes.
    pub fn into_texts(self) -> HashMap<GitOid, String> {
        self.0.into_iter().flat_map(|tag| tag.texts).collect()
    }

    /// Those that point at one of these commits.
    pub fn of<'a>(&'a self, commits: &'a HashSet<CommitId>) -> impl Iterator<Item = GitObject> + 'a {
        self.0.iter().filter(|tag| commits.contains(&tag.commit)).flat_map(Tagged::objects)
    }
}

impl Lakefs {
    /// The refs with all that is behind them.
    async fn each_ref(&self, repo: RepoKey, prefix: &str) -> Result<Vec<(RefName, RefRow)>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.records.ref_rows(repo, prefix, after, REFS).await?;
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn tags(&self, repo: RepoKey) -> Result<Tags> {
        let mut tags = Vec::new();
        for (_, row) in self.each_ref(repo, "refs/tags/").await? {
            let (Some(commit), Some(tag)) = (row.commit, row.tag) else { continue };
            let inner = tag.inner.into_iter().map(|text| (object_id(ObjectKind::Tag, text.as_bytes()), text));
            tags.push(Tagged { commit, texts: std::iter::once((tag.oid, tag.text)).chain(inner).collect() });
        }
        Ok(Tags(tags))
    }

    /// What each of these is; none where the repository has no such object.
    pub(super) async fn find_objects(&self, repo: RepoKey, oids: &[GitOid]) -> Result<Vec<Option<GitObject>>> {
        self.repository(repo).await?;
        let mut found: HashMap<GitOid, GitObject> = HashMap::new();
        for oid in oids {
            let id = CommitId(oid.0);
            if self.find_commit(repo, id).await?.is_some() {
                found.insert(*oid, GitObject::Commit { id });
            }
        }
        let absent = |found: &HashMap<GitOid, GitObject>| -> HashSet<GitOid> {
            oids.iter().copied().filter(|oid| !found.contains_key(oid)).collect()
        };
        let rest = absent(&found);
        if !rest.is_empty() {
            let tags = self.tags(repo).await?;
            let asked = tags.into_texts().into_keys().filter(|oid| rest.contains(oid));
            found.extend(asked.map(|oid| (oid, GitObject::Tag { oid })));
        }
        let rest = absent(&found);
        if !rest.is_empty() {
            self.look_for(repo, rest, &mut found).await?;
        }
        Ok(oids.iter().map(|oid| found.get(oid).cloned()).collect())
    }

    /// Looks for trees and blobs in what the refs lead to.
    async fn look_for(
        &self,
        repo: RepoKey,
        mut wanted: HashSet<GitOid>,
        found: &mut HashMap<GitOid, GitObject>,
    ) -> Result<()> {
        let tips: Vec<CommitId> =
            self.each_ref(repo, "").await?.into_iter().filter_map(|(_, row)| row.commit).collect();
        let (mut log, mut seen) = (Log::new(self, repo), HashSet::new());
        log.add(&tips).await?;
        while let Some(commit) = log.next().await? {
            if seen.insert(commit.root.oid) {
                let (oid, at) = (commit.root.oid, commit.info.id);
                if wanted.remove(&oid) {
                    found.insert(oid, GitObject::Tree { oid, at, folder: None, base: None });
                }
                self.look_in(repo, &commit, &mut seen, &mut wanted, found).await?;
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Looks in the folders of one commit that were not seen before.
    async fn look_in(
        &self,
        repo: RepoKey,
        commit: &Arc<Commit>,
        seen: &mut HashSet<GitOid>,
        wanted: &mut HashSet<GitOid>,
        found: &mut HashMap<GitOid, GitObject>,
    ) -> Result<()> {
        let view = self.view_of(repo, commit.info.id).await?;
        let mut open: Vec<(String, Item)> = Vec::new();
        let mut level: Vec<(String, Arc<Folder>)> = Vec::new();
        level.extend(view.folder("").await?.map(|root| (String::new(), root)));
        loop {
            for (path, folder) in level {
                for item in &folder.items {
                    let (oid, at) = (item.what.node().oid(), commit.info.id);
                    let below = join(&path, &item.name);
                    match &item.what {
                        What::Entry(node) => {
                            if let Some(file) = node.file().copied().filter(|_| wanted.remove(&oid)) {
                                found.insert(oid, GitObject::Blob { oid, file, base: None });
                            }
                        }
                        What::Folder(_) if seen.insert(oid) => {
                            if wanted.remove(&oid) {
                                let folder = Some(repo_path(below.clone())?);
                                found.insert(oid, GitObject::Tree { oid, at, folder, base: None });
                            }
                            open.push((below, item.clone()));
                        }
                        What::Folder(_) => {}
                    }
                }
            }
            if open.is_empty() || wanted.is_empty() {
                return Ok(());
            }
            level = view.inner_all(std::mem::take(&mut open)).await?;
        }
    }
}
