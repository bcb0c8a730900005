//! Whether a hub holds what its writers were told.

use std::collections::{BTreeMap, BTreeSet};

use ballast_tests::{Answer, Client, Repository, encoded, lines, sha256};
use ballast_types::git::{ObjectKind, object_id};
use serde_json::Value;

use crate::writer::{Branch, Doubt, File, Place, Tree, Writer};

/// How closely to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// At every branch and folder, and at what no check has seen yet.
    New,
    /// At everything.
    All,
}

/// Panics unless the hub holds all that the writer was told, and what the writer was not told wholly or not at all.
/// Afterwards the writer has no doubts.
pub fn check(client: &Client, writer: &mut Writer, depth: Depth) {
    let hub = Checked { client };
    hub.settle(writer);
    for id in &writer.gone_repositories {
        assert!(hub.branches(id).is_none(), "{id} was deleted, or not made, and is there");
    }
    for id in writer.repositories() {
        let there = hub.branches(&id).unwrap_or_else(|| panic!("{id} is lost"));
        let missing = writer.branches.keys().find(|place| place.0 == id && !there.contains(&place.1));
        assert!(missing.is_none(), "{missing:?} is lost");
        let back = writer.gone.iter().find(|place| place.0 == id && there.contains(&place.1));
        assert!(back.is_none(), "{back:?} was deleted, or not made, and is there");
    }
    let folder = writer.name.clone();
    for (place, branch) in &mut writer.branches {
        if depth == Depth::All {
            branch.unseen.clone_from(&branch.commits);
            branch.unread = branch.tree.keys().cloned().collect();
        }
        hub.check_branch(place, branch, &folder);
    }
}

/// Panics unless one can write to every branch.
pub fn go_on(client: &Client, writer: &mut Writer, round: usize) {
    let places: Vec<Place> = writer.branches.keys().cloned().collect();
    for place in places {
        let mut tree = writer.branches[&place].tree.clone();
        let path = format!("{}/after.txt", writer.name);
        let bytes = format!("{} goes on after {round}", place.1).into_bytes();
        let repository = Checked { client }.repository(&place.0);
        let title = format!("after {round} by {}", writer.name);
        let request = repository.committing(&place.1).lines(&[lines::header(&title), lines::file(&path, &bytes)]);
        let id = request.send().ok()["commitOid"].as_str().expect("a commit").to_owned();
        tree.insert(path, File { bytes: bytes.into(), large: false });
        writer.committed(&place, tree, id);
    }
}

struct Checked<'a> {
    client: &'a Client,
}

impl Checked<'_> {
    fn repository(&self, id: &str) -> Repository {
        Repository { client: self.client.clone(), kinds: "models", id: id.to_owned() }
    }

    /// Looks what became of the request that was not answered.
    fn settle(&self, writer: &mut Writer) {
        let is_branch = |place: &Place| self.branches(&place.0).expect("a repository").contains(&place.1);
        match writer.doubt.take() {
            Some(Doubt::Commit { place, tree, title }) => {
                // Others have made a few commits since, at most.
                let log = self.log(&place, "?limit=100");
                let made = log.0.iter().find(|commit| commit["title"] == title.as_str());
                if let Some(commit) = made {
                    writer.committed(&place, tree, commit["id"].as_str().expect("an id").to_owned());
                }
            }
            Some(Doubt::BranchMade { place, branch }) => match is_branch(&place) {
                true => drop(writer.branches.insert(place, branch)),
                false => drop(writer.gone.insert(place)),
            },
            Some(Doubt::BranchDeleted { place }) if !is_branch(&place) => {
                writer.branches.remove(&place);
                writer.gone.insert(place);
            }
            // One that is half made is made whole by recovery, later: until then it is not there.
            Some(Doubt::RepositoryMade { id }) if self.branches(&id).is_some() => {
                writer.branches.insert((id, "main".to_owned()), Branch::default());
            }
            Some(Doubt::RepositoryDeleted { id }) if self.branches(&id).is_none() => writer.forget_repository(&id),
            // What was to be deleted is there, what was to be made is not, or nothing was in doubt.
            _ => {}
        }
    }

    /// The names of a repository's branches; none where it is not there.
    fn branches(&self, id: &str) -> Option<BTreeSet<String>> {
        let repository = self.repository(id);
        let answer = self.client.get(repository.api("/refs")).send();
        if answer.status == 404 {
            return None;
        }
        let refs = answer.ok();
        let branches = refs["branches"].as_array().expect("branches").iter();
        Some(branches.map(|branch| branch["name"].as_str().expect("a name").to_owned()).collect())
    }

    fn check_branch(&self, place: &Place, branch: &mut Branch, folder: &str) {
        assert_eq!(self.tree(place, folder), described(&branch.tree), "{folder} on {place:?}");
        self.check_log(place, branch);
        let repository = self.repository(&place.0);
        for path in std::mem::take(&mut branch.unread) {
            let target = repository.page(&format!("/resolve/{}/{}", place.1, encoded(&path)));
            let answer = self.client.get(target).send().expect(200);
            assert!(answer.body == *branch.tree[&path].bytes, "{path} on {place:?} reads back other bytes");
        }
    }

    /// Path, id, size and the large object's digest of each file below a folder.
    fn tree(&self, place: &Place, folder: &str) -> Vec<Value> {
        let repository = self.repository(&place.0);
        let answer = self.client.get(repository.api(&format!("/tree/{}/{folder}?recursive=true", place.1))).send();
        if answer.status == 404 && answer.header("x-error-code") == Some("EntryNotFound") {
            return vec![];
        }
        assert!(answer.next().is_none(), "a folder of more than one page");
        let entries = answer.ok();
        let files = entries.as_array().expect("a list").iter().filter(|entry| entry["type"] == "file");
        files.map(|entry| entry_of(&entry["path"], &entry["oid"], &entry["size"], &entry["lfs"]["oid"])).collect()
    }

    /// The commits that were not seen yet stand in the log, once each and in order.
    fn check_log(&self, place: &Place, branch: &mut Branch) {
        let mut missing: Vec<String> = std::mem::take(&mut branch.unseen);
        let mut target = "?limit=100".to_owned();
        while !missing.is_empty() {
            let (commits, next) = self.log(place, &target);
            for commit in &commits {
                if missing.last().is_some_and(|id| commit["id"] == id.as_str()) {
                    missing.pop();
                }
            }
            match next {
                Some(next) => target = next,
                None => assert!(missing.is_empty(), "commits of {place:?} are lost or out of order: {missing:?}"),
            }
        }
    }

    /// A page of a branch's log, and the query of the next one.
    fn log(&self, place: &Place, query: &str) -> (Vec<Value>, Option<String>) {
        let repository = self.repository(&place.0);
        let answer: Answer = self.client.get(repository.api(&format!("/commits/{}{query}", place.1))).send();
        let next = answer.next().map(|link| link[link.find('?').expect("a query")..].to_owned());
        (answer.ok().as_array().expect("a list").clone(), next)
    }
}

fn described(tree: &Tree) -> Vec<Value> {
    let sorted: BTreeMap<&String, &File> = tree.iter().collect();
    let entries = sorted.into_iter().map(|(path, file)| {
        let (size, digest) = (file.bytes.len(), sha256(&*file.bytes));
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n");
        let blob = if file.large { pointer.as_bytes() } else { &file.bytes };
        let oid = Value::from(object_id(ObjectKind::Blob, blob).to_string());
        let large = if file.large { Value::from(digest) } else { Value::Null };
        entry_of(&Value::from(path.as_str()), &oid, &Value::from(size), &large)
    });
    entries.collect()
}

fn entry_of(path: &Value, oid: &Value, size: &Value, large: &Value) -> Value {
    serde_json::json!({ "path": path, "oid": oid, "size": size, "lfs": large })
}
