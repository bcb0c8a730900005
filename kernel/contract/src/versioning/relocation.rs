//! From one engine to another: giving away a repository's whole history, and taking one in.
//!
//! Whoever moves a repository asks the old engine for all that it keeps, and lets the new one take in commit after commit,
//! parents first, and at last the refs. Ids are git's and the same in every engine, so nobody who holds one notices. The
//! new engine does not serve the repository meanwhile; each call may come twice.
//!
//! Like what the git wire needs, these calls are not part of what a shared library can offer.

use std::collections::HashSet;

use async_trait::async_trait;
use ballast_types::git::{ObjectKind, TagText, object_id};
use ballast_types::{CommitId, GitOid, RefName, RepoKey};
use bytes::Bytes;

use super::failure::invalid;
use super::{Change, Ref};
use crate::{Page, Result};

const OPERATION: &str = "versioning.relocation";

/// A commit to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Git's own bytes of the commit, and so its id: authors, time zones and signatures with it.
    pub bytes: Bytes,
    /// What leads from the tree of its first parent, or from the empty tree, to its own.
    pub changes: Vec<Change>,
}

impl Arrival {
    /// Its id.
    pub fn id(&self) -> CommitId {
        CommitId(object_id(ObjectKind::Commit, &self.bytes).0)
    }
}

/// A ref with all that is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeRef {
    pub name: RefName,
    /// None for an unborn branch.
    pub commit: Option<CommitId>,
    /// Git's own bytes of the annotated tags that it leads through to its commit, its own first; mostly none.
    pub tags: Vec<Bytes>,
}

impl WholeRef {
    /// The ref as [`Versioning::refs`](super::Versioning::refs) tells it. `Invalid` where a tag is no tag object, or
    /// leads elsewhere than to what comes behind it.
    pub fn summary(&self) -> Result<Ref> {
        let ids: Vec<GitOid> = self.tags.iter().map(|bytes| object_id(ObjectKind::Tag, bytes)).collect();
        let leads_to = self.tags.iter().map(|bytes| TagText::parse(bytes).map(|tag| tag.object));
        let ends = ids.iter().skip(1).copied().chain(self.commit.map(GitOid::from)).map(Some);
        // Without a commit there is one end less than tags.
        let whole = self.tags.is_empty() || leads_to.eq(ends);
        match whole {
            true => Ok(Ref { name: self.name.clone(), commit: self.commit, tag: ids.first().copied() }),
            false => Err(invalid(OPERATION, format!("the tags of {} do not lead to its commit", self.name))),
        }
    }

    /// Whether these can be all refs of one repository; answers them as they are told. `Invalid` where one comes twice,
    /// is a folder of another, or has tags that do not lead to its commit.
    pub fn summaries(refs: &[Self]) -> Result<Vec<Ref>> {
        let mut names = HashSet::new();
        if let Some(twice) = refs.iter().find(|one| !names.insert(one.name.as_str())) {
            return Err(invalid(OPERATION, format!("{} comes twice", twice.name)));
        }
        for name in &names {
            let mut above = name.match_indices('/').map(|(at, _)| &name[..at]);
            if let Some(folder) = above.find(|above| names.contains(above)) {
                return Err(invalid(
                    OPERATION,
                    format!("{name} cannot be beside {folder}: one is a folder of the other"),
                ));
            }
        }
        refs.iter().map(Self::summary).collect()
    }
}

/// Giving and taking whole histories.
#[async_trait]
pub trait Relocation: Send + Sync {
    /// The repositories that are there, by key, behind this one; the last page is shorter than `limit`.
    async fn repositories(&self, after: Option<RepoKey>, limit: usize) -> Result<Vec<RepoKey>>;

    /// Every commit that the repository keeps, by id, behind this one: those that no ref leads to any more as well. The
    /// last page is shorter than `limit`.
    async fn kept_commits(&self, repo: RepoKey, after: Option<CommitId>, limit: usize) -> Result<Vec<CommitId>>;

    /// Git's own bytes of these commits; none where the repository has no such commit.
    async fn commit_bytes(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<Bytes>>>;

    /// All refs, by name.
    async fn whole_refs(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<WholeRef>>;

    /// Takes a commit in: all of it or nothing. No ref moves. It answers what any other commit answers from then on;
    /// paths that it changed against its first parent were last changed by it, unless another parent has the same, and
    /// then by whom that says. One that is there already stays as it is.
    ///
    /// The tree is built from the changes, and its id is worked out anew from what was built. `Unsupported`, with what
    /// it is, where that is not the commit's tree or the engine cannot hold something of it: then nothing was taken in.
    /// `NotFound` where a parent is not there; `Invalid` where the bytes are no commit or a change makes no sense.
    async fn adopt(&self, repo: RepoKey, arrival: Arrival) -> Result<CommitId>;

    /// Makes these the repository's refs, all of them or none; any other ref is gone. `NotFound` where a commit is not
    /// there, `Invalid` as [`WholeRef::summaries`] says, `Unsupported` where the engine cannot hold one.
    async fn adopt_refs(&self, repo: RepoKey, refs: &[WholeRef]) -> Result<()>;

    /// Takes away a repository that was begun to be taken in, as if it had never been: unlike one that was deleted, it
    /// may be made again. Idempotent.
    async fn withdraw(&self, repo: RepoKey) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    const COMMIT: CommitId = CommitId([7; 20]);

    fn tag(kind: &str, object: GitOid) -> Bytes {
        format!("object {object}\ntype {kind}\ntag v\ntagger A <a@b> 0 +0100\n\nhello\n").into()
    }

    fn whole(name: &str, tags: Vec<Bytes>) -> WholeRef {
        WholeRef { name: name.parse().unwrap(), commit: Some(COMMIT), tags }
    }

    #[test]
    fn tags_lead_one_to_the_other_and_the_last_to_the_commit() {
        let inner = tag("commit", COMMIT.into());
        let id = object_id(ObjectKind::Tag, &inner);
        let outer = tag("tag", id);
        let told = whole("refs/tags/v", vec![outer.clone(), inner.clone()]).summary().unwrap();
        assert_eq!((told.commit, told.tag), (Some(COMMIT), Some(object_id(ObjectKind::Tag, &outer))));
        assert_eq!(whole("refs/heads/main", vec![]).summary().unwrap().tag, None);
        let unborn = WholeRef { commit: None, ..whole("refs/tags/v", vec![inner.clone()]) };
        for bad in [whole("refs/tags/v", vec![inner, outer.clone()]), whole("refs/tags/v", vec![outer]), unborn] {
            assert_eq!(bad.summary().unwrap_err().kind, ErrorKind::Invalid);
        }
    }

    #[test]
    fn no_ref_comes_twice_or_is_a_folder_of_another() {
        let all =
            |names: &[&str]| WholeRef::summaries(&names.iter().map(|name| whole(name, vec![])).collect::<Vec<_>>());
        assert_eq!(all(&["refs/heads/a-b", "refs/heads/a/b", "refs/heads/a.b"]).unwrap().len(), 3);
        for bad in [["refs/heads/a", "refs/heads/a/b"], ["refs/heads/a", "refs/heads/a"]] {
            assert_eq!(all(&bad).unwrap_err().kind, ErrorKind::Invalid);
        }
    }
}
