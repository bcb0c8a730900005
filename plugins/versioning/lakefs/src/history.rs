//! Commits and how they follow each other.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use ballast_contract::versioning::{CommitInfo, FileRef};
use ballast_contract::{Page, Result};
use ballast_types::{CommitId, RepoKey, Sha256};

use crate::Lakefs;
use crate::difference::differences;
use crate::records::{Commit, Repository};
use ballast_contract::versioning::failure::{invalid, no_commit, no_repository};

const OPERATION: &str = "versioning.history";
/// Commits that are counted for a merge; a longer history has no number.
const COUNTED: usize = 10_000;
/// Differences that are read at once.
const AT_ONCE: usize = 500;

impl Lakefs {
    /// A repository that is there.
    pub(crate) async fn repository(&self, repo: RepoKey) -> Result<Repository> {
        let row = self.records.repository(repo).await?.map(|row| row.value);
        let there = row.filter(|row| !row.deleted && row.root.is_some());
        there.ok_or_else(|| no_repository(OPERATION, repo))
    }

    /// A commit of a repository that is there.
    pub(crate) async fn commit_of(&self, repo: RepoKey, id: CommitId) -> Result<Arc<Commit>> {
        self.find_commit(repo, id).await?.ok_or_else(|| no_commit(OPERATION, repo, id))
    }

    pub(crate) async fn find_commit(&self, repo: RepoKey, id: CommitId) -> Result<Option<Arc<Commit>>> {
        if let Some(commit) = self.commits.get(&(repo, id)) {
            return Ok(Some(commit));
        }
        let Some(commit) = self.records.commit(repo, id).await?.map(Arc::new) else { return Ok(None) };
        self.commits.insert((repo, id), commit.clone());
        Ok(Some(commit))
    }

    /// A page of the log. The cursor is the frontier: the commits that are known and not listed yet.
    pub(crate) async fn log_page(
        &self,
        repo: RepoKey,
        from: CommitId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        self.repository(repo).await?;
        let frontier = match after {
            None => vec![from],
            Some(cursor) => {
                let ids: std::result::Result<Vec<CommitId>, _> = cursor.split('.').map(str::parse).collect();
                ids.map_err(|_| invalid(OPERATION, "not a cursor of this log"))?
            }
        };
        let mut log = Log::new(self, repo);
        log.add(&frontier).await?;
        let mut items = Vec::new();
        while items.len() < limit {
            match log.next().await? {
                Some(commit) => items.push(commit.info.clone()),
                None => break,
            }
        }
        Ok(Page { items, next: log.cursor() })
    }

    /// How many commits a log has, at most `up_to`.
    pub(crate) async fn count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64> {
        self.repository(repo).await?;
        let commit = self.commit_of(repo, from).await?;
        if let Some(length) = commit.length {
            return Ok(length.min(up_to));
        }
        let mut log = Log::new(self, repo);
        log.add(&[from]).await?;
        let mut count = 0;
        while count < up_to && log.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// How many commits the history of a new one with these parents has.
    pub(crate) async fn length_of(&self, repo: RepoKey, parents: &[Arc<Commit>]) -> Result<Option<u64>> {
        match parents {
            [] => return Ok(Some(1)),
            [parent] => return Ok(parent.length.map(|length| length + 1)),
            _ => {}
        }
        let mut log = Log::new(self, repo);
        log.add(&parents.iter().map(|parent| parent.info.id).collect::<Vec<_>>()).await?;
        let mut count = 1;
        while log.next().await?.is_some() {
            count += 1;
            if count > COUNTED {
                return Ok(None);
            }
        }
        Ok(Some(count as u64))
    }

    /// The latest commit that is in the history of both; none where the two began apart.
    ///
    /// Commits come by rank, which is greater than every parent's: when one comes, all that lead to it have come, and
    /// so the first that both sides lead to is the one.
    pub(crate) async fn find_fork(&self, repo: RepoKey, ends: [CommitId; 2]) -> Result<Option<Arc<Commit>>> {
        let mut log = Log::new(self, repo);
        log.add(&ends).await?;
        let mut reached: HashMap<CommitId, [bool; 2]> = HashMap::new();
        for (side, end) in ends.into_iter().enumerate() {
            reached.entry(end).or_default()[side] = true;
        }
        while let Some(commit) = log.next().await? {
            let by = reached.remove(&commit.info.id).unwrap_or_default();
            if by == [true, true] {
                return Ok(Some(commit));
            }
            for parent in &commit.info.parents {
                let parent = reached.entry(*parent).or_default();
                *parent = [parent[0] | by[0], parent[1] | by[1]];
            }
            if (0..2).any(|side| !reached.values().any(|by| by[side])) {
                break;
            }
        }
        Ok(None)
    }

    /// Blobs that commits brought, commit by commit in the order of their ids. The cursor is a commit, which of the
    /// path's blobs was the last, and the path.
    pub(crate) async fn blobs(&self, repo: RepoKey, after: Option<&str>, limit: usize) -> Result<Page<Sha256>> {
        let repository = self.repository(repo).await?;
        let mut place = after.map(Place::parse).transpose()?;
        let mut found: Vec<(Sha256, Place)> = Vec::new();
        let mut done = None;
        'commits: loop {
            let commit = match place.as_ref().map(|place| place.commit) {
                Some(id) => Some(self.commit_of(repo, id).await?),
                None => self.records.commits(repo, "", done, 1).await?.pop().map(Arc::new),
            };
            let Some(commit) = commit else { break };
            let id = commit.info.id;
            let before = match commit.info.parents.first() {
                Some(parent) => Some(self.view(repo, &repository, self.commit_of(repo, *parent).await?)),
                None => None,
            };
            let view = self.view(repo, &repository, commit);
            // The path of the cursor is read again: a blob of it may be left.
            let begun = place.take();
            let mut from = begun.as_ref().map_or(Bound::Unbounded, |place| Bound::Included(place.path.clone()));
            loop {
                let page =
                    differences([before.as_ref(), Some(&view)], from.as_ref().map(String::as_str), AT_ONCE).await?;
                for one in &page.items {
                    let blobs = one.after.as_ref().and_then(|node| node.file()).into_iter().flat_map(FileRef::blobs);
                    for (number, blob) in blobs.enumerate() {
                        let here = Place { commit: id, number, path: one.path.to_string() };
                        if begun.as_ref().is_some_and(|begun| begun.path == here.path && number <= begun.number) {
                            continue;
                        }
                        found.push((blob, here));
                        if found.len() > limit {
                            break 'commits;
                        }
                    }
                }
                match page.next {
                    Some(next) => from = Bound::Excluded(next),
                    None => break,
                }
            }
            done = Some(id);
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(_, place)| place.to_string());
        Ok(Page { items: found.into_iter().map(|(blob, _)| blob).collect(), next })
    }
}

/// Where a list of blobs stands: behind a commit's path's blob.
struct Place {
    commit: CommitId,
    number: usize,
    path: String,
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        let read = || {
            let mut parts = text.splitn(3, '.');
            let (commit, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Self { commit, number, path: parts.next()?.to_owned() })
        };
        read().ok_or_else(|| invalid(OPERATION, "not a cursor of this list"))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.commit, self.number, self.path)
    }
}

/// A walk from commits to their parents, latest first.
pub struct Log<'a> {
    engine: &'a Lakefs,
    repo: RepoKey,
    queue: BinaryHeap<(i64, CommitId)>,
    /// All that were ever in the queue.
    queued: HashSet<CommitId>,
}

impl<'a> Log<'a> {
    /// Stands before the first commit.
    pub fn new(engine: &'a Lakefs, repo: RepoKey) -> Self {
        Self { engine, repo, queue: BinaryHeap::new(), queued: HashSet::new() }
    }

    /// Lists these too.
    pub async fn add(&mut self, ids: &[CommitId]) -> Result<()> {
        for id in ids {
            if self.queued.insert(*id) {
                let commit = self.engine.commit_of(self.repo, *id).await?;
                self.queue.push((commit.rank, *id));
            }
        }
        Ok(())
    }

    /// The next commit; none at the end.
    pub async fn next(&mut self) -> Result<Option<Arc<Commit>>> {
        let Some(commit) = self.pop().await? else { return Ok(None) };
        self.add(&commit.info.parents).await?;
        Ok(Some(commit))
    }

    /// The next commit, without going on to its parents; none at the end.
    pub async fn pop(&mut self) -> Result<Option<Arc<Commit>>> {
        match self.queue.pop() {
            Some((_, id)) => self.engine.commit_of(self.repo, id).await.map(Some),
            None => Ok(None),
        }
    }

    fn cursor(&self) -> Option<String> {
        let mut ids: Vec<String> = self.queue.iter().map(|(_, id)| id.to_string()).collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids.join("."))
    }
}
