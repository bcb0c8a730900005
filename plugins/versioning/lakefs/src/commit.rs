//! Making a commit.
//!
//! 1. Everything is worked out on the tip as it was read: the tree, git's ids, the indexes of the folders that change.
//! 2. It is committed in lakeFS on a hidden branch of its own ([`publish`](crate::publish)), which begins at the tip's
//!    commit. No other writer stages there, so the commit seals what this one staged and nothing else.
//! 3. One `apply` on the state moves the ref from where it was read, records the commit, and claims the operation. That
//!    is the commit; before it nobody sees anything, after it everybody sees all.
//! 4. The branch of the same name in lakeFS follows, and the hidden one goes.
//!
//! Whoever fails or is cut off before 3 leaves a hidden branch that nothing leads to, which a sweep takes away, and the
//! same operation may be tried again. Whoever is cut off after it has committed: the branch in lakeFS follows with the
//! next move, or with a sweep. Where somebody else was faster, everything is done again on the new tip.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ballast_contract::versioning::{Change, CommitInfo, CommitRequest, Committed, Rewrite, RewriteRequest, Rewritten};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, OperationId, RefKind, RefName, RepoKey, RepoPath, Signature, Timestamp, git};
use tokio::sync::{Mutex, MutexGuard};

use crate::Lakefs;
use crate::draft::{Copied, Draft, Sealed, Stored};
use crate::folder::{Folder, What};
use crate::records::{self, Commit, CommitRow, RefRow, Repository};
use ballast_contract::versioning::failure::{conflict, corrupt, internal, invalid, missing, no_commit, no_repository};

const OPERATION: &str = "versioning.commit";
/// How often a commit is done again because the branch moved. Each time, somebody else's commit went through.
const ATTEMPTS: usize = 256;

/// One committer at a time for each branch, in this process. Branches may share a place.
pub struct Turns {
    places: [Mutex<()>; 64],
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: std::array::from_fn(|_| Mutex::new(())), hasher: RandomState::new() }
    }
}

impl Turns {
    fn place(&self, repo: RepoKey, branch: &RefName) -> &Mutex<()> {
        &self.places[self.hasher.hash_one((repo, branch)) as usize % self.places.len()]
    }
}

/// What a commit says about itself, and where it goes.
pub struct Order {
    pub operation: OperationId,
    pub repo: RepoKey,
    pub branch: RefName,
    pub expected_parent: Option<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
}

/// How a commit is made from the branch's tip.
pub enum Work {
    Changes(Vec<Change>),
    Rewrite(Rewrite),
}

/// What the work comes to on one tip.
pub enum Drafted {
    /// The tip is as it should be.
    Nothing,
    /// At least one.
    Conflicts(Vec<RepoPath>),
    Content(Box<Content>),
}

/// What a commit is made of, as what differs from the tip.
pub struct Content {
    pub parents: Vec<Arc<Commit>>,
    pub sealed: Sealed,
    /// What one of these has in the same way was changed by whom it says.
    pub sources: Vec<Arc<Commit>>,
}

/// A commit that lakeFS does not have yet.
pub struct New {
    pub repo: RepoKey,
    pub id: CommitId,
    /// What it says.
    pub encoded: git::Commit,
    /// None of one that comes from elsewhere.
    pub operation: Option<OperationId>,
}

/// Where a commit begins.
pub struct Ground {
    pub repository: Repository,
    /// The tip, or the first parent of a commit that comes from elsewhere.
    pub tip: Option<Arc<Commit>>,
    /// The version of the branch's row.
    pub branch: u64,
}

enum Begin {
    Done(CommitId),
    Ground(Box<Ground>),
}

enum Turn<'a> {
    Taken(#[allow(dead_code)] MutexGuard<'a, ()>),
    Needless(Committed),
}

impl Lakefs {
    pub(crate) async fn make_commit(&self, request: CommitRequest) -> Result<Committed> {
        let CommitRequest { operation, repo, branch, expected_parent, author, time, message, changes } = request;
        let order = Order { operation, repo, branch, expected_parent, author, time, message };
        match self.make(&order, &Work::Changes(changes)).await? {
            Rewritten::Done(committed) => Ok(committed),
            Rewritten::Conflicts(_) => Err(internal(OPERATION, "changes met a conflict")),
        }
    }

    pub(crate) async fn make_rewrite(&self, request: RewriteRequest) -> Result<Rewritten> {
        let RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite } = request;
        let order = Order { operation, repo, branch, expected_parent, author, time, message };
        self.make(&order, &Work::Rewrite(rewrite)).await
    }

    async fn make(&self, order: &Order, work: &Work) -> Result<Rewritten> {
        if order.branch.kind() == RefKind::Tag {
            return Err(invalid(OPERATION, format!("{} is a tag; commits go to branches", order.branch)));
        }
        let _turn = match self.take_turn(order).await? {
            Turn::Taken(turn) => turn,
            Turn::Needless(done) => return Ok(Rewritten::Done(done)),
        };
        for _ in 0..ATTEMPTS {
            let ground = match self.begin(order).await? {
                Begin::Done(id) => return Ok(Rewritten::Done(Committed::New(id))),
                Begin::Ground(ground) => *ground,
            };
            let drafted = match work {
                Work::Changes(changes) => self.draft(order.repo, &ground, changes).await?,
                Work::Rewrite(rewrite) => self.draft_rewrite(order, &ground, rewrite).await?,
            };
            let content = match drafted {
                Drafted::Content(content) => *content,
                Drafted::Conflicts(paths) => return Ok(Rewritten::Conflicts(paths)),
                Drafted::Nothing => {
                    let same = ground.tip.map(|tip| Rewritten::Done(Committed::Unchanged(tip.info.id)));
                    return same.ok_or_else(|| corrupt(OPERATION, "an unborn branch has a tip"));
                }
            };
            if let Some(id) = self.conclude_attempt(order, &ground, content).await? {
                return Ok(Rewritten::Done(Committed::New(id)));
            }
            // What the next round finds decides.
        }
        let context = format!("{} of repository {} moved {ATTEMPTS} times meanwhile", order.branch, order.repo);
        Err(Error::new(ErrorKind::Unavailable, OPERATION, context))
    }

    /// Waits until it is this commit's turn. One whose branch has moved on already is not kept waiting to hear it.
    async fn take_turn(&self, order: &Order) -> Result<Turn<'_>> {
        let place = self.turns.place(order.repo, &order.branch);
        if let Ok(turn) = place.try_lock() {
            return Ok(Turn::Taken(turn));
        }
        if order.expected_parent.is_some()
            && let Begin::Done(id) = self.begin(order).await?
        {
            return Ok(Turn::Needless(Committed::New(id)));
        }
        Ok(Turn::Taken(place.lock().await))
    }

    /// Where the branch stands, unless the operation has an outcome already. The branch is read first: where its tip is
    /// the operation's own commit, the operation's row is seen too.
    async fn begin(&self, order: &Order) -> Result<Begin> {
        let (repo, operation) = (order.repo, order.operation);
        let branch = self.records.find_ref(repo, order.branch.as_str()).await?;
        match self.records.operation(repo, operation).await? {
            Some(Some(id)) => return Ok(Begin::Done(id)),
            Some(None) => {
                let context = format!("operation {operation} on repository {repo} was concluded without a commit");
                return Err(conflict(OPERATION, context));
            }
            None => {}
        }
        let repository = self.repository(repo).await?;
        let Some(branch) = branch else {
            return Err(missing(OPERATION, format!("repository {repo} has no branch {}", order.branch)));
        };
        let tip = branch.value.commit;
        if order.expected_parent.is_some() && order.expected_parent != tip {
            let stands = tip.map_or("has no commit yet".to_owned(), |tip| format!("stands at {tip}"));
            return Err(conflict(OPERATION, format!("{} of repository {repo} {stands}", order.branch)));
        }
        let tip = match tip {
            Some(tip) => Some(self.commit_of(repo, tip).await?),
            None => None,
        };
        Ok(Begin::Ground(Box::new(Ground { repository, tip, branch: branch.version })))
    }

    /// What changes come to.
    async fn draft(&self, repo: RepoKey, ground: &Ground, changes: &[Change]) -> Result<Drafted> {
        let sealed = self.seal(repo, ground, changes).await?;
        if sealed.edits.is_empty() && ground.tip.is_some() {
            return Ok(Drafted::Nothing);
        }
        let content = Content { parents: ground.tip.iter().cloned().collect(), sealed, sources: Vec::new() };
        Ok(Drafted::Content(Box::new(content)))
    }

    /// The tree that changes lead to.
    pub(crate) async fn seal(&self, repo: RepoKey, ground: &Ground, changes: &[Change]) -> Result<Sealed> {
        let mut copied = HashMap::new();
        let mut stored = Stored::default();
        match &ground.tip {
            None => drop(stored.0.insert(String::new(), Arc::new(Folder::default()))),
            Some(tip) => {
                let view = self.view(repo, &ground.repository, tip.clone());
                view.load(&mut stored, touched(changes)).await?;
                for change in changes {
                    match change {
                        Change::DeleteFolder { path } => view.load_below(&mut stored, path.as_str()).await?,
                        Change::Put { path, .. } | Change::Copy { to: path, .. } => {
                            view.load_first(&mut stored, path.as_str()).await?;
                        }
                        Change::Delete { .. } => {}
                    }
                }
            }
        }
        for (at, change) in changes.iter().enumerate() {
            if let Change::Copy { from, at: source, .. } = change {
                let source = match source {
                    Some(id) => {
                        Some(self.find_commit(repo, *id).await?.ok_or_else(|| no_commit(OPERATION, repo, *id))?)
                    }
                    None => ground.tip.clone(),
                };
                copied.insert(at, self.copied(repo, &ground.repository, source, from).await?);
            }
        }
        let before = ground.tip.as_ref().map_or_else(crate::empty, |tip| tip.root);
        let mut draft = Draft::over(stored)?;
        draft.apply(changes, &mut copied)?;
        draft.seal(before, false)
    }

    /// What a copy brings.
    async fn copied(
        &self,
        repo: RepoKey,
        repository: &Repository,
        source: Option<Arc<Commit>>,
        from: &RepoPath,
    ) -> Result<Copied> {
        let Some(source) = source else { return Ok(Copied::Nothing) };
        let (view, mut stored) = (self.view(repo, repository, source), Stored::default());
        view.load(&mut stored, from.ancestors().map(str::to_owned).collect()).await?;
        match stored.find(from.as_str()).map(|item| item.what) {
            None => Ok(Copied::Nothing),
            Some(What::Entry(node)) => Ok(Copied::File(node)),
            Some(What::Folder(_)) => {
                view.load_below(&mut stored, from.as_str()).await?;
                stored.files_below(from.as_str()).map(Copied::Files)
            }
        }
    }

    /// Makes the commit on this ground; none where somebody was faster.
    async fn conclude_attempt(&self, order: &Order, ground: &Ground, content: Content) -> Result<Option<CommitId>> {
        let repo = order.repo;
        let encoded = git::Commit {
            tree: content.sealed.root.oid,
            parents: content.parents.iter().map(|parent| parent.info.id).collect(),
            author: order.author.clone(),
            time: order.time,
            message: order.message.clone(),
        };
        let (id, bytes) = encoded.encode();
        let text =
            String::from_utf8(bytes).map_err(|error| internal(OPERATION, "a commit is no text").with_source(error))?;
        // The same commit may be there already: the same bytes on another branch, or made once and left behind.
        let known = self.find_commit(repo, id).await?;
        let (commit, work) = match known.clone() {
            Some(commit) => (commit, None),
            None => {
                let new = New { repo, id, encoded, operation: Some(order.operation) };
                let (commit, work) = self.store(ground, new, content).await?;
                (Arc::new(commit), Some(work))
            }
        };
        let recorded = self.record(order, ground, &commit, text, known.is_none()).await;
        if let Ok(true) = recorded {
            self.commits.insert((repo, id), commit);
            self.follow(repo, &ground.repository, &order.branch).await;
        }
        if let Some(work) = work {
            self.leave(&ground.repository.name, &work).await;
        }
        Ok(recorded?.then_some(id))
    }

    /// Commits in lakeFS, on a hidden branch; answers the commit, which counts for nobody yet, and that branch.
    pub(crate) async fn store(&self, ground: &Ground, new: New, content: Content) -> Result<(Commit, String)> {
        let Content { parents, mut sealed, sources } = content;
        let (repo, id) = (new.repo, new.id);
        let mut theirs = Vec::with_capacity(sources.len());
        for source in sources {
            let mut stored = Stored::default();
            let view = self.view(repo, &ground.repository, source);
            view.load(&mut stored, sealed.indexes.keys().cloned().collect()).await?;
            theirs.push(stored);
        }
        sealed.stamp(id, &theirs);
        let published = self.publish(ground, &new, &sealed).await?;
        let git::Commit { tree, parents: ids, author, time, message } = new.encoded;
        let time = Timestamp::from_seconds(time.seconds());
        let rank = parents.iter().map(|parent| parent.rank.saturating_add(1)).fold(time.0, i64::max);
        let info = CommitInfo { id, tree, parents: ids, author, time, message };
        let length = self.length_of(repo, &parents).await?;
        Ok((Commit { info, lakefs: published.commit, root: sealed.root, rank, length }, published.work))
    }

    /// The step that counts.
    async fn record(
        &self,
        order: &Order,
        ground: &Ground,
        commit: &Commit,
        text: String,
        is_new: bool,
    ) -> Result<bool> {
        let (repo, id) = (order.repo, commit.info.id);
        let row = RefRow { commit: Some(id), ..RefRow::default() };
        let mut writes = vec![
            records::write(records::ref_key(repo, order.branch.as_str()), ground.branch, &row)?,
            records::write(records::operation_key(repo, order.operation), 0, &Some(id))?,
        ];
        if is_new {
            writes.push(records::write(records::commit_key(repo, &id.to_string()), 0, &CommitRow::of(commit, text))?);
        }
        self.records.apply(writes).await
    }

    /// The operation's commit, or none, and then none for ever.
    pub(crate) async fn conclude_operation(&self, repo: RepoKey, operation: OperationId) -> Result<Option<CommitId>> {
        for _ in 0..ATTEMPTS {
            if let Some(outcome) = self.records.operation(repo, operation).await? {
                return Ok(outcome);
            }
            let fence = records::write(records::operation_key(repo, operation), 0, &None::<CommitId>)?;
            self.records.apply(vec![fence]).await?;
        }
        Err(no_repository(OPERATION, repo))
    }
}

/// The folders that applying these changes will ask for.
fn touched(changes: &[Change]) -> BTreeSet<String> {
    let paths = changes.iter().map(|change| match change {
        Change::Put { path, .. } | Change::Delete { path } | Change::DeleteFolder { path } => path,
        Change::Copy { to, .. } => to,
    });
    paths.flat_map(|path| path.ancestors().chain([path.as_str()]).map(str::to_owned)).collect()
}
