//! The commits of one repository, parents first.

use std::collections::{HashMap, HashSet};

use ballast_contract::versioning::failure::{corrupt, no_commit};
use ballast_contract::versioning::{Arrival, Change, WholeRef};
use ballast_contract::{Error, ErrorKind, Result};
use ballast_types::{CommitId, RepoKey};

use super::{Relocating, Side};

const OPERATION: &str = "versioning.migrate";
/// Commits that are asked about at a time, and differences and refs that are read.
const BATCH: usize = 500;

/// All refs of a repository.
pub async fn whole_refs(side: &Side, repo: RepoKey) -> Result<Vec<WholeRef>> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = side.relocation()?.whole_refs(repo, after, BATCH).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

impl Relocating<'_> {
    /// Nobody may have written to the new engine: the commits of a ref there that the old one does not have would be
    /// lost with the ref.
    pub(super) async fn check_strangers(&self, repo: RepoKey) -> Result<()> {
        for one in whole_refs(&self.to, repo).await? {
            let Some(id) = one.commit else { continue };
            if self.from.engine.commits(repo, &[id]).await?.iter().all(Option::is_none) {
                let (from, to) = (&self.from.name, &self.to.name);
                let context = format!(
                    "{} stands in '{to}' at commit {id}, which '{from}' does not have: somebody wrote there, and it \
                     would be lost",
                    one.name
                );
                return Err(Error::new(ErrorKind::Unsupported, OPERATION, context));
            }
        }
        Ok(())
    }

    /// Moves every commit that the new engine does not have; how many stayed, because it cannot hold them and no ref
    /// leads to them.
    pub(super) async fn commits(&mut self, repo: RepoKey, refs: &[WholeRef]) -> Result<u64> {
        let parents = self.absent(repo).await?;
        let wanted = ancestry(&parents, refs.iter().filter_map(|one| one.commit));
        let mut stayed = HashSet::new();
        for id in order(&parents) {
            let its = parents.get(&id).map(Vec::as_slice).unwrap_or_default();
            if its.iter().any(|parent| stayed.contains(parent)) {
                stayed.insert(id);
                continue;
            }
            match self.commit(repo, id, its.first().copied()).await {
                Err(error) if error.is(ErrorKind::Unsupported) && !wanted.contains(&id) => drop(stayed.insert(id)),
                moved => moved?,
            }
            (self.told)(None, &self.done);
        }
        Ok(stayed.len() as u64)
    }

    async fn commit(&mut self, repo: RepoKey, id: CommitId, first: Option<CommitId>) -> Result<()> {
        let bytes = self.from.relocation()?.commit_bytes(repo, &[id]).await?;
        let bytes = bytes.into_iter().flatten().next().ok_or_else(|| no_commit(OPERATION, repo, id))?;
        let arrival = Arrival { bytes, changes: self.changes(repo, first, id).await? };
        if arrival.id() != id {
            return Err(corrupt(OPERATION, format!("the bytes of commit {id} are not those of its id")));
        }
        self.to.relocation()?.adopt(repo, arrival).await?;
        self.done.commits += 1;
        Ok(())
    }

    /// The commits that the new engine does not have, each with its parents.
    async fn absent(&self, repo: RepoKey) -> Result<HashMap<CommitId, Vec<CommitId>>> {
        let (mut absent, mut after) = (HashMap::new(), None);
        loop {
            let page = self.from.relocation()?.kept_commits(repo, after, BATCH).await?;
            let there = self.to.engine.commits(repo, &page).await?;
            let unknown = page.iter().zip(&there).filter(|(_, there)| there.is_none());
            let unknown: Vec<CommitId> = unknown.map(|(id, _)| *id).collect();
            let infos = self.from.engine.commits(repo, &unknown).await?;
            absent.extend(infos.into_iter().flatten().map(|info| (info.id, info.parents)));
            after = page.last().copied();
            if page.len() < BATCH {
                return Ok(absent);
            }
        }
    }

    /// What leads from a commit's first parent to the commit: what goes before what comes, for a file may take the place
    /// of a folder.
    async fn changes(&self, repo: RepoKey, before: Option<CommitId>, after: CommitId) -> Result<Vec<Change>> {
        let (mut gone, mut put, mut cursor) = (Vec::new(), Vec::new(), None);
        loop {
            let page = self.from.engine.diff(repo, before, after, cursor, BATCH).await?;
            for one in page.items {
                match one.after {
                    None => gone.push(Change::Delete { path: one.path }),
                    Some(node) => put.push(Change::Put { path: one.path, node }),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                gone.append(&mut put);
                return Ok(gone);
            }
        }
    }
}

/// Those of these commits that lead to one of the tips, or are one.
fn ancestry(parents: &HashMap<CommitId, Vec<CommitId>>, tips: impl Iterator<Item = CommitId>) -> HashSet<CommitId> {
    let (mut found, mut open): (_, Vec<CommitId>) = (HashSet::new(), tips.collect());
    while let Some(id) = open.pop() {
        if let Some(its) = parents.get(&id).filter(|_| found.insert(id)) {
            open.extend(its);
        }
    }
    found
}

/// These commits, those before their children that are among them.
fn order(parents: &HashMap<CommitId, Vec<CommitId>>) -> Vec<CommitId> {
    let (mut sorted, mut done) = (Vec::with_capacity(parents.len()), HashSet::new());
    let mut under_way = HashSet::new();
    let mut begin: Vec<CommitId> = parents.keys().copied().collect();
    begin.sort_unstable();
    let mut open: Vec<(CommitId, bool)> = begin.into_iter().map(|id| (id, false)).collect();
    while let Some((id, is_ready)) = open.pop() {
        let Some(its) = parents.get(&id).filter(|_| !done.contains(&id)) else { continue };
        if is_ready {
            done.insert(id);
            sorted.push(id);
            continue;
        }
        if under_way.insert(id) {
            open.push((id, true));
            // One that waits further down may be needed here first.
            open.extend(its.iter().filter(|parent| !done.contains(*parent)).map(|parent| (*parent, false)));
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> CommitId {
        CommitId([n; 20])
    }

    #[test]
    fn parents_come_before_their_children_whatever_their_ids() {
        // 9 is the root of two lines that meet in 1; 3 has a parent that is moved already.
        let history = [(1, vec![4, 2]), (4, vec![5]), (5, vec![9]), (2, vec![9]), (9, vec![]), (3, vec![77])];
        let parents: HashMap<CommitId, Vec<CommitId>> =
            history.iter().map(|(n, parents)| (id(*n), parents.iter().map(|n| id(*n)).collect())).collect();
        let sorted = order(&parents);
        assert_eq!(sorted.len(), 6);
        let place = |wanted: CommitId| sorted.iter().position(|id| *id == wanted);
        for (child, parents) in &parents {
            assert!(parents.iter().all(|parent| place(*parent) < place(*child)), "{sorted:?}");
        }
        assert_eq!(order(&HashMap::new()), []);
        let found = ancestry(&parents, [id(4), id(77), id(3)].into_iter());
        assert_eq!(found, [4, 5, 9, 3].map(id).into());
    }
}
