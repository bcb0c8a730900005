//! Reading everything that a repository keeps.
//!
//! Refs come first, then commits by id, then the table that says where trees can be derived from. Of a commit, only
//! what its first parent's maps do not have is read: the parent's turn covers the rest, so a history costs what its
//! commits changed.

use ballast_contract::versioning::{Damage, Damaged};
use ballast_contract::{ErrorKind, Page, Result};
use ballast_types::git::{self, ObjectKind, object_id};
use ballast_types::{CommitId, GitOid, RepoKey, RepoPath};

use super::commit::{Stage, Subject};
use crate::Native;
use crate::error::{corrupt, invalid, stored};
use crate::key;
use crate::rows::schema::{CommitRow, RefRow, TreeRow};
use crate::rows::{commits, refs, trees};
use crate::walk::Walk;

pub const OPERATION: &str = "versioning.verify";
/// Rows that are read at once.
const ROWS: usize = 500;

/// Where a walk stands: what is behind it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Refs(Option<String>),
    /// Behind this commit.
    Commits(Vec<u8>),
    /// Within a commit, behind a key.
    Commit(CommitId, Stage, Vec<u8>),
    Trees(Vec<u8>),
}

impl Place {
    /// Text of our own: ids in hexadecimal digits, and a key last because it may hold anything.
    fn write(&self) -> String {
        match self {
            Self::Refs(after) => format!("refs {}", after.as_deref().unwrap_or_default()),
            Self::Commits(after) => {
                format!("commits {}", GitOid::from_slice(after).map_or(String::new(), |id| id.to_string()))
            }
            Self::Commit(id, stage, key) => format!("{} {id} {}", stage.word(), String::from_utf8_lossy(key)),
            Self::Trees(after) => {
                format!("trees {}", GitOid::from_slice(after).map_or(String::new(), |id| id.to_string()))
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ')?;
        let oid = |text: &str| match text {
            "" => Some(Vec::new()),
            _ => text.parse::<GitOid>().ok().map(|oid| oid.0.to_vec()),
        };
        Some(match word {
            // PostgreSQL takes no zero byte in a text.
            "refs" => Self::Refs(Some(rest).filter(|name| !name.is_empty() && !name.contains('\0')).map(str::to_owned)),
            "commits" => Self::Commits(oid(rest)?),
            "trees" => Self::Trees(oid(rest)?),
            _ => {
                let (id, key) = rest.split_once(' ')?;
                Self::Commit(id.parse().ok()?, Stage::read(word)?, key.as_bytes().to_vec())
            }
        })
    }
}

/// One page of the walk.
pub async fn page(engine: &Native, repo: RepoKey, after: Option<&str>, limit: usize) -> Result<Page<Damage>> {
    engine.history.check(repo).await?;
    let mut place = match after {
        None => Place::Refs(None),
        Some(text) => Place::read(text).ok_or_else(|| invalid(OPERATION, "not a cursor of this walk"))?,
    };
    let mut verify = Verify { engine, repo, left: limit, found: Vec::new() };
    while verify.left > 0 {
        let next = match place {
            Place::Refs(after) => Some(verify.refs(after).await?),
            Place::Commits(after) => Some(verify.next_commit(after).await?),
            Place::Commit(id, stage, key) => Some(verify.commit(id, stage, key).await?),
            Place::Trees(after) => verify.trees(after).await?,
        };
        match next {
            Some(next) => place = next,
            None => return Ok(Page::last(verify.found)),
        }
    }
    Ok(Page { items: verify.found, next: Some(place.write()) })
}

/// A page under way.
pub struct Verify<'a> {
    pub engine: &'a Native,
    pub repo: RepoKey,
    /// About how many more pieces may be read.
    pub left: usize,
    pub found: Vec<Damage>,
}

impl Verify<'_> {
    pub fn spend(&mut self, pieces: usize) {
        self.left = self.left.saturating_sub(pieces.max(1));
    }

    pub fn report(
        &mut self,
        what: Damaged,
        id: impl ToString,
        at: Option<CommitId>,
        path: Option<String>,
        why: impl Into<String>,
    ) {
        let path: Option<RepoPath> = path.and_then(|path| path.parse().ok());
        self.found.push(Damage { what, id: id.to_string(), commit: at, path, sentence: why.into() });
    }

    fn rows(&self) -> i64 {
        self.left.clamp(1, ROWS) as i64
    }

    async fn refs(&mut self, after: Option<String>) -> Result<Place> {
        let (inclusive, from) = (after.is_none(), after.unwrap_or_default());
        let database = &self.engine.database;
        let rows = refs::page(database, self.repo.0, from, inclusive, self.rows()).await.map_err(stored(OPERATION))?;
        let Some(last) = rows.last().map(|row| row.name.clone()) else { return Ok(Place::Commits(Vec::new())) };
        let known = self.known(rows.iter().filter_map(|row| row.commit.clone()).collect()).await?;
        let oids = rows.iter().filter_map(|row| row.tag.clone()).collect();
        let tags = refs::tags(database, self.repo.0, oids).await.map_err(stored(OPERATION))?;
        self.spend(rows.len());
        for RefRow { name, commit, tag, .. } in rows {
            if let Some(id) = commit.filter(|id| !known.contains(id)) {
                let why = format!("it stands at commit {}, which is not there", hexadecimal(&id));
                self.report(Damaged::Ref, &name, None, None, why);
            }
            let Some(oid) = tag else { continue };
            let why = match tags.iter().find(|tag| tag.oid == oid) {
                None => "this annotated tag is not there",
                Some(tag) if object_id(ObjectKind::Tag, &tag.bytes).0[..] == oid => continue,
                Some(_) => "the bytes of this annotated tag are not those of its id",
            };
            self.report(Damaged::Commit, hexadecimal(&oid), None, None, format!("{why}; {name} needs it"));
        }
        Ok(Place::Refs(Some(last)))
    }

    /// Those of these commits that the repository has.
    pub async fn known(&self, ids: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        let rows = commits::find(&self.engine.database, self.repo.0, ids).await.map_err(stored(OPERATION))?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// The commit's own bytes and its parents; then its maps' turn comes.
    async fn next_commit(&mut self, after: Vec<u8>) -> Result<Place> {
        let rows = commits::page(&self.engine.database, self.repo.0, after, 1).await.map_err(stored(OPERATION))?;
        let Some(row) = rows.into_iter().next() else { return Ok(Place::Trees(Vec::new())) };
        self.spend(1);
        let id = CommitId::from_slice(&row.id).ok_or_else(|| corrupt(OPERATION, "a commit id has a wrong length"))?;
        let bytes_are_its_own = object_id(ObjectKind::Commit, &row.bytes).0 == id.0;
        match git::Commit::parse(&row.bytes) {
            _ if !bytes_are_its_own => {
                self.report(Damaged::Commit, id, Some(id), None, "its bytes are not those of its id");
            }
            Err(error) => self.report(Damaged::Commit, id, Some(id), None, error.to_string()),
            Ok(commit) => {
                let parents: Vec<Vec<u8>> = commit.parents.iter().map(|parent| parent.0.to_vec()).collect();
                let known = self.known(parents).await?;
                for parent in commit.parents.iter().filter(|parent| !known.iter().any(|id| *id == parent.0)) {
                    self.report(Damaged::Commit, parent, Some(id), None, "it is a parent of this commit and not there");
                }
            }
        }
        Ok(Place::Commit(id, Stage::FIRST, Vec::new()))
    }

    async fn commit(&mut self, id: CommitId, stage: Stage, key: Vec<u8>) -> Result<Place> {
        let behind = Place::Commits(id.0.to_vec());
        let Some(mut subject) = Subject::load(self, id).await? else { return Ok(behind) };
        Ok(match subject.advance(self, stage, key).await? {
            Some((stage, key)) => Place::Commit(id, stage, key),
            None => behind,
        })
    }

    /// Rows that say where a tree can be derived from.
    async fn trees(&mut self, after: Vec<u8>) -> Result<Option<Place>> {
        let database = &self.engine.database;
        let rows = trees::page(database, self.repo.0, after, self.rows()).await.map_err(stored(OPERATION))?;
        let Some(last) = rows.last().map(|row| row.oid.clone()) else { return Ok(None) };
        self.spend(rows.len());
        let mut ids: Vec<Vec<u8>> = rows.iter().map(|row| row.commit.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = commits::find(database, self.repo.0, ids).await.map_err(stored(OPERATION))?;
        let mut walk = Walk::new(&self.engine.store);
        for row in rows {
            let commit = known.iter().find(|commit| commit.id == row.commit);
            if let Some(why) = contradiction(&mut walk, &row, commit).await? {
                let at = CommitId::from_slice(&row.commit);
                self.report(Damaged::Tree, hexadecimal(&row.oid), at, Some(row.folder), why);
            }
        }
        Ok(Some(Place::Trees(last)))
    }
}

/// Why a tree is not where its row says; none where it is, or where that cannot be seen for damage told elsewhere.
async fn contradiction(walk: &mut Walk<'_>, row: &TreeRow, commit: Option<&CommitRow>) -> Result<Option<String>> {
    let Some(commit) = commit else {
        return Ok(Some(format!("it should be derived from commit {}, which is not there", hexadecimal(&row.commit))));
    };
    let found = match row.folder.as_str() {
        "" => git::Commit::parse(&commit.bytes).ok().map(|commit| commit.tree),
        folder => {
            let Some(root) = crate::node::NodeId::from_slice(&commit.root) else { return Ok(None) };
            match readable(walk.find(root, &key::of_folder(folder)).await)? {
                Some(value) => value.map(|value| value.oid),
                None => return Ok(None),
            }
        }
    };
    let same = found.is_some_and(|oid| oid.0[..] == row.oid);
    Ok((!same).then(|| "the folder that it should be derived from has another tree".to_owned()))
}

/// None where damage is in the way: it is reported where the node's own turn is.
pub fn readable<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is(ErrorKind::Corrupt) => Ok(None),
        Err(error) => Err(error),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ballast_database::Connections;
    use ballast_testkit::versioning::repo::put;
    use ballast_testkit::versioning::upkeep::damage;

    use super::*;
    use crate::node::NodeId;
    use crate::rows::nodes;
    use crate::scaffold::{new_repo, run, started};

    /// The nodes of all maps, by whether they are leaves.
    async fn sorted(engine: &Native) -> [BTreeSet<String>; 2] {
        let rows = nodes::page(&engine.database, Vec::new(), 100_000).await.unwrap();
        let ids: Vec<NodeId> = rows.iter().map(|(id, ..)| NodeId::from_slice(id).unwrap()).collect();
        let mut found = [BTreeSet::new(), BTreeSet::new()];
        for (id, node) in engine.store.examine(&ids).await.unwrap() {
            found[usize::from(node.unwrap().level() == 0)].insert(id.to_string());
        }
        found
    }

    ballast_database::on_both! {
        async fn no_node_of_any_commit_is_passed_over(scratch: &Scratch) {
            let engine = started(scratch).await;
            let repo = new_repo(&engine).await;
            for commit in 0..4 {
                let name = |n: usize| format!("d{:02}/f{n:04}", n / 40);
                let changes = (0..3000).step_by(1 + 300 * commit).map(|n| put(&name(n), &format!("{n} in {commit}")));
                repo.commit_new(changes.collect()).await;
            }
            let [inner, leaves] = sorted(&engine).await;
            assert!(inner.len() >= 8 && leaves.len() > 40, "{} above {}", inner.len(), leaves.len());
            // What is in a leaf is lost in each; what is above them is whole, and leads to all.
            let literal = |id: &String| match scratch.database.connections() {
                Connections::Sqlite { .. } => format!("x'{id}'"),
                Connections::Postgres(_) => format!("'\\x{id}'::bytea"),
            };
            let all: Vec<String> = leaves.iter().map(literal).collect();
            run(scratch, &format!("UPDATE native_nodes SET body = id WHERE id IN ({})", all.join(", "))).await;
            for limit in [1, 3, 1000] {
                let (found, _) = damage(&*engine, repo.key, limit).await.unwrap();
                let nodes = found.into_iter().filter(|one| one.what == Damaged::Node);
                let named: BTreeSet<String> = nodes.map(|one| one.id).collect();
                assert_eq!(named, leaves, "in pages of {limit}");
            }
        }
    }

    #[test]
    fn a_place_is_read_back() {
        let id = CommitId([7; 20]);
        let places = [
            Place::Refs(None),
            Place::Refs(Some("refs/heads/a".to_owned())),
            Place::Commits(Vec::new()),
            Place::Commits(vec![1; 20]),
            Place::Commit(id, Stage::FIRST, Vec::new()),
            Place::Commit(id, Stage::Folders, "a b//ü c/".into()),
            Place::Trees(vec![2; 20]),
        ];
        for place in places {
            assert_eq!(Place::read(&place.write()), Some(place));
        }
        for strange in ["", "refs", "commits zz", "entries 07", "nothing 07 x"] {
            assert_eq!(Place::read(strange), None, "{strange}");
        }
    }
}
