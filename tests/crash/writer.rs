//! Somebody who writes, and remembers what the hub acknowledged.
//!
//! A writer is sequential, so when the hub dies at most one of its requests is in doubt. Several writers share a branch,
//! each in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballast_tests::{Answer, Client, Random, Repository, Request, Session, lines, sha256};
use serde_json::{Value, json};

/// Above this many bytes an object goes up in parts; see [`crate::world`].
pub const PARTS_ABOVE: usize = 20_000;
pub const PART: usize = 8_192;

/// As many files as a writer keeps on a branch.
const FILES: usize = 12;

/// A file as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub bytes: Arc<Vec<u8>>,
    /// Whether it goes by LFS.
    pub large: bool,
}

pub type Tree = BTreeMap<String, File>;

/// A repository's id and a branch.
pub type Place = (String, String);

/// What the writer's folder of a branch holds, and the writer's commits on it.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    pub tree: Tree,
    /// Oldest first.
    pub commits: Vec<String>,
    /// The commits that no check has seen yet.
    pub unseen: Vec<String>,
    /// The paths that no check has read yet.
    pub unread: BTreeSet<String>,
}

/// What was asked last and not answered.
#[derive(Debug)]
pub enum Doubt {
    Commit { place: Place, tree: Tree, title: String },
    BranchMade { place: Place, branch: Branch },
    BranchDeleted { place: Place },
    RepositoryMade { id: String },
    RepositoryDeleted { id: String },
}

pub struct Writer {
    pub name: String,
    pub branches: BTreeMap<Place, Branch>,
    /// What was deleted, or never made.
    pub gone: BTreeSet<Place>,
    pub gone_repositories: BTreeSet<String>,
    pub doubt: Option<Doubt>,
    /// Objects whose upload was acknowledged, for a repository, and that no commit names yet.
    stored: Vec<(String, Arc<Vec<u8>>)>,
    /// An object whose upload was cut off.
    cut_off: Option<Arc<Vec<u8>>>,
    random: Random,
    count: usize,
}

/// A writer that is connected.
pub struct At<'a> {
    pub session: Session,
    /// Counts what all writers ask.
    pub asked: &'a AtomicUsize,
}

impl At<'_> {
    pub fn new<'a>(client: &Client, asked: &'a AtomicUsize) -> At<'a> {
        At { session: Session::new(client), asked }
    }

    fn send(&mut self, request: &Request) -> io::Result<Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.session.send(request)
    }

    fn repository(&self, id: &str) -> Repository {
        Repository { client: self.session.client.clone(), kinds: "models", id: id.to_owned() }
    }
}

impl Writer {
    pub fn new(number: usize, shared: &str, seed: u64) -> Self {
        let branches = BTreeMap::from([((shared.to_owned(), "main".to_owned()), Branch::default())]);
        Self {
            name: format!("w{number}"),
            branches,
            gone: BTreeSet::new(),
            gone_repositories: BTreeSet::new(),
            doubt: None,
            stored: vec![],
            cut_off: None,
            random: Random::new(seed.wrapping_mul(31) + number as u64),
            count: 0,
        }
    }

    /// Does one thing or another.
    pub fn act(&mut self, at: &mut At) -> io::Result<()> {
        let place = self.some_place();
        match self.random.below(100) {
            0..70 => self.commit(at, &place),
            70..76 => self.upload_for_later(at, &place),
            76..84 if self.branches.len() < 4 => self.make_branch(at, &place),
            84..90 if place.1 != "main" => self.delete_branch(at, &place),
            90..95 if self.repositories().len() < 3 => self.make_repository(at),
            95..100 if place.0.contains(&self.name) => self.delete_repository(at, &place.0),
            _ => self.commit(at, &place),
        }
    }

    /// Each kind of write once.
    pub fn act_all(&mut self, at: &mut At, place: &Place) -> io::Result<()> {
        let (large, parts) = (self.bytes(1_200_000), self.bytes(PARTS_ABOVE + 9_000));
        self.commit_with(at, place, vec![large, parts])?;
        self.make_branch(at, place)?;
        let made = self.branches.keys().rfind(|made| made.0 == place.0 && made.1 != "main").cloned();
        let made = made.expect("a branch that was just made");
        self.commit(at, &made)?;
        self.delete_branch(at, &made)?;
        self.make_repository(at)?;
        let own = self.repositories().into_iter().find(|id| id != &place.0).expect("a repository that was just made");
        self.commit(at, &(own.clone(), "main".to_owned()))?;
        self.delete_repository(at, &own)
    }

    pub fn repositories(&self) -> BTreeSet<String> {
        self.branches.keys().map(|place| place.0.clone()).collect()
    }

    pub fn commit(&mut self, at: &mut At, place: &Place) -> io::Result<()> {
        let size = [100, 5_000, PARTS_ABOVE + 20_000][self.random.below(3)];
        let large = if self.random.percent(60) { vec![self.bytes(size)] } else { vec![] };
        self.commit_with(at, place, large)
    }

    /// One commit: these objects, which are uploaded first, and some small files; some are replaced, some deleted.
    fn commit_with(&mut self, at: &mut At, place: &Place, mut large: Vec<Arc<Vec<u8>>>) -> io::Result<()> {
        large.extend(self.cut_off.take());
        for bytes in &large {
            self.cut_off = Some(bytes.clone());
            self.upload(at, &place.0, bytes)?;
            self.cut_off = None;
        }
        let stored = std::mem::take(&mut self.stored).into_iter();
        let (here, elsewhere): (Vec<_>, Vec<_>) = stored.partition(|(id, _)| id == &place.0);
        self.stored = elsewhere;
        large.extend(here.into_iter().map(|(_, bytes)| bytes));
        let title = self.next("commit");
        let (tree, operations) = self.draft(place, &title, large);
        let repository = at.repository(&place.0);
        let all: Vec<Value> = [lines::header(&title)].into_iter().chain(operations).collect();
        self.doubt = Some(Doubt::Commit { place: place.clone(), tree: tree.clone(), title });
        let answer = at.send(&repository.committing(&place.1).lines(&all))?.ok();
        self.doubt = None;
        self.committed(place, tree, answer["commitOid"].as_str().expect("a commit").to_owned());
        Ok(())
    }

    /// What the folder holds after the next commit, and the lines that make it so.
    fn draft(&mut self, place: &Place, title: &str, large: Vec<Arc<Vec<u8>>>) -> (Tree, Vec<Value>) {
        let mut tree = self.branches[place].tree.clone();
        let mut operations = vec![];
        while tree.len() > FILES {
            let path = tree.keys().nth(self.random.below(tree.len())).expect("a file").clone();
            tree.remove(&path);
            operations.push(lines::deleted_file(&path));
        }
        for (n, bytes) in large.into_iter().enumerate() {
            let path = format!("{}/{title}-{n}.bin", self.name);
            operations.push(lines::large_file(&path, &sha256(&*bytes), bytes.len()));
            tree.insert(path, File { bytes, large: true });
        }
        let mut small: Vec<String> =
            (0..1 + self.random.below(3)).map(|n| format!("{}/{title}-{n}.txt", self.name)).collect();
        small.push(format!("{}/again.txt", self.name));
        for path in small {
            let bytes = self.bytes(10 + self.random.below(1500));
            operations.push(lines::file(&path, &*bytes));
            tree.insert(path, File { bytes, large: false });
        }
        (tree, operations)
    }

    /// A commit is there.
    pub fn committed(&mut self, place: &Place, tree: Tree, id: String) {
        let branch = self.branches.get_mut(place).expect("a branch");
        let changed = tree.iter().filter(|(path, file)| branch.tree.get(*path) != Some(file));
        branch.unread.extend(changed.map(|(path, _)| path.clone()));
        branch.unread.retain(|path| tree.contains_key(path));
        branch.tree = tree;
        branch.commits.push(id.clone());
        branch.unseen.push(id);
    }

    fn upload_for_later(&mut self, at: &mut At, place: &Place) -> io::Result<()> {
        let bytes = self.bytes(3_000);
        self.upload(at, &place.0, &bytes)?;
        self.stored.push((place.0.clone(), bytes));
        Ok(())
    }

    /// Forgets uploads that no commit names: they have expired.
    pub fn forget_uploads(&mut self) {
        self.stored.clear();
    }

    fn upload(&mut self, at: &mut At, id: &str, bytes: &[u8]) -> io::Result<()> {
        let repository = at.repository(id);
        let oid = sha256(bytes);
        let objects = json!([{ "oid": oid, "size": bytes.len() }]);
        let asked = json!({ "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects });
        let batch = at.session.client.post(repository.page(".git/info/lfs/objects/batch"));
        let batch = batch.header("Content-Type", "application/vnd.git-lfs+json").body(asked.to_string());
        let answer = at.send(&batch)?.ok();
        let action = &answer["objects"][0]["actions"]["upload"];
        let target = |at: &At, link: &Value| at.session.client.target(link.as_str().expect("a link")).to_owned();
        let anonymous = at.session.client.anonymous();
        if action.is_null() {
            return Ok(());
        }
        if answer["transfer"] != "multipart" {
            let put = anonymous.put(target(at, &action["href"])).body(bytes);
            at.send(&put)?.expect(200);
            return Ok(());
        }
        let mut parts = vec![];
        for (piece, number) in bytes.chunks(PART).zip(1..) {
            let put = anonymous.put(target(at, &action["header"][format!("{number:05}")])).body(piece);
            let answer = at.send(&put)?.expect(200);
            parts.push(json!({ "partNumber": number, "etag": answer.header("etag").expect("an etag") }));
        }
        let complete = anonymous.post(target(at, &action["href"])).json(&json!({ "oid": oid, "parts": parts }));
        at.send(&complete)?.expect(200);
        Ok(())
    }

    fn make_branch(&mut self, at: &mut At, from: &Place) -> io::Result<()> {
        let place = (from.0.clone(), self.next("branch"));
        let mut branch = self.branches[from].clone();
        // A commit of the writer's own: what the branch holds at another one only others know.
        let Some(start) = branch.commits.last().cloned() else { return self.commit(at, from) };
        branch.unread.clear();
        let repository = at.repository(&from.0);
        let request = at.session.client.post(repository.api(&format!("/branch/{}", place.1)));
        self.doubt = Some(Doubt::BranchMade { place: place.clone(), branch: branch.clone() });
        at.send(&request.json(&json!({ "startingPoint": start })))?.expect(200);
        self.doubt = None;
        self.branches.insert(place, branch);
        Ok(())
    }

    fn delete_branch(&mut self, at: &mut At, place: &Place) -> io::Result<()> {
        let repository = at.repository(&place.0);
        self.doubt = Some(Doubt::BranchDeleted { place: place.clone() });
        let request = at.session.client.delete(repository.api(&format!("/branch/{}", place.1)));
        at.send(&request)?.expect(200);
        self.doubt = None;
        self.branches.remove(place);
        self.gone.insert(place.clone());
        Ok(())
    }

    fn make_repository(&mut self, at: &mut At) -> io::Result<()> {
        let id = format!("admin/{}", self.next("repo"));
        self.doubt = Some(Doubt::RepositoryMade { id: id.clone() });
        let request = at.session.client.post("/api/repos/create");
        at.send(&request.json(&json!({ "name": id, "type": "model", "private": self.random.percent(50) })))?
            .expect(200);
        self.doubt = None;
        self.branches.insert((id, "main".to_owned()), Branch::default());
        Ok(())
    }

    fn delete_repository(&mut self, at: &mut At, id: &str) -> io::Result<()> {
        self.doubt = Some(Doubt::RepositoryDeleted { id: id.to_owned() });
        let request = at.session.client.delete("/api/repos/delete");
        at.send(&request.json(&json!({ "name": id, "type": "model" })))?.expect(200);
        self.doubt = None;
        self.forget_repository(id);
        Ok(())
    }

    pub fn forget_repository(&mut self, id: &str) {
        self.branches.retain(|place, _| place.0 != id);
        self.gone.retain(|place| place.0 != id);
        self.stored.retain(|(repository, _)| repository != id);
        self.gone_repositories.insert(id.to_owned());
    }

    fn some_place(&self) -> Place {
        self.branches.keys().nth(self.random.below(self.branches.len())).expect("a branch").clone()
    }

    fn next(&mut self, word: &str) -> String {
        self.count += 1;
        format!("{word}-{}-{}", self.name, self.count)
    }

    /// Bytes that nobody else sends.
    fn bytes(&mut self, length: usize) -> Arc<Vec<u8>> {
        self.count += 1;
        let mut bytes = format!("{} {} ", self.name, self.count).into_bytes();
        bytes.resize_with(length.max(bytes.len()), || self.random.below(256) as u8);
        Arc::new(bytes)
    }
}
