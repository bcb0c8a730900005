//! What a git oid of a repository stands for.

use std::collections::{HashMap, HashSet};

use ballast_contract::Result;
use ballast_contract::versioning::GitObject;
use ballast_types::git::TagText;
use ballast_types::{CommitId, GitOid, RepoKey};

use crate::Native;
use crate::error::{corrupt, invalid, missing, stored};
use crate::rows::{refs, trees};

const OPERATION: &str = "versioning.find";
/// Oids in one statement.
const BATCH: usize = 500;
/// Tags of tags that are followed.
const NESTED: usize = 16;
/// Tags that are looked at when commits are fetched.
const TAGS: usize = 1000;

impl Native {
    /// What each of these is; none where the repository has no such object.
    pub(crate) async fn find_objects(&self, repo: RepoKey, oids: &[GitOid]) -> Result<Vec<Option<GitObject>>> {
        let mut found: HashMap<GitOid, GitObject> = HashMap::new();
        let ids: Vec<CommitId> = oids.iter().map(|oid| CommitId(oid.0)).collect();
        for id in self.history.find(repo, &ids).await?.into_keys() {
            found.insert(id.into(), GitObject::Commit { id });
        }
        let rest = unknown(oids, &found);
        for batch in rest.chunks(BATCH) {
            for row in refs::tags(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))? {
                let oid = oid(&row.oid)?;
                found.insert(oid, GitObject::Tag { oid });
            }
        }
        let rest = unknown(oids, &found);
        for batch in rest.chunks(BATCH) {
            for row in trees::find(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))? {
                let (oid, at) = (oid(&row.oid)?, CommitId(oid(&row.commit)?.0));
                let folder = match row.folder.as_str() {
                    "" => None,
                    folder => Some(folder.parse().map_err(|_| corrupt(OPERATION, "a tree's folder is no path"))?),
                };
                found.insert(oid, GitObject::Tree { oid, at, folder, base: None });
            }
        }
        let rest: Vec<GitOid> = oids.iter().copied().filter(|oid| !found.contains_key(oid)).collect();
        for (oid, file) in self.files.refs_of(repo, &rest).await? {
            found.insert(oid, GitObject::Blob { oid, file });
        }
        Ok(oids.iter().map(|oid| found.get(oid).cloned()).collect())
    }

    /// The commit that an annotated tag leads to, with the tags on the way added to the objects.
    pub(crate) async fn unwrap_tag(
        &self,
        repo: RepoKey,
        tag: GitOid,
        objects: &mut Vec<GitObject>,
    ) -> Result<Option<CommitId>> {
        let mut oid = tag;
        for _ in 0..NESTED {
            objects.push(GitObject::Tag { oid });
            let text = self.tag_text(repo, oid).await?;
            let target = self.find_objects(repo, &[text.object]).await?.into_iter().next().flatten();
            match target {
                Some(GitObject::Commit { id }) => return Ok(Some(id)),
                Some(GitObject::Tag { oid: inner }) => oid = inner,
                Some(_) | None => return Ok(None),
            }
        }
        Err(invalid(OPERATION, format!("tag {tag} is a tag of a tag, more than {NESTED} times")))
    }

    /// What an annotated tag of the repository says.
    pub(crate) async fn tag_text(&self, repo: RepoKey, oid: GitOid) -> Result<TagText> {
        let rows = refs::tags(&self.database, repo.0, vec![oid.0.to_vec()]).await.map_err(stored(OPERATION))?;
        let row = rows.into_iter().next().ok_or_else(|| missing(OPERATION, format!("there is no tag {oid}")))?;
        TagText::parse(&row.bytes).ok_or_else(|| corrupt(OPERATION, format!("tag {oid} is no tag object")))
    }

    /// The annotated tags that point at one of these commits.
    pub(crate) async fn tags_of(&self, repo: RepoKey, commits: &HashSet<CommitId>) -> Result<Vec<GitObject>> {
        let (mut tags, mut after) = (Vec::new(), None);
        loop {
            let page = self.list_refs(repo, "refs/tags/", after, TAGS).await?;
            for found in page.items {
                if let Some(oid) = found.tag.filter(|_| found.commit.is_some_and(|id| commits.contains(&id))) {
                    self.unwrap_tag(repo, oid, &mut tags).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(tags);
            }
        }
    }
}

fn unknown(oids: &[GitOid], found: &HashMap<GitOid, GitObject>) -> Vec<Vec<u8>> {
    oids.iter().filter(|oid| !found.contains_key(oid)).map(|oid| oid.0.to_vec()).collect()
}

fn oid(bytes: &[u8]) -> Result<GitOid> {
    GitOid::from_slice(bytes).ok_or_else(|| corrupt(OPERATION, "an oid has a wrong length"))
}
