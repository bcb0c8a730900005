//! Which commits somebody lacks.
//!
//! Commits come by rank, which is greater than every parent's, so that whatever leads to a commit has come before it:
//! when it comes, it is known whether the reader has it. The walk ends where nothing is left that the reader lacks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_contract::Result;
use ballast_contract::versioning::{Common, Cut};
use ballast_types::{CommitId, RepoKey};

use crate::error::invalid;
use crate::history::{Commit, History, Log};

const OPERATION: &str = "versioning.select";
/// Commits that are read ahead.
const AHEAD: usize = 200;
/// Wants that are looked at to see whether negotiation has found enough.
const WANTS: usize = 64;
/// Commits that are looked at for the same.
const LOOKED_AT: usize = 20_000;

const WANTED: u8 = 1;
const HAD: u8 = 2;

/// What the walk is about.
pub struct Ask<'a> {
    pub wants: &'a [CommitId],
    pub haves: &'a [CommitId],
    /// Commits that the reader has without their parents.
    pub shallow: &'a HashSet<CommitId>,
    /// Commits whose parents are not wanted.
    pub cut: &'a HashSet<CommitId>,
}

/// What it found.
#[derive(Default)]
pub struct Selected {
    /// Those that the reader lacks, parents first.
    pub commits: Vec<Arc<Commit>>,
    /// Those that the reader has and the walk met.
    pub had: HashMap<CommitId, Arc<Commit>>,
}

/// The commits that are still to come, by who leads to them.
#[derive(Default)]
struct Open {
    flags: HashMap<CommitId, u8>,
    /// How many are wanted, and how many of these the reader is not known to have.
    wanted: usize,
    lacking: usize,
}

impl Open {
    fn mark(&mut self, id: CommitId, flag: u8) {
        let flags = self.flags.entry(id).or_default();
        let before = *flags;
        *flags |= flag;
        self.wanted += usize::from(*flags & WANTED != 0) - usize::from(before & WANTED != 0);
        self.lacking += usize::from(*flags == WANTED);
        self.lacking -= usize::from(before == WANTED);
    }

    fn take(&mut self, id: CommitId) -> u8 {
        let flags = self.flags.remove(&id).unwrap_or_default();
        self.wanted -= usize::from(flags & WANTED != 0);
        self.lacking -= usize::from(flags == WANTED);
        flags
    }
}

impl History {
    /// The commits that wants lead to and the reader does not have.
    pub async fn select(&self, repo: RepoKey, ask: &Ask<'_>) -> Result<Selected> {
        let (mut selected, mut open) = (Selected::default(), Open::default());
        let mut log = Log::new(self, repo, AHEAD);
        log.add(ask.wants).await?;
        log.add(ask.haves).await?;
        ask.wants.iter().for_each(|id| open.mark(*id, WANTED));
        ask.haves.iter().for_each(|id| open.mark(*id, HAD));
        // Behind what the reader has there may be more that it lacks, if its history is cut off somewhere.
        while (if ask.shallow.is_empty() { open.lacking } else { open.wanted }) > 0 {
            let Some(commit) = log.pop().await? else { break };
            let id = commit.info.id;
            let flags = open.take(id);
            let mut pass = 0;
            if flags & HAD != 0 && !ask.shallow.contains(&id) {
                pass |= HAD;
            }
            if flags & WANTED != 0 && !ask.cut.contains(&id) {
                pass |= WANTED;
            }
            if pass != 0 {
                log.add(&commit.info.parents).await?;
                commit.info.parents.iter().for_each(|parent| open.mark(*parent, pass));
            }
            match flags {
                WANTED => selected.commits.push(commit),
                _ => drop(selected.had.insert(id, commit)),
            }
        }
        selected.commits.reverse();
        Ok(selected)
    }

    /// The commits behind which a history ends that is cut off like this.
    pub async fn ends(&self, repo: RepoKey, wants: &[CommitId], cut: &Cut) -> Result<Vec<CommitId>> {
        match cut {
            Cut::Depth(depth) => self.ends_at_depth(repo, wants, *depth).await,
            Cut::Until { since, not } => {
                let none = HashSet::new();
                let ask = Ask { wants, haves: not, shallow: &none, cut: &none };
                let mut newer = self.select(repo, &ask).await?.commits;
                newer.retain(|commit| since.is_none_or(|since| commit.info.time >= since));
                if newer.is_empty() {
                    return Err(invalid(OPERATION, "no commits are left: all are older than asked for, or left out"));
                }
                let ids: HashSet<CommitId> = newer.iter().map(|commit| commit.info.id).collect();
                let is_end = |commit: &&Arc<Commit>| commit.info.parents.iter().any(|parent| !ids.contains(parent));
                Ok(newer.iter().filter(is_end).map(|commit| commit.info.id).collect())
            }
        }
    }

    async fn ends_at_depth(&self, repo: RepoKey, wants: &[CommitId], depth: u32) -> Result<Vec<CommitId>> {
        let mut depths: HashMap<CommitId, u32> = wants.iter().map(|id| (*id, 1)).collect();
        let mut log = Log::new(self, repo, AHEAD.min(depth as usize));
        log.add(wants).await?;
        let mut ends = Vec::new();
        // All that lead to a commit have come before it, so its depth is known when it comes.
        while let Some(commit) = log.pop().await? {
            let (id, parents) = (commit.info.id, &commit.info.parents);
            let at = depths.get(&id).copied().unwrap_or(depth);
            if at < depth {
                for parent in parents {
                    let known = depths.entry(*parent).or_insert(at + 1);
                    *known = (at + 1).min(*known);
                }
                log.add(parents).await?;
            } else if !parents.is_empty() {
                ends.push(id);
            }
        }
        ends.sort_unstable();
        Ok(ends)
    }

    /// Which of these the repository has, and whether all wants lead to one of them.
    pub async fn common(&self, repo: RepoKey, wants: &[CommitId], haves: &[CommitId]) -> Result<Common> {
        let found = self.find(repo, haves).await?;
        let known: Vec<CommitId> = haves.iter().copied().filter(|id| found.contains_key(id)).collect();
        let enough = !known.is_empty() && self.all_lead_to(repo, wants, &known, &found).await?;
        Ok(Common { known, enough })
    }

    async fn all_lead_to(
        &self,
        repo: RepoKey,
        wants: &[CommitId],
        known: &[CommitId],
        found: &HashMap<CommitId, Arc<Commit>>,
    ) -> Result<bool> {
        if wants.len() > WANTS {
            return Ok(false);
        }
        let lowest = found.values().map(|commit| commit.rank).min().unwrap_or(i64::MAX);
        let known: HashSet<&CommitId> = known.iter().collect();
        let mut open: HashMap<CommitId, u64> = HashMap::new();
        for (at, want) in wants.iter().enumerate() {
            *open.entry(*want).or_default() |= 1 << at;
        }
        let all = open.values().fold(0, |all, mask| all | mask);
        let (mut reached, mut log) = (0, Log::new(self, repo, AHEAD));
        log.add(wants).await?;
        for _ in 0..LOOKED_AT {
            if reached == all {
                return Ok(true);
            }
            let Some(commit) = log.pop().await? else { break };
            let mask = open.remove(&commit.info.id).unwrap_or_default();
            if known.contains(&commit.info.id) {
                reached |= mask;
            } else if mask & !reached != 0 && commit.rank >= lowest {
                log.add(&commit.info.parents).await?;
                commit.info.parents.iter().for_each(|parent| *open.entry(*parent).or_default() |= mask);
            }
        }
        Ok(reached == all)
    }
}
