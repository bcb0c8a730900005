//! Bringing an old state of a branch back.

use ballast_contract::versioning::Rewrite;
use ballast_types::{RefName, Revision};

use crate::{CommitOutcome, Failure, Remake, Result, Writable};

impl Writable {
    /// Makes a new commit on a branch with the files of an old one; nothing is taken out of the history. The default
    /// branch takes `force`.
    pub async fn reset(&self, branch: &Revision, to: &Revision, force: bool, remake: Remake) -> Result<CommitOutcome> {
        let is_default = RefName::writable(branch).is_ok_and(|name| name.short() == self.default_branch());
        if is_default && !force {
            let why = format!("'{branch}' is the default branch: to reset it, send \"force\": true");
            return Err(Failure::Forbidden(why));
        }
        let to = self.resolve(to).await?;
        let usual = format!("Reset {branch} to {to}");
        self.committing(branch).await?.rewrite(Rewrite::Reset { to }, remake, usual, "", None).await
    }
}
