//! A commit in lakeFS: on a hidden branch of its own, and the branches and tags there that follow the refs.

use std::collections::BTreeMap;

use ballast_contract::Result;
use ballast_contract::versioning::{FileRef, Node};
use ballast_types::{RefKind, RefName, RepoKey, Timestamp, git};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

use crate::Lakefs;
use crate::client::{AT_ONCE, Link, Staging};
use crate::commit::{Ground, New};
use crate::draft::Sealed;
use crate::names::{WORK, file_key, folder_key, mirror};
use crate::records::Repository;
use ballast_contract::versioning::failure::{corrupt, internal};

const OPERATION: &str = "versioning.publish";
/// How often a branch is set again because its ref moved meanwhile.
const ROUNDS: usize = 8;

/// A call that stages something.
type Call<'a> = BoxFuture<'a, Result<()>>;

/// A commit that is in lakeFS, and that nothing leads to yet.
pub struct Published {
    /// Its id there.
    pub commit: String,
    /// The hidden branch, which is not needed any more once the commit is recorded.
    pub work: String,
}

impl Lakefs {
    /// Commits in lakeFS what was worked out. Where that fails, nothing of it is left but perhaps the hidden branch.
    pub(crate) async fn publish(&self, ground: &Ground, new: &New, sealed: &Sealed) -> Result<Published> {
        let (repo, work) = (&ground.repository.name, work_branch()?);
        let root = || ground.repository.root.clone().ok_or_else(|| corrupt(OPERATION, "a repository has no root"));
        let from = ground.tip.as_ref().map_or_else(root, |tip| Ok(tip.lakefs.clone()))?;
        self.client.create_branch(repo, &work, &from, true).await?;
        let committed = async {
            self.stage(repo, &work, sealed).await?;
            let git::Commit { message, time, .. } = &new.encoded;
            let message = if message.trim().is_empty() { "(no message)" } else { message };
            self.client.commit(repo, &work, message, time.seconds(), &metadata(new)).await
        };
        match committed.await {
            Ok(commit) => Ok(Published { commit: commit.id, work }),
            Err(error) => {
                self.leave(repo, &work).await;
                Err(error)
            }
        }
    }

    async fn stage(&self, repo: &str, work: &str, sealed: &Sealed) -> Result<()> {
        let (mut calls, mut gone): (Vec<Call<'_>>, Vec<String>) = (Vec::new(), Vec::new());
        for edit in &sealed.edits {
            let key = file_key(&edit.path);
            match edit.new {
                Some(node) => {
                    let link = self.link(&edit.path, &node);
                    calls.push(Box::pin(async move { self.client.link(repo, work, &key, &link).await }));
                }
                None => gone.push(key),
            }
        }
        for (path, folder) in &sealed.indexes {
            let key = folder_key(path);
            match folder.items.is_empty() {
                true => gone.push(key),
                false => {
                    calls.push(Box::pin(async move { self.client.upload(repo, work, &key, folder.encode()?).await }))
                }
            }
        }
        gone.extend(sealed.gone.iter().map(|path| folder_key(path)));
        // Some at the same time; the first that fails ends the rest.
        stream::iter(calls).buffer_unordered(self.connections).try_collect::<()>().await?;
        for keys in gone.chunks(AT_ONCE) {
            self.client.delete_objects(repo, work, keys).await?;
        }
        Ok(())
    }

    /// What lakeFS is told of a file.
    fn link(&self, path: &str, node: &Node) -> Link {
        let mut metadata =
            BTreeMap::from([("ballast-mode", format!("{:o}", node.mode())), ("ballast-oid", node.oid().to_string())]);
        let (name, size) = match node.file() {
            Some(file) => {
                let sha256 = file.sha256().to_string();
                metadata.insert("ballast-sha256", sha256.clone());
                metadata.insert("ballast-lfs", file.is_lfs().to_string());
                if let FileRef::Lfs { pointer: Some(pointer), .. } = file {
                    metadata.insert("ballast-pointer", pointer.to_string());
                }
                (sha256, file.size())
            }
            None => (node.oid().to_string(), 0),
        };
        if file_key(path) != path {
            metadata.insert("ballast-path", path.to_owned());
        }
        let physical_address = format!("{}/{}/{}/{name}", self.objects, &name[..2], &name[2..4]);
        Link { staging: Staging { physical_address }, checksum: name, size_bytes: size, user_metadata: metadata }
    }

    /// Takes a hidden branch away that is not needed any more. Where that fails, a sweep finds it.
    pub(crate) async fn leave(&self, repo: &str, work: &str) {
        if let Err(error) = self.client.delete_branch(repo, work).await {
            tracing::debug!(%error, repo, work, "a hidden branch in lakeFS is left for the next sweep");
        }
    }

    /// Sets the branch or tag in lakeFS to where its ref stands. The ref is what counts: where lakeFS does not answer, or
    /// somebody has staged something there by hand, a later move or a sweep sets it.
    pub(crate) async fn follow(&self, repo: RepoKey, repository: &Repository, name: &RefName) {
        if let Err(error) = self.try_follow(repo, repository, name).await {
            tracing::warn!(%error, %repo, %name, "a branch or tag in lakeFS does not follow its ref yet");
        }
    }

    /// The same; whether something had to be set.
    pub(crate) async fn try_follow(&self, repo: RepoKey, repository: &Repository, name: &RefName) -> Result<bool> {
        let mut before = self.target(repo, name).await?;
        let mut changed = false;
        for _ in 0..ROUNDS {
            changed |= self.set(repository, name, before.as_deref()).await?;
            // Another node may have set it to an older place meanwhile.
            let now = self.target(repo, name).await?;
            if now == before {
                return Ok(changed);
            }
            before = now;
        }
        Ok(changed)
    }

    /// The commit in lakeFS at which a ref stands.
    async fn target(&self, repo: RepoKey, name: &RefName) -> Result<Option<String>> {
        let Some(row) = self.records.find_ref(repo, name.as_str()).await? else { return Ok(None) };
        match row.value.commit {
            Some(id) => Ok(Some(self.commit_of(repo, id).await?.lakefs.clone())),
            None => Ok(None),
        }
    }

    async fn set(&self, repository: &Repository, name: &RefName, to: Option<&str>) -> Result<bool> {
        let (repo, there) = (&repository.name, mirror(name));
        if name.kind() == RefKind::Tag {
            let stands = self.client.tag(repo, &there).await?.map(|tag| tag.commit_id);
            match to {
                _ if stands.as_deref() == to => return Ok(false),
                Some(to) => self.client.put_tag(repo, &there, to).await?,
                None => self.client.delete_tag(repo, &there).await?,
            }
            return Ok(true);
        }
        // lakeFS keeps its default branch whatever becomes of the ref.
        let is_default = *name == repository.default_branch;
        let to = to.or(repository.root.as_deref().filter(|_| is_default));
        let stands = self.client.branch(repo, &there).await?.map(|branch| branch.commit_id);
        match to {
            _ if stands.as_deref() == to => return Ok(false),
            None => self.client.delete_branch(repo, &there).await?,
            Some(to) => {
                if stands.is_none() || !self.client.hard_reset(repo, &there, to).await? {
                    self.client.create_branch(repo, &there, to, false).await?;
                }
            }
        }
        Ok(true)
    }
}

/// A name for a hidden branch: when it was made, in milliseconds, and something random.
fn work_branch() -> Result<String> {
    let mut random = [0; 8];
    let none = |error| internal(OPERATION, format!("the operating system gave no random bytes: {error}"));
    getrandom::fill(&mut random).map_err(none)?;
    Ok(format!("{WORK}{:012x}-{}", Timestamp::now().0, hex::encode(random)))
}

/// When a hidden branch was made; none for another branch.
pub fn made_at(branch: &str) -> Option<Timestamp> {
    let (time, _) = branch.strip_prefix(WORK)?.split_once('-')?;
    i64::from_str_radix(time, 16).ok().map(Timestamp)
}

/// What the commit in lakeFS says of git's: the way back from lakeFS's id to git's.
fn metadata(new: &New) -> BTreeMap<&'static str, String> {
    let git::Commit { tree, parents, author, .. } = &new.encoded;
    let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
    let mut metadata = BTreeMap::from([
        ("ballast-commit", new.id.to_string()),
        ("ballast-tree", tree.to_string()),
        ("ballast-parents", parents.join(" ")),
        ("ballast-author", format!("{} <{}>", author.name, author.email)),
    ]);
    metadata.extend(new.operation.map(|operation| ("ballast-operation", operation.to_string())));
    metadata
}
