use ballast_services::Texts;
use ballast_types::Revision;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OpenCall;
use crate::error::Answer;
use crate::extract::Flag;
use crate::paged::{Counted, Paged, PagedObject};
use crate::patch_text::PatchText;
use crate::wire::{CommitDetail, CommitDiff, HistoryItem, Kinds};

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
    ) -> Answer<Counted<HistoryItem>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let (page, total) = repository.commits(&Revision::new(revision.0), cursor.0.or(after.0), limit.0).await?;
        let formatted = expand.0.is_some_and(|names| names.iter().any(|name| name == "formatted"));
        let next = call.next(page.next.as_deref());
        let items = page.items.into_iter().map(|commit| HistoryItem::new(commit, formatted)).collect();
        Ok(Counted::new(Paged::new(items).followed_by(next), total))
    }

    /// Get a commit
    ///
    /// Its message, author, date and parents; `/diff` has what it changed.
    #[oai(path = "/api/:kinds/:namespace/:name/commit/:revision", method = "get", operation_id = "get_commit")]
    async fn get_commit(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A commit id, or any other revision.
        revision: Path<String>,
    ) -> Answer<Json<CommitDetail>> {
        let repository = call.hub.readable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(CommitDetail::new(repository.commit_info(&Revision::new(revision.0)).await?)))
    }

    /// See what a commit changed
    ///
    /// Against its first parent, in pages of paths; a page with long texts is shorter.
    #[oai(path = "/api/:kinds/:namespace/:name/commit/:revision/diff", method = "get", operation_id = "diff_commit")]
    #[allow(clippy::too_many_arguments)]
    async fn diff_commit(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A commit id, or any other revision.
        revision: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<CommitDiff>> {
        let repository = call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let (commit, changes) = repository.commit_changes(&Revision::new(revision.0)).await?;
        let page = changes.page(cursor.0, limit.0, Texts::Regular).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(CommitDiff::new(commit, page.items), next))
    }

    /// Compare revisions
    ///
    /// `BASE..HEAD`, or `BASE...HEAD` from where the second left the first, or one revision against its first parent:
    /// as git writes it, pointers in place of large files. With `raw` one line for each path: `T` or `B` (text or not),
    /// the new size, git's raw line.
    #[oai(path = "/api/:kinds/:namespace/:name/compare/:revisions", method = "get", operation_id = "compare_revisions")]
    async fn compare_revisions(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// Encoded as one segment.
        revisions: Path<String>,
        /// Paths, modes and ids only.
        raw: Query<Option<Flag>>,
    ) -> Answer<PatchText> {
        let repository = call.hub.downloadable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        let comparison = repository.compare(&revisions).await?;
        Ok(PatchText::new(comparison, raw.0.is_some_and(|flag| flag.0)).await?)
    }
}
