//! One commit: streamed in, all of it or nothing.

use std::collections::{HashMap, HashSet};

use ballast_contract::versioning::{Change, Committed, FileRef, Node};
use ballast_types::{CommitId, RefName, RepoPath, Revision, Sha256, Signature, Timestamp, git};
use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::lfs_rules::LfsRules;
use crate::operation::{Making, Write};
use crate::{Committing, Failure, Proposing, Result, Writable};

/// What a commit says about itself.
#[derive(Clone, Debug)]
pub struct CommitHeader {
    /// One line.
    pub summary: String,
    /// The rest of the message; may be empty.
    pub description: String,
    /// Where the branch must stand.
    pub parent: Option<CommitId>,
}

/// One line of a commit. Lines apply in order.
#[derive(Clone, Debug)]
pub enum CommitOperation {
    /// A small file, here and now.
    AddFile {
        path: String,
        content: Bytes,
    },
    /// A large file that was uploaded before. The size is optional: content knows it.
    AddLfs {
        path: String,
        sha256: Sha256,
        size: Option<u64>,
    },
    DeleteFile {
        path: String,
    },
    DeleteFolder {
        path: String,
    },
    /// From the branch's tip, unless a revision is given.
    Copy {
        from: String,
        revision: Option<Revision>,
        to: String,
    },
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The branch's tip afterwards.
    pub id: CommitId,
    /// False where nothing changed and no commit was made.
    pub created: bool,
}

/// Small files are packed when this many bytes have come together, which bounds what a commit holds in memory; or this
/// many files, whose rows are written together. Their digests lie anywhere in the database's trees, so that a few
/// hundred rows touch about as many pages as many thousands do.
const PACK_BYTES: usize = 8 << 20;
const PACK_FILES: usize = 32_768;

/// Large files are looked up this many at a time.
const CLAIMS: usize = 500;

/// The most operations of one commit.
pub(crate) const MAX_OPERATIONS: usize = 1_000_000;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// A commit that only has to be made: its bytes are stored.
pub(crate) struct Prepared {
    write: Write,
    author: Signature,
    message: String,
    changes: Vec<Change>,
    blobs: Vec<Sha256>,
}

impl Prepared {
    /// Whether it takes paths away or copies them, which must then be there.
    fn takes(&self) -> bool {
        self.changes.iter().any(|change| !matches!(change, Change::Put { .. }))
    }

    /// Makes the commit on a ref, which must stand at `parent` where there is one.
    pub async fn commit(self, branch: RefName, parent: Option<CommitId>, time: Timestamp) -> Result<CommitOutcome> {
        let Self { write, author, message, changes, blobs } = self;
        let done =
            write.commit(Making { branch, expected_parent: parent, author, time, message, changes, blobs }).await?;
        Ok(CommitOutcome { id: done.tip(), created: matches!(done, Committed::New(_)) })
    }

    /// Ends it without a commit; the failure for which that is so.
    pub async fn failed(self, failure: Failure) -> Failure {
        self.write.failed(failure).await
    }
}

impl Writable {
    /// Makes a commit on the branch that `revision` names; see [`Committing::commit`].
    pub async fn commit(
        &self,
        revision: &Revision,
        header: CommitHeader,
        operations: impl Stream<Item = Result<CommitOperation>> + Send + Unpin,
    ) -> Result<CommitOutcome> {
        self.committing(revision).await?.commit(header, operations).await
    }
}

impl Committing {
    /// Makes a commit on this ref. A line that fails, or a stream that ends with a failure, leaves nothing behind.
    pub async fn commit(
        &self,
        header: CommitHeader,
        operations: impl Stream<Item = Result<CommitOperation>> + Send + Unpin,
    ) -> Result<CommitOutcome> {
        let parent = header.parent;
        let prepared = self.prepare(&self.revision, parent, &header, operations).await?;
        let takes = prepared.takes();
        match prepared.commit(self.name.clone(), parent, self.hub.now()).await {
            Err(Failure::Conflict(_)) if parent.is_some() => Err(Failure::BranchMoved),
            Err(Failure::NotFound(why)) => Err(self.absent(why, takes).await),
            done => done,
        }
    }

    /// What was not there when the engine looked: the branch, which somebody deleted meanwhile, or a path that a
    /// commit which `takes` paths away or copies them names.
    async fn absent(&self, why: String, takes: bool) -> Failure {
        match self.tip(&self.revision).await {
            Err(gone) => gone,
            Ok(_) if takes => Failure::PathMissing(why),
            Ok(_) => Failure::RevisionNotFound { revision: self.revision.clone() },
        }
    }
}

impl Proposing {
    /// Reads a commit that is meant for the branch, which must stand at `parent` where there is one, and stores its
    /// bytes.
    pub(crate) async fn prepare(
        &self,
        revision: &Revision,
        parent: Option<CommitId>,
        header: &CommitHeader,
        operations: impl Stream<Item = Result<CommitOperation>> + Send + Unpin,
    ) -> Result<Prepared> {
        let tip = self.tip_on(revision, parent).await?;
        let known = self.caller.known()?;
        let author = known.signature(&self.hub);
        let message = message(header)?;
        let rules = self.lfs_rules(tip).await?;
        let write = self.hub.begin(self.key(), "commit", Some(known.user.key), None).await?;
        let mut gathered = Gathered {
            at: self,
            revision,
            parent,
            rules,
            write,
            pack: Pack::default(),
            claims: vec![],
            changes: vec![],
            blobs: vec![],
            targets: HashSet::new(),
            resolved: HashMap::new(),
        };
        if let Err(failure) = gathered.gather(operations).await {
            return Err(gathered.write.failed(failure).await);
        }
        let Gathered { write, changes, blobs, .. } = gathered;
        Ok(Prepared { write, author, message, changes, blobs })
    }

    /// Where the branch stands, which must be at `parent` where there is one.
    pub(crate) async fn tip_on(&self, revision: &Revision, parent: Option<CommitId>) -> Result<Option<CommitId>> {
        let tip = self.tip(revision).await?;
        match parent.is_some() && parent != tip {
            true => Err(Failure::BranchMoved),
            false => Ok(tip),
        }
    }
}

fn message(header: &CommitHeader) -> Result<String> {
    let (summary, description) = (header.summary.trim(), header.description.trim());
    let message = match description {
        "" => format!("{summary}\n"),
        _ => format!("{summary}\n\n{description}\n"),
    };
    check_message(&message)?;
    Ok(message)
}

/// Refuses what a commit or an annotated tag cannot say.
pub(crate) fn check_message(message: &str) -> Result<()> {
    if message.len() > MAX_MESSAGE {
        return Err(Failure::Invalid(format!("The message is longer than {MAX_MESSAGE} bytes")));
    }
    if message.contains('\0') {
        return Err(Failure::Invalid("The message holds a NUL character, which git cannot store".to_owned()));
    }
    Ok(())
}

/// Small files that wait to be packed, and where in the changes they belong.
#[derive(Default)]
struct Pack {
    files: Vec<Bytes>,
    changes: Vec<usize>,
    bytes: usize,
}

/// A commit coming together.
struct Gathered<'a> {
    at: &'a Proposing,
    revision: &'a Revision,
    parent: Option<CommitId>,
    rules: LfsRules,
    write: Write,
    pack: Pack,
    /// Large files that wait to be looked up: the change each belongs to, and what the client said.
    claims: Vec<(usize, Sha256, Option<u64>)>,
    changes: Vec<Change>,
    blobs: Vec<Sha256>,
    /// Paths that were written: twice is a mistake.
    targets: HashSet<RepoPath>,
    /// Revisions that were copied from.
    resolved: HashMap<Revision, CommitId>,
}

impl Gathered<'_> {
    async fn gather(
        &mut self,
        mut operations: impl Stream<Item = Result<CommitOperation>> + Send + Unpin,
    ) -> Result<()> {
        while let Some(operation) = operations.next().await {
            if self.changes.len() == MAX_OPERATIONS {
                let why = format!("A commit has at most {MAX_OPERATIONS} operations: split it");
                return Err(Failure::TooLarge(why));
            }
            self.add(operation?).await?;
        }
        self.store_pack().await?;
        self.look_up_claims().await
    }

    async fn add(&mut self, operation: CommitOperation) -> Result<()> {
        match operation {
            CommitOperation::AddFile { path, content } => {
                let path = self.target(&path)?;
                self.check_regular(&path, content.len() as u64)?;
                self.pack.bytes += content.len();
                self.pack.files.push(content);
                self.pack.changes.push(self.changes.len());
                self.changes.push(placeholder(path));
                if self.pack.bytes >= PACK_BYTES || self.pack.files.len() >= PACK_FILES {
                    self.store_pack().await?;
                }
            }
            CommitOperation::AddLfs { path, sha256, size } => {
                let path = self.target(&path)?;
                self.claims.push((self.changes.len(), sha256, size));
                self.changes.push(placeholder(path));
                if self.claims.len() >= CLAIMS {
                    self.look_up_claims().await?;
                }
            }
            CommitOperation::DeleteFile { path } => {
                self.changes.push(Change::Delete { path: path.parse().map_err(Failure::invalid)? });
            }
            CommitOperation::DeleteFolder { path } => {
                let path = path.trim_end_matches('/').parse().map_err(Failure::invalid)?;
                self.changes.push(Change::DeleteFolder { path });
            }
            CommitOperation::Copy { from, revision, to } => self.copy(&from, revision, &to).await?,
        }
        Ok(())
    }

    fn target(&mut self, path: &str) -> Result<RepoPath> {
        let path: RepoPath = path.parse().map_err(Failure::invalid)?;
        match self.targets.insert(path.clone()) {
            true => Ok(path),
            false => Err(Failure::Invalid(format!("'{path}' is written twice in this commit"))),
        }
    }

    fn check_regular(&self, path: &RepoPath, size: u64) -> Result<()> {
        if !self.rules.is_lfs(path, size) {
            return Ok(());
        }
        Err(Failure::Invalid(format!(
            "'{path}' ({size} bytes) must be uploaded by LFS: files of {} bytes and more, and those that .gitattributes or \
             the hub's suffixes name, do not go into the commit itself. Ask preupload for each file's way",
            self.rules.threshold
        )))
    }

    /// Whether there is something to copy is the engine's to say, which looks at all paths of a commit at once.
    async fn copy(&mut self, from: &str, revision: Option<Revision>, to: &str) -> Result<()> {
        let from: RepoPath = from.trim_end_matches('/').parse().map_err(Failure::invalid)?;
        let to = self.target(to.trim_end_matches('/'))?;
        let at = match revision {
            Some(revision) => Some(self.resolved(revision).await?),
            None => None,
        };
        self.changes.push(Change::Copy { from, at, to });
        Ok(())
    }

    /// Where a revision stood when this commit first named it.
    async fn resolved(&mut self, revision: Revision) -> Result<CommitId> {
        if let Some(known) = self.resolved.get(&revision) {
            return Ok(*known);
        }
        let found = self.at.resolve(&revision).await?;
        self.resolved.insert(revision, found);
        Ok(found)
    }

    /// Stores the small files that have come together, as one pack. Not for a commit that is too late by now.
    async fn store_pack(&mut self) -> Result<()> {
        let pack = std::mem::take(&mut self.pack);
        if pack.files.is_empty() {
            return Ok(());
        }
        self.at.tip_on(self.revision, self.parent).await?;
        let stored = self.write.store_small(pack.files).await?;
        for (change, blob) in pack.changes.into_iter().zip(stored) {
            let file = FileRef::Regular { oid: blob.oid, sha256: blob.sha256, size: blob.size };
            self.fill(change, file);
        }
        Ok(())
    }

    /// Checks that the large files are this repository's to name.
    async fn look_up_claims(&mut self) -> Result<()> {
        let claims = std::mem::take(&mut self.claims);
        let digests: Vec<Sha256> = claims.iter().map(|(_, sha256, _)| *sha256).collect();
        if digests.is_empty() {
            return Ok(());
        }
        let found = self.at.claim(self.write.lease(), &digests).await?;
        for ((change, sha256, size), blob) in claims.into_iter().zip(found) {
            let blob = blob.ok_or(Failure::ObjectNotFound { sha256 })?;
            if let Some(size) = size.filter(|size| *size != blob.size) {
                let why = format!("The object {sha256} has {} bytes, not {size}", blob.size);
                return Err(Failure::Invalid(why));
            }
            let oid = git::pointer_oid(sha256, blob.size);
            self.fill(change, FileRef::Lfs { oid, sha256, size: blob.size, pointer: None });
        }
        Ok(())
    }

    fn fill(&mut self, change: usize, file: FileRef) {
        self.blobs.push(file.sha256());
        if let Change::Put { node, .. } = &mut self.changes[change] {
            *node = Node::File { file, executable: false };
        }
    }
}

/// A change whose file is not known yet; it keeps the place, because changes apply in order.
fn placeholder(path: RepoPath) -> Change {
    let oid = ballast_types::GitOid([0; 20]);
    let file = FileRef::Regular { oid, sha256: Sha256([0; 32]), size: 0 };
    Change::Put { path, node: Node::File { file, executable: false } }
}
