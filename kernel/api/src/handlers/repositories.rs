use std::collections::BTreeSet;
use std::sync::Arc;

use ballast_services::{Failure, ListQuery, Mirrored, NewRepository, Readable, Reading, RepositoryInfo, Sort};
use ballast_types::{RepoId, RepoKind, Revision, Visibility};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::base_url::BaseUrl;
use crate::call::{OpenCall, OwnCall};
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, JsonBody};
use crate::wire::{
    CreateRepository, Created, DeleteRepository, DuplicateRepository, Duplicated, Kinds, Message, RepositoriesByKind,
    RepositoryView, Selected, Sibling, allowed_expansions,
};

pub struct Repositories;

#[OpenApi(tag = "Group::Repositories")]
impl Repositories {
    /// Create a repository
    ///
    /// A name that is taken is answered with 409 and the URL of what is there.
    #[oai(path = "/api/repos/create", method = "post", operation_id = "create_repository")]
    async fn create_repository(&self, call: OwnCall, new: JsonBody<CreateRepository>) -> Answer<Json<Created>> {
        let new = new.0;
        let kind = kind(new.kind.as_deref())?;
        let visibility = visibility(new.visibility.as_deref(), new.private)?;
        let new = NewRepository { kind, name: new.name, organization: new.organization, visibility, sdk: new.sdk };
        let name = call.hub.create_repository(&call.caller, new).await;
        let name = name.map_err(|failure| leading_there(&call.base, failure))?;
        Ok(Json(created(&call.base, kind, &name.id)))
    }

    /// Duplicate a repository
    ///
    /// The copy has the files of the default branch in one commit, and the original's gate and settings for large files.
    /// A name that is taken is answered with 409 and the URL of what is there.
    #[oai(path = "/api/:kinds/:namespace/:name/duplicate", method = "post", operation_id = "duplicate_repository")]
    async fn duplicate_repository(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        copy: JsonBody<DuplicateRepository>,
    ) -> Answer<Json<Duplicated>> {
        let kind = RepoKind::from(kinds.0);
        let visibility = visibility(copy.0.visibility.as_deref(), copy.0.private)?;
        let original = call.hub.downloadable(&call.caller, kind, &namespace, &name).await?;
        let copied = original.duplicate(&copy.0.repository, visibility).await;
        let copied = copied.map_err(|failure| leading_there(&call.base, failure))?;
        let Created { url, name, .. } = created(&call.base, kind, &copied.id);
        Ok(Json(Duplicated { url, name, files_copy_pending: false }))
    }

    /// Delete a repository
    ///
    /// With all branches, tags, discussions and likes. What no other repository holds is thrown away after a grace
    /// period. For a model `type` may be left out.
    #[oai(path = "/api/repos/delete", method = "delete", operation_id = "delete_repository")]
    async fn delete_repository(&self, call: OwnCall, which: JsonBody<DeleteRepository>) -> Answer<Json<Message>> {
        let which = which.0;
        let kind = kind(which.kind.as_deref())?;
        let own = call.caller.user_name().map(|name| name.to_string());
        let (namespace, name) = match which.name.split_once('/') {
            Some((namespace, name)) => (namespace.to_owned(), name),
            None => (which.organization.or(own).unwrap_or_default(), which.name.as_str()),
        };
        let repository = call.hub.administering(&call.caller, kind, &namespace, name).await?;
        let id = repository.id().clone();
        repository.delete().await?;
        Ok(Json(Message { message: format!("The {kind} '{id}' is deleted") }))
    }

    /// List repositories
    ///
    /// What is public, and what is private in the caller's own namespaces.
    #[oai(path = "/api/:kinds", method = "get", operation_id = "list_repositories")]
    #[allow(clippy::too_many_arguments)]
    async fn list_repositories(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        /// Only this user's or organisation's.
        author: Query<Option<String>>,
        /// Each of these must occur in `namespace/name`.
        search: Query<Option<Vec<String>>>,
        /// Each of these must be a tag of its card, in any case: `license:mit`, a library, a language.
        filter: Query<Option<Vec<String>>>,
        /// Models for this.
        pipeline_tag: Query<Option<String>>,
        /// Gated ones alone, or those that are not.
        gated: Query<Option<Flag>>,
        /// Models that are served so. This hub serves none.
        inference: Query<Option<String>>,
        /// Models that are served by these. This hub knows of none.
        inference_provider: Query<Option<Vec<String>>>,
        /// Models that run in these programs. This hub knows of none.
        apps: Query<Option<Vec<String>>>,
        /// Models with so many parameters. This hub counts none.
        num_parameters: Query<Option<String>>,
        /// `lastModified` (by default), `createdAt`, `downloads`, `likes`, `trendingScore` or `name`.
        sort: Query<Option<String>>,
        /// `1` for ascending; by default, and with `-1`, descending.
        direction: Query<Option<String>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// With all that is known of each, the metadata of its README too.
        full: Query<Option<Flag>>,
        /// With the metadata of its README.
        #[oai(name = "cardData")]
        card_data: Query<Option<Flag>>,
        /// Only these fields.
        expand: Query<Option<Vec<String>>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Selected<Vec<RepositoryView>>> {
        let kind = RepoKind::from(kinds.0);
        let fields = fields(kind, expand.0)?;
        if inference.0.is_some() || inference_provider.0.is_some() || apps.0.is_some() || num_parameters.0.is_some() {
            return Ok(Selected { value: vec![], fields, next: None });
        }
        let full = [full.0, card_data.0].into_iter().flatten().any(|flag| flag.0) || fields.is_some();
        let query = ListQuery {
            kind,
            author: author.0,
            search: words(search.0),
            tags: words(filter.0.map(|tags| tags.iter().flat_map(|tags| tags.split(',')).map(str::to_owned).collect())),
            pipeline_tag: pipeline_tag.0.filter(|tag| !tag.is_empty()),
            gated: gated.0.map(|flag| flag.0),
            sort: order(sort.0.as_deref())?,
            ascending: ascending(direction.0.as_deref())?,
            after: cursor.0,
            limit: limit.0,
        };
        let page = call.hub.list_repositories(&call.caller, query).await?;
        let next = call.next(page.next.as_deref());
        let value = page.items.into_iter().map(|listed| RepositoryView::listed(listed, full)).collect();
        Ok(Selected { value, fields, next })
    }

    /// List a user's or organisation's repositories of every kind
    ///
    /// The first of each kind, as far as the caller may see them; `/api/models?author=…` and its siblings have pages.
    #[oai(path = "/api/users/:username/repos", method = "get", operation_id = "list_user_repositories")]
    async fn list_user_repositories(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// Of each kind: 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// As in lists of one kind.
        sort: Query<Option<String>>,
    ) -> Answer<Json<RepositoriesByKind>> {
        call.hub.check_namespace(&username).await?;
        let sort = order(sort.0.as_deref())?;
        let list = async |kind: RepoKind| -> Answer<Vec<RepositoryView>> {
            let query = ListQuery { limit: limit.0, ..ListQuery::by(kind, &username, sort) };
            let page = call.hub.list_repositories(&call.caller, query).await?;
            Ok(page.items.into_iter().map(|listed| RepositoryView::listed(listed, false)).collect())
        };
        let (models, datasets) = (list(RepoKind::Model).await?, list(RepoKind::Dataset).await?);
        Ok(Json(RepositoriesByKind { models, datasets, spaces: list(RepoKind::Space).await? }))
    }

    /// Get a repository
    ///
    /// At the tip of its default branch: its files, its tags and the metadata of its README. `expand` chooses fields.
    #[oai(path = "/api/:kinds/:namespace/:name", method = "get", operation_id = "get_repository")]
    #[allow(clippy::too_many_arguments)]
    async fn get_repository(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// With sizes and digests of the files.
        blobs: Query<Option<Flag>>,
        /// Accepted, and without effect: this hub scans nothing.
        #[oai(name = "securityStatus")]
        _security: Query<Option<Flag>>,
        /// Only these fields.
        expand: Query<Option<Vec<String>>>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Selected<RepositoryView>> {
        let fields = fields(kinds.0.into(), expand.0)?;
        let repository = call.reading(kinds.0, (&namespace, &name), None, fallback.0).await?;
        told(&repository, None, blobs.0, fields).await
    }

    /// Get a repository at a revision
    ///
    /// What `get_repository` says, as it was at that revision; `sha` is the commit that the revision stands for.
    #[oai(path = "/api/:kinds/:namespace/:name/revision/:revision", method = "get", operation_id = "get_revision")]
    #[allow(clippy::too_many_arguments)]
    async fn get_revision(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// A branch, a tag, `refs/…` (encoded as one segment) or a commit id.
        revision: Path<String>,
        /// With sizes and digests of the files.
        blobs: Query<Option<Flag>>,
        /// Accepted, and without effect: this hub scans nothing.
        #[oai(name = "securityStatus")]
        _security: Query<Option<Flag>>,
        /// Only these fields.
        expand: Query<Option<Vec<String>>>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Selected<RepositoryView>> {
        let fields = fields(kinds.0.into(), expand.0)?;
        let revision = Revision::new(revision.0);
        let repository = call.reading(kinds.0, (&namespace, &name), Some(&revision), fallback.0).await?;
        told(&repository, Some(&revision), blobs.0, fields).await
    }

    /// Check the right to read
    ///
    /// 200 where the caller may have the repository's files, and the refusal that any other call for them would meet where
    /// not.
    #[oai(path = "/api/:kinds/:namespace/:name/auth-check", method = "get", operation_id = "check_read")]
    async fn check_read(
        &self,
        call: OpenCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
        /// False: what this hub has itself, and nothing that it mirrors.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Json<Message>> {
        let revision = Revision::new("HEAD");
        let repository = call.fetching(kinds.0, (&namespace, &name), &revision, fallback.0).await?;
        Ok(Json(Message { message: format!("You may read '{}'", repository.id()) }))
    }

    /// Check the right to write
    ///
    /// 200 where the caller may write to the repository, and the refusal that a commit would meet where not.
    #[oai(path = "/api/:kinds/:namespace/:name/auth-check/write", method = "get", operation_id = "check_write")]
    async fn check_write(
        &self,
        call: OwnCall,
        kinds: Path<Kinds>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<Message>> {
        let repository = call.hub.writable(&call.caller, kinds.0.into(), &namespace, &name).await?;
        Ok(Json(Message { message: format!("You may write to '{}'", repository.id()) }))
    }
}

/// A repository's page on this hub.
pub(super) fn page(base: &BaseUrl, kind: RepoKind, id: &RepoId) -> String {
    base.join(&format!("/{}{id}", kind.url_prefix()))
}

/// A refusal, with the way to the repository that has the name already.
fn leading_there(base: &BaseUrl, failure: Failure) -> ApiError {
    let there = match &failure {
        Failure::RepositoryExists { kind, id } => Some(created(base, *kind, id)),
        _ => None,
    };
    match there {
        Some(there) => ApiError::from(failure).with("url", there.url.into()).with("repo_id", there.repo_id.into()),
        None => failure.into(),
    }
}

fn created(base: &BaseUrl, kind: RepoKind, id: &RepoId) -> Created {
    Created { url: page(base, kind, id), repo_id: id.to_string(), name: id.to_string() }
}

pub(super) fn visibility(word: Option<&str>, private: Option<bool>) -> Result<Option<Visibility>, Failure> {
    let named = match word {
        None => None,
        Some("public") => Some(Visibility::Public),
        Some("private") => Some(Visibility::Private),
        Some(other) => {
            let why = format!("visibility: '{}' is not offered; it is public or private", other.escape_debug());
            return Err(Failure::Invalid(why));
        }
    };
    let flagged = private.map(|private| if private { Visibility::Private } else { Visibility::Public });
    match (named, flagged) {
        (Some(named), Some(flagged)) if named != flagged => {
            Err(Failure::Invalid("visibility and private contradict each other".to_owned()))
        }
        (named, flagged) => Ok(named.or(flagged)),
    }
}

fn words(asked: Option<Vec<String>>) -> Vec<String> {
    asked.unwrap_or_default().into_iter().filter(|word| !word.is_empty()).collect()
}

fn order(word: Option<&str>) -> Result<Sort, Failure> {
    Ok(match word.unwrap_or("lastModified") {
        "lastModified" | "last_modified" | "updated" => Sort::Updated,
        "createdAt" | "created_at" | "created" => Sort::Created,
        "downloads" => Sort::Downloads,
        "trendingScore" | "trending_score" | "trending" => Sort::Trend,
        "likes" => Sort::Likes,
        "name" | "id" => Sort::Name,
        other => {
            let why = format!(
                "sort: '{}' is no order; it is lastModified, createdAt, downloads, likes, trendingScore or name",
                other.escape_debug()
            );
            return Err(Failure::Invalid(why));
        }
    })
}

fn ascending(direction: Option<&str>) -> Result<bool, Failure> {
    match direction {
        None | Some("-1" | "") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(Failure::Invalid(format!("direction: '{}' is neither 1 nor -1", other.escape_debug()))),
    }
}

/// What `expand` asks for; also as `expand[]=…` and separated by commas, as some clients write lists.
fn fields(kind: RepoKind, expand: Option<Vec<String>>) -> Result<Option<BTreeSet<String>>, Failure> {
    let Some(expand) = expand.filter(|names| !names.is_empty()) else { return Ok(None) };
    let allowed = allowed_expansions(kind);
    let names: BTreeSet<String> =
        expand.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !allowed.contains(&name.as_str())) {
        None => Ok(Some(names)),
        Some(unknown) => Err(Failure::Invalid(format!(
            "expand: '{}' is not known; it must be one of [{}]",
            unknown.escape_debug(),
            allowed.join(", ")
        ))),
    }
}

async fn told(
    repository: &Reading,
    revision: Option<&Revision>,
    blobs: Option<Flag>,
    fields: Option<BTreeSet<String>>,
) -> Answer<Selected<RepositoryView>> {
    match repository {
        Reading::Here(here) => described(here, here.info(revision).await?, blobs, fields).await,
        Reading::Mirrored(mirrored) => Ok(of_mirror(mirrored, blobs, fields)),
    }
}

fn of_mirror(mirrored: &Mirrored, blobs: Option<Flag>, fields: Option<BTreeSet<String>>) -> Selected<RepositoryView> {
    let blobs = blobs.is_some_and(|flag| flag.0);
    let asked = fields.as_ref().is_none_or(|fields| fields.contains("siblings"));
    let siblings = if asked { mirrored.siblings() } else { None };
    let siblings = siblings.map(|files| files.into_iter().map(|file| Sibling::new(file, blobs)).collect());
    Selected { value: RepositoryView { siblings, ..RepositoryView::mirrored(mirrored) }, fields, next: None }
}

async fn described(
    repository: &Readable,
    info: RepositoryInfo,
    blobs: Option<Flag>,
    fields: Option<BTreeSet<String>>,
) -> Answer<Selected<RepositoryView>> {
    let blobs = blobs.is_some_and(|flag| flag.0);
    let asked = |name: &str| fields.as_ref().is_none_or(|fields| fields.contains(name));
    let siblings = match info.sha {
        Some(sha) if asked("siblings") => repository.siblings(sha).await?,
        None if asked("siblings") => Some(vec![]),
        _ => None,
    };
    let carded = ["cardData", "tags", "pipeline_tag", "library_name"].into_iter().any(asked);
    let card = match info.sha {
        Some(sha) if carded => repository.card(sha).await?,
        _ => Arc::default(),
    };
    let used_storage = if asked("usedStorage") { Some(repository.used_storage().await?) } else { None };
    let siblings = siblings.map(|files| files.into_iter().map(|file| Sibling::new(file, blobs)).collect());
    let kind = info.kind;
    let value = RepositoryView { siblings, used_storage, ..RepositoryView::from(info).with_card(kind, &card) };
    Ok(Selected { value, fields, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_expansion_is_refused_with_those_that_there_are() {
        let refusal = fields(RepoKind::Space, Some(vec!["sha".to_owned(), "safetensors".to_owned()])).unwrap_err();
        assert!(refusal.to_string().contains("'safetensors'") && refusal.to_string().contains("runtime, sdk, sha"));
        assert_eq!(fields(RepoKind::Model, Some(vec!["sha,likes".to_owned()])).unwrap().map(|f| f.len()), Some(2));
        assert_eq!(fields(RepoKind::Model, None).unwrap(), None);
    }

    #[test]
    fn both_words_for_visibility_are_read_and_must_agree() {
        assert_eq!(visibility(None, Some(true)).unwrap(), Some(Visibility::Private));
        assert_eq!(visibility(Some("public"), None).unwrap(), Some(Visibility::Public));
        assert_eq!(visibility(None, None).unwrap(), None);
        assert!(visibility(Some("public"), Some(true)).is_err() && visibility(Some("protected"), None).is_err());
    }
}
