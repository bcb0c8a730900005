//! Bringing the commits of a pull request into the branch that it is for.

use ballast_contract::versioning::{Rewrite, Strategy};
use ballast_types::{CommitId, Revision};

use crate::open_discussion::check_comment;
use crate::{Failure, Remake, Result, Writable};

impl Writable {
    /// Merges a pull request, by a commit of two parents; answers that commit. `MergeConflict` with the paths where its
    /// target changed the same. Its ref stays, and takes no more commits.
    ///
    /// That it is merged is part of the operation, so that recovery says so where this node dies in between.
    pub async fn merge_pull_request(&self, number: u32, words: Option<&str>) -> Result<CommitId> {
        let discussion = self.discussion(number).await?;
        let none = || Failure::Invalid(format!("Discussion {number} is no pull request: there is nothing to merge"));
        let pull_request = discussion.pull_request.clone().ok_or_else(none)?;
        if !discussion.status.is_open() {
            return Err(Failure::Conflict(format!("Pull request {number} is {} already", discussion.status)));
        }
        let words = words.map(str::trim).filter(|words| !words.is_empty());
        words.map_or(Ok(()), check_comment)?;
        let source = self.proposal_head(&discussion).await?;
        let target = Revision::new(pull_request.target.as_str());
        let usual = format!("{} (#{number})", discussion.title);
        let what = format!("Pull request {number} cannot be merged into '{}'", pull_request.target.short());
        let rewrite = Rewrite::Merge { source, strategy: Strategy::Stop, squash: false };
        let at = self.committing(&target).await?;
        let merged = at.rewrite(rewrite, Remake::default(), usual, &what, Some(number)).await?;
        if !merged.created {
            // All of it is there, so there was no write that could say so.
            self.hub.catalog().mark_merged(self.act(number)?, merged.id).await?;
        }
        if let Some(words) = words {
            self.comment(number, words).await?;
        }
        Ok(merged.id)
    }
}
