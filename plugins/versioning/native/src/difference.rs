//! What differs between two maps. Both are walked side by side, and nodes that both have are never opened.

use std::collections::HashSet;
use std::sync::Arc;

use ballast_contract::versioning::Difference;
use ballast_contract::{Page, Result};
use ballast_types::{CommitId, RepoKey};

use crate::Native;
use crate::key;
use crate::node::{Node, NodeId, Value};
use crate::reading::path;
use crate::store::empty;
use crate::walk::Walk;

/// How many nodes that differ are read at once.
const AHEAD: usize = 8;

/// A key with what stands there on both sides.
pub type Found = (Vec<u8>, Option<Value>, Option<Value>);

impl Native {
    pub(crate) async fn list_differences(
        &self,
        repo: RepoKey,
        before: Option<CommitId>,
        after: CommitId,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Difference>> {
        let old = match before {
            Some(before) => self.history.get(repo, before).await?.root,
            None => empty().0,
        };
        let new = self.history.get(repo, after).await?.root;
        let mut walk = Walk::new(&self.store);
        let start = cursor.map(|cursor| key::behind(cursor.as_bytes())).unwrap_or_default();
        let (found, next) = differences(&mut walk, [old, new], &start, limit.max(1)).await?;
        let sides = |side: fn(&Found) -> Option<Value>| -> Vec<Value> { found.iter().filter_map(side).collect() };
        let mut olds = self.files.nodes(repo, &sides(|(_, old, _)| *old)).await?.into_iter();
        let mut news = self.files.nodes(repo, &sides(|(_, _, new)| *new)).await?.into_iter();
        let mut items = Vec::with_capacity(found.len());
        for (key, old, new) in found {
            let (before, after) = (old.and_then(|_| olds.next()), new.and_then(|_| news.next()));
            items.push(Difference { path: path(&key)?, before, after });
        }
        Ok(Page { items, next })
    }
}

/// Up to `limit` differences of files from a key on, and the last key where there are more.
pub async fn differences(
    walk: &mut Walk<'_>,
    roots: [NodeId; 2],
    start: &[u8],
    limit: usize,
) -> Result<(Vec<Found>, Option<String>)> {
    let mut found: Vec<Found> = Vec::new();
    if roots[0] == roots[1] {
        return Ok((found, None));
    }
    let [mut old, mut new] = [Side::new(walk, roots[0], start).await?, Side::new(walk, roots[1], start).await?];
    while let Some(difference) = step(walk, &mut old, &mut new).await? {
        let (key, before, after) = difference;
        let is_file = |value: &Option<Value>| value.is_some_and(|value| !value.is_folder());
        if before == after || !(is_file(&before) || is_file(&after)) {
            continue;
        }
        if found.len() == limit {
            let last = found.last().map(|(key, ..)| String::from_utf8_lossy(key).into_owned());
            return Ok((found, last));
        }
        found.push((key, before, after));
    }
    Ok((found, None))
}

/// The next key that either side has, outside of what both sides share as whole nodes.
pub async fn step(walk: &mut Walk<'_>, old: &mut Side, new: &mut Side) -> Result<Option<Found>> {
    loop {
        let (a, b) = (old.head(), new.head());
        match (a, b) {
            (None, None) => return Ok(None),
            (Some(Head::Child(_, x)), Some(Head::Child(_, y))) if x == y => {
                old.skip();
                new.skip();
            }
            // The higher one, so that both come to nodes of one level.
            (Some(Head::Child(level, _)), other) if other.is_none_or(|other| other.level() <= level) => {
                old.open(walk, new).await?;
            }
            (_, Some(Head::Child(..))) => new.open(walk, old).await?,
            _ => return Ok(Some(merge(old, new))),
        }
    }
}

/// Both sides stand at an entry or at their end; at least one at an entry.
fn merge(old: &mut Side, new: &mut Side) -> Found {
    let key = match (old.entry(), new.entry()) {
        (Some((a, _)), Some((b, _))) => a.min(b).to_vec(),
        (Some((a, _)), None) => a.to_vec(),
        (_, b) => b.map_or(Vec::new(), |(b, _)| b.to_vec()),
    };
    let take = |side: &mut Side| {
        let value = side.entry().filter(|(other, _)| *other == key).map(|(_, value)| value);
        if value.is_some() {
            side.skip();
        }
        value
    };
    let (before, after) = (take(old), take(new));
    (key, before, after)
}

#[derive(Clone, Copy)]
enum Head {
    /// A node that is not opened yet, with its level.
    Child(u8, NodeId),
    Entry,
}

impl Head {
    /// Entries lie below all nodes; 0 is a leaf.
    fn level(self) -> u8 {
        match self {
            Self::Child(level, _) => level,
            Self::Entry => 0,
        }
    }
}

/// One map's way down to where the walk stands.
pub struct Side {
    open: Vec<(Arc<Node>, usize)>,
}

impl Side {
    /// Stands at the first key that is not less than `start`.
    pub async fn new(walk: &mut Walk<'_>, root: NodeId, start: &[u8]) -> Result<Self> {
        let mut side = Self { open: Vec::new() };
        let mut next = Some(root);
        while let Some(id) = next {
            let node = walk.node(id).await?;
            let at = node.lower(start);
            // At the very beginning nothing is opened, so that whole trees can be equal.
            next = node.children().get(at).map(|child| child.id).filter(|_| !start.is_empty());
            side.open.push((node, at));
        }
        side.settle();
        Ok(side)
    }

    /// Leaves nodes that are through.
    fn settle(&mut self) {
        while let Some((node, at)) = self.open.last() {
            if *at < node.len() {
                return;
            }
            self.open.pop();
            if let Some((_, above)) = self.open.last_mut() {
                *above += 1;
            }
        }
    }

    fn head(&self) -> Option<Head> {
        let (node, at) = self.open.last()?;
        Some(match node.children().get(*at) {
            Some(child) => Head::Child(node.level() - 1, child.id),
            None => Head::Entry,
        })
    }

    fn entry(&self) -> Option<(&[u8], Value)> {
        let (node, at) = self.open.last()?;
        Some((node.key(*at), *node.values().get(*at)?))
    }

    fn skip(&mut self) {
        if let Some((_, at)) = self.open.last_mut() {
            *at += 1;
        }
        self.settle();
    }

    /// Opens the node at the head, and reads some of its neighbours that the other side does not have either.
    async fn open(&mut self, walk: &mut Walk<'_>, other: &Side) -> Result<()> {
        let Some((node, at)) = self.open.last() else { return Ok(()) };
        let shared: HashSet<NodeId> = match other.open.last() {
            Some((node, at)) => node.children().iter().skip(*at).map(|child| child.id).collect(),
            None => HashSet::new(),
        };
        let ids = node.children()[*at..].iter().map(|child| child.id);
        let differing: Vec<NodeId> = ids.take(AHEAD).filter(|id| !shared.contains(id)).collect();
        let id = node.children()[*at].id;
        walk.hold(&differing).await?;
        self.open.push((walk.node(id).await?, 0));
        Ok(())
    }
}
