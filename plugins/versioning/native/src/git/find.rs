//! What a git oid of a repository stands for.

use std::collections::{HashMap, HashSet};

use ballast_contract::Result;
use ballast_contract::versioning::GitObject;
use ballast_types::git::{ObjectKind, TagText};
use ballast_types::{CommitId, GitOid, RepoKey};

use crate::Native;
use crate::error::{corrupt, invalid, missing, stored};
use crate::rows::{refs, trees};

const OPERATION: &str = "versioning.find";
/// Oids in one statement.
const BATCH: usize = 500;
/// Tags of tags that are followed.
const NESTED: usize = 16;
/// Tags on one page.
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
            found.insert(oid, GitObject::Blob { oid, file, base: None });
        }
        Ok(oids.iter().map(|oid| found.get(oid).cloned()).collect())
    }

    /// The commit that each of these annotated tags leads to, if it leads to one, and all tags on the way.
    pub(crate) async fn unwrap_tags(
        &self,
        repo: RepoKey,
        tags: impl IntoIterator<Item = GitOid>,
    ) -> Result<(HashMap<GitOid, CommitId>, Vec<GitObject>)> {
        let (mut commits, mut objects) = (HashMap::new(), Vec::new());
        // What is to be looked at, and which of the tags lead there.
        let mut open: HashMap<GitOid, Vec<GitOid>> = tags.into_iter().map(|tag| (tag, vec![tag])).collect();
        for _ in 0..NESTED {
            if open.is_empty() {
                return Ok((commits, objects));
            }
            let oids: Vec<GitOid> = open.keys().copied().collect();
            let texts = self.tag_texts(repo, &oids).await?;
            let mut inner: HashMap<GitOid, Vec<GitOid>> = HashMap::new();
            for (oid, from) in open {
                let text = texts.get(&oid).ok_or_else(|| missing(OPERATION, format!("there is no tag {oid}")))?;
                objects.push(GitObject::Tag { oid });
                match text.kind {
                    ObjectKind::Commit => commits.extend(from.into_iter().map(|tag| (tag, CommitId(text.object.0)))),
                    ObjectKind::Tag => inner.entry(text.object).or_default().extend(from),
                    ObjectKind::Tree | ObjectKind::Blob => {}
                }
            }
            open = inner;
        }
        Err(invalid(OPERATION, format!("a tag is one of a tag, more than {NESTED} times")))
    }

    /// What annotated tags of the repository say.
    pub(crate) async fn tag_texts(&self, repo: RepoKey, oids: &[GitOid]) -> Result<HashMap<GitOid, TagText>> {
        let mut texts = HashMap::with_capacity(oids.len());
        let oids: Vec<Vec<u8>> = oids.iter().map(|oid| oid.0.to_vec()).collect();
        for batch in oids.chunks(BATCH) {
            for row in refs::tags(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))? {
                let (oid, text) = (oid(&row.oid)?, TagText::parse(&row.bytes));
                texts.insert(oid, text.ok_or_else(|| corrupt(OPERATION, format!("tag {oid} is no tag object")))?);
            }
        }
        Ok(texts)
    }

    /// The annotated tags that point at one of these commits.
    pub(crate) async fn tags_of(&self, repo: RepoKey, commits: &HashSet<CommitId>) -> Result<Vec<GitObject>> {
        let (mut tags, mut after) = (Vec::new(), None);
        loop {
            let page = self.list_refs(repo, "refs/tags/", after, TAGS).await?;
            let sent = page.items.iter().filter(|found| found.commit.is_some_and(|id| commits.contains(&id)));
            tags.extend(sent.filter_map(|found| found.tag));
            after = page.next;
            if after.is_none() {
                return Ok(self.unwrap_tags(repo, tags).await?.1);
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
