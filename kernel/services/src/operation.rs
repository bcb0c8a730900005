//! The protocol of a write that several owners share and no common transaction spans.
//!
//! operation row → lease what is there → reserve what is new → bytes → hold → `engine.commit` → confirm the hold, with
//! the promises that are in it → settle the quota → say of a pull request that it is merged → close the row with its
//! event → drop the lease. Every step is idempotent, so whoever finds a row past its deadline can ask the engine to
//! conclude the operation and then finish it ([`Hub::finish`]) or give it up ([`Hub::abandon`]). A crash at any line
//! leaves garbage that is collected, and never a hole or a promise that nobody ends.

use std::collections::HashMap;

use ballast_catalog::{Act, EventKind, NewEvent, Operation};
use ballast_content::{Settlement, Stored};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Reservation;
use ballast_contract::versioning::{Change, CommitRequest, Committed, Rewrite, RewriteRequest, Rewritten};
use ballast_types::{
    CommitId, OperationId, RefName, RepoKey, RepoPath, ReservationId, Revision, Sha256, Signature, Timestamp, UserKey,
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::hub::Hub;
use crate::random::random_bytes;
use crate::{Failure, Result};

/// What operations are for with which a repository begins.
pub(crate) const CREATE: &str = "create_repository";
pub(crate) const DUPLICATE: &str = "duplicate_repository";

/// One write under way.
pub(crate) struct Write {
    hub: Hub,
    operation: Operation,
}

/// What a write makes, once its bytes are stored.
pub(crate) struct Making {
    pub branch: RefName,
    pub expected_parent: Option<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
    pub changes: Vec<Change>,
    /// Every blob that the changes name.
    pub blobs: Vec<Sha256>,
}

/// A commit that is made of other commits, whose bytes are all held already.
pub(crate) struct Remaking {
    pub branch: RefName,
    pub expected_parent: Option<CommitId>,
    pub author: Signature,
    pub time: Timestamp,
    pub message: String,
    pub rewrite: Rewrite,
}

pub(crate) fn random_key() -> Result<i64> {
    Ok(i64::from_le_bytes(random_bytes()?) & i64::MAX)
}

impl Hub {
    /// Begins a write of somebody, which may be the merge of a pull request. From here on recovery knows of it.
    pub(crate) async fn begin(
        &self,
        repo: RepoKey,
        purpose: &str,
        actor: Option<UserKey>,
        merges: Option<u32>,
    ) -> Result<Write> {
        let now = self.now();
        let deadline = now.after(self.settings().operation);
        // The lease outlives the deadline, so that recovery finds the bytes that the commit may have named.
        let lease = self.content().create_lease(repo, deadline.after(self.settings().operation)).await?;
        let operation = Operation {
            id: OperationId(random_key()?),
            repo,
            lease,
            reservations: vec![],
            deadline,
            created_at: now,
            purpose: purpose.to_owned(),
            actor,
            merges,
        };
        if !self.catalog().begin_operation(operation.clone()).await? {
            return Err(Failure::Conflict("The repository is being deleted".to_owned()));
        }
        Ok(Write { hub: self.clone(), operation })
    }

    /// The end of an operation that the engine committed.
    pub(crate) async fn finish(&self, operation: &Operation, commit: CommitId) -> Result<()> {
        self.finish_moving(operation, commit, None).await
    }

    /// The same where it is known which refs moved, as webhooks are told.
    async fn finish_moving(&self, operation: &Operation, commit: CommitId, refs: Option<Value>) -> Result<()> {
        let settlement = match self.content().confirm(operation.lease, &operation.reservations).await {
            // The lease goes last: another node, or a collection beside this recovery, has finished it meanwhile.
            Err(error) if error.is(ErrorKind::Conflict) && self.is_closed(operation).await? => return Ok(()),
            confirmed => confirmed?,
        };
        self.settle(operation.repo, &settlement).await?;
        if let Some(number) = operation.merges {
            let act = Act { repo: operation.repo, number, actor: operation.actor, at: self.now() };
            self.catalog().mark_merged(act, commit).await?;
        }
        self.index_card(operation.repo).await?;
        let event = self.committed(operation, commit, refs).await?;
        self.catalog().close_operation(operation.id, Some(event)).await?;
        self.content().drop_lease(operation.lease).await?;
        self.prune_after(operation.repo, commit);
        Ok(())
    }

    async fn is_closed(&self, operation: &Operation) -> Result<bool> {
        Ok(self.catalog().find_operation(operation.id).await?.is_none())
    }

    /// Tells the quota what a repository holds. One that is not placed any more was deleted meanwhile, and holds nothing.
    pub(crate) async fn settle(&self, repo: RepoKey, Settlement { held, kept }: &Settlement) -> Result<()> {
        match self.quota().settle(repo, *held, kept).await {
            Err(error) if error.is(ErrorKind::NotFound) => Ok(self.quota().release(kept).await?),
            settled => Ok(settled?),
        }
    }

    /// What the outbox is told: the commit, and where the default branch stands if the commit moved it.
    async fn committed(&self, operation: &Operation, commit: CommitId, refs: Option<Value>) -> Result<NewEvent> {
        let (repo, actor) = (operation.repo, operation.actor);
        let main = self.engine().resolve(repo, &Revision::main()).await;
        let first = matches!(operation.purpose.as_str(), CREATE | DUPLICATE);
        let mut details = json!({ "commit": commit, "first": first });
        if let Some(refs) = refs {
            details["updatedRefs"] = refs;
        }
        Ok(NewEvent { repo, kind: EventKind::Committed, actor, head: main.ok(), at: self.now(), details })
    }

    /// The end of an operation that the engine did not commit and, being concluded, never will.
    pub(crate) async fn abandon(&self, operation: &Operation) -> Result<()> {
        self.quota().release(&operation.reservations).await?;
        self.content().unhold(operation.lease).await?;
        self.catalog().close_operation(operation.id, None).await?;
        self.content().drop_lease(operation.lease).await?;
        Ok(())
    }
}

impl Write {
    pub fn id(&self) -> OperationId {
        self.operation.id
    }

    pub fn lease(&self) -> ballast_types::LeaseId {
        self.operation.lease
    }

    /// Stores small files, with room for those that the repository does not hold yet.
    pub async fn store_small(&mut self, files: Vec<Bytes>) -> Result<Vec<Stored>> {
        let content = self.hub.content_for(self.operation.repo).await?;
        let small = content.begin_small(self.operation.lease, files).await?;
        if small.new_bytes() > 0 {
            self.reserve(small.new_bytes()).await?;
        }
        Ok(content.store_small(small).await?)
    }

    /// Promises room for bytes that are about to be stored, or held.
    pub async fn reserve(&mut self, bytes: u64) -> Result<()> {
        let id = ReservationId(random_key()?);
        // The row comes first: a reservation that nobody knows of would stay until it expires.
        if !self.hub.catalog().add_reservation(self.operation.id, id).await? {
            return Err(Failure::Conflict("The commit took too long and was given up: send it again".to_owned()));
        }
        self.operation.reservations.push(id);
        let expires = self.operation.deadline.after(self.hub.settings().operation);
        Ok(self.hub.quota().reserve(self.operation.repo, &[Reservation { id, bytes }], expires).await?)
    }

    /// Makes the commit and ends the write, one way or the other.
    pub async fn commit(self, making: Making) -> Result<Committed> {
        let large = large(&making.changes);
        let digests: Vec<Sha256> = large.keys().copied().collect();
        match self.try_commit(making, large).await {
            Ok(Committed::New(id)) => {
                self.hub.finish(&self.operation, id).await?;
                Ok(Committed::New(id))
            }
            Ok(unchanged) => {
                match self.restores(&digests).await? {
                    true => self.hub.finish(&self.operation, unchanged.tip()).await?,
                    false => self.give_up().await?,
                }
                Ok(unchanged)
            }
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    /// Whether a commit that changes nothing brings bytes back that were deleted for good: then it holds them.
    async fn restores(&self, large: &[Sha256]) -> Result<bool> {
        let repo = self.operation.repo;
        let restored = !large.is_empty() && !self.hub.content().let_go_among(repo, large).await?.is_empty();
        if restored {
            self.hub.engine().conclude(repo, self.operation.id).await?;
        }
        Ok(restored)
    }

    /// Makes a commit of other commits and ends the write, one way or the other. The engine names blobs of this
    /// repository's history only, which are held as long as it has them.
    pub async fn rewrite(self, remaking: Remaking) -> Result<Rewritten> {
        match self.try_rewrite(remaking).await {
            Ok(Rewritten::Done(Committed::New(id))) => {
                self.hub.finish(&self.operation, id).await?;
                Ok(Rewritten::Done(Committed::New(id)))
            }
            Ok(nothing) => {
                self.give_up().await?;
                Ok(nothing)
            }
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    /// Holds what a push names: it is about to be published.
    pub async fn hold(&self, blobs: &[Sha256], large: HashMap<Sha256, RepoPath>) -> Result<()> {
        Ok(self.hub.content().hold_named(self.operation.lease, blobs, large).await?)
    }

    /// The end of a push that the engine published.
    pub async fn finish_push(self, commit: CommitId, refs: Value) -> Result<()> {
        self.hub.finish_moving(&self.operation, commit, Some(refs)).await
    }

    async fn try_rewrite(&self, remaking: Remaking) -> Result<Rewritten> {
        // Nothing is to be held; but where the lease has ended meanwhile, nobody could finish what the engine commits.
        self.hub.content().hold(self.operation.lease, &[]).await?;
        let Remaking { branch, expected_parent, author, time, message, rewrite } = remaking;
        let (operation, repo) = (self.operation.id, self.operation.repo);
        let request = RewriteRequest { operation, repo, branch, expected_parent, author, time, message, rewrite };
        Ok(self.hub.rewriting()?.rewrite(request).await?)
    }

    async fn try_commit(&self, making: Making, large: HashMap<Sha256, RepoPath>) -> Result<Committed> {
        self.hub.content().hold_named(self.operation.lease, &making.blobs, large).await?;
        let request = CommitRequest {
            operation: self.operation.id,
            repo: self.operation.repo,
            branch: making.branch,
            expected_parent: making.expected_parent,
            author: making.author,
            time: making.time,
            message: making.message,
            changes: making.changes,
        };
        Ok(self.hub.engine().commit(request).await?)
    }

    /// Ends a write that came to nothing.
    pub async fn give_up(&self) -> Result<()> {
        match self.hub.engine().conclude(self.operation.repo, self.operation.id).await? {
            Some(id) => self.hub.finish(&self.operation, id).await,
            None => self.hub.abandon(&self.operation).await,
        }
    }

    /// The failure of this write, after the write is ended. Where even that fails, recovery does it later.
    pub async fn failed(&self, failure: Failure) -> Failure {
        if let Err(error) = self.give_up().await {
            tracing::warn!(operation = %self.operation.id, %error, "a failed write could not be ended; recovery will");
        }
        failure
    }
}

/// Where a commit puts its large files: each at the first of its paths.
fn large(changes: &[Change]) -> HashMap<Sha256, RepoPath> {
    let mut paths = HashMap::new();
    for change in changes {
        if let Change::Put { path, node } = change
            && let Some(file) = node.file().filter(|file| file.is_lfs())
        {
            paths.entry(file.sha256()).or_insert_with(|| path.clone());
        }
    }
    paths
}
