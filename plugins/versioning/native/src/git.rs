//! Git's own objects: what a fetch needs, and what a push brings.

mod compare;
mod encode;
mod find;
mod missing;
mod publish;
mod receive;

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::Result;
use ballast_contract::versioning::selection;
use ballast_contract::versioning::{
    CommitInfo, Common, Cut, Encoded, FetchRequest, GitObject, GitObjects, GitPushes, Push, PushedObjects, Receipt,
};
use ballast_types::{CommitId, GitOid, RepoKey};
use futures::stream::{self, BoxStream, StreamExt};

use self::missing::Missing;
use crate::Native;
use crate::history::{Commit, Log};

/// Commits that are read ahead.
const AHEAD: usize = 200;

/// What somebody wants: the commits that it leads to, and objects that are named and lead to none.
pub struct Wanted {
    pub commits: Vec<CommitId>,
    /// Annotated tags too.
    pub named: Vec<GitObject>,
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

impl Native {
    async fn wanted(&self, repo: RepoKey, wants: &[GitOid]) -> Result<Wanted> {
        let (mut commits, mut named, mut tags) = (Vec::with_capacity(wants.len()), Vec::new(), Vec::new());
        for object in self.find_objects(repo, wants).await?.into_iter().flatten() {
            match object {
                GitObject::Commit { id } => commits.push(id),
                GitObject::Tag { oid } => tags.push(oid),
                GitObject::Tree { .. } | GitObject::Blob { .. } => named.push(object),
            }
        }
        let (tagged, on_the_way) = self.unwrap_tags(repo, tags).await?;
        commits.extend(tagged.into_values());
        named.extend(on_the_way);
        Ok(Wanted { commits, named })
    }
}

#[async_trait]
impl GitObjects for Native {
    async fn find(&self, repo: RepoKey, oids: &[GitOid]) -> Result<Vec<Option<GitObject>>> {
        self.find_objects(repo, oids).await
    }

    async fn common(&self, repo: RepoKey, wants: &[GitOid], haves: &[CommitId]) -> Result<Common> {
        let wants = self.wanted(repo, wants).await?.commits;
        let found = self.history.find(repo, haves).await?;
        selection::common(Log::new(&self.history, repo, AHEAD), &wants, haves, &found).await
    }

    async fn ends(&self, repo: RepoKey, wants: &[GitOid], cut: &Cut) -> Result<Vec<CommitId>> {
        let wants = self.wanted(repo, wants).await?.commits;
        let ahead = match cut {
            Cut::Depth(depth) => AHEAD.min(*depth as usize),
            Cut::Until { .. } => AHEAD,
        };
        selection::ends(Log::new(&self.history, repo, ahead), &wants, cut).await
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
        self.unless_gone(repo, self.encode_objects(repo, objects).await).await
    }

    fn pushes(&self) -> Option<&dyn GitPushes> {
        Some(self)
    }
}

#[async_trait]
impl GitPushes for Native {
    async fn receive<'a>(&'a self, push: Push, objects: &dyn PushedObjects) -> Result<Box<dyn Receipt + 'a>> {
        self.receive_push(push, objects).await
    }
}
