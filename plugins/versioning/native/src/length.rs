//! How many commits a history has, where histories are brought together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_types::{CommitId, RepoKey};

use crate::history::{Commit, History, Log};

/// Commits that are looked at for one length.
const COUNTED: usize = 20_000;
/// Commits that a walk may read ahead.
const AHEAD: usize = 500;

impl History {
    /// How many commits the history of a new one with these parents has: its own, those of its first parent, and of the
    /// others what the first does not have. None where the histories parted too long ago.
    pub async fn length_of(&self, repo: RepoKey, parents: &[Arc<Commit>]) -> Result<Option<i64>> {
        let mut left = COUNTED;
        self.length_beside(repo, parents, &HashMap::new(), &mut left).await
    }

    /// The same where some commits are not stored yet, and for many of them so many are looked at in all.
    pub async fn length_beside(
        &self,
        repo: RepoKey,
        parents: &[Arc<Commit>],
        beside: &HashMap<CommitId, Arc<Commit>>,
        left: &mut usize,
    ) -> Result<Option<i64>> {
        let Some((first, others)) = parents.split_first() else { return Ok(Some(1)) };
        let Some(length) = first.length else { return Ok(None) };
        let mut firsts: HashSet<CommitId> = [first.info.id].into();
        let mut open: HashSet<CommitId> =
            others.iter().map(|other| other.info.id).filter(|id| !firsts.contains(id)).collect();
        if open.is_empty() {
            return Ok(Some(length.saturating_add(1)));
        }
        let (mut more, mut log) = (0, Log::new(self, repo, AHEAD).beside(beside));
        log.add(&parents.iter().map(|parent| parent.info.id).collect::<Vec<_>>()).await?;
        // Children come before their parents, so whatever is the first's as well is known to be when it is reached.
        for _ in 0..COUNTED.min(*left) {
            *left -= 1;
            let Some(commit) = log.next().await? else { break };
            let is_firsts = firsts.remove(&commit.info.id);
            more += i64::from(open.remove(&commit.info.id));
            for parent in &commit.info.parents {
                match is_firsts {
                    true => {
                        open.remove(parent);
                        firsts.insert(*parent);
                    }
                    false if !firsts.contains(parent) => drop(open.insert(*parent)),
                    false => {}
                }
            }
            if open.is_empty() {
                return Ok(Some(length.saturating_add(more).saturating_add(1)));
            }
        }
        Ok(None)
    }
}
