//! Giving away whole histories, and taking them in.
//!
//! A commit that comes from another engine is worked out on its first parent as one that is made here, committed in lakeFS
//! on a hidden branch of its own, and counts from one write to the state. The id of its tree is worked out from the
//! indexes that are stored. What git wrote in a way of its own, and text that is no UTF-8, is not taken in.

use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::versioning::failure::{conflict, invalid, no_commit, no_repository};
use ballast_contract::versioning::{Arrival, Relocation, WholeRef};
use ballast_contract::{Error, ErrorKind, Page, Result, WriteIf};
use ballast_types::{CommitId, RefName, RepoKey, git};
use bytes::Bytes;

use crate::Lakefs;
use crate::commit::{Content, Ground, New};
use crate::records::{self, CommitRow, RefRow, Repository, Tag};

const OPERATION: &str = "versioning.relocation";
/// How often refs are set again because somebody else set one.
const ATTEMPTS: usize = 64;

impl Lakefs {
    async fn take_in(&self, repo: RepoKey, arrival: Arrival) -> Result<CommitId> {
        let (id, Arrival { bytes, changes }) = (arrival.id(), arrival);
        let repository = self.repository(repo).await?;
        if self.find_commit(repo, id).await?.is_some() {
            return Ok(id);
        }
        let encoded = git::Commit::parse(&bytes).map_err(|error| invalid(OPERATION, format!("{id}: {error}")))?;
        let text = text(&bytes, || format!("commit {id}"))?;
        let mut parents = Vec::with_capacity(encoded.parents.len());
        for parent in &encoded.parents {
            parents.push(self.commit_of(repo, *parent).await?);
        }
        let ground = Ground { repository, tip: parents.first().cloned(), branch: 0 };
        let sealed = self.seal(repo, &ground, &changes).await?;
        if sealed.root.oid != encoded.tree {
            let (tree, made) = (encoded.tree, sealed.root.oid);
            return Err(unsupported(format!(
                "the tree of commit {id} is {tree}, and what it holds makes {made}: git wrote a tree there in a way in \
                 which this engine does not"
            )));
        }
        let sources = parents.iter().skip(1).cloned().collect();
        let new = New { repo, id, encoded, operation: None };
        let (commit, work) = self.store(&ground, new, Content { parents, sealed, sources }).await?;
        let row = CommitRow::of(&commit, text);
        // Where it is there by now, somebody else has taken in the same.
        let write = records::write(records::commit_key(repo, &id.to_string()), 0, &row);
        let recorded = match write {
            Ok(write) => self.records.apply(vec![write]).await,
            Err(error) => Err(error),
        };
        if let Ok(true) = recorded {
            self.commits.insert((repo, id), Arc::new(commit));
        }
        self.leave(&ground.repository.name, &work).await;
        recorded.map(|_| id)
    }

    /// The writes that make these the repository's refs, and which of them change anything.
    async fn plan_refs(&self, repo: RepoKey, wanted: &[(RefName, RefRow)]) -> Result<(Vec<WriteIf>, Vec<RefName>)> {
        let mut there = self.records.all_ref_rows(repo).await?;
        let (mut writes, mut moved) = (Vec::new(), Vec::new());
        for (name, row) in wanted {
            let kept = there.remove(name.as_str());
            if kept.as_ref().is_none_or(|kept| kept.value != *row) {
                let version = kept.map_or(0, |kept| kept.version);
                writes.push(records::write(records::ref_key(repo, name.as_str()), version, row)?);
                moved.push(name.clone());
            }
        }
        for (name, kept) in there.into_iter().filter(|(_, kept)| !kept.value.gone) {
            let gone = RefRow { gone: true, ..RefRow::default() };
            writes.push(records::write(records::ref_key(repo, &name), kept.version, &gone)?);
            moved.extend(name.parse::<RefName>());
        }
        Ok((writes, moved))
    }
}

fn unsupported(context: String) -> Error {
    Error::new(ErrorKind::Unsupported, OPERATION, context)
}

fn text(bytes: &Bytes, of: impl Fn() -> String) -> Result<String> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| unsupported(format!("the text of {} is no UTF-8, and no other is kept here", of())))
}

/// A ref as the state has it.
fn row_of(one: &WholeRef) -> Result<RefRow> {
    let mut texts = Vec::with_capacity(one.tags.len());
    for bytes in &one.tags {
        texts.push(text(bytes, || format!("the tag {}", one.name))?);
    }
    let mut texts = texts.into_iter();
    let tag = one.summary()?.tag.zip(texts.next());
    let tag = tag.map(|(oid, text)| Tag { oid, text, inner: texts.collect() });
    Ok(RefRow { commit: one.commit, tag, gone: false })
}

#[async_trait]
impl Relocation for Lakefs {
    async fn repositories(&self, after: Option<RepoKey>, limit: usize) -> Result<Vec<RepoKey>> {
        // The state has them in the order of their texts.
        let (mut keys, mut next) = (Vec::new(), None);
        loop {
            let page = self.records.repositories(next, 500).await?;
            let there = |(_, row): &&(RepoKey, Repository)| !row.deleted;
            keys.extend(page.items.iter().filter(there).map(|(key, _)| *key));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        keys.sort_unstable();
        Ok(keys.into_iter().filter(|key| Some(*key) > after).take(limit.max(1)).collect())
    }

    async fn kept_commits(&self, repo: RepoKey, after: Option<CommitId>, limit: usize) -> Result<Vec<CommitId>> {
        self.repository(repo).await?;
        let commits = self.records.commits(repo, "", after, limit.max(1)).await?;
        Ok(commits.into_iter().map(|commit| commit.info.id).collect())
    }

    async fn commit_bytes(&self, repo: RepoKey, ids: &[CommitId]) -> Result<Vec<Option<Bytes>>> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.push(self.records.commit_text(repo, *id).await?.map(Bytes::from));
        }
        Ok(found)
    }

    async fn whole_refs(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<WholeRef>> {
        self.repository(repo).await?;
        let page = self.records.ref_rows(repo, "", after, limit.max(1)).await?;
        let whole = |(name, row): (RefName, RefRow)| {
            let texts = row.tag.into_iter().flat_map(|tag| std::iter::once(tag.text).chain(tag.inner));
            WholeRef { name, commit: row.commit, tags: texts.map(Bytes::from).collect() }
        };
        Ok(Page { items: page.items.into_iter().map(whole).collect(), next: page.next })
    }

    async fn adopt(&self, repo: RepoKey, arrival: Arrival) -> Result<CommitId> {
        self.take_in(repo, arrival).await
    }

    async fn adopt_refs(&self, repo: RepoKey, refs: &[WholeRef]) -> Result<()> {
        WholeRef::summaries(refs)?;
        let mut wanted = Vec::with_capacity(refs.len());
        for one in refs {
            wanted.push((one.name.clone(), row_of(one)?));
        }
        for id in refs.iter().filter_map(|one| one.commit) {
            self.find_commit(repo, id).await?.ok_or_else(|| no_commit(OPERATION, repo, id))?;
        }
        for _ in 0..ATTEMPTS {
            let kept = self.records.repository(repo).await?;
            let kept = kept.filter(|kept| !kept.value.deleted && kept.value.root.is_some());
            let kept = kept.ok_or_else(|| no_repository(OPERATION, repo))?;
            let (mut writes, moved) = self.plan_refs(repo, &wanted).await?;
            if writes.is_empty() {
                return Ok(());
            }
            writes.push(records::write(records::repository_key(repo), kept.version, &kept.value)?);
            if self.records.apply(writes).await? {
                for name in &moved {
                    self.follow(repo, &kept.value, name).await;
                }
                return Ok(());
            }
        }
        Err(conflict(OPERATION, format!("the refs of repository {repo} changed {ATTEMPTS} times meanwhile")))
    }

    async fn withdraw(&self, repo: RepoKey) -> Result<()> {
        if self.records.repository(repo).await?.is_none() {
            return Ok(());
        }
        self.delete_repository(repo).await?;
        for _ in 0..ATTEMPTS {
            let Some(kept) = self.records.repository(repo).await? else { break };
            let forget = WriteIf { key: records::repository_key(repo), version: kept.version, value: None };
            if self.records.apply(vec![forget]).await? {
                break;
            }
        }
        // What is at hand belongs to a repository that may be made again with another history.
        self.commits.invalidate_all();
        self.folders.invalidate_all();
        Ok(())
    }
}
