//! Writing a map: sorted edits in, a new root and its fresh nodes out.
//!
//! Level by level, from the leaves upwards, the nodes that edits fall into are written again. A node that no longer
//! ends where it ended runs on into its neighbour, until a boundary is one of old again; so the result is the map that
//! would have been built from nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ballast_contract::Result;

use crate::cut::Cutter;
use crate::key;
use crate::node::{Child, Item, Node, NodeId, Value};
use crate::store::{Fresh, empty};
use crate::walk::{Scan, Walk};

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

    /// A map of the same keys in which this stands at each.
    pub async fn mark_all(&mut self, keys: NodeId, value: Value) -> Result<NodeId> {
        let mut run = Run::new(0);
        let mut scan = Scan::new(self.walk, keys, key::below("")).await?;
        while let Some((leaf, range)) = scan.next(self.walk, usize::MAX).await? {
            for at in range {
                self.push(&mut run, leaf.key(at), Item::Value(value))?;
            }
        }
        self.finish(&mut run)?;
        self.crown(0, run.nodes()).await
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
            nodes = run.nodes();
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

    /// What the level above is made of.
    fn nodes(self) -> Vec<(Vec<u8>, Item)> {
        self.done.into_iter().map(|(key, child)| (key, Item::Child(child))).collect()
    }
}

#[cfg(test)]
mod tests {
    use ballast_types::GitOid;

    use super::*;
    use crate::store::Store;

    async fn edited(store: &Store, root: NodeId, edits: Edits) -> NodeId {
        let mut fresh = Fresh::new().unwrap();
        let (mut walk, cutter) = (Walk::new(store), Cutter::new(&[7; 32]));
        let root = Editor { walk: &mut walk, cutter: &cutter, fresh: &mut fresh }.apply(root, edits).await.unwrap();
        store.admit(fresh);
        root
    }

    fn value(n: u32) -> Value {
        Value { mode: 0o100644, lfs: n.is_multiple_of(3), size: u64::from(n), oid: GitOid([n as u8; 20]) }
    }

    fn key(n: u32) -> Vec<u8> {
        key::of_file(&format!("{}/{n:07}", n % 11))
    }

    async fn content(store: &Store, root: NodeId) -> BTreeMap<Vec<u8>, Value> {
        let mut walk = Walk::new(store);
        let mut scan = Scan::new(&mut walk, root, key::below("")).await.unwrap();
        let mut found = BTreeMap::new();
        while let Some((leaf, range)) = scan.next(&mut walk, usize::MAX).await.unwrap() {
            found.extend(range.map(|at| (leaf.key(at).to_vec(), leaf.values()[at])));
        }
        found
    }

    #[tokio::test]
    async fn equal_content_has_an_equal_root_whatever_its_history() {
        let scratch = ballast_database::testing::sqlite().await;
        let store = Store::new(scratch.database.clone(), 1 << 30);
        let mut model: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
        let (mut root, mut state) = (empty().0, 99u32);
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        // It grows to three levels by large steps and by single ones at its end, shrinks, and grows again.
        for step in 0..160u32 {
            let count = if step % 8 == 0 { 4000 } else { 1 + random() % 60 };
            let shrinks = (60..90).contains(&step);
            let mut edits = Edits::new();
            for _ in 0..count {
                let n = random() % 60_000;
                edits.insert(key(n), (!shrinks && random() % 5 > 0).then(|| value(random())));
            }
            if step % 3 == 0 {
                edits.insert(key::of_file(&format!("zz/{step:05}")), Some(value(step)));
            }
            for (key, value) in &edits {
                match value {
                    Some(value) => drop(model.insert(key.clone(), *value)),
                    None => drop(model.remove(key)),
                }
            }
            root = edited(&store, root, edits).await;
            if step % 20 == 19 {
                let whole = model.iter().map(|(key, value)| (key.clone(), Some(*value))).collect();
                assert_eq!(edited(&store, empty().0, whole).await, root, "after step {step}");
                assert_eq!(content(&store, root).await, model, "after step {step}");
            }
        }
        let none = model.keys().map(|key| (key.clone(), None)).collect();
        assert_eq!(edited(&store, root, none).await, empty().0);
    }

    #[tokio::test]
    async fn what_is_appended_one_by_one_is_never_lost() {
        let scratch = ballast_database::testing::sqlite().await;
        let store = Store::new(scratch.database.clone(), 1 << 30);
        let (mut root, mut all) = (empty().0, Edits::new());
        // Past every boundary once, also where the root itself ends at a cut.
        for n in 0..1500 {
            let edit = (key::of_file(&format!("{n:05}")), Some(value(n)));
            all.extend([edit.clone()]);
            root = edited(&store, root, Edits::from([edit])).await;
            assert_eq!(Walk::new(&store).sums(root, &key::below("")).await.unwrap().count, u64::from(n) + 1);
        }
        assert_eq!(root, edited(&store, empty().0, all).await);
    }
}
