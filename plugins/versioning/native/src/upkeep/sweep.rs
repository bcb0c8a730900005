//! Removing nodes that no commit leads to.
//!
//! Commits go on meanwhile, in this process and in others, and may bring back any node that this has condemned. So it
//! goes in steps:
//!
//! 1. *Mark*: whatever the recorded commits of all repositories lead to is needed.
//! 2. *Bury*: the other nodes of age get a tombstone, which is a stamp of this sweep's own.
//! 3. *Mark again*: what commits recorded since lead to is needed too, and its tombstones are taken back.
//! 4. *Remove*: whatever has this sweep's tombstone still.
//!
//! A commit writes every node of its making into the table, or stamps it again, inside the transaction that records
//! it. Where that happens before the tombstone, the transaction has ended before the tombstone is there (it holds the
//! rows: SQLite has one writer, and on PostgreSQL rows under way are passed over), and step 3 sees the commit. Where it
//! happens later, the stamp takes the tombstone away. Either way the node stays, whatever the clocks say; the cutoff is
//! there for those who still read what has just been given up. After a crash tombstones are left, which mean nothing
//! to readers, commits, or another sweep.
//!
//! A look may find nodes gone: their repository was deleted after its commits had been listed, and another sweep was
//! faster. Then it looks again. Where no repository was deleted meanwhile, what is gone is damage.

use std::collections::HashSet;

use ballast_contract::versioning::{SweepRequest, Swept};
use ballast_contract::{ErrorKind, Result};
use ballast_types::Timestamp;

use crate::Native;
use crate::error::{corrupt, internal, stored};
use crate::node::{Node, NodeId};
use crate::rows::{commits, nodes, repositories};
use crate::store::{Store, empty};

const OPERATION: &str = "versioning.sweep";
const PAGE: i64 = 5000;
/// Nodes that are changed in one transaction, so that commits wait for no long one.
const BATCH: usize = 500;

/// Sweeps once.
pub async fn run(engine: &Native, request: &SweepRequest) -> Result<Swept> {
    if !request.dry_run {
        repositories::bury(&engine.database).await.map_err(stored(OPERATION))?;
    }
    let mut sweep = Sweep::new(engine, request.cutoff)?;
    sweep.mark().await?;
    sweep.condemn().await?;
    if request.dry_run {
        sweep.mark().await?;
        sweep.acquit();
        return Ok(sweep.swept());
    }
    sweep.bury().await?;
    sweep.mark().await?;
    sweep.revive().await?;
    sweep.remove().await?;
    Ok(sweep.swept())
}

/// A sweep under way.
struct Sweep<'a> {
    engine: &'a Native,
    cutoff: Timestamp,
    /// Its own: below every moment, and not that of a sweep beside this one.
    tombstone: i64,
    /// Rows that are read at once.
    page: i64,
    needed: HashSet<NodeId>,
    /// Nodes that nothing led to, and the length of their bodies.
    condemned: Vec<(NodeId, u64)>,
    kept: u64,
    removed: Option<(u64, u64)>,
}

impl<'a> Sweep<'a> {
    fn new(engine: &'a Native, cutoff: Timestamp) -> Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| internal(OPERATION, format!("the operating system gave no random bytes: {error}")))?;
        let tombstone = i64::from_le_bytes(random) | i64::MIN;
        let (needed, condemned) = (HashSet::from([empty().0]), Vec::new());
        Ok(Self { engine, cutoff, tombstone, page: PAGE, needed, condemned, kept: 0, removed: None })
    }

    /// Marks what all recorded commits lead to. What was marked before is not visited again.
    async fn mark(&mut self) -> Result<()> {
        loop {
            let deleted = self.deleted_repositories().await?;
            let seen = self.look().await;
            match seen {
                Err(error) if error.is(ErrorKind::Corrupt) && self.deleted_repositories().await? != deleted => {
                    // What is below a marked node counts as seen, and was perhaps not.
                    self.needed = HashSet::from([empty().0]);
                }
                seen => return seen,
            }
        }
    }

    /// How many repositories have ever been deleted.
    async fn deleted_repositories(&self) -> Result<i64> {
        repositories::count_deleted(&self.engine.database).await.map_err(stored(OPERATION))
    }

    async fn look(&mut self) -> Result<()> {
        let (mut repo, mut after) = (i64::MIN, Vec::new());
        loop {
            let rows =
                commits::roots(&self.engine.database, repo, after, self.page).await.map_err(stored(OPERATION))?;
            let Some((last_repo, last, ..)) = rows.last() else { return Ok(()) };
            (repo, after) = (*last_repo, last.clone());
            let roots = rows.iter().flat_map(|(_, _, root, last_root)| [root, last_root]);
            let read = |root: &Vec<u8>| NodeId::from_slice(root);
            let roots: Option<Vec<NodeId>> = roots.map(read).collect();
            let roots = roots.ok_or_else(|| corrupt(OPERATION, "a map's root has an id of a wrong length"))?;
            mark_below(&self.engine.store, &mut self.needed, roots).await?;
        }
    }

    /// Finds the nodes that are not marked and old enough.
    async fn condemn(&mut self) -> Result<()> {
        let mut after = Vec::new();
        loop {
            let rows = nodes::page(&self.engine.database, after, self.page).await.map_err(stored(OPERATION))?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after = last.clone();
            for (id, stamp, length) in rows {
                let id = NodeId::from_slice(&id).ok_or_else(|| corrupt(OPERATION, "a node's id has a wrong length"))?;
                match stamp >= self.cutoff.0 || self.needed.contains(&id) {
                    true => self.kept += 1,
                    false => self.condemned.push((id, u64::from(length.unsigned_abs()))),
                }
            }
        }
    }

    async fn bury(&self) -> Result<()> {
        for ids in batches(&self.condemned) {
            let buried = nodes::bury(&self.engine.database, ids, self.cutoff.0, self.tombstone).await;
            buried.map_err(stored(OPERATION))?;
        }
        Ok(())
    }

    /// Leaves out what has been marked since; answers it.
    fn acquit(&mut self) -> Vec<(NodeId, u64)> {
        let all = std::mem::take(&mut self.condemned);
        let (acquitted, condemned): (Vec<_>, Vec<_>) = all.into_iter().partition(|(id, _)| self.needed.contains(id));
        self.condemned = condemned;
        self.kept += acquitted.len() as u64;
        acquitted
    }

    async fn revive(&mut self) -> Result<()> {
        let now = Timestamp::now().0;
        for ids in batches(&self.acquit()) {
            nodes::revive(&self.engine.database, ids, self.tombstone, now).await.map_err(stored(OPERATION))?;
        }
        Ok(())
    }

    async fn remove(&mut self) -> Result<()> {
        let mut sum = (0, 0);
        for ids in batches(&self.condemned) {
            let removed = nodes::remove(&self.engine.database, ids, self.tombstone).await;
            let (count, bytes) = removed.map_err(stored(OPERATION))?;
            sum = (sum.0 + count, sum.1 + bytes);
        }
        self.kept += self.condemned.len() as u64 - sum.0;
        self.removed = Some(sum);
        Ok(())
    }

    fn swept(&self) -> Swept {
        let would = || (self.condemned.len() as u64, self.condemned.iter().map(|(_, bytes)| bytes).sum());
        let (removed, bytes) = self.removed.unwrap_or_else(would);
        Swept { kept: self.kept, removed, bytes }
    }
}

/// In the order of ids.
fn batches(nodes: &[(NodeId, u64)]) -> impl Iterator<Item = Vec<Vec<u8>>> {
    nodes.chunks(BATCH).map(|batch| batch.iter().map(|(id, _)| id.0.to_vec()).collect())
}

/// Marks these roots and all below them. Leaves are known by their parents and never read. What cannot be read hides
/// what is below it: then nothing may go.
async fn mark_below(store: &Store, needed: &mut HashSet<NodeId>, mut open: Vec<NodeId>) -> Result<()> {
    open.retain(|root| needed.insert(*root));
    while !open.is_empty() {
        let batch = open.split_off(open.len().saturating_sub(BATCH));
        for (id, node) in store.examine(&batch).await? {
            let node: Node = node.map_err(|error| {
                let context = format!("node {id} hides what is needed below it, so nothing was removed");
                corrupt(OPERATION, context).with_source(error)
            })?;
            let children = node.children().iter().map(|child| child.id);
            let fresh: Vec<NodeId> = children.filter(|child| needed.insert(*child)).collect();
            if node.level() > 1 {
                open.extend(fresh);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use ballast_contract::versioning::{Change, Node as Entry, Upkeep, Versioning};
    use ballast_testkit::versioning::repo::path;
    use ballast_testkit::versioning::upkeep::damage;
    use ballast_types::{GitOid, RepoKey};

    use super::*;
    use crate::scaffold::{new_repo, started};

    const EVER: Timestamp = Timestamp(i64::MAX);
    const FILES: usize = 700;

    /// A new repository with these entries, the same in each of one salt. Submodules have no facts to care for.
    async fn filled(engine: &Arc<Native>, salt: u8) -> RepoKey {
        let repo = new_repo(engine).await;
        let node = Entry::Submodule { commit: GitOid([salt; 20]) };
        let put = |n: usize| Change::Put { path: path(&format!("{salt}/f{n:04}")), node };
        repo.commit_new((0..FILES).map(put).collect()).await;
        repo.key
    }

    async fn is_whole(engine: &Native, repo: RepoKey) -> bool {
        damage(engine, repo, usize::MAX).await.unwrap().0.is_empty()
    }

    async fn stored(engine: &Native) -> u64 {
        nodes::page(&engine.database, Vec::new(), PAGE).await.unwrap().len() as u64
    }

    async fn ids(engine: &Native) -> Vec<Vec<u8>> {
        let rows = nodes::page(&engine.database, Vec::new(), PAGE).await.unwrap();
        rows.into_iter().map(|(id, ..)| id).collect()
    }

    /// Marks, condemns and buries.
    async fn begun(engine: &Native) -> Sweep<'_> {
        let mut sweep = Sweep::new(engine, EVER).unwrap();
        sweep.mark().await.unwrap();
        sweep.condemn().await.unwrap();
        sweep.bury().await.unwrap();
        sweep
    }

    async fn ended(mut sweep: Sweep<'_>) -> Swept {
        sweep.mark().await.unwrap();
        sweep.revive().await.unwrap();
        sweep.remove().await.unwrap();
        sweep.swept()
    }

    ballast_database::on_both! {
        async fn a_commit_brings_back_what_has_a_tombstone(scratch: &Scratch) {
            let engine = started(scratch).await;
            for salt in [1, 2] {
                let repo = filled(&engine, salt).await;
                engine.delete(repo).await.unwrap();
            }
            let sweep = begun(&engine).await;
            let buried = sweep.condemned.len() as u64;
            assert_eq!(buried, stored(&engine).await);
            // Another node of the hub commits the content of the first repository again.
            let other = started(scratch).await;
            let again = filled(&other, 1).await;
            let swept = ended(sweep).await;
            assert!(swept.removed > 0 && swept.removed < buried, "{swept:?} of {buried}");
            assert!(is_whole(&engine, again).await);
        }

        async fn a_commit_that_was_recorded_before_the_tombstones_loses_nothing_to_them(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = filled(&engine, 1).await;
            engine.delete(repo).await.unwrap();
            let mut sweep = Sweep::new(&engine, EVER).unwrap();
            sweep.mark().await.unwrap();
            sweep.condemn().await.unwrap();
            let again = filled(&engine, 1).await;
            // Its stamps are younger than the mark and older than the cutoff: clocks cannot tell.
            sweep.bury().await.unwrap();
            let swept = ended(sweep).await;
            assert!(swept.removed > 0, "the last changes of the first repository: {swept:?}");
            assert!(is_whole(&engine, again).await);
            let rows = nodes::page(&engine.database, Vec::new(), PAGE).await.unwrap();
            assert!(rows.iter().all(|(_, stamp, _)| *stamp > 0), "no tombstone is left");
        }

        async fn a_commit_may_end_between_the_last_look_and_the_removal(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = filled(&engine, 1).await;
            engine.delete(repo).await.unwrap();
            let mut sweep = begun(&engine).await;
            sweep.mark().await.unwrap();
            sweep.revive().await.unwrap();
            let again = filled(&engine, 1).await;
            sweep.remove().await.unwrap();
            assert!(is_whole(&engine, again).await);
        }

        async fn a_crash_between_the_steps_leaves_what_the_next_sweep_takes_or_a_commit_uses(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = filled(&engine, 1).await;
            engine.delete(repo).await.unwrap();
            drop(begun(&engine).await);
            let again = filled(&engine, 1).await;
            let all = SweepRequest { cutoff: EVER, dry_run: false };
            let swept = engine.sweep(&all).await.unwrap();
            assert!(swept.removed > 0, "{swept:?}");
            assert!(is_whole(&engine, again).await);
            engine.delete(again).await.unwrap();
            drop(begun(&engine).await);
            // Tombstones are older than any cutoff.
            let swept = engine.sweep(&SweepRequest { cutoff: Timestamp(1), dry_run: false }).await.unwrap();
            assert_eq!((swept.kept, stored(&engine).await), (0, 0));
        }

        async fn sweeps_beside_each_other_take_only_what_is_theirs(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = filled(&engine, 1).await;
            engine.delete(repo).await.unwrap();
            let one = begun(&engine).await;
            let other = begun(&engine).await;
            let all = stored(&engine).await;
            // The later tombstones stand; the earlier sweep finds none of its own.
            assert_eq!(ended(one).await.removed, 0);
            assert_eq!(ended(other).await.removed, all);
        }

        async fn what_was_given_up_after_the_cutoff_stays(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = filled(&engine, 1).await;
            engine.delete(repo).await.unwrap();
            let now = Timestamp::now();
            let (old, cutoff) = (now.before(Duration::from_secs(7200)), now.before(Duration::from_secs(3600)));
            let ids = ids(&engine).await;
            nodes::bury(&engine.database, ids, i64::MAX, old.0).await.unwrap();
            let mut sweep = Sweep::new(&engine, cutoff).unwrap();
            sweep.mark().await.unwrap();
            sweep.condemn().await.unwrap();
            let all = stored(&engine).await;
            assert_eq!(sweep.condemned.len() as u64, all);
            // The same content comes and goes again: somebody may be reading it still.
            let again = filled(&engine, 1).await;
            engine.delete(again).await.unwrap();
            sweep.bury().await.unwrap();
            let swept = ended(sweep).await;
            assert!(swept.removed > 0 && swept.removed < all, "{swept:?} of {all}");
            assert_eq!(engine.sweep(&SweepRequest { cutoff, dry_run: false }).await.unwrap().removed, 0);
        }

        async fn every_commit_of_every_repository_is_looked_at_in_pages_of_any_size(scratch: &Scratch) {
            let engine = started(scratch).await;
            let mut kept = Vec::new();
            for salt in 1..6 {
                let gone = filled(&engine, salt + 100).await;
                kept.push(filled(&engine, salt).await);
                engine.delete(gone).await.unwrap();
            }
            let (all, mut sizes) = (stored(&engine).await, Vec::new());
            for page in [1, 2, 3, 7, PAGE] {
                let mut sweep = Sweep::new(&engine, EVER).unwrap();
                sweep.page = page;
                sweep.mark().await.unwrap();
                sweep.condemn().await.unwrap();
                assert_eq!(sweep.kept + sweep.condemned.len() as u64, all, "in pages of {page}");
                sizes.push(sweep.condemned.len());
            }
            assert!(sizes[0] > 0 && sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
            let mut sweep = Sweep::new(&engine, EVER).unwrap();
            sweep.page = 1;
            sweep.mark().await.unwrap();
            sweep.condemn().await.unwrap();
            sweep.bury().await.unwrap();
            assert_eq!(ended(sweep).await.removed, sizes[0] as u64);
            for repo in kept {
                assert!(is_whole(&engine, repo).await);
            }
        }
    }
}
