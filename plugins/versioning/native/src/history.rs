//! Commits and the order in which a log shows them.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::versioning::CommitInfo;
use ballast_contract::{Page, Result};
use ballast_database::Database;
use ballast_types::{CommitId, RepoKey, git};
use moka::sync::Cache;

use crate::error::{corrupt, invalid, no_commit, no_repository, stored};
use crate::node::NodeId;
use crate::rows::schema::CommitRow;
use crate::rows::{commits, repositories};

const OPERATION: &str = "versioning.history";
/// Commits asked for in one statement.
const BATCH: usize = 500;

/// A commit, read.
#[derive(Debug)]
pub struct Commit {
    pub info: CommitInfo,
    /// Of the map of entries.
    pub root: NodeId,
    /// Of the map of last changes.
    pub last_root: NodeId,
    /// Its place in the log: its time in milliseconds, but always greater than every parent's. So children come before
    /// their parents even where clocks went wrong, and nothing is ever listed twice.
    pub rank: i64,
    /// How many commits its history has; none where that was too much to count ([`History::length_of`]).
    pub length: Option<i64>,
}

/// The commits of all repositories. Immutable while the repository lives.
pub struct History {
    database: Database,
    cache: Cache<(RepoKey, CommitId), Arc<Commit>>,
}

impl History {
    /// Commits of which up to `cache_bytes` are kept in memory.
    pub fn new(database: Database, cache_bytes: u64) -> Self {
        let weigh = |_: &(RepoKey, CommitId), commit: &Arc<Commit>| {
            let info = &commit.info;
            u32::try_from(500 + info.message.len() + info.parents.len() * size_of::<CommitId>()).unwrap_or(u32::MAX)
        };
        Self { database, cache: Cache::builder().max_capacity(cache_bytes).weigher(weigh).build() }
    }

    /// Empties the cache.
    pub fn forget(&self) {
        self.cache.invalidate_all();
    }

    /// Lets a commit into memory whose transaction has committed.
    pub fn admit(&self, repo: RepoKey, commit: Commit) {
        self.cache.insert((repo, commit.info.id), Arc::new(commit));
    }

    /// The same of one that others hold too.
    pub fn admit_shared(&self, repo: RepoKey, commit: Arc<Commit>) {
        self.cache.insert((repo, commit.info.id), commit);
    }

    /// A commit. `NotFound` says whether the commit or the repository is missing.
    pub async fn get(&self, repo: RepoKey, id: CommitId) -> Result<Arc<Commit>> {
        match self.find(repo, &[id]).await?.remove(&id) {
            Some(commit) => Ok(commit),
            None => {
                self.check(repo).await?;
                Err(no_commit(OPERATION, repo, id))
            }
        }
    }

    /// `NotFound` where there is no such repository.
    pub async fn check(&self, repo: RepoKey) -> Result<()> {
        match repositories::exists(&self.database, repo.0).await.map_err(stored(OPERATION))? {
            true => Ok(()),
            false => Err(no_repository(OPERATION, repo)),
        }
    }

    /// Those of these commits that the repository has.
    pub async fn find(&self, repo: RepoKey, ids: &[CommitId]) -> Result<HashMap<CommitId, Arc<Commit>>> {
        let mut found = HashMap::new();
        let mut absent = Vec::new();
        for id in ids {
            match self.cache.get(&(repo, *id)) {
                Some(commit) => drop(found.insert(*id, commit)),
                None => absent.push(id.0.to_vec()),
            }
        }
        for batch in absent.chunks(BATCH) {
            let rows = commits::find(&self.database, repo.0, batch.to_vec()).await.map_err(stored(OPERATION))?;
            self.read_rows(repo, rows, &mut found)?;
        }
        Ok(found)
    }

    fn read_rows(&self, repo: RepoKey, rows: Vec<CommitRow>, found: &mut HashMap<CommitId, Arc<Commit>>) -> Result<()> {
        for row in rows {
            let commit = Arc::new(read_row(&row)?);
            self.cache.insert((repo, commit.info.id), commit.clone());
            found.insert(commit.info.id, commit);
        }
        Ok(())
    }

    /// The two ids, at most, that begin with this text of 7 to 39 hexadecimal digits; none for other text.
    pub async fn beginning_with(&self, repo: RepoKey, text: &str) -> Result<Vec<CommitId>> {
        let bound = |digit: &str| format!("{text}{}", digit.repeat(40usize.saturating_sub(text.len())));
        let (Ok(from), Ok(to)) = (bound("0").parse::<CommitId>(), bound("f").parse::<CommitId>()) else {
            return Ok(Vec::new());
        };
        if !(7..40).contains(&text.len()) {
            return Ok(Vec::new());
        }
        let ids = commits::between(&self.database, repo.0, from.0.to_vec(), to.0.to_vec()).await;
        Ok(ids.map_err(stored(OPERATION))?.iter().filter_map(|id| CommitId::from_slice(id)).collect())
    }

    /// A page of the log. The cursor is the frontier: the commits that are known and not listed yet.
    pub async fn log(
        &self,
        repo: RepoKey,
        from: CommitId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<CommitInfo>> {
        let frontier = match after {
            None => vec![self.get(repo, from).await?.info.id],
            Some(cursor) => {
                let ids: std::result::Result<Vec<CommitId>, _> = cursor.split('.').map(str::parse).collect();
                ids.map_err(|_| invalid(OPERATION, "not a cursor of this log"))?
            }
        };
        let mut log = Log::new(self, repo, limit);
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
    pub async fn count(&self, repo: RepoKey, from: CommitId, up_to: u64) -> Result<u64> {
        let commit = self.get(repo, from).await?;
        if let Some(length) = commit.length {
            return Ok(up_to.min(u64::try_from(length).unwrap_or(0)));
        }
        let mut log = Log::new(self, repo, usize::try_from(up_to).unwrap_or(usize::MAX));
        log.add(&[from]).await?;
        let mut count = 0;
        while count < up_to && log.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// A walk from commits to their parents, latest first.
pub struct Log<'a> {
    history: &'a History,
    repo: RepoKey,
    queue: BinaryHeap<(i64, CommitId)>,
    /// Commits that are stored nowhere yet.
    beside: Option<&'a HashMap<CommitId, Arc<Commit>>>,
    known: HashMap<CommitId, Arc<Commit>>,
    /// All that were ever in the queue.
    queued: HashSet<CommitId>,
    /// How many commits to read ahead, as if history were one line; none once that was in vain.
    ahead: Option<usize>,
}

impl<'a> Log<'a> {
    /// Stands before the first commit; about so many are wanted.
    pub fn new(history: &'a History, repo: RepoKey, wanted: usize) -> Self {
        let (queue, known, queued) = (BinaryHeap::new(), HashMap::new(), HashSet::new());
        Self { history, repo, queue, beside: None, known, queued, ahead: Some(wanted.clamp(1, BATCH)) }
    }

    /// The same with commits that are stored nowhere yet.
    pub fn beside(self, beside: &'a HashMap<CommitId, Arc<Commit>>) -> Self {
        Self { beside: Some(beside), ..self }
    }

    fn find_beside(&self, id: &CommitId) -> Option<&Arc<Commit>> {
        self.beside.and_then(|beside| beside.get(id))
    }

    /// Lists these too.
    pub async fn add(&mut self, ids: &[CommitId]) -> Result<()> {
        let mut fresh: Vec<CommitId> = ids.iter().copied().filter(|id| !self.queued.contains(id)).collect();
        let new: Vec<_> = fresh.iter().filter_map(|id| Some((*id, self.find_beside(id)?.clone()))).collect();
        self.known.extend(new);
        let absent: Vec<CommitId> = fresh.iter().copied().filter(|id| !self.known.contains_key(id)).collect();
        self.known.extend(self.history.find(self.repo, &absent).await?);
        fresh.retain(|id| self.queued.insert(*id));
        for id in fresh {
            let commit = self.known.get(&id).ok_or_else(|| no_commit(OPERATION, self.repo, id))?;
            self.queue.push((commit.rank, id));
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
        let Some((rank, id)) = self.queue.pop() else { return Ok(None) };
        let commit = self.known.remove(&id).ok_or_else(|| no_commit(OPERATION, self.repo, id))?;
        let parents = &commit.info.parents;
        let is_read = |id: &CommitId| {
            self.known.contains_key(id)
                || self.find_beside(id).is_some()
                || self.history.cache.contains_key(&(self.repo, *id))
        };
        if let Some(limit) = self.ahead.filter(|_| !parents.iter().all(is_read)) {
            let database = &self.history.database;
            let rows = commits::window(database, self.repo.0, rank.saturating_sub(1), limit as i64).await;
            self.history.read_rows(self.repo, rows.map_err(stored(OPERATION))?, &mut self.known)?;
            let was_in_vain = !parents.iter().any(|id| self.known.contains_key(id));
            self.ahead = self.ahead.filter(|_| !was_in_vain);
        }
        Ok(Some(commit))
    }

    fn cursor(&self) -> Option<String> {
        let mut ids: Vec<String> = self.queue.iter().map(|(_, id)| id.to_string()).collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids.join("."))
    }
}

fn read_row(row: &CommitRow) -> Result<Commit> {
    let read = || {
        let id = CommitId::from_slice(&row.id)?;
        let git::Commit { tree, parents, author, time, message } = git::Commit::parse(&row.bytes).ok()?;
        let info = CommitInfo { id, tree, parents, author, time, message };
        let (root, last_root) = (NodeId::from_slice(&row.root)?, NodeId::from_slice(&row.last_root)?);
        Some(Commit { info, root, last_root, rank: row.rank, length: row.length })
    };
    read().ok_or_else(|| corrupt(OPERATION, "a row of native_commits makes no sense"))
}

impl Commit {
    /// What a new commit is, by git's rules for its bytes and ours for its place.
    pub fn new(
        encoded: &git::Commit,
        id: CommitId,
        roots: [NodeId; 2],
        parents: &[Arc<Commit>],
        length: Option<i64>,
    ) -> Self {
        let git::Commit { tree, parents: ids, author, time, message } = encoded.clone();
        let time_ms = time.seconds().saturating_mul(1000);
        let rank = parents.iter().map(|parent| parent.rank.saturating_add(1)).fold(time_ms, i64::max);
        let time = ballast_types::Timestamp(time_ms);
        let info = CommitInfo { id, tree, parents: ids, author, time, message };
        Self { info, root: roots[0], last_root: roots[1], rank, length }
    }

    /// Its row.
    pub fn row(&self, repo: RepoKey, bytes: Vec<u8>) -> CommitRow {
        CommitRow {
            repo: repo.0,
            id: self.info.id.0.to_vec(),
            bytes,
            root: self.root.0.to_vec(),
            last_root: self.last_root.0.to_vec(),
            rank: self.rank,
            length: self.length,
        }
    }
}

#[cfg(test)]
mod tests {
    use ballast_types::git::{ObjectKind, object_id};
    use ballast_types::{Signature, Timestamp};

    use super::*;
    use crate::rows::commits::{Made, Record};
    use crate::store::empty;

    const REPO: RepoKey = RepoKey(1);

    /// Records a commit of any parents; `main` follows from one to the next.
    async fn add(history: &History, n: i64, seconds: i64, parents: &[&Arc<Commit>]) -> Arc<Commit> {
        let parents: Vec<Arc<Commit>> = parents.iter().map(|parent| Arc::clone(parent)).collect();
        let encoded = git::Commit {
            tree: object_id(ObjectKind::Tree, b""),
            parents: parents.iter().map(|parent| parent.info.id).collect(),
            author: Signature::new("Ada", ""),
            time: Timestamp::from_seconds(seconds),
            message: n.to_string(),
        };
        let (id, bytes) = encoded.encode();
        let length = history.length_of(REPO, &parents).await.unwrap();
        let commit = Commit::new(&encoded, id, [empty().0, empty().0], &parents, length);
        let main = "refs/heads/main".to_owned();
        let old = commits::start(&history.database, REPO.0, main.clone(), n).await.unwrap().tip.unwrap();
        let (nodes, files, trees) = (Vec::new(), Vec::new(), Vec::new());
        let commit_row = commit.row(REPO, bytes);
        let made = Made { commit: commit_row, nodes, files, trees };
        let record = Record { branch: main, old, operation: n, made };
        assert!(commits::record(&history.database, record).await.is_ok());
        Arc::new(commit)
    }

    ballast_database::on_both! {
        async fn a_history_with_merges_is_listed_once_each_and_children_first(scratch: &Scratch) {
            scratch.database.migrate(ballast_database::migrations!()).await.unwrap();
            let history = History::new(scratch.database.clone(), 1 << 20);
            assert!(repositories::create(&scratch.database, REPO.0, "refs/heads/main".to_owned()).await.unwrap());
            let root = add(&history, 1, 100, &[]).await;
            let left = add(&history, 2, 110, &[&root]).await;
            let right = add(&history, 3, 120, &[&root]).await;
            let late = add(&history, 4, 115, &[&left]).await;
            // Its clock is behind that of both parents.
            let merge = add(&history, 5, 90, &[&late, &right]).await;
            let tip = add(&history, 6, 130, &[&merge, &left]).await;
            let expected = [&tip, &merge, &right, &late, &left, &root].map(|commit| commit.info.id);
            for limit in [1, 2, 3, 100] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    history.forget();
                    let page = history.log(REPO, tip.info.id, after.as_deref(), limit).await.unwrap();
                    found.extend(page.items.into_iter().map(|info| info.id));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "in pages of {limit}");
            }
            let lengths = [&root, &left, &right, &late, &merge, &tip].map(|commit| commit.length);
            assert_eq!(lengths, [1, 2, 2, 3, 5, 6].map(Some), "what both sides have counts once");
            assert_eq!(history.count(REPO, tip.info.id, 100).await.unwrap(), 6);
            assert_eq!(history.count(REPO, tip.info.id, 4).await.unwrap(), 4);
            assert_eq!(history.count(REPO, late.info.id, 100).await.unwrap(), 3);
            let strange = history.log(REPO, tip.info.id, Some("no cursor"), 10).await.unwrap_err();
            assert!(strange.is(ballast_contract::ErrorKind::Invalid), "{strange}");
        }
    }
}
