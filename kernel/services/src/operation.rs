//! The protocol of a write that several owners share and no common transaction spans.
//!
//! operation row → lease what is there → reserve what is new → bytes → hold → `engine.commit` → confirm the hold, with
//! the promises that are in it → settle the quota → close the row with its event → drop the lease. Every step is
//! idempotent, so whoever finds a row past its deadline can ask the engine to conclude the operation and then finish it
//! ([`Hub::finish`]) or give it up ([`Hub::abandon`]). A crash at any line leaves garbage that is collected, and never a
//! hole or a promise that nobody ends.

use ballast_catalog::{EventKind, NewEvent, Operation};
use ballast_content::{Settlement, Stored};
use ballast_contract::ErrorKind;
use ballast_contract::quota::Reservation;
use ballast_contract::versioning::{Change, CommitRequest, Committed};
use ballast_types::{CommitId, OperationId, RefName, RepoKey, ReservationId, Revision, Sha256, Signature, Timestamp};
use bytes::Bytes;

use crate::hub::Hub;
use crate::{Failure, Result};

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

pub(crate) fn random_key() -> Result<i64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        let context = format!("the system gives no random numbers: {error}");
        Failure::Broken(ballast_contract::Error::new(ballast_contract::ErrorKind::Internal, "random", context))
    })?;
    Ok(i64::from_le_bytes(bytes) & i64::MAX)
}

impl Hub {
    /// Begins a write. From here on recovery knows of it.
    pub(crate) async fn begin(&self, repo: RepoKey, purpose: &str) -> Result<Write> {
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
        };
        if !self.catalog().begin_operation(operation.clone()).await? {
            return Err(Failure::Conflict("The repository is being deleted".to_owned()));
        }
        Ok(Write { hub: self.clone(), operation })
    }

    /// The end of an operation that the engine committed.
    pub(crate) async fn finish(&self, operation: &Operation, commit: CommitId) -> Result<()> {
        let settlement = match self.content().confirm(operation.lease, &operation.reservations).await {
            // The lease goes last: another node, or a collection beside this recovery, has finished it meanwhile.
            Err(error) if error.is(ErrorKind::Conflict) && self.is_closed(operation).await? => return Ok(()),
            confirmed => confirmed?,
        };
        self.settle(operation.repo, &settlement).await?;
        let event = self.committed(operation.repo, commit).await?;
        self.catalog().close_operation(operation.id, Some(event)).await?;
        self.content().drop_lease(operation.lease).await?;
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
    async fn committed(&self, repo: RepoKey, commit: CommitId) -> Result<NewEvent> {
        let main = self.engine().resolve(repo, &Revision::main()).await;
        let details = serde_json::json!({ "commit": commit });
        Ok(NewEvent { repo, kind: EventKind::Committed, actor: None, head: main.ok(), at: self.now(), details })
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
    pub fn lease(&self) -> ballast_types::LeaseId {
        self.operation.lease
    }

    /// Stores small files, with room for those that the repository does not hold yet.
    pub async fn store_small(&mut self, files: Vec<Bytes>) -> Result<Vec<Stored>> {
        let small = self.hub.content().begin_small(self.operation.lease, files).await?;
        if small.new_bytes() > 0 {
            self.reserve(small.new_bytes()).await?;
        }
        Ok(self.hub.content().store_small(small).await?)
    }

    /// Promises room for bytes that are about to be stored.
    async fn reserve(&mut self, bytes: u64) -> Result<()> {
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
        match self.try_commit(making).await {
            Ok(Committed::New(id)) => {
                self.hub.finish(&self.operation, id).await?;
                Ok(Committed::New(id))
            }
            Ok(unchanged) => {
                self.give_up().await?;
                Ok(unchanged)
            }
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    async fn try_commit(&self, making: Making) -> Result<Committed> {
        self.hub.content().hold(self.operation.lease, &making.blobs).await?;
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
