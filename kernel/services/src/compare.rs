//! What differs between two commits, page by page, with the texts.

use std::collections::HashMap;

use ballast_contract::versioning::{CommitInfo, Difference, FileRef, Node};
use ballast_types::git::pointer;
use ballast_types::{CommitId, RepoKey, RepoPath, Revision, Sha256};
use bytes::Bytes;

use crate::paging::page_size;
use crate::text_diff::{text, unified};
use crate::{Failure, Hub, Page, Readable, Result};

/// Regular files up to this size, in bytes, are compared line by line.
const MAX_TEXT: u64 = 1_000_000;

/// What one page reads of files, in bytes: where it is used up, the page ends.
const MAX_PAGE: u64 = 2 << 20;

/// Two commits of a repository, the older of which may be the empty tree.
#[derive(Clone)]
pub struct Comparison {
    hub: Hub,
    repo: RepoKey,
    pub before: Option<CommitId>,
    pub after: CommitId,
}

/// Which texts are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    None,
    /// Those of regular files.
    Regular,
    /// What git holds: of large files, their pointers.
    AsGit,
}

/// One path in which two commits differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    pub path: RepoPath,
    pub before: Option<Node>,
    pub after: Option<Node>,
    /// The hunks; none where a side is no text, too large, or not asked for.
    pub hunks: Option<String>,
}

impl Readable {
    /// `BASE..HEAD` compares two revisions, `BASE...HEAD` the second with where it left the first, and one revision
    /// alone is compared with its first parent.
    pub async fn compare(&self, what: &str) -> Result<Comparison> {
        let revision = |text: &str| Revision::new(text);
        if let Some((base, head)) = what.split_once("...") {
            let (base, after) = (self.resolve(&revision(base)).await?, self.resolve(&revision(head)).await?);
            let before = self.hub.rewriting()?.fork(self.key(), base, after).await?;
            return Ok(self.comparison(before, after));
        }
        match what.split_once("..") {
            Some((base, head)) => {
                let before = self.resolve(&revision(base)).await?;
                Ok(self.comparison(Some(before), self.resolve(&revision(head)).await?))
            }
            None => Ok(self.commit_changes(&revision(what)).await?.1),
        }
    }

    /// A commit, and what it changed against its first parent.
    pub async fn commit_changes(&self, revision: &Revision) -> Result<(CommitInfo, Comparison)> {
        let commit = self.commit_info(revision).await?;
        let changes = self.comparison(commit.parents.first().copied(), commit.id);
        Ok((commit, changes))
    }

    pub(crate) fn comparison(&self, before: Option<CommitId>, after: CommitId) -> Comparison {
        Comparison { hub: self.hub.clone(), repo: self.key(), before, after }
    }
}

impl Comparison {
    /// The next paths in which the two differ, in the order of a recursive listing: 100 unless asked, at most 1000, and
    /// fewer where their texts are long.
    pub async fn page(&self, after: Option<String>, limit: Option<usize>, texts: Texts) -> Result<Page<FileChange>> {
        let mut page = self.differences(after.clone(), page_size(limit, 100, 1000)).await?;
        let mut left = MAX_PAGE;
        let fits = |one: &&Difference| {
            left = left.saturating_sub(wanted(one, texts).map(|(_, size)| size).sum());
            left > 0
        };
        let fitting = page.items.iter().take_while(fits).count().max(1);
        if fitting < page.items.len() {
            page = self.differences(after, fitting).await?;
        }
        let digests: Vec<Sha256> = page.items.iter().flat_map(|one| wanted(one, texts)).map(|(d, _)| d).collect();
        let bytes = self.read(&digests).await?;
        let items = page.items;
        let work = move || items.into_iter().map(|one| change(one, texts, &bytes)).collect();
        let items = tokio::task::spawn_blocking(work).await.map_err(|error| {
            let context = format!("comparing texts ended early: {error}");
            Failure::Broken(ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "compare", context))
        })?;
        Ok(Page { items, next: page.next })
    }

    async fn differences(&self, after: Option<String>, limit: usize) -> Result<Page<Difference>> {
        Ok(self.hub.engine().diff(self.repo, self.before, self.after, after, limit).await?)
    }

    async fn read(&self, digests: &[Sha256]) -> Result<HashMap<Sha256, Bytes>> {
        let content = self.hub.content();
        content.locate(digests).await?;
        let mut read = HashMap::new();
        for sha256 in digests {
            if !read.contains_key(sha256) {
                read.insert(*sha256, content.read_small(*sha256, MAX_TEXT).await?);
            }
        }
        Ok(read)
    }
}

/// The files on the two sides of a difference.
fn files(one: &Difference) -> [Option<&FileRef>; 2] {
    [&one.before, &one.after].map(|side| side.as_ref().and_then(Node::file))
}

/// What must be read to compare one path's texts: nothing where either side is not to be compared.
fn wanted(one: &Difference, texts: Texts) -> impl Iterator<Item = (Sha256, u64)> + use<> {
    let is_read = |file: &&FileRef| matches!(file, FileRef::Regular { .. });
    let sides = files(one);
    let compared = texts != Texts::None && is_compared(one, texts);
    let read = sides.into_iter().flatten().filter(is_read).map(|file| (file.sha256(), file.size()));
    read.filter(|_| compared).collect::<Vec<_>>().into_iter()
}

fn is_compared(one: &Difference, texts: Texts) -> bool {
    let small = |file: &FileRef| match file {
        FileRef::Regular { size, .. } => *size < MAX_TEXT,
        FileRef::Lfs { pointer, .. } => texts == Texts::AsGit && pointer.is_none(),
    };
    let is_file = |side: &Option<Node>| side.as_ref().is_none_or(|node| node.file().is_some_and(small));
    is_file(&one.before) && is_file(&one.after)
}

fn change(one: Difference, texts: Texts, read: &HashMap<Sha256, Bytes>) -> FileChange {
    let hunks = (texts != Texts::None && is_compared(&one, texts)).then(|| hunks(&one, read)).flatten();
    FileChange { path: one.path, before: one.before, after: one.after, hunks }
}

fn hunks(one: &Difference, read: &HashMap<Sha256, Bytes>) -> Option<String> {
    let [before, after] = files(one).map(|file| match file {
        None => Some(String::new()),
        Some(FileRef::Lfs { sha256, size, .. }) => Some(pointer(*sha256, *size)),
        Some(FileRef::Regular { sha256, .. }) => text(read.get(sha256)?).map(str::to_owned),
    });
    Some(unified(&before?, &after?))
}
