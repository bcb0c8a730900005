//! Verifying one commit: its two maps, then its folders' trees.

use std::collections::HashMap;

use ballast_contract::Result;
use ballast_contract::versioning::Damaged;
use ballast_types::git::{self, pointer_oid};
use ballast_types::{CommitId, GitOid};

use super::maps::{self, Flaw, Piece, Unshared};
use super::verify::{OPERATION, Verify, readable};
use crate::difference::{Side, step};
use crate::error::{corrupt, stored};
use crate::files::{self, FileId};
use crate::key;
use crate::node::{Node, NodeId, Value};
use crate::rows::schema::CommitRow;
use crate::rows::{commits, files as rows};
use crate::store::empty;
use crate::trees;
use crate::walk::Walk;

/// Leaves that are examined at once.
const LEAVES: usize = 64;
/// Facts of files, or commits, that are asked for in one statement.
const BATCH: usize = 1000;
/// As many entries as count for one piece read.
const ENTRIES: usize = 128;

/// What of a commit is being verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The map of entries.
    Entries,
    /// The map of last changes.
    Marks,
    /// The folders' trees.
    Folders,
}

impl Stage {
    pub const FIRST: Self = Self::Entries;

    pub fn word(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Marks => "marks",
            Self::Folders => "folders",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        [Self::Entries, Self::Marks, Self::Folders].into_iter().find(|stage| stage.word() == word)
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Entries => Some(Self::Marks),
            Self::Marks => Some(Self::Folders),
            Self::Folders => None,
        }
    }
}

/// A commit, and what its first parent has already.
pub struct Subject {
    id: CommitId,
    /// Of the root folder, where the commit can be read.
    tree: Option<GitOid>,
    /// Of its maps, and of its first parent's.
    entries: [NodeId; 2],
    marks: [NodeId; 2],
}

impl Subject {
    /// None where it has gone meanwhile, with its repository.
    pub async fn load(verify: &Verify<'_>, id: CommitId) -> Result<Option<Self>> {
        let find = async |id: CommitId| -> Result<Option<CommitRow>> {
            let rows = commits::find(&verify.engine.database, verify.repo.0, vec![id.0.to_vec()]).await;
            Ok(rows.map_err(stored(OPERATION))?.into_iter().next())
        };
        let Some(row) = find(id).await? else { return Ok(None) };
        let commit = git::Commit::parse(&row.bytes).ok();
        let parent = match commit.as_ref().and_then(|commit| commit.parents.first()) {
            Some(parent) => find(*parent).await?,
            None => None,
        };
        let node = |bytes: &[u8]| NodeId::from_slice(bytes);
        let roots = |row: &CommitRow| node(&row.root).zip(node(&row.last_root));
        let (root, last_root) = roots(&row).ok_or_else(|| corrupt(OPERATION, "a root's id has a wrong length"))?;
        let (base, last_base) = parent.as_ref().and_then(roots).unwrap_or((empty().0, empty().0));
        let tree = commit.map(|commit| commit.tree);
        Ok(Some(Self { id, tree, entries: [root, base], marks: [last_root, last_base] }))
    }

    /// Goes on behind a key; answers where it stands then, and none when the commit is done.
    pub async fn advance(
        &mut self,
        verify: &mut Verify<'_>,
        stage: Stage,
        after: Vec<u8>,
    ) -> Result<Option<(Stage, Vec<u8>)>> {
        let reached = match stage {
            Stage::Entries | Stage::Marks => self.map(verify, stage, after).await?,
            Stage::Folders => self.folders(verify, after).await?,
        };
        Ok(match reached {
            Some(key) => Some((stage, key)),
            None => stage.next().map(|next| (next, Vec::new())),
        })
    }

    /// The nodes of a map; answers the last key that was reached where there are more.
    async fn map(&self, verify: &mut Verify<'_>, stage: Stage, after: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let [root, base] = if stage == Stage::Entries { self.entries } else { self.marks };
        let unshared = Unshared::new(&verify.engine.store, root, base).await?;
        verify.spend(unshared.examined);
        if after.is_empty() {
            unshared.flaws.into_iter().for_each(|flaw| self.flaw(verify, flaw));
        }
        let is_ahead = |piece: &&Piece| piece.expected.as_ref().is_none_or(|(last, _)| *last > after);
        let leaves: Vec<Piece> = unshared.leaves.iter().filter(is_ahead).cloned().collect();
        let (mut at, mut reached) = (0, None);
        while at < leaves.len() && (at == 0 || verify.left > 0) {
            let batch = &leaves[at..leaves.len().min(at + verify.left.clamp(1, LEAVES))];
            let ids: Vec<NodeId> = batch.iter().map(|piece| piece.id).collect();
            let found = verify.engine.store.examine(&ids).await?;
            verify.spend(batch.len());
            let mut good = Vec::new();
            for piece in batch {
                match maps::check(piece, 0, found.get(&piece.id)) {
                    Ok(leaf) => good.push(leaf),
                    Err(flaw) => self.flaw(verify, flaw),
                }
            }
            match stage {
                Stage::Marks => self.marks(verify, &good).await?,
                _ => self.entries(verify, &good).await?,
            }
            at += batch.len();
            reached = batch.last().and_then(|piece| piece.expected.as_ref()).map(|(last, _)| last.clone());
        }
        Ok(reached.filter(|_| at < leaves.len()))
    }

    fn flaw(&self, verify: &mut Verify<'_>, flaw: Flaw) {
        let path = flaw.last_key.as_deref().and_then(key::path);
        verify.report(Damaged::Node, flaw.id, Some(self.id), path, flaw.why);
    }

    /// Entries make sense, and what is known of their files is there and agrees.
    async fn entries(&self, verify: &mut Verify<'_>, leaves: &[&Node]) -> Result<()> {
        let mut wanted: Vec<(Value, String)> = Vec::new();
        for (key, value) in leaves.iter().flat_map(|leaf| (0..leaf.len()).map(|at| (leaf.key(at), leaf.values()[at]))) {
            let path = key::path(key).filter(|path| path.parse::<ballast_types::RepoPath>().is_ok());
            match (path, files::has_bytes(value.mode)) {
                (Some(path), Some(true)) => wanted.push((value, path)),
                (Some(_), Some(false)) => {}
                (path, _) => {
                    let why = format!("an entry with mode {:o} at '{}' makes no sense", value.mode, key.escape_ascii());
                    verify.report(Damaged::File, value.oid, Some(self.id), path, why);
                }
            }
        }
        for batch in wanted.chunks(BATCH) {
            let mut oids: Vec<Vec<u8>> = batch.iter().map(|(value, _)| value.oid.0.to_vec()).collect();
            oids.sort_unstable();
            oids.dedup();
            let rows = rows::find(&verify.engine.database, verify.repo.0, oids).await.map_err(stored(OPERATION))?;
            let known: HashMap<FileId, files::Facts> =
                rows.iter().filter_map(|row| files::read_row(row).ok()).collect();
            for (value, path) in batch {
                if let Some(why) = disagreement(value, known.get(&(value.oid, value.lfs))) {
                    verify.report(Damaged::File, value.oid, Some(self.id), Some(path.clone()), why);
                }
            }
        }
        Ok(())
    }

    /// Every last change is a commit that is there.
    async fn marks(&self, verify: &mut Verify<'_>, leaves: &[&Node]) -> Result<()> {
        let mut wanted: HashMap<GitOid, &[u8]> = HashMap::new();
        for (key, value) in leaves.iter().flat_map(|leaf| (0..leaf.len()).map(|at| (leaf.key(at), leaf.values()[at]))) {
            wanted.entry(value.oid).or_insert(key);
        }
        let wanted: Vec<(GitOid, &[u8])> = wanted.into_iter().collect();
        for batch in wanted.chunks(BATCH) {
            let known = verify.known(batch.iter().map(|(id, _)| id.0.to_vec()).collect()).await?;
            for (id, key) in batch.iter().filter(|(id, _)| !known.iter().any(|known| *known == id.0)) {
                let why = "it is said to have changed this path last, and is not there";
                verify.report(Damaged::Commit, id, Some(self.id), key::path(key), why);
            }
        }
        Ok(())
    }

    /// Folders whose tree differs from the parent's have the tree of what they hold, and no other folder's content
    /// differs. Where nodes are damaged, which has been reported, the rest of the commit's folders cannot be told.
    async fn folders(&self, verify: &mut Verify<'_>, after: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let mut walk = Walk::new(&verify.engine.store);
        let [root, base] = self.entries;
        if after.is_empty() {
            self.root_folder(verify, &mut walk).await?;
        }
        let start = if after.is_empty() { Vec::new() } else { key::behind(&after) };
        let sides = async |walk: &mut Walk<'_>, base| -> Result<[Side; 2]> {
            Ok([Side::new(walk, base, &start).await?, Side::new(walk, root, &start).await?])
        };
        let [mut old, mut new] = match readable(sides(&mut walk, base).await)? {
            Some(sides) => sides,
            None => match readable(sides(&mut walk, empty().0).await)? {
                Some(sides) => sides,
                None => return Ok(None),
            },
        };
        let (mut seen, mut folder) = (0, String::new());
        let mut reached = after;
        while verify.left > 0 || seen == 0 {
            let Some(found) = readable(step(&mut walk, &mut old, &mut new).await)? else { return Ok(None) };
            let Some((key, before, now)) = found else { return Ok(None) };
            seen += 1;
            if seen % ENTRIES == 0 {
                verify.spend(1);
            }
            if before != now
                && let Some(path) = key::path(&key)
            {
                let above = key::split(&path).0;
                if above != folder {
                    folder = above.to_owned();
                    self.folder_above(verify, &mut walk, &folder).await?;
                }
                if let Some(value) = now.filter(Value::is_folder) {
                    self.folder(verify, &mut walk, &path, value.oid).await?;
                }
            }
            reached = key;
        }
        Ok(Some(reached))
    }

    async fn root_folder(&self, verify: &mut Verify<'_>, walk: &mut Walk<'_>) -> Result<()> {
        let Some(tree) = self.tree else { return Ok(()) };
        let derived = readable(trees::derive(walk, self.entries[0], "").await)?;
        let derived = derived.map(|oid| oid.unwrap_or(git::object_id(git::ObjectKind::Tree, b"")));
        verify.spend(1);
        if derived.is_some_and(|derived| derived != tree) {
            let why = "the commit's tree is not that of its entries";
            verify.report(Damaged::Tree, tree, Some(self.id), None, why);
        }
        Ok(())
    }

    /// A folder in which something changed has another tree than before.
    async fn folder_above(&self, verify: &mut Verify<'_>, walk: &mut Walk<'_>, folder: &str) -> Result<()> {
        if folder.is_empty() {
            return Ok(());
        }
        let key = key::of_folder(folder);
        let [root, base] = self.entries;
        let (now, before) = (readable(walk.find(root, &key).await)?, readable(walk.find(base, &key).await)?);
        match (now, before) {
            (Some(Some(now)), Some(Some(before))) if now == before => {
                let why = "the folder's entries have changed and its tree has not";
                verify.report(Damaged::Tree, now.oid, Some(self.id), Some(folder.to_owned()), why);
            }
            (Some(None), _) => {
                let inside = readable(walk.sums(root, &key::children(folder)).await)?;
                if inside.is_some_and(|sums| sums.tree_bytes > 0) {
                    let why = "something is in the folder, and it has no entry of its own";
                    verify.report(Damaged::Tree, "", Some(self.id), Some(folder.to_owned()), why);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn folder(&self, verify: &mut Verify<'_>, walk: &mut Walk<'_>, folder: &str, tree: GitOid) -> Result<()> {
        let Some(derived) = readable(trees::derive(walk, self.entries[0], folder).await)? else { return Ok(()) };
        let entries = readable(walk.sums(self.entries[0], &key::children(folder)).await)?.map_or(0, |sums| sums.count);
        verify.spend(usize::try_from(entries).unwrap_or(usize::MAX) / ENTRIES);
        if derived != Some(tree) {
            let why = match derived {
                Some(derived) => format!("the folder's entries make the tree {derived}"),
                None => "nothing is in the folder".to_owned(),
            };
            verify.report(Damaged::Tree, tree, Some(self.id), Some(folder.to_owned()), why);
        }
        Ok(())
    }
}

/// Why a file's facts are not those of its entry.
fn disagreement(value: &Value, facts: Option<&files::Facts>) -> Option<&'static str> {
    let Some(facts) = facts else { return Some("what is known of this file besides its entry is not there") };
    if facts.size != value.size {
        return Some("the file's size differs from that of its entry");
    }
    let is_canonical = value.lfs && facts.pointer.is_none();
    (is_canonical && pointer_oid(facts.sha256, facts.size) != value.oid)
        .then_some("the file's pointer, made from what is known of it, has another id")
}
