//! Where two histories part.

use std::collections::HashMap;
use std::sync::Arc;

use ballast_contract::Result;
use ballast_types::{CommitId, RepoKey};

use crate::history::{Commit, History, Log};

/// Commits that are read ahead.
const AHEAD: usize = 100;

impl History {
    /// The latest commit that is in the history of both; none where the two began apart.
    ///
    /// Commits come by rank, which is greater than every parent's: when one comes, all that lead to it have come, and
    /// so the first that both sides lead to is the one. It costs the commits that came after it.
    pub async fn fork(&self, repo: RepoKey, one: CommitId, other: CommitId) -> Result<Option<Arc<Commit>>> {
        let (one, other) = (self.get(repo, one).await?.info.id, self.get(repo, other).await?.info.id);
        let mut log = Log::new(self, repo, AHEAD);
        log.add(&[one, other]).await?;
        // Which sides lead to the commits that are still to come.
        let mut sides: HashMap<CommitId, [bool; 2]> = HashMap::new();
        sides.entry(one).or_default()[0] = true;
        sides.entry(other).or_default()[1] = true;
        while let Some(commit) = log.next().await? {
            let reached = sides.remove(&commit.info.id).unwrap_or_default();
            if reached == [true, true] {
                return Ok(Some(commit));
            }
            for parent in &commit.info.parents {
                let [by_one, by_other] = sides.entry(*parent).or_default();
                *by_one |= reached[0];
                *by_other |= reached[1];
            }
            if ![0, 1].into_iter().all(|side| sides.values().any(|reached| reached[side])) {
                break;
            }
        }
        Ok(None)
    }
}
