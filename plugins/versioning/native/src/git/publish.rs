//! What was pushed becomes part of the repository, and refs move: all of it or nothing.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballast_contract::Result;
use ballast_contract::versioning::{Outcome, Receipt};
use ballast_types::{CommitId, RefName, RepoKey, RepoPath, Sha256, Timestamp};

use crate::Native;
use crate::commit::collision;
use crate::error::{conflict, no_repository, stored};
use crate::history::Commit;
use crate::rows::pushes::{self, Pushed, Stop};
use crate::rows::refs::Refusal;

const OPERATION: &str = "versioning.publish";

/// A push that is read, checked and not published.
pub struct Received<'a> {
    pub engine: &'a Native,
    pub repo: RepoKey,
    pub rows: Pushed,
    pub large: HashMap<Sha256, RepoPath>,
    pub made: Vec<Arc<Commit>>,
    pub targets: Vec<Option<CommitId>>,
    pub forced: Vec<RefName>,
}

#[async_trait]
impl Receipt for Received<'_> {
    fn large(&self) -> &HashMap<Sha256, RepoPath> {
        &self.large
    }

    fn targets(&self) -> &[Option<CommitId>] {
        &self.targets
    }

    fn forced(&self) -> &[RefName] {
        &self.forced
    }

    async fn publish(self: Box<Self>) -> Result<Outcome> {
        let Received { engine, repo, mut rows, made, .. } = *self;
        rows.stamp = Timestamp::now().0;
        let names: Vec<String> = rows.moves.iter().map(|one| one.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let operation = rows.operation;
        match pushes::record(&engine.moving(repo, &names), rows).await {
            Ok(()) => {
                for commit in made {
                    engine.history.admit_shared(repo, commit);
                }
                Ok(Outcome::Moved)
            }
            Err(Stop::Refused(refusal)) => refused(repo, refusal),
            Err(Stop::Claimed) => {
                let context = format!("operation {operation} on repository {repo} was concluded before");
                Err(conflict(OPERATION, context))
            }
            Err(Stop::Swept) => Ok(Outcome::Swept),
            Err(Stop::Collision(oid)) => Err(collision(&oid)),
        }
    }
}

fn refused(repo: RepoKey, refusal: Refusal) -> Result<Outcome> {
    let (name, why) = match refusal {
        Refusal::NoRepository => return Err(no_repository(OPERATION, repo)),
        Refusal::Database(error) => return Err(stored(OPERATION)(error)),
        Refusal::NoCommit(_) => return Err(conflict(OPERATION, "a commit of the push is not there")),
        Refusal::Absent(name) => (name, "it is not there any more".to_owned()),
        Refusal::Stale(name) => (name, "it moved meanwhile: fetch first".to_owned()),
        Refusal::Exists { name, other } if name == other => (name, "it was made meanwhile: fetch first".to_owned()),
        Refusal::Exists { name, other } => {
            let why = format!("it cannot be beside {other}: one is a folder of the other");
            (name, why)
        }
    };
    let name = name.parse().map_err(|_| conflict(OPERATION, format!("{name} moved meanwhile")))?;
    Ok(Outcome::Refused { name, why })
}
