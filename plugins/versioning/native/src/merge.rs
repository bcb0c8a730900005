//! Three maps become one, path by path.
//!
//! What the two newer ones share with the old one is never opened: it costs what the one side changed, and a look-up
//! in the other for each of these changes.

use ballast_contract::Result;
use ballast_contract::versioning::{MAX_CONFLICTS, Strategy};

use crate::difference::{Found, differences};
use crate::draft::{Draft, Edit};
use crate::error::corrupt;
use crate::key;
use crate::node::{NodeId, Value};
use crate::walk::Walk;

const OPERATION: &str = "versioning.merge";

/// The maps of a merge.
#[derive(Clone, Copy)]
pub struct Sides {
    /// What both come from.
    pub base: NodeId,
    /// What is to be edited.
    pub ours: NodeId,
    /// What goes into it.
    pub theirs: NodeId,
}

/// What a merge comes to.
#[derive(Debug, Default)]
pub struct Merged {
    /// Of our map.
    pub edits: Vec<Edit>,
    /// Paths that both sides changed, sorted, and that nothing decided; not more than are told.
    pub conflicts: Vec<String>,
}

impl Merged {
    pub fn is_nothing(&self) -> bool {
        self.edits.is_empty() && self.conflicts.is_empty()
    }
}

/// Brings what their side changed into ours.
pub async fn merge(walk: &mut Walk<'_>, sides: Sides, strategy: Strategy) -> Result<Merged> {
    let (theirs, _) = differences(walk, [sides.base, sides.theirs], &[], usize::MAX).await?;
    let mut merge = Merging { strategy, takes: Vec::new(), puts: Vec::new(), conflicts: Vec::new() };
    let keys: Vec<Vec<u8>> = theirs.iter().map(|(key, ..)| key.clone()).collect();
    walk.prefetch(sides.ours, &keys).await?;
    for change in theirs {
        let mine = walk.find(sides.ours, &change.0).await?;
        merge.decide(change, mine)?;
    }
    merge.apply(walk, sides.ours).await
}

/// A merge under way.
struct Merging {
    strategy: Strategy,
    takes: Vec<String>,
    puts: Vec<(String, Value)>,
    conflicts: Vec<String>,
}

impl Merging {
    /// What becomes of one path that their side changed.
    fn decide(&mut self, (key, before, after): Found, mine: Option<Value>) -> Result<()> {
        if mine == after {
            return Ok(());
        }
        let path = key::path(&key).ok_or_else(|| corrupt(OPERATION, "a key of the map is no path"))?;
        match (mine == before, self.strategy) {
            (true, _) | (false, Strategy::Source) => match after {
                Some(value) => self.puts.push((path, value)),
                None => self.takes.push(path),
            },
            (false, Strategy::Destination) => {}
            (false, Strategy::Stop) => self.conflicts.push(path),
        }
        Ok(())
    }

    /// Lays what was decided over our map. A file of theirs may still meet a folder of ours, or lie below a file.
    async fn apply(mut self, walk: &mut Walk<'_>, ours: NodeId) -> Result<Merged> {
        let puts = self.puts.iter().map(|(path, _)| path);
        let mut draft = Draft::over(walk, ours, self.takes.iter().chain(puts).map(String::as_str)).await?;
        for path in &self.takes {
            draft.take(path).await?;
        }
        for (path, value) in self.puts {
            if draft.try_put(&path, value).await? {
                continue;
            }
            match self.strategy {
                Strategy::Stop => self.conflicts.push(path),
                Strategy::Destination => {}
                Strategy::Source => {
                    draft.make_way(&path).await?;
                    draft.try_put(&path, value).await?;
                }
            }
        }
        let (edits, _) = draft.finish().await?;
        self.conflicts.sort_unstable();
        self.conflicts.truncate(MAX_CONFLICTS);
        Ok(Merged { edits, conflicts: self.conflicts })
    }
}
