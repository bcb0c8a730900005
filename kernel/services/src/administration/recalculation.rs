//! Counts anew what every repository holds, in the background.

use std::time::Duration;

use ballast_catalog::{Recalculation, RecalculationState};
use ballast_types::{RepoKey, Timestamp};
use serde_json::json;
use tracing::Instrument;

use super::Administrator;
use crate::operation::random_key;
use crate::{Failure, Hub, Result};

/// How far the last recalculation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecalculationProgress {
    /// `running`, `finished`, `failed`, or `interrupted` where the node that ran it is gone.
    pub state: &'static str,
    pub started_by: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// Repositories that there were when it began; those that are done; and those of them that could not be counted.
    pub total: u64,
    pub done: u64,
    pub failed: u64,
}

/// A node that was not heard of for so long runs nothing any more.
const LOST: Duration = Duration::from_secs(120);
const BATCH: usize = 100;

impl Administrator {
    /// Begins to count anew, or goes on with what another node left. `Conflict` while somebody counts.
    pub async fn start_recalculation(&self) -> Result<RecalculationProgress> {
        let now = self.hub.now();
        let totals = self.hub.catalog().totals().await?;
        let told = Recalculation {
            run: random_key()?,
            state: RecalculationState::Running,
            started_by: Some(self.name()),
            started_at: now,
            seen_at: now,
            finished_at: None,
            total: totals.repositories.iter().map(|(_, _, number)| number).sum(),
            done: 0,
            failed: 0,
        };
        if !self.hub.catalog().begin_recalculation(&told, now.before(LOST)).await? {
            return Err(Failure::Conflict("The quotas are being recalculated already: ask how far it is".to_owned()));
        }
        let object = "quota".to_owned();
        self.hub.put_on_record(self.by(), "quota.recalculate", object, json!({ "all": true })).await?;
        let progress = self.hub.progress(told.clone());
        tokio::spawn(self.hub.clone().recalculate_all(told).in_current_span());
        Ok(progress)
    }

    /// How far the last recalculation is. `NotFound` before the first.
    pub async fn recalculation(&self) -> Result<RecalculationProgress> {
        let none = || Failure::NotFound("The quotas were never recalculated as a whole".to_owned());
        Ok(self.hub.progress(self.hub.catalog().find_recalculation().await?.ok_or_else(none)?))
    }
}

impl Hub {
    fn progress(&self, told: Recalculation) -> RecalculationProgress {
        let lost = told.state == RecalculationState::Running && told.seen_at <= self.now().before(LOST);
        RecalculationProgress {
            state: if lost { "interrupted" } else { told.state.as_str() },
            started_by: told.started_by,
            started_at: told.started_at,
            finished_at: told.finished_at,
            total: told.total,
            done: told.done,
            failed: told.failed,
        }
    }

    /// Each step is the recalculation of one repository, which may be cut off anywhere and done again.
    async fn recalculate_all(self, mut told: Recalculation) {
        told.state = match self.recalculate_each(&mut told).await {
            Ok(true) => RecalculationState::Finished,
            // Another run has taken the row.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "the recalculation of the quotas ended early; it can be begun again");
                RecalculationState::Failed
            }
        };
        told.seen_at = self.now();
        told.finished_at = Some(told.seen_at);
        if let Err(error) = self.catalog().tell_recalculation(&told).await {
            tracing::warn!(%error, "that the quotas are recalculated could not be written down");
        }
    }

    /// False where another run took over.
    async fn recalculate_each(&self, told: &mut Recalculation) -> Result<bool> {
        let mut after: Option<RepoKey> = None;
        loop {
            let page = self.catalog().repositories_in(&[ballast_catalog::RepoState::Active], after, BATCH).await?;
            for repository in &page {
                if let Err(error) = self.recount(repository.key).await {
                    tracing::warn!(repository = %repository.key, %error, "a repository was not counted anew");
                    told.failed += 1;
                }
                told.done += 1;
                if self.now() > told.seen_at.after(Duration::from_secs(1)) && !self.tell(told).await? {
                    return Ok(false);
                }
            }
            after = page.last().map(|repository| repository.key);
            if page.len() < BATCH {
                return self.tell(told).await;
            }
        }
    }

    async fn tell(&self, told: &mut Recalculation) -> Result<bool> {
        told.seen_at = self.now();
        Ok(self.catalog().tell_recalculation(told).await?)
    }
}
