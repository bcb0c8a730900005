use ballast_services::{RepositoryFilter, RepositoryOrder, SettingsPatch};
use ballast_types::Visibility;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::{Flag, JsonBody};
use crate::paged::PagedObject;
use crate::wire::{
    AdminRepository, AdminRepositoryDetails, AdminRepositoryList, AdminRepositoryOrder, AdminRepositoryPatch, Done,
};

pub struct Inventory;

#[OpenApi(tag = "Group::Administration")]
impl Inventory {
    /// List all repositories
    ///
    /// Whoever sees them. A page by size that is narrowed down a lot may be shorter than asked for and still have a next
    /// one.
    #[oai(path = "/api/admin/repositories", method = "get", operation_id = "admin_list_repositories")]
    #[allow(clippy::too_many_arguments)]
    async fn admin_list_repositories(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`; all of them without it.
        r#type: Query<Option<String>>,
        /// Of this user or organisation alone.
        namespace: Query<Option<String>>,
        /// Private ones alone, or public ones.
        private: Query<Option<Flag>>,
        /// Words, each of which must occur in `namespace/name`.
        search: Query<Option<String>>,
        /// The newest first unless it says otherwise.
        sort: Query<Option<AdminRepositoryOrder>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminRepositoryList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let filter = RepositoryFilter {
            kind: r#type.0.as_deref().map(|word| kind(Some(word))).transpose()?,
            namespace: namespace.0,
            visibility: private.0.map(|private| visibility(private.0)),
            search: super::words(search.0.as_deref()),
            order: match sort.0 {
                Some(AdminRepositoryOrder::Bytes) => RepositoryOrder::Bytes,
                _ => RepositoryOrder::Created,
            },
            cursor: cursor.0,
            limit: limit.0,
        };
        let page = hub.list_inventory(filter).await?;
        let next = call.next(page.next.as_deref());
        let repositories = page.items.into_iter().map(AdminRepository::from).collect();
        Ok(PagedObject::new(AdminRepositoryList { repositories }, next))
    }

    /// Get any repository
    ///
    /// With what it holds, and its share of what is stored.
    #[oai(
        path = "/api/admin/repositories/:type/:namespace/:name",
        method = "get",
        operation_id = "admin_get_repository"
    )]
    async fn admin_get_repository(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<AdminRepositoryDetails>> {
        details(&call, &r#type, &namespace, &name).await
    }

    /// Change any repository
    ///
    /// Whether it is private. Its bytes count where they are from that moment.
    #[oai(
        path = "/api/admin/repositories/:type/:namespace/:name",
        method = "patch",
        operation_id = "admin_change_repository"
    )]
    async fn admin_change_repository(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
        patch: JsonBody<AdminRepositoryPatch>,
    ) -> Answer<Json<AdminRepositoryDetails>> {
        call.hub.administrator(&call.caller).await?;
        let repository = call.hub.administering(&call.caller, kind(Some(&r#type))?, &namespace, &name).await?;
        let patch = SettingsPatch { visibility: patch.0.private.map(visibility), ..SettingsPatch::default() };
        repository.change_settings(patch).await?;
        details(&call, &r#type, &namespace, &name).await
    }

    /// Delete any repository
    ///
    /// Whoever owns it. Its name is free at once, and its bytes go with the next collection.
    #[oai(
        path = "/api/admin/repositories/:type/:namespace/:name",
        method = "delete",
        operation_id = "admin_delete_repository"
    )]
    async fn admin_delete_repository(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<Done>> {
        call.hub.administrator(&call.caller).await?;
        let repository = call.hub.administering(&call.caller, kind(Some(&r#type))?, &namespace, &name).await?;
        let message = format!("The {} '{}' is deleted", repository.kind(), repository.id());
        repository.delete().await?;
        Ok(Json(Done::new(message)))
    }
}

fn visibility(private: bool) -> Visibility {
    if private { Visibility::Private } else { Visibility::Public }
}

async fn details(call: &OwnCall, word: &str, namespace: &str, name: &str) -> Answer<Json<AdminRepositoryDetails>> {
    let hub = call.hub.administrator(&call.caller).await?;
    let repository = call.hub.administering(&call.caller, kind(Some(word))?, namespace, name).await?;
    let about = hub.repository_about(&repository).await?;
    Ok(Json(AdminRepositoryDetails::new(repository.kind(), repository.id(), about)))
}
