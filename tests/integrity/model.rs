//! What a hub must hold after a schedule, and whether it does.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use ballast_services::{
    CommitHeader, CommitOperation, Delivery, Depth, Failure, Finding, LfsObject, LfsUpload, NewRepository, TreeNode,
    TreeOptions, VerifyOptions, What, Writable,
};
use ballast_testkit::polled;
use ballast_types::git::{ObjectKind, object_id};
use ballast_types::{ByteRange, CommitId, RepoKind, Revision};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::journey::sha256;
use crate::schedule::{Fate, Step};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// Longer than any deadline of the hub.
const LATE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Paths, and which content they have.
type Tree = BTreeMap<String, usize>;

/// A repository as its users remember it.
#[derive(Default)]
struct Remembered {
    /// Where each branch may stand: in one place, or, after a commit whose end nobody saw, in one of several.
    branches: BTreeMap<usize, Vec<Tree>>,
    /// Commits that somebody was told of: they stay as long as the repository does.
    told: Vec<(CommitId, Tree)>,
}

pub struct Model<'a> {
    world: &'a World,
    /// None where it may or may not be there.
    repositories: BTreeMap<usize, Option<Remembered>>,
}

pub fn content(number: usize) -> Bytes {
    Bytes::from(format!("content {number}, the same for everybody. ").repeat(1 + number * number * 40))
}

fn repository_name(number: usize) -> String {
    format!("r{number}")
}

fn branch_name(number: usize) -> String {
    ["main", "side", "other"][number].to_owned()
}

/// What came of a step.
enum Came<T> {
    Done(T),
    /// It was cut off, or answered a failure: it may have happened or not.
    Unknown,
}

impl<'a> Model<'a> {
    pub fn new(world: &'a World) -> Self {
        Self { world, repositories: BTreeMap::new() }
    }

    /// Lets a step happen as its fate wants.
    async fn happen<T>(&self, fate: &Fate, step: impl Future<Output = Result<T, Failure>>) -> Came<T> {
        let mut step = Box::pin(step);
        let outcome = match *fate {
            Fate::Ends => Some(step.await),
            Fate::Dies(polls) => polled::at_most(&mut step, polls).await,
            Fate::Waits(polls, hours) => match polled::at_most(&mut step, polls).await {
                Some(outcome) => Some(outcome),
                None => {
                    self.world.later(HOUR * u32::try_from(hours).unwrap());
                    self.world.other.collect().await.unwrap();
                    Some(step.await)
                }
            },
        };
        match (outcome, fate) {
            (Some(Ok(done)), _) => Came::Done(done),
            (None, _) => Came::Unknown,
            // Whoever slept past a deadline is refused.
            (Some(Err(_)), Fate::Waits(_, hours)) if *hours > 0 => Came::Unknown,
            // What was deleted meanwhile, or cut off before, may be in the way.
            (Some(Err(Failure::Conflict(_) | Failure::RepositoryNotFound { .. })), _) => Came::Unknown,
            (Some(Err(Failure::RepositoryExists { .. } | Failure::RevisionNotFound { .. })), _) => Came::Unknown,
            // Without any grace, what was seen as stored may be collected before it is named.
            (Some(Err(Failure::Unavailable(_) | Failure::ObjectNotFound { .. })), Fate::Waits(..)) => Came::Unknown,
            (Some(Err(failure)), _) => panic!("{fate:?}: {failure:?}"),
        }
    }

    pub async fn step(&mut self, step: &Step) {
        match step {
            Step::Create(repo, fate) => self.create(*repo, fate).await,
            Step::Delete(repo, fate) => self.delete(*repo, fate).await,
            Step::Commit { repo, branch, small, large, fate } => self.commit(*repo, *branch, small, large, fate).await,
            Step::Upload { repo, content, fate } => self.upload(*repo, *content, fate).await,
            Step::Branch { repo, from, to } => self.branch(*repo, *from, *to).await,
            Step::Unbranch { repo, branch } => self.unbranch(*repo, *branch).await,
            Step::Collect => drop(self.world.other.collect().await.unwrap()),
            Step::Recover => drop(self.world.other.recover().await.unwrap()),
            Step::Later(hours) => self.world.later(HOUR * u32::try_from(*hours).unwrap()),
        }
    }

    /// A repository that is certainly there.
    fn known(&mut self, repo: usize) -> Option<&mut Remembered> {
        self.repositories.get_mut(&repo).and_then(Option::as_mut)
    }

    async fn writable(&self, repo: usize) -> Result<Writable, Failure> {
        let caller = self.world.caller().await;
        self.world.hub.writable(&caller, RepoKind::Model, "alice", &repository_name(repo)).await
    }

    async fn create(&mut self, repo: usize, fate: &Fate) {
        if self.repositories.contains_key(&repo) {
            return;
        }
        let name = repository_name(repo);
        let new = NewRepository { kind: RepoKind::Model, name, organization: None, visibility: None, sdk: None };
        let caller = self.world.caller().await;
        let came = self.happen(fate, self.world.hub.create_repository(&caller, new)).await;
        let made = match came {
            Came::Done(_) => {
                let first = self.tree_of(repo, &Revision::main()).await;
                Some(Remembered { branches: BTreeMap::from([(0, vec![first])]), told: vec![] })
            }
            Came::Unknown => None,
        };
        self.repositories.insert(repo, made);
    }

    async fn delete(&mut self, repo: usize, fate: &Fate) {
        let caller = self.world.caller().await;
        let name = repository_name(repo);
        if self.known(repo).is_none() {
            return;
        }
        let delete = async {
            let handle = self.world.hub.administering(&caller, RepoKind::Model, "alice", &name).await?;
            handle.delete().await
        };
        match self.happen(fate, delete).await {
            Came::Done(()) => drop(self.repositories.remove(&repo)),
            Came::Unknown => drop(self.repositories.insert(repo, None)),
        }
    }

    async fn commit(
        &mut self,
        repo: usize,
        branch: usize,
        small: &[(usize, usize)],
        large: &[(usize, usize)],
        fate: &Fate,
    ) {
        let Some(before) = self.known(repo).and_then(|known| known.branches.get(&branch).cloned()) else { return };
        let (mut changes, mut operations) = (Tree::new(), vec![]);
        for (path, number) in small {
            let path = format!("s{path}.txt");
            if let Entry::Vacant(new) = changes.entry(path.clone()) {
                new.insert(*number);
                operations.push(CommitOperation::AddFile { path, content: content(*number) });
            }
        }
        for (path, number) in large {
            let path = format!("l{path}.bin");
            if let Entry::Vacant(new) = changes.entry(path.clone()) {
                new.insert(*number);
                let (sha256, size) = (sha256(&content(*number)), Some(content(*number).len() as u64));
                operations.push(CommitOperation::AddLfs { path, sha256, size });
            }
        }
        if operations.is_empty() {
            return;
        }
        let numbers: BTreeSet<usize> = large.iter().map(|(_, number)| *number).collect();
        let write = async {
            let repository = self.writable(repo).await?;
            for number in &numbers {
                send(self.world, &repository, *number).await?;
            }
            let header = CommitHeader { summary: "a commit".to_owned(), description: String::new(), parent: None };
            let lines = stream::iter(operations.into_iter().map(Ok));
            repository.commit(&Revision::new(branch_name(branch)), header, lines).await
        };
        let after: Vec<Tree> = before.iter().map(|tree| with(tree, &changes)).collect();
        match self.happen(fate, write).await {
            Came::Done(outcome) => {
                let tree = self.tree_of(repo, &Revision::new(outcome.id.to_string())).await;
                assert!(after.contains(&tree), "{} holds {tree:?}, none of {after:?}", outcome.id);
                let known = self.known(repo).unwrap();
                known.branches.insert(branch, vec![tree.clone()]);
                known.told.push((outcome.id, tree));
            }
            Came::Unknown => {
                let mut possible = before;
                possible.extend(after);
                possible.dedup();
                self.known(repo).unwrap().branches.insert(branch, possible);
            }
        }
    }

    async fn upload(&mut self, repo: usize, number: usize, fate: &Fate) {
        if self.known(repo).is_none() {
            return;
        }
        let upload = async {
            let repository = self.writable(repo).await?;
            send(self.world, &repository, number).await
        };
        let _: Came<()> = self.happen(fate, upload).await;
    }

    async fn branch(&mut self, repo: usize, from: usize, to: usize) {
        let Some(known) = self.known(repo) else { return };
        let Some(possible) = known.branches.get(&from).cloned().filter(|_| !known.branches.contains_key(&to)) else {
            return;
        };
        let (repository, from) = (self.writable(repo).await.unwrap(), Revision::new(branch_name(from)));
        repository.create_branch(&branch_name(to), Some(&from), false).await.unwrap();
        self.known(repo).unwrap().branches.insert(to, possible);
    }

    async fn unbranch(&mut self, repo: usize, branch: usize) {
        if branch == 0 || self.known(repo).and_then(|known| known.branches.remove(&branch)).is_none() {
            return;
        }
        self.writable(repo).await.unwrap().delete_branch(&branch_name(branch)).await.unwrap();
    }

    /// Paths and contents of a revision; what every repository begins with counts as no content.
    async fn tree_of(&self, repo: usize, revision: &Revision) -> Tree {
        let names = |number: usize| {
            let bytes = content(number);
            [sha256(&bytes).to_string(), object_id(ObjectKind::Blob, &bytes).to_string()].map(|name| (name, number))
        };
        let numbers: BTreeMap<String, usize> = (0..crate::schedule::CONTENTS).flat_map(names).collect();
        let caller = self.world.caller().await;
        let repository =
            self.world.hub.readable(&caller, RepoKind::Model, "alice", &repository_name(repo)).await.unwrap();
        let options = TreeOptions { recursive: true, ..TreeOptions::default() };
        let page = repository.tree(revision, None, options).await.unwrap();
        let entries = page.entries.into_iter().filter(|entry| entry.path.as_str() != ".gitattributes");
        let name = |node: &TreeNode| node.large().map_or_else(|| node.oid().to_string(), |sha256| sha256.to_string());
        entries.map(|entry| (entry.path.to_string(), numbers[&name(&entry.node)])).collect()
    }

    /// Everybody who was cut off is gone for good; then nothing is lost, nothing dangles, nothing is damaged.
    pub async fn holds(&self) {
        self.world.later(LATE);
        self.world.is_at_rest("a schedule").await;
        for (repo, remembered) in &self.repositories {
            self.world.books_are_exact(&repository_name(*repo)).await;
            let Some(remembered) = remembered else { continue };
            for (branch, possible) in &remembered.branches {
                let revision = Revision::new(branch_name(*branch));
                let tree = self.tree_of(*repo, &revision).await;
                assert!(possible.contains(&tree), "{} is {tree:?}, none of {possible:?}", branch_name(*branch));
                self.reads_back(*repo, &revision, &tree).await;
            }
            for (commit, tree) in &remembered.told {
                self.reads_back(*repo, &Revision::new(commit.to_string()), tree).await;
            }
        }
        self.verifies().await;
    }

    async fn reads_back(&self, repo: usize, revision: &Revision, tree: &Tree) {
        let caller = self.world.caller().await;
        let repository =
            self.world.hub.downloadable(&caller, RepoKind::Model, "alice", &repository_name(repo)).await.unwrap();
        for (path, number) in tree {
            let file = repository.resolve_file(revision, path).await.unwrap();
            let read = match file.open(ByteRange::whole(file.size())).await.unwrap() {
                Delivery::Stream(stream) => stream.try_collect::<Vec<_>>().await.unwrap().concat(),
                Delivery::File { .. } | Delivery::Chunks(_) => unreachable!("the store of this test is memory"),
            };
            assert_eq!(read, content(*number), "{path} at {revision}");
        }
    }

    async fn verifies(&self) {
        let mut findings: Vec<Finding> = vec![];
        // A write that was cut off may land only now, on a task of its own: then recovery has its turn once more.
        for _ in 0..3 {
            findings.clear();
            let options = VerifyOptions { depth: Depth::Bytes, side_by_side: 2 };
            let mut told = |finding: Option<&Finding>, _: &_| findings.extend(finding.cloned());
            self.world.other.operator().verify_storage(options, &mut told).await.unwrap();
            if findings.is_empty() || findings.iter().any(|finding| finding.what != What::Unfinished) {
                break;
            }
            self.world.is_at_rest("a schedule").await;
        }
        assert_eq!(findings, [], "found by verifying");
    }
}

fn with(tree: &Tree, changes: &Tree) -> Tree {
    tree.iter().chain(changes).map(|(path, number)| (path.clone(), *number)).collect()
}

async fn send(world: &World, repository: &Writable, number: usize) -> Result<(), Failure> {
    let bytes = content(number);
    let object = LfsObject { sha256: sha256(&bytes), size: bytes.len() as u64 };
    match &repository.lfs_upload(&[object], false).await?[0] {
        LfsUpload::Whole { ticket, .. } => {
            let ticket = world.hub.read_ticket(ticket, object.sha256)?;
            world.hub.receive_object(&ticket, stream::iter([Ok(bytes)]).boxed()).await
        }
        LfsUpload::Stored => Ok(()),
        other => panic!("{other:?}"),
    }
}
