//! What a client does, from an empty hub to a filled repository and on to its end.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ballast_contract::versioning::Strategy;
use ballast_services::{
    CommitHeader, CommitOperation, CommitOutcome, DiscussionStatus, Failure, LfsObject, LfsUpload, NewRepository,
    OpenDiscussion, Remake, SettingsPatch, Ticket, Writable,
};
use ballast_types::{CommitId, RepoKind, Revision, Sha256, Visibility};
use bytes::Bytes;
use futures::{StreamExt, stream};
use sha2::Digest;

use crate::world::World;

pub type Outcome = Result<(), String>;

/// What a commit must hold: paths and their bytes.
pub type Files = BTreeMap<String, Bytes>;

/// One run in a repository of its own, and what it was told.
pub struct Journey {
    pub name: String,
    acknowledged: Mutex<Vec<(CommitId, Files)>>,
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

pub fn new_repository(name: &str) -> NewRepository {
    let name = name.to_owned();
    NewRepository { kind: RepoKind::Model, name, organization: None, visibility: None, sdk: None }
}

impl Journey {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), acknowledged: Mutex::default() }
    }

    /// Commits that the client was told of.
    pub fn acknowledged(&self) -> Vec<(CommitId, Files)> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Bytes of this journey alone, so that nothing is there already.
    pub fn bytes(&self, what: &str) -> Bytes {
        Bytes::from(format!("{what} of {} ", self.name).repeat(20))
    }

    pub async fn run(&self, world: &World) -> Outcome {
        self.walk(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn walk(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller) = (&world.hub, world.caller().await);
        hub.create_repository(&caller, new_repository(&self.name)).await?;
        let repository = hub.writable(&caller, RepoKind::Model, "alice", &self.name).await?;

        let mut files = Files::new();
        let first = self.first_commit(world, &repository, &mut files).await?;
        self.second_commit(&repository, first, &mut files).await?;
        repository.create_branch("side", Some(&Revision::main()), false).await?;
        repository.delete_branch("side").await?;

        let stale = self.commit(&repository, Some(first), vec![self.small("late.txt")]).await;
        assert!(matches!(stale, Err(Failure::BranchMoved)), "a commit on an old parent answered {stale:?}");
        self.make_and_delete(world).await
    }

    /// The name of a repository that the journey deletes again.
    pub fn short_lived(&self) -> String {
        format!("{}-gone", self.name)
    }

    async fn make_and_delete(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller, name) = (&world.hub, world.caller().await, self.short_lived());
        hub.create_repository(&caller, new_repository(&name)).await?;
        let repository = hub.writable(&caller, RepoKind::Model, "alice", &name).await?;
        self.commit(&repository, None, vec![self.small("README.md"), self.small("only/here.txt")]).await?;
        hub.administering(&caller, RepoKind::Model, "alice", &name).await?.delete().await
    }

    async fn first_commit(&self, world: &World, repository: &Writable, files: &mut Files) -> Result<CommitId, Failure> {
        let large = self.bytes("a large file");
        let object = LfsObject { sha256: sha256(&large), size: large.len() as u64 };
        let answers = repository.lfs_upload(&[object], false).await?;
        let LfsUpload::Whole { ticket, .. } = &answers[0] else { panic!("{answers:?}") };
        let ticket: Ticket = world.hub.read_ticket(ticket, object.sha256)?;
        let body = stream::iter(vec![Ok(large.slice(..100)), Ok(large.slice(100..))]).boxed();
        world.hub.receive_object(&ticket, body).await?;

        let operations = vec![
            self.small("README.md"),
            self.small("src/a.py"),
            CommitOperation::AddLfs { path: "model.bin".to_owned(), sha256: object.sha256, size: Some(object.size) },
        ];
        for path in ["README.md", "src/a.py"] {
            files.insert(path.to_owned(), self.bytes(path));
        }
        files.insert("model.bin".to_owned(), large);
        let id = self.commit(repository, None, operations).await?;
        self.acknowledged.lock().unwrap().push((id, files.clone()));
        Ok(id)
    }

    async fn second_commit(&self, repository: &Writable, parent: CommitId, files: &mut Files) -> Result<(), Failure> {
        let copy = CommitOperation::Copy { from: "model.bin".to_owned(), revision: None, to: "copy.bin".to_owned() };
        let operations =
            vec![self.small("src/b.py"), CommitOperation::DeleteFile { path: "src/a.py".to_owned() }, copy];
        files.insert("src/b.py".to_owned(), self.bytes("src/b.py"));
        files.insert("copy.bin".to_owned(), files["model.bin"].clone());
        files.remove("src/a.py");
        let id = self.commit(repository, Some(parent), operations).await?;
        self.acknowledged.lock().unwrap().push((id, files.clone()));
        Ok(())
    }

    /// What `remake` begins from: a branch and the default one, with a commit each since they parted.
    pub async fn fork(&self, world: &World) -> Outcome {
        self.try_fork(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn try_fork(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller) = (&world.hub, world.caller().await);
        hub.create_repository(&caller, new_repository(&self.name)).await?;
        let repository = hub.writable(&caller, RepoKind::Model, "alice", &self.name).await?;
        self.commit(&repository, None, vec![self.small("both.txt")]).await?;
        repository.create_branch("side", Some(&Revision::main()), false).await?;
        let header = CommitHeader { summary: "aside".to_owned(), description: String::new(), parent: None };
        let aside = stream::iter([Ok(self.small("side.txt"))]);
        repository.commit(&Revision::new("side"), header, aside).await?;
        self.commit(&repository, None, vec![self.small("main.txt")]).await?;
        Ok(())
    }

    /// Hides the repository, moves it away and brings it back: what it counts for changes each time.
    pub async fn place(&self, world: &World) -> Outcome {
        self.try_place(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn try_place(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller) = (&world.hub, world.caller().await);
        let settings = SettingsPatch { visibility: Some(Visibility::Private), ..SettingsPatch::default() };
        let handle = hub.administering(&caller, RepoKind::Model, "alice", &self.name).await?;
        handle.change_settings(settings).await?;
        let (home, away) = (format!("alice/{}", self.name), format!("lab/{}", self.name));
        hub.move_repository(&caller, RepoKind::Model, &home, &away).await?;
        hub.move_repository(&caller, RepoKind::Model, &away, &home).await?;
        Ok(())
    }

    /// Merges, reverts, resets and squashes: commits made of commits, each of which must read back.
    pub async fn remake(&self, world: &World) -> Outcome {
        self.try_remake(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn try_remake(&self, world: &World) -> Result<(), Failure> {
        let caller = world.caller().await;
        let repository = world.hub.writable(&caller, RepoKind::Model, "alice", &self.name).await?;
        let (main, side) = (Revision::main(), Revision::new("side"));
        let merged = repository.merge(&main, &side, Strategy::Stop, false, Remake::default()).await?;
        self.acknowledge(merged, &["both.txt", "main.txt", "side.txt"]);
        let merge = Revision::new(merged.id.to_string());
        let reverted = repository.revert(&main, &merge, 1, Remake::default()).await?;
        self.acknowledge(reverted, &["both.txt", "main.txt"]);
        let parent = Remake { parent: Some(reverted.id), ..Remake::default() };
        self.acknowledge(repository.reset(&main, &side, true, parent).await?, &["both.txt", "side.txt"]);
        self.acknowledge(repository.super_squash(&main, Remake::default()).await?, &["both.txt", "side.txt"]);
        let nothing = repository.super_squash(&main, Remake::default()).await?;
        assert!(!nothing.created, "a squash of one commit");
        Ok(())
    }

    /// What `propose` begins from: a repository with a file.
    pub async fn prepare_to_propose(&self, world: &World) -> Outcome {
        let prepare = async {
            let (hub, caller) = (&world.hub, world.caller().await);
            hub.create_repository(&caller, new_repository(&self.name)).await?;
            let repository = hub.writable(&caller, RepoKind::Model, "alice", &self.name).await?;
            self.commit(&repository, None, vec![self.small("base.txt")]).await
        };
        prepare.await.map(drop).map_err(|failure: Failure| format!("{failure:?}"))
    }

    /// Opens a pull request with a commit and one without, commits to both, and merges them.
    pub async fn propose(&self, world: &World) -> Outcome {
        self.try_propose(world).await.map_err(|failure| format!("{failure:?}"))
    }

    async fn try_propose(&self, world: &World) -> Result<(), Failure> {
        let (hub, caller) = (&world.hub, world.caller().await);
        let proposing = hub.proposing(&caller, RepoKind::Model, "alice", &self.name).await?;
        let header = || CommitHeader { summary: "a proposal".to_owned(), description: String::new(), parent: None };
        let lines = |paths: &[&str]| stream::iter(paths.iter().map(|path| Ok(self.small(path))).collect::<Vec<_>>());
        let proposed = proposing.propose_commit(&Revision::main(), header(), lines(&["one.txt"])).await?;
        self.acknowledge(proposed.commit, &["base.txt", "one.txt"]);
        let new = OpenDiscussion { title: "two".to_owned(), description: String::new(), pull_request: true };
        let second = proposing.open_discussion(new).await?;
        let to = Revision::new(format!("refs/pr/{second}"));
        let at = hub.committing(&caller, RepoKind::Model, "alice", &self.name, &to).await?;
        self.acknowledge(at.commit(header(), lines(&["two.txt"])).await?, &["base.txt", "two.txt"]);
        let writable = hub.writable(&caller, RepoKind::Model, "alice", &self.name).await?;
        for (number, paths) in [(proposed.number, &["base.txt", "one.txt"][..]), (second, &["one.txt", "two.txt"])] {
            let id = writable.merge_pull_request(number, None).await?;
            self.acknowledge(CommitOutcome { id, created: true }, paths);
            let found = writable.discussion(number).await?;
            let merged = found.pull_request.and_then(|proposed| proposed.merge_commit);
            assert_eq!((found.status, merged), (DiscussionStatus::Merged, Some(id)));
        }
        Ok(())
    }

    pub fn acknowledge_files(&self, id: CommitId, files: Files) {
        self.acknowledged.lock().unwrap().push((id, files));
    }

    fn acknowledge(&self, made: CommitOutcome, paths: &[&str]) {
        assert!(made.created);
        let files = paths.iter().map(|path| ((*path).to_owned(), self.bytes(path))).collect();
        self.acknowledged.lock().unwrap().push((made.id, files));
    }

    fn small(&self, path: &str) -> CommitOperation {
        CommitOperation::AddFile { path: path.to_owned(), content: self.bytes(path) }
    }

    async fn commit(
        &self,
        repository: &Writable,
        parent: Option<CommitId>,
        operations: Vec<CommitOperation>,
    ) -> Result<CommitId, Failure> {
        let header = CommitHeader { summary: "a commit".to_owned(), description: String::new(), parent };
        let lines = stream::iter(operations.into_iter().map(Ok));
        Ok(repository.commit(&Revision::main(), header, lines).await?.id)
    }
}
