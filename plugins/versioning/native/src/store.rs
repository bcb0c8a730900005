//! Nodes, in the database and in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ballast_contract::Result;
use ballast_database::Database;
use moka::sync::Cache;

use crate::encoding::{self, Malformed, Packer};
use crate::error::{corrupt, internal, stored};
use crate::node::{Node, NodeId};
use crate::rows::{nodes, schema::NodeRow};

const OPERATION: &str = "versioning.nodes";
/// Nodes asked for in one statement: some 5 MB.
const BATCH: usize = 500;

/// What reading and writing nodes has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Nodes that were asked for, from memory or from the database.
    pub read: u64,
    /// Nodes that came from the database.
    pub fetched: u64,
    /// Statements that asked the database for nodes.
    pub statements: u64,
    /// Nodes that commits gave to the database.
    pub written: u64,
}

impl Counts {
    /// What it has cost since it had cost that much.
    pub fn since(self, before: Counts) -> Counts {
        Counts {
            read: self.read - before.read,
            fetched: self.fetched - before.fetched,
            statements: self.statements - before.statements,
            written: self.written - before.written,
        }
    }
}

#[derive(Default)]
struct Counters {
    read: AtomicU64,
    fetched: AtomicU64,
    statements: AtomicU64,
    written: AtomicU64,
}

/// The nodes of all maps. Immutable, so the cache is never wrong; but only what was committed may enter it: a cached
/// node of a rolled-back commit would be a hole in the next one, which would not write it again.
pub struct Store {
    database: Database,
    cache: Cache<NodeId, Arc<Node>>,
    counters: Counters,
}

impl Store {
    /// A store that keeps up to `cache_bytes` of nodes in memory.
    pub fn new(database: Database, cache_bytes: u64) -> Self {
        let weigh = |_: &NodeId, node: &Arc<Node>| u32::try_from(node.weight() + 64).unwrap_or(u32::MAX);
        let cache = Cache::builder().max_capacity(cache_bytes).weigher(weigh).build();
        Self { database, cache, counters: Counters::default() }
    }

    /// What it has cost so far.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { read, fetched, statements, written } = &self.counters;
        Counts { read: of(read), fetched: of(fetched), statements: of(statements), written: of(written) }
    }

    /// Empties the cache, as a restart does.
    pub fn forget(&self) {
        self.cache.invalidate_all();
    }

    /// These nodes, in this order; those not in memory in as few statements as can be.
    pub async fn load(&self, ids: &[NodeId]) -> Result<Vec<Arc<Node>>> {
        self.counters.read.fetch_add(ids.len() as u64, Ordering::Relaxed);
        let mut found: Vec<Option<Arc<Node>>> = ids.iter().map(|id| self.cached(id)).collect();
        let absent: Vec<NodeId> =
            ids.iter().zip(&found).filter(|(_, node)| node.is_none()).map(|(id, _)| *id).collect();
        if !absent.is_empty() {
            let fetched = self.fetch(&absent).await?;
            for (id, node) in ids.iter().zip(&mut found).filter(|(_, node)| node.is_none()) {
                *node = fetched.get(id).cloned();
            }
        }
        let whole = found.into_iter().zip(ids).map(|(node, id)| node.ok_or_else(|| lost(*id)));
        whole.collect()
    }

    fn cached(&self, id: &NodeId) -> Option<Arc<Node>> {
        if *id == empty().0 { Some(empty().1.clone()) } else { self.cache.get(id) }
    }

    async fn fetch(&self, ids: &[NodeId]) -> Result<HashMap<NodeId, Arc<Node>>> {
        let mut fetched = HashMap::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let wanted: Vec<Vec<u8>> = batch.iter().map(|id| id.0.to_vec()).collect();
            let rows = nodes::load(&self.database, wanted).await.map_err(stored(OPERATION))?;
            self.counters.statements.fetch_add(1, Ordering::Relaxed);
            self.counters.fetched.fetch_add(rows.len() as u64, Ordering::Relaxed);
            for (id, body) in rows {
                let id = NodeId::from_slice(&id).ok_or_else(|| corrupt(OPERATION, "a node's id has a wrong length"))?;
                let unpacked = encoding::unpack(id, &body);
                let node = Arc::new(unpacked.map_err(|e| corrupt(OPERATION, format!("node {id}")).with_source(e))?);
                self.cache.insert(id, node.clone());
                fetched.insert(id, node);
            }
        }
        Ok(fetched)
    }

    /// These nodes as the database holds them now, whatever memory says of them: each, or why it cannot be had.
    pub async fn examine(&self, ids: &[NodeId]) -> Result<HashMap<NodeId, std::result::Result<Node, Unreadable>>> {
        let stored_nowhere = |id: NodeId| if id == empty().0 { Ok(Node::new(0)) } else { Err(Unreadable::Absent) };
        let mut found: HashMap<_, _> = ids.iter().map(|id| (*id, stored_nowhere(*id))).collect();
        for batch in ids.chunks(BATCH) {
            let wanted = batch.iter().map(|id| id.0.to_vec()).collect();
            self.counters.statements.fetch_add(1, Ordering::Relaxed);
            for (id, body) in nodes::load(&self.database, wanted).await.map_err(stored(OPERATION))? {
                let id = NodeId::from_slice(&id).ok_or_else(|| corrupt(OPERATION, "a node's id has a wrong length"))?;
                found.insert(id, encoding::unpack(id, &body).map_err(Unreadable::Malformed));
            }
        }
        Ok(found)
    }

    /// Lets nodes into memory whose transaction has committed.
    pub fn admit(&self, fresh: Fresh) {
        self.counters.written.fetch_add(fresh.nodes.len() as u64, Ordering::Relaxed);
        for (id, (node, _)) in fresh.nodes {
            self.cache.insert(id, node);
        }
    }
}

/// Why a node cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not in the database")]
    Absent,
    #[error(transparent)]
    Malformed(Malformed),
}

fn lost(id: NodeId) -> ballast_contract::Error {
    corrupt(OPERATION, format!("node {id} is not in the database"))
}

/// The root of an empty map: known to everybody and never stored.
pub fn empty() -> &'static (NodeId, Arc<Node>) {
    static EMPTY: std::sync::LazyLock<(NodeId, Arc<Node>)> = std::sync::LazyLock::new(|| {
        let node = Node::new(0);
        (encoding::id(&encoding::encode(&node)), Arc::new(node))
    });
    &EMPTY
}

/// Nodes that a commit has made and the database does not have yet.
pub struct Fresh {
    nodes: HashMap<NodeId, (Arc<Node>, Vec<u8>)>,
    /// Those that were added since somebody asked.
    recent: Vec<NodeId>,
    bytes: usize,
    packer: Packer,
}

impl Fresh {
    /// None yet.
    pub fn new() -> Result<Self> {
        let packer = Packer::new().map_err(|error| internal(OPERATION, "no memory").with_source(error))?;
        Ok(Self { nodes: HashMap::new(), recent: Vec::new(), bytes: 0, packer })
    }

    /// Takes a finished node and answers its id.
    pub fn add(&mut self, node: Node) -> Result<NodeId> {
        let encoded = encoding::encode(&node);
        let id = encoding::id(&encoded);
        if id != empty().0 && !self.nodes.contains_key(&id) {
            let packed = self.packer.pack(&encoded);
            let body = packed.map_err(|error| internal(OPERATION, "a node was not compressed").with_source(error))?;
            self.bytes += node.weight() + body.len();
            self.nodes.insert(id, (Arc::new(node), body));
            self.recent.push(id);
        }
        Ok(id)
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// Those that were added since this was last asked, and were not taken back.
    pub fn take_recent(&mut self) -> Vec<(NodeId, Arc<Node>)> {
        let recent = std::mem::take(&mut self.recent);
        recent.into_iter().filter_map(|id| Some((id, self.get(&id)?))).collect()
    }

    /// A node that was just made.
    pub fn get(&self, id: &NodeId) -> Option<Arc<Node>> {
        self.nodes.get(id).map(|(node, _)| node.clone())
    }

    /// Takes back a node that nothing leads to after all.
    pub fn remove(&mut self, id: &NodeId) {
        self.nodes.remove(id);
    }

    /// Their rows, by id: transactions that write the same nodes must not wait for each other in a circle.
    pub fn rows(&self, stamp: i64) -> Vec<NodeRow> {
        let row = |(id, (_, body)): (&NodeId, &(Arc<Node>, Vec<u8>))| NodeRow {
            id: id.0.to_vec(),
            stamp,
            body: body.clone(),
        };
        let mut rows: Vec<NodeRow> = self.nodes.iter().map(row).collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        rows
    }
}
