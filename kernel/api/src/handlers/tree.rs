use ballast_services::TreeOptions;
use ballast_types::Revision;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::Group;
use crate::call::OpenCall;
use crate::error::Answer;
use crate::extract::{Flag, PathsBody};
use crate::paged::Paged;
use crate::wire::{Kinds, TreeItem};

pub struct Tree;

#[OpenApi(tag = "Group::Tree")]
impl Tree {
    /// List the root folder
    ///
    /// A page of what lies in it, folders and files in the order of their paths; `Link` leads to the next one.
    #[oai(path = "/api/:kinds/:namespace/:name/tree/:revision", method = "get", operation_id = "list_root")]
    #[allow(clippy::too_many_arguments)]
    async fn list_root(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        /// Also what lies in folders.
        recursive: Query<Option<Flag>>,
        /// With last commits and folder sizes; pages are shorter then.
        expand: Query<Option<Flag>>,
        /// 1 to 1000 (50 with `expand`).
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Paged<TreeItem>> {
        let options = options(recursive.0, expand.0, limit.0, cursor.0);
        listed(&call, kinds.0, (&namespace, &name), revision.0, None, options, fallback.0).await
    }

    /// List a folder
    ///
    /// Nothing at the path, or a file, is 404 EntryNotFound.
    #[oai(path = "/api/:kinds/:namespace/:name/tree/:revision/*param4", method = "get", operation_id = "list_folder")]
    #[allow(clippy::too_many_arguments)]
    async fn list_folder(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        /// The folder; its slashes may be encoded or not.
        path: Path<String>,
        /// Also what lies in folders.
        recursive: Query<Option<Flag>>,
        /// With last commits and folder sizes; pages are shorter then.
        expand: Query<Option<Flag>>,
        /// 1 to 1000 (50 with `expand`).
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Paged<TreeItem>> {
        let options = options(recursive.0, expand.0, limit.0, cursor.0);
        listed(&call, kinds.0, (&namespace, &name), revision.0, Some(&path.0), options, fallback.0).await
    }

    /// Look at given paths
    ///
    /// At most 1000; those where nothing stands are left out. A body that cannot be read is answered with 422.
    #[oai(path = "/api/:kinds/:namespace/:name/paths-info/:revision", method = "post", operation_id = "get_paths_info")]
    #[allow(clippy::too_many_arguments)]
    async fn get_paths_info(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
        asked: PathsBody,
    ) -> Answer<Paged<TreeItem>> {
        let revision = Revision::new(revision.0);
        let repository = call.reading(kinds.0, (&namespace, &name), Some(&revision), fallback.0).await?;
        let (commit, entries) = repository.paths_info(&revision, &asked.paths, asked.expand).await?;
        Ok(Paged::new(entries.into_iter().map(TreeItem::from).collect()).at(commit))
    }
}

fn options(recursive: Option<Flag>, expand: Option<Flag>, limit: Option<usize>, after: Option<String>) -> TreeOptions {
    let on = |flag: Option<Flag>| flag.is_some_and(|flag| flag.0);
    TreeOptions { recursive: on(recursive), expand: on(expand), after, limit }
}

async fn listed(
    call: &OpenCall,
    kinds: Kinds,
    id: (&str, &str),
    revision: String,
    folder: Option<&str>,
    options: TreeOptions,
    fallback: Option<Flag>,
) -> Answer<Paged<TreeItem>> {
    let revision = Revision::new(revision);
    let repository = call.reading(kinds, id, Some(&revision), fallback).await?;
    let page = repository.tree(&revision, folder, options).await?;
    let next = call.next(page.next.as_deref());
    Ok(Paged::new(page.entries.into_iter().map(TreeItem::from).collect()).at(page.commit).followed_by(next))
}
