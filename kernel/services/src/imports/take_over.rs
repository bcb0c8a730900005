//! One run of an import: which commits of the source are to be taken over, and each of them as a commit here.

use std::sync::Arc;

use ballast_catalog::{Import, ImportMark};
use ballast_contract::downloader::{Source, SourceCommit, SourceFile};
use ballast_contract::versioning::Change;
use ballast_contract::{Error, ErrorKind};
use ballast_landing::list_files;
use ballast_types::{CommitId, LeaseId, Revision, Sha256, Signature, Timestamp};

use super::stream::Upstream;
use super::tree::Tree;
use super::{ImportSource, Live};
use crate::create_commit::{MAX_OPERATIONS, check_message};
use crate::jobs::JobSettings;
use crate::operation::Making;
use crate::{Failure, Hub, Result, Writable};

/// Commits of a history that are taken over at once, at most.
const MOST_COMMITS: usize = 100_000;

/// Large files are looked up this many at a time.
const CLAIMS: usize = 500;

/// An import that is worked on.
pub(super) struct TakingOver<'a> {
    pub hub: &'a Hub,
    pub import: &'a Import,
    pub live: &'a Live,
    pub repository: Writable,
    pub settings: JobSettings,
    /// What has arrived and is in no commit.
    pub lease: Option<LeaseId>,
    /// The source's commit that was taken over last, and what it became.
    taken: Option<(CommitId, CommitId)>,
}

/// A commit that is to be made of one of the source.
struct Step {
    source: CommitId,
    author: Signature,
    time: Timestamp,
    message: String,
}

impl<'a> TakingOver<'a> {
    /// With its owner's right, as it is now.
    pub async fn open(hub: &'a Hub, import: &'a Import, live: &'a Live) -> Result<Self> {
        let repository = hub.import_target(&import.order).await?;
        let (settings, lease, taken) = (hub.job_settings().await?, import.lease, import.taken);
        let mut opened = Self { hub, import, live, repository, settings, lease, taken };
        opened.conclude().await?;
        Ok(opened)
    }

    /// What became of a write that was cut off: the engine says, and nothing comes of it later.
    async fn conclude(&mut self) -> Result<()> {
        let Some((operation, source)) = self.import.writing else { return Ok(()) };
        match self.hub.engine().conclude(self.repository.key(), operation).await? {
            Some(commit) => {
                self.taken = Some((source, commit));
                self.kept(ImportMark::Taken(source, commit)).await
            }
            None => self.kept(ImportMark::GivenUp).await,
        }
    }

    /// Takes over what the source has and the branch has not.
    pub async fn run(mut self, from: &ImportSource) -> Result<()> {
        let token = self.hub.import_token(from).await?;
        let order = &self.import.order;
        let (kind, repo) = (self.repository.kind(), order.source.clone());
        let source = Source { kind, repo, revision: Revision::new(order.revision.clone()), token };
        let pinned = from.downloader.pin(&source).await.map_err(Failure::Remote)?;
        let mut tip = self.check_takeover().await?;
        if tip.is_some_and(|tip| self.taken == Some((pinned, tip))) {
            return self.let_go().await;
        }
        let mut tree = Tree::read(&self.repository, tip).await?;
        let steps = match order.wish.history {
            true => self.history(from, &source, pinned).await?,
            false => vec![self.latest(from, pinned)?],
        };
        self.live.progress.plan_commits(steps.len() as u64);
        for step in steps {
            let source = Source { revision: Revision::new(step.source.to_string()), ..source.clone() };
            tip = self.take_over(from, source, step, tip, &mut tree).await?;
            self.live.progress.complete_commit();
        }
        self.let_go().await
    }

    /// Where the branch stands, which must hold nothing but what this import brought, unless that may be replaced.
    async fn check_takeover(&self) -> Result<Option<CommitId>> {
        self.repository.check_takeover(&self.import.order).await
    }

    /// The source's latest state as one commit.
    fn latest(&self, from: &ImportSource, pinned: CommitId) -> Result<Step> {
        let (source, digits) = (&self.import.order.source, pinned.to_string());
        let message = format!("Import {source} from {}\n\nIts commit {digits}\n", from.downloader.endpoint());
        let author = self.repository.caller.known()?.signature(self.hub);
        Ok(Step { source: pinned, author, time: self.hub.now(), message })
    }

    /// The source's commits since the one that was taken over last, oldest first.
    async fn history(&self, from: &ImportSource, source: &Source, pinned: CommitId) -> Result<Vec<Step>> {
        let at = Source { revision: Revision::new(pinned.to_string()), ..source.clone() };
        let last = self.taken.map(|(source, _)| source);
        let (mut commits, mut after) = (Vec::new(), None);
        let wrong = |why: String| Failure::Remote(Error::new(ErrorKind::Corrupt, "import.history", why));
        'pages: loop {
            let page = from.downloader.history(&at, after.clone()).await.map_err(Failure::Remote)?;
            for commit in page.items {
                if Some(commit.id) == last {
                    break 'pages;
                }
                commits.push(commit);
            }
            if commits.len() > MOST_COMMITS {
                let why = format!("the source has more than {MOST_COMMITS} commits: import it without its history");
                return Err(Failure::TooLarge(why));
            }
            match page.next {
                None => {
                    self.check_begins_anew()?;
                    break;
                }
                next if next == after => {
                    return Err(wrong("the remote hub's history comes back to where it was".to_owned()));
                }
                next => after = next,
            }
        }
        if commits.first().is_some_and(|first| first.id != pinned) {
            return Err(wrong(format!("the history of {pinned} begins with another commit")));
        }
        commits.into_iter().rev().map(|commit| self.step(commit)).collect()
    }

    /// A history that does not lead to what was taken over before was rewritten.
    fn check_begins_anew(&self) -> Result<()> {
        match self.taken {
            Some((source, _)) if !self.import.order.wish.overwrite => Err(Failure::Conflict(format!(
                "The history of '{}' does not lead on from its commit {source}, which was taken over last: it was \
                 rewritten. Let the import replace what is here (overwrite), or import it without its history",
                self.import.order.source
            ))),
            _ => Ok(()),
        }
    }

    fn step(&self, commit: SourceCommit) -> Result<Step> {
        let name = commit.authors.join(", ");
        let author = Signature::new(&name, &format!("import@{}", self.hub.settings().no_reply_host));
        check_message(&commit.message)?;
        Ok(Step { source: commit.id, author, time: commit.time, message: commit.message })
    }

    /// Takes over one commit; answers where the branch stands then.
    async fn take_over(
        &mut self,
        from: &ImportSource,
        source: Source,
        step: Step,
        tip: Option<CommitId>,
        tree: &mut Tree,
    ) -> Result<Option<CommitId>> {
        let files = list_files(from.downloader.as_ref(), &source).await.map_err(Failure::Remote)?;
        if files.len() > MAX_OPERATIONS {
            let why = format!("'{}' has more than {MAX_OPERATIONS} files", self.import.order.source);
            return Err(Failure::TooLarge(why));
        }
        let upstream = self.upstream(from, source)?;
        upstream.progress.plan_files(files.len() as u64, files.iter().map(|file| file.size).sum());
        let wanted = tree.lacking(&files);
        let there = files.len() - wanted.len();
        let bytes: u64 = sum(&files) - wanted.iter().map(|file| file.size).sum::<u64>();
        upstream.progress.complete_files(there as u64, bytes);
        let found = self.gather(&upstream, &wanted, tree).await?;
        let changes = tree.changes(&files, &found);
        let commit = self.commit(&step, changes.clone(), tip).await?;
        tree.apply(changes);
        self.taken = Some((step.source, commit));
        self.kept(ImportMark::Taken(step.source, commit)).await?;
        Ok(Some(commit))
    }

    fn upstream(&self, from: &ImportSource, source: Source) -> Result<Upstream> {
        Ok(Upstream {
            downloader: Arc::clone(&from.downloader),
            source,
            retries: self.settings.retries,
            throttle: Arc::clone(&self.hub.job_parts()?.throttle),
            progress: Arc::clone(&self.live.progress),
        })
    }

    /// Makes the commit, on the branch as it was looked at; with the owner's right, as it is by now.
    async fn commit(&self, step: &Step, changes: Vec<Change>, tip: Option<CommitId>) -> Result<CommitId> {
        let repository = self.hub.import_target(&self.import.order).await?;
        if let (true, Some(tip)) = (changes.is_empty(), tip) {
            return Ok(tip);
        }
        let actor = Some(self.import.order.owner);
        let write = self.hub.begin(repository.key(), "import", actor, None).await?;
        let blobs: Vec<Sha256> = changes.iter().filter_map(written).flatten().collect();
        let ready = async {
            for some in blobs.chunks(CLAIMS) {
                let found = repository.claim(write.lease(), some).await?;
                if let Some((sha256, _)) = some.iter().zip(found).find(|(_, blob)| blob.is_none()) {
                    return Err(Failure::ObjectNotFound { sha256: *sha256 });
                }
            }
            self.kept(ImportMark::Writing(write.id(), step.source)).await
        };
        if let Err(failure) = ready.await {
            return Err(write.failed(failure).await);
        }
        let (author, time, message) = (step.author.clone(), step.time, step.message.clone());
        let branch = self.import.order.wish.branch.clone();
        let made = write.commit(Making { branch, expected_parent: tip, author, time, message, changes, blobs }).await;
        match made {
            Ok(committed) => Ok(committed.tip()),
            Err(Failure::Conflict(_)) => Err(Failure::Conflict(format!(
                "'{}' of '{}' was changed while the import was under way; nothing of this commit was taken over",
                self.import.order.wish.branch.short(),
                repository.id()
            ))),
            Err(failure) => Err(failure),
        }
    }

    /// Ends the lease: everything is in a commit.
    async fn let_go(&self) -> Result<()> {
        let Some(lease) = self.lease else { return Ok(()) };
        self.kept(ImportMark::Lease(None)).await?;
        self.repository.give_room_back(lease).await
    }

    /// Keeps what must be found again; false where the import is not this run's any more.
    pub(super) async fn mark(&self, mark: ImportMark) -> Result<bool> {
        Ok(self.hub.catalog().mark_import(self.import, mark).await?)
    }

    async fn kept(&self, mark: ImportMark) -> Result<()> {
        match self.mark(mark).await? {
            true => Ok(()),
            false => Err(Failure::given_up()),
        }
    }
}

fn sum(files: &[SourceFile]) -> u64 {
    files.iter().map(|file| file.size).sum()
}

/// The blobs that a change names.
fn written(change: &Change) -> Option<impl Iterator<Item = Sha256> + use<>> {
    match change {
        Change::Put { node, .. } => node.file().map(ballast_contract::versioning::FileRef::blobs),
        _ => None,
    }
}
