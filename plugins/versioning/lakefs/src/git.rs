//! Git's own objects, as far as a fetch needs them.

mod encode;
mod find;
mod missing;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::Result;
use ballast_contract::versioning::selection;
use ballast_contract::versioning::{CommitInfo, Common, Cut, Encoded, FetchRequest, GitObject, GitObjects};
use ballast_types::{CommitId, GitOid, RepoKey};
use futures::stream::{self, BoxStream, StreamExt};

use self::missing::Missing;
use crate::Lakefs;
use crate::history::Log;
use crate::records::Commit;

/// What somebody wants: the commits that it leads to, and objects that are named and lead to none.
struct Wanted {
    commits: Vec<CommitId>,
    /// Annotated tags too.
    named: Vec<GitObject>,
}

impl selection::Step for Commit {
    fn info(&self) -> &CommitInfo {
        &self.info
    }

    fn rank(&self) -> i64 {
        self.rank
    }
}

impl selection::Log for Log<'_> {
    type Commit = Commit;

    async fn add(&mut self, ids: &[CommitId]) -> Result<()> {
        Log::add(self, ids).await
    }

    async fn pop(&mut self) -> Result<Option<Arc<Commit>>> {
        Log::pop(self).await
    }
}

impl Lakefs {
    async fn wanted(&self, repo: RepoKey, wants: &[GitOid]) -> Result<Wanted> {
        let (mut commits, mut named, mut tags) = (Vec::with_capacity(wants.len()), Vec::new(), Vec::new());
        for object in self.find_objects(repo, wants).await?.into_iter().flatten() {
            match object {
                GitObject::Commit { id } => commits.push(id),
                GitObject::Tag { oid } => tags.push(oid),
                GitObject::Tree { .. } | GitObject::Blob { .. } => named.push(object),
            }
        }
        if !tags.is_empty() {
            let tagged = self.tags(repo).await?;
            for tag in tags.iter().filter_map(|oid| tagged.find(*oid)) {
                commits.push(tag.commit);
                named.extend(tag.objects());
            }
        }
        Ok(Wanted { commits, named })
    }
}

#[async_trait]
impl GitObjects for Lakefs {
    async fn find(&self, repo: RepoKey, oids: &[GitOid]) -> Result<Vec<Option<GitObject>>> {
        self.find_objects(repo, oids).await
    }

    async fn common(&self, repo: RepoKey, wants: &[GitOid], haves: &[CommitId]) -> Result<Common> {
        let wants = self.wanted(repo, wants).await?.commits;
        let mut found = HashMap::new();
        for id in haves {
            found.extend(self.find_commit(repo, *id).await?.map(|commit| (*id, commit)));
        }
        selection::common(Log::new(self, repo), &wants, haves, &found).await
    }

    async fn ends(&self, repo: RepoKey, wants: &[GitOid], cut: &Cut) -> Result<Vec<CommitId>> {
        let wants = self.wanted(repo, wants).await?.commits;
        selection::ends(Log::new(self, repo), &wants, cut).await
    }

    fn missing(&self, repo: RepoKey, request: FetchRequest) -> BoxStream<'_, Result<Vec<GitObject>>> {
        let begun = stream::once(Missing::new(self, repo, request));
        let pages = begun.map(|missing| match missing {
            Ok(missing) => stream::try_unfold(missing, |mut missing| async move {
                Ok(missing.next().await?.map(|page| (page, missing)))
            })
            .boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        });
        pages.flatten().boxed()
    }

    async fn encode(&self, repo: RepoKey, objects: &[(&GitObject, bool)]) -> Result<Vec<Encoded>> {
        self.encode_objects(repo, objects).await
    }
}
