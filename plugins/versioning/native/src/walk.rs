//! Reading a map.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use ballast_contract::Result;

use crate::node::{Node, NodeId, Sums, Value};
use crate::store::Store;

/// The most leaves that a scan asks for at once.
const AHEAD: usize = 64;

/// One call's way through maps. What it has read it holds, so a node is asked for once.
pub struct Walk<'a> {
    store: &'a Store,
    held: HashMap<NodeId, Arc<Node>>,
}

impl<'a> Walk<'a> {
    /// Has read nothing yet.
    pub fn new(store: &'a Store) -> Self {
        Self { store, held: HashMap::new() }
    }

    /// Lets it find nodes that are not stored yet.
    pub fn adopt(&mut self, nodes: impl IntoIterator<Item = (NodeId, Arc<Node>)>) {
        self.held.extend(nodes);
    }

    /// One node.
    pub async fn node(&mut self, id: NodeId) -> Result<Arc<Node>> {
        self.hold(&[id]).await?;
        Ok(self.held[&id].clone())
    }

    /// Reads the nodes that it does not hold yet, together.
    pub async fn hold(&mut self, ids: &[NodeId]) -> Result<()> {
        let mut absent: Vec<NodeId> = ids.iter().copied().filter(|id| !self.held.contains_key(id)).collect();
        absent.sort_unstable();
        absent.dedup();
        if !absent.is_empty() {
            let nodes = self.store.load(&absent).await?;
            self.held.extend(absent.into_iter().zip(nodes));
        }
        Ok(())
    }

    /// Reads the ways to all these sorted keys, one statement a level.
    pub async fn prefetch(&mut self, root: NodeId, keys: &[Vec<u8>]) -> Result<()> {
        let mut level = vec![(root, 0..keys.len())];
        while !level.is_empty() && !keys.is_empty() {
            let ids: Vec<NodeId> = level.iter().map(|(id, _)| *id).collect();
            self.hold(&ids).await?;
            let below = level.iter().flat_map(|(id, range)| route(&self.held[id], keys, range.clone()));
            level = below.collect();
        }
        Ok(())
    }

    /// What stands at a key.
    pub async fn find(&mut self, root: NodeId, key: &[u8]) -> Result<Option<Value>> {
        let leaf = self.descend(root, 0, key).await?.1;
        let at = leaf.lower(key);
        Ok((at < leaf.len() && leaf.key(at) == key).then(|| leaf.values()[at]))
    }

    /// The node of this level where a key belongs; the last one where the key is greater than all.
    pub async fn descend(&mut self, root: NodeId, level: u8, key: &[u8]) -> Result<(NodeId, Arc<Node>)> {
        let (mut id, mut node) = (root, self.node(root).await?);
        while node.level() > level {
            id = node.children()[node.lower(key).min(node.len() - 1)].id;
            node = self.node(id).await?;
        }
        Ok((id, node))
    }

    /// The node of this level that begins behind a key.
    pub async fn successor(&mut self, root: NodeId, level: u8, key: &[u8]) -> Result<Option<(NodeId, Arc<Node>)>> {
        let (mut id, mut node) = (root, self.node(root).await?);
        if node.last_key().is_none_or(|last| last <= key) {
            return Ok(None);
        }
        while node.level() > level {
            id = node.children()[node.upper(key)].id;
            node = self.node(id).await?;
        }
        Ok(Some((id, node)))
    }

    /// The sums of all entries in a range of keys, from the nodes at its two ends.
    pub async fn sums(&mut self, root: NodeId, range: &Range<Vec<u8>>) -> Result<Sums> {
        Ok(self.sums_before(root, &range.end).await?.minus(self.sums_before(root, &range.start).await?))
    }

    async fn sums_before(&mut self, root: NodeId, key: &[u8]) -> Result<Sums> {
        let (mut node, mut sums) = (self.node(root).await?, Sums::default());
        loop {
            let at = node.lower(key);
            sums = sums.plus(node.sums(0..at));
            match node.children().get(at) {
                Some(child) => node = self.node(child.id).await?,
                None => return Ok(sums),
            }
        }
    }
}

/// Which children lead to which of the sorted keys.
fn route(node: &Node, keys: &[Vec<u8>], range: Range<usize>) -> Vec<(NodeId, Range<usize>)> {
    let mut routes = Vec::new();
    let mut at = range.start;
    while node.level() > 0 && at < range.end {
        let child = node.lower(&keys[at]).min(node.len() - 1);
        let is_last = child == node.len() - 1;
        let inside = keys[at..range.end].iter().take_while(|key| is_last || key.as_slice() <= node.key(child)).count();
        routes.push((node.children()[child].id, at..at + inside));
        at += inside;
    }
    routes
}

/// The entries of a range of keys, leaf by leaf. Leaves are read in batches that grow, and only those of the range.
pub struct Scan {
    range: Range<Vec<u8>>,
    /// Inner nodes and the next child of each.
    open: Vec<(Arc<Node>, usize)>,
    leaves: VecDeque<(NodeId, Arc<Node>)>,
    last: NodeId,
    batch: usize,
}

impl Scan {
    /// Stands before the first entry of the range.
    pub async fn new(walk: &mut Walk<'_>, root: NodeId, range: Range<Vec<u8>>) -> Result<Self> {
        let mut scan = Self { range, open: Vec::new(), leaves: VecDeque::new(), last: root, batch: 1 };
        let node = walk.node(root).await?;
        match node.level() {
            0 => scan.leaves.push_back((root, node)),
            _ => scan.push(node),
        }
        Ok(scan)
    }

    fn push(&mut self, node: Arc<Node>) {
        let first = node.lower(&self.range.start);
        self.open.push((node, first));
    }

    /// The next leaf and its entries of the range; `want` is about how many entries are still of use.
    pub async fn next(&mut self, walk: &mut Walk<'_>, want: usize) -> Result<Option<(Arc<Node>, Range<usize>)>> {
        loop {
            while let Some((id, leaf)) = self.leaves.pop_front() {
                let found = leaf.lower(&self.range.start)..leaf.lower(&self.range.end);
                if !found.is_empty() {
                    self.last = id;
                    return Ok(Some((leaf, found)));
                }
            }
            if !self.advance(walk, want).await? {
                return Ok(None);
            }
        }
    }

    /// The id of the leaf that `next` answered last.
    pub fn leaf(&self) -> NodeId {
        self.last
    }

    /// Opens one inner node, or reads a batch of leaves. False at the end of the range.
    async fn advance(&mut self, walk: &mut Walk<'_>, want: usize) -> Result<bool> {
        let Some((node, next)) = self.open.last_mut() else { return Ok(false) };
        // The child behind a key of the range's end or beyond begins there or later.
        if *next >= node.len() || (*next > 0 && node.key(*next - 1) >= self.range.end.as_slice()) {
            self.open.pop();
            return Ok(!self.open.is_empty());
        }
        if node.level() > 1 {
            let id = node.children()[*next].id;
            *next += 1;
            let child = walk.node(id).await?;
            self.push(child);
            return Ok(true);
        }
        let last = node.lower(&self.range.end).min(node.len() - 1);
        let mut ids = Vec::new();
        let mut expected = 0;
        while *next <= last && ids.len() < self.batch && (ids.is_empty() || expected < want as u64) {
            let child = node.children()[*next];
            expected += child.sums.count;
            ids.push(child.id);
            *next += 1;
        }
        self.batch = (self.batch * 2).min(AHEAD);
        // A long scan of cached leaves never waits; others may want the thread.
        tokio::task::yield_now().await;
        let loaded = walk.load(&ids).await?;
        self.leaves.extend(ids.into_iter().zip(loaded));
        Ok(true)
    }
}

impl Walk<'_> {
    /// Nodes that it may hold already, and will not hold because of this: a long scan passes many.
    async fn load(&self, ids: &[NodeId]) -> Result<Vec<Arc<Node>>> {
        let absent: Vec<NodeId> = ids.iter().copied().filter(|id| !self.held.contains_key(id)).collect();
        let mut loaded = match absent.is_empty() {
            true => Vec::new(),
            false => self.store.load(&absent).await?,
        }
        .into_iter();
        Ok(ids.iter().filter_map(|id| self.held.get(id).cloned().or_else(|| loaded.next())).collect())
    }
}
