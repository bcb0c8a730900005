//! Writing a map: sorted edits in, a new root and its fresh nodes out.
//!
//! Level by level, from the leaves upwards, the nodes that edits fall into are written again. A node that no longer
//! ends where it ended runs on into its neighbour, until a boundary is one of old again; so the result is the map that
//! would have been built from nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ballast_contract::Result;

use crate::cut::Cutter;
use crate::node::{Child, Item, Node, NodeId, Value};
use crate::store::{Fresh, empty};
use crate::walk::Walk;

/// Edits of one map, by key; none removes.
pub type Edits = BTreeMap<Vec<u8>, Option<Value>>;

type Level = BTreeMap<Vec<u8>, Option<Item>>;

/// Edits maps of a store.
pub struct Editor<'a, 's> {
    pub walk: &'a mut Walk<'s>,
    pub cutter: &'a Cutter,
    pub fresh: &'a mut Fresh,
}

impl Editor<'_, '_> {
    /// The root of the edited map.
    pub async fn apply(&mut self, root: NodeId, edits: Edits) -> Result<NodeId> {
        let keys: Vec<Vec<u8>> = edits.keys().cloned().collect();
        self.walk.prefetch(root, &keys).await?;
        let top = self.walk.node(root).await?.level();
        let mut edits: Level = edits.into_iter().map(|(key, value)| (key, value.map(Item::Value))).collect();
        for level in 0..=top {
            edits = self.apply_level(root, level, edits, level == top).await?;
            if edits.is_empty() {
                return Ok(root);
            }
        }
        let nodes = edits.into_iter().filter_map(|(key, item)| item.map(|item| (key, item))).collect();
        self.crown(top, nodes).await
    }

    /// Rewrites the nodes of one level; answers what that changes for the level above. Of the top level, which has one
    /// node, it answers all that came of it, changed or not.
    async fn apply_level(&mut self, root: NodeId, level: u8, edits: Level, is_top: bool) -> Result<Level> {
        let mut above = Level::new();
        let mut before = HashMap::new();
        let mut edits = edits.into_iter().peekable();
        while let Some((first, _)) = edits.peek() {
            let mut current = Some(self.walk.descend(root, level, first).await?);
            let mut run = Run::new(level);
            while let Some((id, node)) = current {
                let next = match node.last_key() {
                    Some(last) => self.walk.successor(root, level, last).await?,
                    None => None,
                };
                if let Some(last) = node.last_key() {
                    above.insert(last.to_vec(), None);
                    before.insert(last.to_vec(), id);
                }
                self.merge(&mut run, &node, &mut edits, next.is_none())?;
                if next.is_none() {
                    self.finish(&mut run)?;
                }
                current = next.filter(|_| !run.node.is_empty());
            }
            above.extend(run.done.into_iter().map(|(key, child)| (key, Some(Item::Child(child)))));
        }
        let same = |key: &Vec<u8>, item: &Option<Item>| match item {
            Some(Item::Child(child)) => before.get(key) == Some(&child.id),
            _ => false,
        };
        above.retain(|key, item| is_top || !same(key, item));
        Ok(above)
    }

    /// Runs through one old node and the edits that fall into it.
    fn merge(
        &mut self,
        run: &mut Run,
        node: &Arc<Node>,
        edits: &mut std::iter::Peekable<impl Iterator<Item = (Vec<u8>, Option<Item>)>>,
        is_last: bool,
    ) -> Result<()> {
        let end = node.last_key().unwrap_or_default();
        let mut at = 0;
        loop {
            let old = (at < node.len()).then(|| node.key(at));
            let falls_here = |key: &[u8]| (is_last || key <= end) && old.is_none_or(|old| key <= old);
            if let Some((key, item)) = edits.next_if(|(key, _)| falls_here(key)) {
                at += usize::from(old == Some(key.as_slice()));
                if let Some(item) = item {
                    self.push(run, &key, item)?;
                }
            } else if let Some(old) = old {
                self.push(run, old, node.item(at))?;
                at += 1;
            } else {
                return Ok(());
            }
        }
    }

    fn push(&mut self, run: &mut Run, key: &[u8], item: Item) -> Result<()> {
        run.node.push(key, item);
        run.key_bytes += key.len();
        match self.cutter.ends(&run.node, run.key_bytes) {
            true => self.finish(run),
            false => Ok(()),
        }
    }

    fn finish(&mut self, run: &mut Run) -> Result<()> {
        let following = Node::new(run.node.level());
        let node = std::mem::replace(&mut run.node, following);
        run.key_bytes = 0;
        if let Some(last) = node.last_key().map(<[u8]>::to_vec) {
            let sums = node.sums(0..node.len());
            run.done.push((last, Child { id: self.fresh.add(node)?, sums }));
        }
        Ok(())
    }

    /// Builds what stands above the nodes of the old top level, or takes away what is no longer needed.
    async fn crown(&mut self, top: u8, mut nodes: Vec<(Vec<u8>, Item)>) -> Result<NodeId> {
        let mut level = top;
        while nodes.len() > 1 {
            level += 1;
            let mut run = Run::new(level);
            for (key, item) in nodes {
                self.push(&mut run, &key, item)?;
            }
            self.finish(&mut run)?;
            nodes = run.done.into_iter().map(|(key, child)| (key, Item::Child(child))).collect();
        }
        let Some((_, Item::Child(Child { id, .. }))) = nodes.pop() else { return Ok(empty().0) };
        let mut root = id;
        loop {
            let node = match self.fresh.get(&root) {
                Some(node) => node,
                None => self.walk.node(root).await?,
            };
            match node.children() {
                [only] => {
                    self.fresh.remove(&root);
                    root = only.id;
                }
                _ => return Ok(root),
            }
        }
    }
}

/// New nodes of one level in the making.
struct Run {
    node: Node,
    key_bytes: usize,
    done: Vec<(Vec<u8>, Child)>,
}

impl Run {
    fn new(level: u8) -> Self {
        Self { node: Node::new(level), key_bytes: 0, done: Vec::new() }
    }
}
