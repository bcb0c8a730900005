//! Making a commit.
//!
//! All work on the trees is done outside the transaction, on the tip as it was read. The transaction then moves the
//! branch from that tip, or finds that somebody was faster; in that case everything is done again on the new tip.
//! Committers of one process take turns, so that this happens between nodes only.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use ballast_contract::versioning::{Change, CommitRequest, Committed, Rewrite, Rewritten};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, OperationId, RefKind, RefName, RepoKey, RepoPath, Signature, Timestamp, git};
use tokio::sync::{Mutex, MutexGuard};

use crate::Native;
use crate::draft::{Draft, Edit};
use crate::edit::{Editor, Edits};
use crate::error::{conflict, corrupt, internal, invalid, missing, stored};
use crate::files::{self, Facts, FileId};
use crate::history::Commit;
use crate::node::{NodeId, Value};
use crate::rows::commits::{self, Halt, Made, Record};
use crate::rows::schema::TreeRow;
use crate::store::{Fresh, empty};
use crate::trees::{Derived, Pinned};
use crate::walk::Walk;

const OPERATION: &str = "versioning.commit";
/// How often a commit is done again because the branch moved. Each time, somebody else's commit went through.
const ATTEMPTS: usize = 256;

/// One committer at a time for each branch, in this process. Branches may share a place.
pub struct Turns {
    places: [Mutex<()>; 64],
    hasher: RandomState,
}

impl Turns {
    pub fn new() -> Self {
        Self { places: std::array::from_fn(|_| Mutex::new(())), hasher: RandomState::new() }
    }

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
    Content(Content),
}

/// What a commit is made of. Edits are those of the first parent's tree; of the tip's, where there is no parent.
pub struct Content {
    pub base: NodeId,
    pub parents: Vec<Arc<Commit>>,
    pub edits: Vec<Edit>,
    pub facts: HashMap<FileId, Facts>,
    pub marks: Marks,
}

/// What the maps of a commit are made from.
pub struct Plan<'a> {
    pub base: NodeId,
    pub parents: &'a [Arc<Commit>],
    pub marks: &'a Marks,
}

/// Which commit the paths of a new commit were last changed by.
pub enum Marks {
    /// Those that differ from the first parent's by the new one.
    New,
    /// The same, except where one of these parents has the same: then as it says.
    Or(Vec<Arc<Commit>>),
    /// All of them by the new one.
    All,
}

impl Marks {
    /// Of a commit that was made elsewhere, by its parents alone.
    pub fn of(parents: &[Arc<Commit>]) -> Self {
        match parents.get(1..).unwrap_or_default() {
            [] => Self::New,
            others => Self::Or(others.to_vec()),
        }
    }
}

/// A commit that is worked out and not recorded.
struct Prepared {
    commit: Commit,
    fresh: Fresh,
    record: Record,
}

impl Native {
    pub(crate) async fn make_commit(&self, request: CommitRequest) -> Result<Committed> {
        let CommitRequest { operation, repo, branch, expected_parent, author, time, message, changes } = request;
        let order = Order { operation, repo, branch, expected_parent, author, time, message };
        match self.make(&order, &Work::Changes(changes)).await? {
            Rewritten::Done(committed) => Ok(committed),
            Rewritten::Conflicts(_) => Err(internal(OPERATION, "changes met a conflict")),
        }
    }

    pub(crate) async fn make(&self, order: &Order, work: &Work) -> Result<Rewritten> {
        if order.branch.kind() == RefKind::Tag {
            return Err(invalid(OPERATION, format!("{} is a tag; commits go to branches", order.branch)));
        }
        let _turn = match self.take_turn(order).await? {
            Turn::Taken(turn) => turn,
            Turn::Needless(done) => return Ok(Rewritten::Done(done)),
        };
        for _ in 0..ATTEMPTS {
            let tip = match self.begin(order).await? {
                Begin::Done(id) => return Ok(Rewritten::Done(Committed::New(id))),
                Begin::Tip(tip) => tip,
            };
            let mut walk = Walk::new(&self.store);
            let drafted = match work {
                Work::Changes(changes) => self.draft(&mut walk, order.repo, tip.clone(), changes).await?,
                Work::Rewrite(rewrite) => self.draft_rewrite(&mut walk, order, tip.clone(), rewrite).await?,
            };
            let content = match drafted {
                Drafted::Content(content) => content,
                Drafted::Conflicts(paths) => return Ok(Rewritten::Conflicts(paths)),
                Drafted::Nothing => {
                    let same = tip.map(|tip| Rewritten::Done(Committed::Unchanged(tip.info.id)));
                    return same.ok_or_else(|| corrupt(OPERATION, "an unborn branch has a tip"));
                }
            };
            let Prepared { commit, fresh, record } = self.prepare(&mut walk, order, tip, content).await?;
            match commits::record(&self.moving(order.repo, &[order.branch.as_str()]), record).await {
                Ok(()) => {
                    let id = commit.info.id;
                    self.store.admit(fresh);
                    self.history.admit(order.repo, commit);
                    return Ok(Rewritten::Done(Committed::New(id)));
                }
                // What the next round finds decides.
                Err(Halt::Moved | Halt::Claimed) => {}
                Err(Halt::Collision(oid)) => return Err(collision(&oid)),
                Err(Halt::Database(error)) => return Err(stored(OPERATION)(error)),
            }
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

    /// Where the branch stands, unless the operation has an outcome already.
    async fn begin(&self, order: &Order) -> Result<Begin> {
        let (repo, branch, operation) = (order.repo, &order.branch, order.operation);
        let start = commits::start(&self.database, repo.0, branch.to_string(), operation.0).await;
        let start = start.map_err(stored(OPERATION))?;
        match start.operation {
            Some(Some(id)) => return Ok(Begin::Done(commit_id(&id)?)),
            Some(None) => {
                let context = format!("operation {operation} on repository {repo} was concluded without a commit");
                return Err(conflict(OPERATION, context));
            }
            None => {}
        }
        let Some(tip) = start.tip else {
            self.history.check(repo).await?;
            return Err(missing(OPERATION, format!("repository {repo} has no branch {branch}")));
        };
        let tip = tip.as_deref().map(commit_id).transpose()?;
        if order.expected_parent.is_some() && order.expected_parent != tip {
            let stands = tip.map_or("has no commit yet".to_owned(), |tip| format!("stands at {tip}"));
            return Err(conflict(OPERATION, format!("{branch} of repository {repo} {stands}")));
        }
        Ok(Begin::Tip(match tip {
            Some(tip) => Some(self.history.get(repo, tip).await?),
            None => None,
        }))
    }

    /// What changes come to.
    async fn draft(
        &self,
        walk: &mut Walk<'_>,
        repo: RepoKey,
        tip: Option<Arc<Commit>>,
        changes: &[Change],
    ) -> Result<Drafted> {
        let base = tip.as_ref().map_or(empty().0, |tip| tip.root);
        let elsewhere = self.sources(repo, changes).await?;
        let (edits, facts) = Draft::new(walk, base, changes, &elsewhere).await?.finish().await?;
        if edits.is_empty() && tip.is_some() {
            // A collision is one also where it changes nothing.
            self.unknown(repo, facts).await?;
            return Ok(Drafted::Nothing);
        }
        Ok(Drafted::Content(Content { base, parents: tip.into_iter().collect(), edits, facts, marks: Marks::New }))
    }

    /// Works a commit out.
    async fn prepare(
        &self,
        walk: &mut Walk<'_>,
        order: &Order,
        tip: Option<Arc<Commit>>,
        content: Content,
    ) -> Result<Prepared> {
        let Content { base, parents, edits, facts, marks } = content;
        let repo = order.repo;
        let new_facts = self.unknown(repo, facts).await?;
        let derived = Derived::new(walk, base, edits, &Pinned::new()).await?;
        let encoded = git::Commit {
            tree: derived.tree,
            parents: parents.iter().map(|parent| parent.info.id).collect(),
            author: order.author.clone(),
            time: order.time,
            message: order.message.clone(),
        };
        let (id, bytes) = encoded.encode();
        let mut fresh = Fresh::new()?;
        let trees = derived.trees.clone();
        let roots =
            self.edit_maps(walk, &mut fresh, id, Plan { base, parents: &parents, marks: &marks }, derived).await?;
        let length = self.history.length_of(repo, &parents).await?;
        let commit = Commit::new(&encoded, id, roots, &parents, length);
        let record = Record {
            branch: order.branch.to_string(),
            old: tip.map(|tip| tip.info.id.0.to_vec()),
            operation: order.operation.0,
            made: Made {
                nodes: fresh.rows(Timestamp::now().0),
                files: new_facts.iter().filter_map(|(id, facts)| files::row(repo, *id, facts)).collect(),
                trees: tree_rows(repo, id, trees),
                commit: commit.row(repo, bytes),
            },
        };
        Ok(Prepared { commit, fresh, record })
    }

    /// Both maps of a commit: its entries, and which commits last changed them.
    pub(crate) async fn edit_maps(
        &self,
        walk: &mut Walk<'_>,
        fresh: &mut Fresh,
        id: CommitId,
        plan: Plan<'_>,
        derived: Derived,
    ) -> Result<[NodeId; 2]> {
        let Plan { base, parents, marks } = plan;
        let changed = marks_of(walk, id, &derived, marks).await?;
        let mut editor = Editor { walk, cutter: self.cutter()?, fresh };
        let root = editor.apply(base, derived.edits).await?;
        let last_root = match marks {
            Marks::All => editor.mark_all(base, Value::mark(id.into())).await?,
            _ => editor.apply(parents.first().map_or(empty().0, |parent| parent.last_root), changed).await?,
        };
        Ok([root, last_root])
    }

    /// The maps of the commits that copies are made from.
    pub(crate) async fn sources(&self, repo: RepoKey, changes: &[Change]) -> Result<HashMap<CommitId, NodeId>> {
        let mut roots = HashMap::new();
        for change in changes {
            if let Change::Copy { at: Some(at), .. } = change
                && !roots.contains_key(at)
            {
                roots.insert(*at, self.history.get(repo, *at).await?.root);
            }
        }
        Ok(roots)
    }

    /// Those of these facts that the repository does not have yet, by oid. One git oid with two contents is refused.
    pub(crate) async fn unknown(&self, repo: RepoKey, facts: HashMap<FileId, Facts>) -> Result<Vec<(FileId, Facts)>> {
        let known = self.files.find(repo, facts.keys().copied()).await?;
        let other = facts.iter().find(|(id, new)| known.get(id).is_some_and(|old| old.sha256 != new.sha256));
        if let Some(((oid, _), _)) = other {
            return Err(collision(oid.as_bytes()));
        }
        let mut unknown: Vec<(FileId, Facts)> = facts.into_iter().filter(|(id, _)| !known.contains_key(id)).collect();
        unknown.sort_unstable_by_key(|(id, _)| *id);
        Ok(unknown)
    }
}

enum Turn<'a> {
    Taken(MutexGuard<'a, ()>),
    /// The operation has committed this before.
    Needless(Committed),
}

enum Begin {
    /// The operation has committed this before.
    Done(CommitId),
    Tip(Option<Arc<Commit>>),
}

fn commit_id(bytes: &[u8]) -> Result<CommitId> {
    CommitId::from_slice(bytes).ok_or_else(|| corrupt(OPERATION, "a commit id has a wrong length"))
}

pub fn collision(oid: &[u8]) -> Error {
    let oid: String = oid.iter().map(|byte| format!("{byte:02x}")).collect();
    invalid(OPERATION, format!("git oid {oid} stands for other bytes in this repository already: a SHA-1 collision"))
}

/// What changes in the map of last changes.
async fn marks_of(walk: &mut Walk<'_>, id: CommitId, derived: &Derived, marks: &Marks) -> Result<Edits> {
    let mut edits = Edits::new();
    let others = match marks {
        Marks::Or(others) => others.as_slice(),
        Marks::New | Marks::All => &[],
    };
    for other in others {
        let keys: Vec<Vec<u8>> = derived.changed.keys().cloned().collect();
        walk.prefetch(other.root, &keys).await?;
        walk.prefetch(other.last_root, &keys).await?;
    }
    for (key, there) in &derived.changed {
        let mut mark = there.then(|| Value::mark(id.into()));
        if let Some(Some(value)) = derived.edits.get(key) {
            for other in others {
                if walk.find(other.root, key).await? == Some(*value) {
                    mark = walk.find(other.last_root, key).await?.or(mark);
                    break;
                }
            }
        }
        edits.insert(key.clone(), mark);
    }
    Ok(edits)
}

/// By oid, each once: several folders may be equal.
pub fn tree_rows(repo: RepoKey, commit: CommitId, mut trees: Vec<(ballast_types::GitOid, String)>) -> Vec<TreeRow> {
    trees.sort_unstable();
    trees.dedup_by_key(|(oid, _)| *oid);
    let row = |(oid, folder): (ballast_types::GitOid, String)| TreeRow {
        repo: repo.0,
        oid: oid.0.to_vec(),
        commit: commit.0.to_vec(),
        folder,
    };
    trees.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballast_contract::versioning::Versioning;
    use ballast_testkit::versioning::repo::{Repo, main, put};

    use super::*;
    use crate::scaffold::{new_repo, started};

    /// Longer than any turn takes.
    const LIMIT: Duration = Duration::from_secs(20);

    fn on(repo: &Repo, parent: CommitId, text: &str) -> CommitRequest {
        CommitRequest { expected_parent: Some(parent), ..repo.request(vec![put("a", text)]) }
    }

    ballast_database::on_both! {
        async fn a_stale_commit_is_refused_while_another_has_the_turn(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = new_repo(&engine).await;
            let first = repo.commit_new(vec![put("a", "1")]).await;
            let request = on(&repo, first, "2");
            let second = engine.commit(request.clone()).await.unwrap().tip();
            let turn = engine.turns.place(repo.key, &main()).lock().await;
            let stale = tokio::time::timeout(LIMIT, engine.commit(on(&repo, first, "3"))).await;
            assert!(stale.expect("it waits for nobody").unwrap_err().is(ErrorKind::Conflict));
            let again = tokio::time::timeout(LIMIT, engine.commit(request)).await;
            assert_eq!(again.expect("it is done already").unwrap(), Committed::New(second));
            drop(turn);
            let third = engine.commit(on(&repo, second, "3")).await.unwrap();
            assert_eq!(repo.tip().await, Some(third.tip()));
        }
    }
}
