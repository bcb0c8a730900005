//! Looking after what is stored: is it all there, and away with what nobody needs.

mod commit;
mod maps;
mod sweep;
mod verify;

use async_trait::async_trait;
use ballast_contract::versioning::{Damage, SweepRequest, Swept, Upkeep};
use ballast_contract::{Page, Result};
use ballast_types::RepoKey;

use crate::Native;

#[async_trait]
impl Upkeep for Native {
    async fn verify(&self, repo: RepoKey, after: Option<String>, limit: usize) -> Result<Page<Damage>> {
        let page = self.unless_gone(repo, verify::page(self, repo, after.as_deref(), limit.max(1)).await).await?;
        if !page.items.is_empty() {
            // What is missing because it was deleted under the walk is no damage.
            self.history.check(repo).await?;
        }
        Ok(page)
    }

    async fn sweep(&self, request: &SweepRequest) -> Result<Swept> {
        sweep::run(self, request).await
    }
}
