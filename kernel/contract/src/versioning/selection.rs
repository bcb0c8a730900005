//! Which commits somebody lacks, by what an engine knows of its history.
//!
//! Commits come by rank, which is greater than every parent's, so that whatever leads to a commit has come before it:
//! when it comes, it is known whether the reader has it. The walk ends where nothing is left that the reader lacks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballast_types::CommitId;

use super::failure::invalid;
use super::{CommitInfo, Common, Cut};
use crate::Result;

const OPERATION: &str = "versioning.select";
/// Wants that are looked at to see whether negotiation has found enough.
const WANTS: usize = 64;
/// Commits that are looked at for the same.
const LOOKED_AT: usize = 20_000;

const WANTED: u8 = 1;
const HAD: u8 = 2;

/// A commit on the way.
pub trait Step: Send + Sync {
    /// What it says.
    fn info(&self) -> &CommitInfo;

    /// Its place: greater than that of every parent.
    fn rank(&self) -> i64;
}

/// A walk from commits to their parents, the greatest rank first. It stands at the beginning.
pub trait Log: Send {
    type Commit: Step;

    /// Walks over these too. One that was there before does not come again.
    fn add(&mut self, ids: &[CommitId]) -> impl Future<Output = Result<()>> + Send;

    /// The next commit; its parents come when they are added. None at the end.
    fn pop(&mut self) -> impl Future<Output = Result<Option<Arc<Self::Commit>>>> + Send;
}

/// What a walk is about.
pub struct Ask<'a> {
    pub wants: &'a [CommitId],
    pub haves: &'a [CommitId],
    /// Commits that the reader has without their parents.
    pub shallow: &'a HashSet<CommitId>,
    /// Commits whose parents are not wanted.
    pub cut: &'a HashSet<CommitId>,
}

/// What it found.
pub struct Selected<C> {
    /// Those that the reader lacks, parents first.
    pub commits: Vec<Arc<C>>,
    /// Those that the reader has and the walk met.
    pub had: HashMap<CommitId, Arc<C>>,
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

/// The commits that wants lead to and the reader does not have.
pub async fn select<L: Log>(mut log: L, ask: &Ask<'_>) -> Result<Selected<L::Commit>> {
    let (mut commits, mut had, mut open) = (Vec::new(), HashMap::new(), Open::default());
    log.add(ask.wants).await?;
    log.add(ask.haves).await?;
    ask.wants.iter().for_each(|id| open.mark(*id, WANTED));
    ask.haves.iter().for_each(|id| open.mark(*id, HAD));
    while open.wanted > 0 {
        // Behind what the reader has there may be more that it lacks, if its history is cut off somewhere. Otherwise what
        // is still open is where its history begins: that is met, and nothing behind it.
        let is_found = ask.shallow.is_empty() && open.lacking == 0;
        let Some(commit) = log.pop().await? else { break };
        let id = commit.info().id;
        let flags = open.take(id);
        let mut pass = 0;
        if flags & HAD != 0 && !is_found && !ask.shallow.contains(&id) {
            pass |= HAD;
        }
        if flags & WANTED != 0 && !is_found && !ask.cut.contains(&id) {
            pass |= WANTED;
        }
        if pass != 0 {
            log.add(&commit.info().parents).await?;
            commit.info().parents.iter().for_each(|parent| open.mark(*parent, pass));
        }
        match flags {
            WANTED => commits.push(commit),
            _ => drop(had.insert(id, commit)),
        }
    }
    commits.reverse();
    Ok(Selected { commits, had })
}

/// The commits behind which a history ends that is cut off like this.
pub async fn ends<L: Log>(log: L, wants: &[CommitId], cut: &Cut) -> Result<Vec<CommitId>> {
    match cut {
        Cut::Depth(depth) => ends_at_depth(log, wants, *depth).await,
        Cut::Until { since, not } => {
            let none = HashSet::new();
            let ask = Ask { wants, haves: not, shallow: &none, cut: &none };
            let mut newer = select(log, &ask).await?.commits;
            newer.retain(|commit| since.is_none_or(|since| commit.info().time >= since));
            if newer.is_empty() {
                return Err(invalid(OPERATION, "no commits are left: all are older than asked for, or left out"));
            }
            let ids: HashSet<CommitId> = newer.iter().map(|commit| commit.info().id).collect();
            let is_end = |info: &&CommitInfo| info.parents.iter().any(|parent| !ids.contains(parent));
            Ok(newer.iter().map(|commit| commit.info()).filter(is_end).map(|info| info.id).collect())
        }
    }
}

async fn ends_at_depth<L: Log>(mut log: L, wants: &[CommitId], depth: u32) -> Result<Vec<CommitId>> {
    let mut depths: HashMap<CommitId, u32> = wants.iter().map(|id| (*id, 1)).collect();
    log.add(wants).await?;
    let mut ends = Vec::new();
    // All that lead to a commit have come before it, so its depth is known when it comes.
    while let Some(commit) = log.pop().await? {
        let CommitInfo { id, parents, .. } = commit.info();
        let at = depths.get(id).copied().unwrap_or(depth);
        if at < depth {
            for parent in parents {
                let known = depths.entry(*parent).or_insert(at + 1);
                *known = (at + 1).min(*known);
            }
            log.add(parents).await?;
        } else if !parents.is_empty() {
            ends.push(*id);
        }
    }
    ends.sort_unstable();
    Ok(ends)
}

/// Which of `haves` the repository has, which are `found`, and whether all wants lead to one of them.
pub async fn common<L: Log>(
    log: L,
    wants: &[CommitId],
    haves: &[CommitId],
    found: &HashMap<CommitId, Arc<L::Commit>>,
) -> Result<Common> {
    let known: Vec<CommitId> = haves.iter().copied().filter(|id| found.contains_key(id)).collect();
    let enough = !known.is_empty() && all_lead_to(log, wants, found).await?;
    Ok(Common { known, enough })
}

async fn all_lead_to<L: Log>(
    mut log: L,
    wants: &[CommitId],
    known: &HashMap<CommitId, Arc<L::Commit>>,
) -> Result<bool> {
    if wants.len() > WANTS {
        return Ok(false);
    }
    let lowest = known.values().map(|commit| commit.rank()).min().unwrap_or(i64::MAX);
    let mut open: HashMap<CommitId, u64> = HashMap::new();
    for (at, want) in wants.iter().enumerate() {
        *open.entry(*want).or_default() |= 1 << at;
    }
    let all = open.values().fold(0, |all, mask| all | mask);
    let mut reached = 0;
    log.add(wants).await?;
    for _ in 0..LOOKED_AT {
        if reached == all {
            return Ok(true);
        }
        let Some(commit) = log.pop().await? else { break };
        let mask = open.remove(&commit.info().id).unwrap_or_default();
        if known.contains_key(&commit.info().id) {
            reached |= mask;
        } else if mask & !reached != 0 && commit.rank() >= lowest {
            log.add(&commit.info().parents).await?;
            commit.info().parents.iter().for_each(|parent| *open.entry(*parent).or_default() |= mask);
        }
    }
    Ok(reached == all)
}
