//! What a collection would do, and why something stays.

use std::time::Duration;

use ballast_content::{BlobStory, HolderStory, LeaseStory, ObjectStory};
use ballast_types::{RepoKey, Sha256, Timestamp};

use crate::{Collected, Operator, Result};

/// What a collection would do now.
#[derive(Clone, Debug)]
pub struct Plan {
    pub collected: Collected,
    /// Operations past their deadline, which a collection would end first; what they hold counts as needed here.
    pub overdue: u64,
    /// How long what nobody names is kept.
    pub grace: Duration,
}

/// All that is known of a stored blob, with names.
#[derive(Clone, Debug)]
pub struct Explained {
    pub story: BlobStory,
    pub holders: Vec<Holder>,
    /// Of a xorb: the repositories that hold files with chunks in it.
    pub users: Vec<String>,
    pub leases: Vec<(LeaseStory, String)>,
    pub outlook: Outlook,
}

/// A repository that holds a blob.
#[derive(Clone, Debug)]
pub struct Holder {
    pub story: HolderStory,
    /// `model alice/bert`, or its number where it is gone.
    pub name: String,
    /// Whether its history still names the blob.
    pub named: bool,
}

/// What will become of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// A repository's history names it.
    Kept,
    /// Files that are kept have chunks in it.
    Used,
    /// Clients remember it until then.
    Remembered { until: Timestamp },
    /// A lease keeps it until then at least.
    Leased { until: Timestamp },
    /// A repository holds it without need: the next collection lets go, and its grace begins.
    Released,
    /// Nobody names it: it goes with the first collection after this moment.
    Going { after: Timestamp },
}

const BATCH: usize = 1000;

impl Operator {
    /// What `collect` would do now, with this grace or the configured one.
    pub async fn plan_collection(&self, grace: Option<Duration>) -> Result<Plan> {
        let grace = grace.unwrap_or(self.hub.settings().grace);
        let (mut overdue, mut after) = (0, None);
        loop {
            let page = self.hub.catalog().expired_operations(self.hub.now(), after, BATCH).await?;
            after = page.last().map(|operation| operation.id);
            overdue += page.len() as u64;
            if page.len() < BATCH {
                break;
            }
        }
        Ok(Plan { collected: self.hub.plan(grace).await?, overdue, grace })
    }

    /// Collects now, with this grace or the configured one.
    pub async fn collect(&self, grace: Option<Duration>) -> Result<Collected> {
        self.hub.collect_after(grace.unwrap_or(self.hub.settings().grace)).await
    }

    /// Why a blob is stored, and what will become of it; none where it is not.
    pub async fn explain_blob(&self, sha256: Sha256) -> Result<Option<Explained>> {
        let Some(story) = self.hub.content().find_blob_story(sha256).await? else { return Ok(None) };
        let mut holders = Vec::with_capacity(story.holders.len());
        for holder in &story.holders {
            let named = self.hub.names(holder.repo, sha256).await?;
            holders.push(Holder { story: *holder, name: self.hub.name_of(holder.repo).await?, named });
        }
        let mut leases = Vec::with_capacity(story.leases.len());
        for lease in &story.leases {
            leases.push((*lease, self.hub.name_of(lease.repo).await?));
        }
        let mut users = Vec::new();
        for repo in story.xorb.iter().flat_map(|xorb| &xorb.repos) {
            users.push(self.hub.name_of(*repo).await?);
        }
        let outlook = self.outlook(&story, &holders);
        Ok(Some(Explained { story, holders, users, leases, outlook }))
    }

    fn outlook(&self, story: &BlobStory, holders: &[Holder]) -> Outlook {
        let until = story.leases.iter().map(|lease| lease.expires).max();
        match (holders.iter().any(|holder| holder.named), until) {
            (true, _) => Outlook::Kept,
            _ if story.xorb.as_ref().is_some_and(|xorb| xorb.files > 0) => Outlook::Used,
            (false, Some(until)) => Outlook::Leased { until },
            (false, None) if !holders.is_empty() => Outlook::Released,
            (false, None) => match &story.xorb {
                Some(xorb) if xorb.until > self.hub.now() => Outlook::Remembered { until: xorb.until },
                _ => {
                    let since = story.idle_since.unwrap_or_else(|| self.hub.now());
                    Outlook::Going { after: since.after(self.hub.settings().grace) }
                }
            },
        }
    }

    /// What lies under a key, in each storage instance that has it.
    pub async fn explain_object(&self, key: &str) -> Result<Vec<ObjectStory>> {
        Ok(self.hub.content().object_stories(key).await?)
    }
}

impl crate::Hub {
    /// What people call a repository.
    pub(crate) async fn name_of(&self, repo: RepoKey) -> Result<String> {
        let repository = match self.catalog().get_repository(repo).await {
            Err(ballast_catalog::Error::NotFound) => {
                return Ok(match self.catalog().name_mirror(repo).await? {
                    Some(mirror) => {
                        format!("{} {} of {} (mirrored)", mirror.kind, mirror.repo(), mirror.endpoint)
                    }
                    None => format!("repository {repo} (deleted)"),
                });
            }
            found => found?,
        };
        let namespaces = self.catalog().find_namespaces(&[repository.namespace]).await?;
        let namespace = namespaces.first().map_or_else(|| "?".to_owned(), |found| found.name.to_string());
        Ok(format!("{} {namespace}/{}", repository.kind, repository.name))
    }
}
