use ballast_types::Revision;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::Group;
use crate::call::OpenCall;
use crate::error::Answer;
use crate::paged::Paged;
use crate::wire::{HistoryItem, Kinds};

pub struct History;

#[OpenApi(tag = "Group::History")]
impl History {
    /// List commits
    ///
    /// From the revision backwards, newest first.
    #[oai(path = "/api/:kinds/:namespace/:name/commits/:revision", method = "get", operation_id = "list_commits")]
    #[allow(clippy::too_many_arguments)]
    async fn list_commits(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        /// 1 to 100, by default 20.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
        /// The same, under its older name.
        after: Query<Option<String>>,
        /// `formatted`: titles and messages as HTML too.
        #[oai(name = "expand[]")]
        expand: Query<Option<Vec<String>>>,
    ) -> Answer<Paged<HistoryItem>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let page = repository.commits(&Revision::new(revision.0), cursor.0.or(after.0), limit.0).await?;
        let formatted = expand.0.is_some_and(|names| names.iter().any(|name| name == "formatted"));
        let next = call.next(page.next.as_deref());
        let items = page.items.into_iter().map(|commit| HistoryItem::new(commit, formatted)).collect();
        Ok(Paged::new(items).followed_by(next))
    }
}
