//! What lakeFS cannot keep, in the state that the hub has for this instance.
//!
//! **Why here.** A commit must move a ref only from where it was read, and lakeFS has no such call: its branches have one
//! staging area for all writers, and neither commit nor merge takes an expected head. The state has compare-and-apply
//! of several keys, the same on every node, and so the refs that count are its rows, by their real names. One `apply`
//! moves the ref, records the commit with its id in lakeFS, and claims the operation: a reader sees all of it or none.
//!
//! | key | value |
//! |---|---|
//! | `repositories/KEY` | what the repository is called in lakeFS, and whether it is gone. Written again with every ref that is made or deleted, so that nobody makes `a` beside `a/b` |
//! | `refs/KEY/NAME` | where the ref stands. A deleted one keeps its row, or its next one would begin at the same version |
//! | `commits/KEY/ID` | git's own text of the commit, its id in lakeFS (64 digits), its root; the way back, from lakeFS's id to git's, is in the metadata of the commit in lakeFS |
//! | `operations/KEY/NUMBER` | the commit that the operation made, or that it makes none for ever |

use std::collections::BTreeMap;
use std::sync::Arc;

use ballast_contract::versioning::{CommitInfo, Ref};
use ballast_contract::{Page, Result, State, Versioned, WriteIf};
use ballast_types::{CommitId, GitOid, OperationId, RefName, RepoKey, git};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::folder::Sub;
use ballast_contract::versioning::failure::{corrupt, internal};

const OPERATION: &str = "versioning.records";

/// The rows.
#[derive(Clone)]
pub struct Records(Arc<dyn State>);

/// A row as it was read.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    pub value: T,
    pub version: u64,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// What it is called in lakeFS.
    pub name: String,
    /// The id in lakeFS of its first, empty commit; none while the repository is being made.
    pub root: Option<String>,
    pub default_branch: RefName,
    pub deleted: bool,
}

/// A ref. Without commit it is unborn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefRow {
    pub commit: Option<CommitId>,
    pub tag: Option<Tag>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// The object of an annotated tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub oid: GitOid,
    /// Git's own text of it.
    pub text: String,
    /// The texts of the tags that it leads through, where it is a tag of a tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<String>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRow {
    /// Its id in lakeFS.
    pub lakefs: String,
    /// Git's own text of it.
    pub text: String,
    pub root: Sub,
    /// Greater than that of every parent: its time, or one more than theirs.
    pub rank: i64,
    /// How many commits its history has; none where that was too long to count.
    pub length: Option<u64>,
}

/// A commit with what its text says.
#[derive(Clone, Debug)]
pub struct Commit {
    pub info: CommitInfo,
    pub lakefs: String,
    pub root: Sub,
    pub rank: i64,
    pub length: Option<u64>,
}

impl Records {
    pub fn new(state: Arc<dyn State>) -> Self {
        Self(state)
    }

    async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Kept<T>>> {
        self.0.get(key).await?.map(|row| read(key, &row)).transpose()
    }

    /// All of these writes or none (`false`).
    pub async fn apply(&self, writes: Vec<WriteIf>) -> Result<bool> {
        self.0.apply(writes).await
    }

    /// A repository, deleted ones too.
    pub async fn repository(&self, repo: RepoKey) -> Result<Option<Kept<Repository>>> {
        self.get(&repository_key(repo)).await
    }

    /// All repositories, deleted ones too.
    pub async fn repositories(&self, after: Option<String>, limit: usize) -> Result<Page<(RepoKey, Repository)>> {
        let page = self.0.scan("repositories/", after, limit).await?;
        let each = |(key, row): (String, Versioned)| {
            let repo = key.rsplit_once('/').and_then(|(_, number)| number.parse().ok()).map(RepoKey);
            let repo = repo.ok_or_else(|| corrupt(OPERATION, format!("the state has a strange key, {key}")))?;
            Ok((repo, read::<Repository>(&key, &row)?.value))
        };
        Ok(Page { items: page.items.into_iter().map(each).collect::<Result<_>>()?, next: page.next })
    }

    /// A ref that is there.
    pub async fn find_ref(&self, repo: RepoKey, name: &str) -> Result<Option<Kept<RefRow>>> {
        Ok(self.ref_row(repo, name).await?.filter(|row| !row.value.gone))
    }

    /// A ref, deleted ones too.
    pub async fn ref_row(&self, repo: RepoKey, name: &str) -> Result<Option<Kept<RefRow>>> {
        self.get(&ref_key(repo, name)).await
    }

    /// The refs that are there, by name.
    pub async fn refs(&self, repo: RepoKey, prefix: &str, after: Option<String>, limit: usize) -> Result<Page<Ref>> {
        let page = self.ref_rows(repo, prefix, after, limit).await?;
        let told = |(name, row): (RefName, RefRow)| Ref { name, commit: row.commit, tag: row.tag.map(|tag| tag.oid) };
        Ok(Page { items: page.items.into_iter().map(told).collect(), next: page.next })
    }

    /// The same with all that is behind them.
    pub async fn ref_rows(
        &self,
        repo: RepoKey,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<(RefName, RefRow)>> {
        let (begin, mut items) = (ref_key(repo, ""), Vec::new());
        let mut after = after.map(|name| ref_key(repo, &name));
        loop {
            let page = self.0.scan(&ref_key(repo, prefix), after, limit.saturating_add(1)).await?;
            for (key, row) in page.items {
                let row: RefRow = read(&key, &row)?.value;
                if row.gone {
                    continue;
                }
                let name = key.strip_prefix(&begin).and_then(|name| name.parse().ok());
                let name: RefName =
                    name.ok_or_else(|| corrupt(OPERATION, format!("the state has a strange key, {key}")))?;
                items.push((name, row));
            }
            after = page.next;
            if items.len() > limit || after.is_none() {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|(last, _)| last.to_string());
        Ok(Page { items, next })
    }

    /// Every ref's row by name, deleted ones too.
    pub async fn all_ref_rows(&self, repo: RepoKey) -> Result<BTreeMap<String, Kept<RefRow>>> {
        let (begin, mut all, mut after) = (ref_key(repo, ""), BTreeMap::new(), None);
        loop {
            let page = self.0.scan(&begin, after, 500).await?;
            for (key, row) in page.items {
                all.insert(key[begin.len()..].to_owned(), read(&key, &row)?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Git's own text of a commit; none where the repository has none of this id.
    pub async fn commit_text(&self, repo: RepoKey, id: CommitId) -> Result<Option<String>> {
        let row: Option<Kept<CommitRow>> = self.get(&commit_key(repo, &id.to_string())).await?;
        Ok(row.map(|row| row.value.text))
    }

    /// A commit; none where the repository has none of this id.
    pub async fn commit(&self, repo: RepoKey, id: CommitId) -> Result<Option<Commit>> {
        let key = commit_key(repo, &id.to_string());
        self.get(&key).await?.map(|row| Commit::read(id, row.value)).transpose()
    }

    /// Commits whose ids begin with this text and come behind this one, in the order of their ids.
    pub async fn commits(
        &self,
        repo: RepoKey,
        text: &str,
        after: Option<CommitId>,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let after = after.map(|id| commit_key(repo, &id.to_string()));
        let page = self.0.scan(&commit_key(repo, text), after, limit).await?;
        let each = |(key, row): (String, Versioned)| {
            let id = key.rsplit_once('/').and_then(|(_, id)| id.parse().ok());
            let id = id.ok_or_else(|| corrupt(OPERATION, format!("the state has a strange key, {key}")))?;
            Commit::read(id, read(&key, &row)?.value)
        };
        page.items.into_iter().map(each).collect()
    }

    /// What an operation came to: a commit, or none for ever; no answer where it has none yet.
    pub async fn operation(&self, repo: RepoKey, operation: OperationId) -> Result<Option<Option<CommitId>>> {
        Ok(self.get(&operation_key(repo, operation)).await?.map(|row| row.value))
    }

    /// Takes away all rows of a repository but its own; how many these were.
    pub async fn forget(&self, repo: RepoKey) -> Result<u64> {
        let mut count = 0;
        for prefix in ["refs", "commits", "operations"].map(|kind| format!("{kind}/{repo}/")) {
            loop {
                let page = self.0.scan(&prefix, None, 500).await?;
                if page.items.is_empty() {
                    break;
                }
                count += page.items.len() as u64;
                let delete = |(key, row): (String, Versioned)| WriteIf { key, version: row.version, value: None };
                // Whatever changed meanwhile is read again.
                self.0.apply(page.items.into_iter().map(delete).collect()).await?;
            }
        }
        Ok(count)
    }

    /// How many rows a repository has besides its own.
    pub async fn count(&self, repo: RepoKey) -> Result<u64> {
        let mut count = 0;
        for prefix in ["refs", "commits", "operations"].map(|kind| format!("{kind}/{repo}/")) {
            let mut after = None;
            loop {
                let page = self.0.scan(&prefix, after, 500).await?;
                count += page.items.len() as u64;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(count)
    }
}

impl CommitRow {
    /// The row of a commit with this text.
    pub fn of(commit: &Commit, text: String) -> Self {
        let Commit { lakefs, root, rank, length, .. } = commit.clone();
        Self { lakefs, text, root, rank, length }
    }
}

impl Commit {
    fn read(id: CommitId, row: CommitRow) -> Result<Self> {
        let CommitRow { lakefs, text, root, rank, length } = row;
        let strange = |error| {
            corrupt(OPERATION, format!("the row of commit {id} makes no sense")).with_source(StrangeText(error))
        };
        let git::Commit { tree, parents, author, time, message } =
            git::Commit::parse(text.as_bytes()).map_err(strange)?;
        Ok(Self { info: CommitInfo { id, tree, parents, author, time, message }, lakefs, root, rank, length })
    }
}

/// Why the text of a commit is none.
#[derive(Debug)]
struct StrangeText(git::InvalidCommit);

impl std::fmt::Display for StrangeText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StrangeText {}

fn read<T: DeserializeOwned>(key: &str, row: &Versioned) -> Result<Kept<T>> {
    let strange = |error| corrupt(OPERATION, format!("the state's row {key} makes no sense")).with_source(error);
    Ok(Kept { value: serde_json::from_slice(&row.value).map_err(strange)?, version: row.version })
}

/// Writes a row where it still has this version.
pub fn write<T: Serialize>(key: String, version: u64, value: &T) -> Result<WriteIf> {
    let value = serde_json::to_vec(value);
    let value = value.map_err(|error| internal(OPERATION, "a row cannot be written").with_source(error))?;
    Ok(WriteIf { key, version, value: Some(value) })
}

pub fn repository_key(repo: RepoKey) -> String {
    format!("repositories/{repo}")
}

pub fn ref_key(repo: RepoKey, name: &str) -> String {
    format!("refs/{repo}/{name}")
}

pub fn commit_key(repo: RepoKey, id: &str) -> String {
    format!("commits/{repo}/{id}")
}

pub fn operation_key(repo: RepoKey, operation: OperationId) -> String {
    format!("operations/{repo}/{operation}")
}
