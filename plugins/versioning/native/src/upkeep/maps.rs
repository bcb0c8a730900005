//! The nodes of one map that another does not have.

use std::collections::HashSet;

use ballast_contract::Result;

use crate::node::{Node, NodeId, Sums};
use crate::store::{Store, Unreadable, empty};

/// Nodes that are examined at once.
const BATCH: usize = 500;

/// A node, and what its parent says of it; a root has no parent.
#[derive(Clone, Debug)]
pub struct Piece {
    pub id: NodeId,
    pub expected: Option<(Vec<u8>, Sums)>,
}

/// A node that is not as it should be: which, the last key that should be in it, and why.
pub struct Flaw {
    pub id: NodeId,
    pub last_key: Option<Vec<u8>>,
    pub why: String,
}

/// What one map has and the other has not.
#[derive(Default)]
pub struct Unshared {
    /// In the order of keys, not examined yet.
    pub leaves: Vec<Piece>,
    /// Inner nodes that cannot be had or contradict what leads to them.
    pub flaws: Vec<Flaw>,
    /// How many inner nodes were examined.
    pub examined: usize,
}

impl Unshared {
    /// Compares two maps level by level from above. A key stands in one leaf only, so a node that both maps have is
    /// found below nodes that only one of them has, or below a node that both have and that is never opened.
    pub async fn new(store: &Store, root: NodeId, base: NodeId) -> Result<Self> {
        let mut unshared = Self::default();
        if root == base || root == empty().0 {
            return Ok(unshared);
        }
        let mut found = store.examine(&[root, base]).await?;
        unshared.examined += 2;
        // A base that cannot be read shares nothing. Its own turn comes, or has come.
        let mut old = match found.remove(&base) {
            Some(Ok(node)) => Some((node.level(), vec![base])),
            _ => None,
        };
        let mut level = match found.remove(&root) {
            Some(Ok(node)) => node.level(),
            _ => 0,
        };
        let mut new = vec![Piece { id: root, expected: None }];
        loop {
            while let Some((at, ids)) = old.take_if(|(at, _)| *at > level) {
                old = Some((at - 1, unshared.children(store, &ids).await?));
            }
            if let Some((_, ids)) = old.as_mut().filter(|(at, _)| *at == level) {
                let theirs: HashSet<NodeId> = ids.iter().copied().collect();
                let ours: HashSet<NodeId> = new.iter().map(|piece| piece.id).collect();
                new.retain(|piece| !theirs.contains(&piece.id));
                ids.retain(|id| !ours.contains(id));
            }
            if level == 0 {
                unshared.leaves = new;
                return Ok(unshared);
            }
            new = unshared.open(store, level, new).await?;
            level -= 1;
        }
    }

    /// The children of nodes of one level, as far as these can be read.
    async fn children(&mut self, store: &Store, ids: &[NodeId]) -> Result<Vec<NodeId>> {
        let mut children = Vec::new();
        for batch in ids.chunks(BATCH) {
            self.examined += batch.len();
            let found = store.examine(batch).await?;
            children.extend(found.values().flatten().flat_map(Node::children).map(|child| child.id));
        }
        Ok(children)
    }

    async fn open(&mut self, store: &Store, level: u8, pieces: Vec<Piece>) -> Result<Vec<Piece>> {
        let mut below = Vec::new();
        for batch in pieces.chunks(BATCH) {
            self.examined += batch.len();
            let ids: Vec<NodeId> = batch.iter().map(|piece| piece.id).collect();
            let found = store.examine(&ids).await?;
            for piece in batch {
                match check(piece, level, found.get(&piece.id)) {
                    Ok(node) => below.extend((0..node.len()).zip(node.children()).map(|(at, child)| Piece {
                        id: child.id,
                        expected: Some((node.key(at).to_vec(), child.sums)),
                    })),
                    Err(flaw) => self.flaws.push(flaw),
                }
            }
        }
        Ok(below)
    }
}

/// A node that was examined, if it is what its parent says.
pub fn check<'a>(
    piece: &Piece,
    level: u8,
    found: Option<&'a std::result::Result<Node, Unreadable>>,
) -> std::result::Result<&'a Node, Flaw> {
    let last_key = piece.expected.as_ref().map(|(key, _)| key.clone());
    let flaw = |why: String| Flaw { id: piece.id, last_key: last_key.clone(), why };
    let node = found.unwrap_or(&Err(Unreadable::Absent)).as_ref().map_err(|error| flaw(error.to_string()))?;
    if node.level() != level {
        return Err(flaw(format!("it is of level {} and stands at level {level}", node.level())));
    }
    match &piece.expected {
        Some((key, _)) if node.last_key() != Some(key) => Err(flaw("it ends with another key than it should".into())),
        Some((_, sums)) if node.sums(0..node.len()) != *sums => {
            Err(flaw("its entries do not add up to what its parent says".into()))
        }
        _ => Ok(node),
    }
}
