//! The large files that a repository holds, in whichever commit, and their deletion for good.

use ballast_content::Purge;
use ballast_types::Sha256;
use serde_json::json;

use crate::audit::{By, repository_object};
use crate::paging::page_size;
use crate::{Administering, Failure, Page, Readable, Result};

pub use ballast_content::Large;

/// The most files that are deleted at once, which is what `huggingface_hub` sends.
const MAX_FILES: usize = 1000;

impl Readable {
    /// The large files that this repository holds, those of former commits too: 100 at a time unless asked, at most
    /// 1000.
    pub async fn list_large(&self, cursor: Option<&str>, limit: Option<usize>) -> Result<Page<Large>> {
        let limit = page_size(limit, 100, 1000);
        let after: Option<Sha256> = cursor.map(str::parse).transpose().map_err(Failure::invalid)?;
        let mut items = self.hub.content().list_large(self.key(), after, limit + 1).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.sha256.to_string());
        Ok(Page { items, next })
    }
}

impl Administering {
    /// Deletes large files for good: all of them or none. Commits go on naming them; who asks for their bytes hears
    /// [`Failure::Purged`], and they count no more.
    pub async fn purge_large(&self, digests: &[Sha256]) -> Result<()> {
        if digests.len() > MAX_FILES {
            let why = format!("{} files at once; at most {MAX_FILES} are deleted", digests.len());
            return Err(Failure::Invalid(why));
        }
        let purged: Vec<String> = digests.iter().map(Sha256::to_string).collect();
        let (object, details) = (repository_object(self.kind(), self.id()), json!({ "purged": purged }));
        // First: a reader that is told otherwise would go on reading what somebody else holds.
        if !self.hub.catalog().mark_purged(self.key()).await? {
            return Err(Failure::given_up());
        }
        match self.hub.content().purge(self.key(), digests).await? {
            Purge::Done(settlement) => self.hub.settle(self.key(), &settlement).await?,
            Purge::Unknown(sha256) => return Err(Failure::ObjectNotFound { sha256 }),
        }
        self.hub.put_on_record(By::from(&self.caller), "repository.purge", object, details.clone()).await?;
        self.changed(details).await
    }
}
