use ballast_contract::quota::Limit;
use ballast_services::{Administering, Readable};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::{Group, kind};
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::{Paged, PagedObject};
use crate::wire::{
    NamespaceQuotaView, OwnRepository, PublicQuotaView, RepositoryQuotaView, SetNamespaceQuota, SetRepositoryQuota,
    StoredRepositories,
};

pub struct Quota;

#[OpenApi(tag = "Group::Quota")]
impl Quota {
    /// Get where a namespace stands
    ///
    /// For its owner, its members and administrators.
    #[oai(path = "/api/quota/:namespace", method = "get", operation_id = "get_quota")]
    async fn get_quota(&self, call: OwnCall, namespace: Path<String>) -> Answer<Json<NamespaceQuotaView>> {
        Ok(Json(call.hub.quota_of(&call.caller, &namespace).await?.into()))
    }

    /// Set a namespace's limits
    ///
    /// Whoever administers the namespace may lower them; raising takes an administrator of the hub.
    #[oai(path = "/api/quota/:namespace", method = "put", operation_id = "set_quota")]
    async fn set_quota(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        limits: JsonBody<SetNamespaceQuota>,
    ) -> Answer<Json<NamespaceQuotaView>> {
        Ok(Json(call.hub.set_quota(&call.caller, &namespace, limits.0.into()).await?.into()))
    }

    /// Count anew what a namespace holds
    ///
    /// Walks over the history of each of its repositories, and answers what they count for from now on.
    #[oai(path = "/api/quota/:namespace/recalculate", method = "post", operation_id = "recalculate_quota")]
    async fn recalculate_quota(&self, call: OwnCall, namespace: Path<String>) -> Answer<Json<NamespaceQuotaView>> {
        Ok(Json(call.hub.recalculate_quota(&call.caller, &namespace).await?.into()))
    }

    /// Get where a namespace stands, as far as everybody may see it
    ///
    /// Private bytes are among the numbers for its owner, its members and administrators.
    #[oai(path = "/api/quota/:namespace/public", method = "get", operation_id = "get_public_quota")]
    async fn get_public_quota(&self, call: OpenCall, namespace: Path<String>) -> Answer<Json<PublicQuotaView>> {
        Ok(Json(call.hub.public_quota(&call.caller, &namespace).await?.into()))
    }

    /// List a namespace's repositories with what they hold
    ///
    /// For its owner, its members and administrators.
    #[oai(path = "/api/quota/:namespace/repos", method = "get", operation_id = "list_stored_repositories")]
    async fn list_stored_repositories(
        &self,
        call: OwnCall,
        namespace: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<StoredRepositories>> {
        let (quota, page) =
            call.hub.stored_repositories(&call.caller, &namespace, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let stored = StoredRepositories {
            namespace: quota.namespace.to_string(),
            is_organization: quota.is_organization,
            total_repos: page.items.len(),
            repositories: page.items.into_iter().map(Into::into).collect(),
        };
        Ok(PagedObject::new(stored, next))
    }

    /// Get where a repository stands
    ///
    /// What it holds, its own limit where it has one, and what is left of it. For whoever may read it.
    #[oai(path = "/api/quota/repo/:type/:namespace/:name", method = "get", operation_id = "get_repository_quota")]
    async fn get_repository_quota(
        &self,
        call: OpenCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<RepositoryQuotaView>> {
        let repository = call.hub.readable(&call.caller, kind(Some(&r#type))?, &namespace, &name).await?;
        view(&repository).await
    }

    /// Set a repository's limit
    ///
    /// Raising takes an administrator of the hub.
    #[oai(path = "/api/quota/repo/:type/:namespace/:name", method = "put", operation_id = "set_repository_quota")]
    async fn set_repository_quota(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
        limit: JsonBody<SetRepositoryQuota>,
    ) -> Answer<Json<RepositoryQuotaView>> {
        let repository: Administering =
            call.hub.administering(&call.caller, kind(Some(&r#type))?, &namespace, &name).await?;
        let limit: Option<Limit> = limit.0.into();
        if let Some(limit) = limit {
            repository.set_quota(limit).await?;
        }
        view(&repository).await
    }

    /// Count anew what a repository holds
    ///
    /// Walks over all that its history keeps, and answers what it counts for from now on. Takes whoever administers it.
    #[oai(
        path = "/api/quota/repo/:type/:namespace/:name/recalculate",
        method = "post",
        operation_id = "recalculate_repository_quota"
    )]
    async fn recalculate_repository_quota(
        &self,
        call: OwnCall,
        /// `model`, `dataset` or `space`.
        r#type: Path<String>,
        namespace: Path<String>,
        name: Path<String>,
    ) -> Answer<Json<RepositoryQuotaView>> {
        let repository = call.hub.administering(&call.caller, kind(Some(&r#type))?, &namespace, &name).await?;
        repository.recalculate_quota().await?;
        view(&repository).await
    }

    /// List my repositories with what they hold
    ///
    /// Of every kind, private ones too.
    #[oai(path = "/api/settings/repositories", method = "get", operation_id = "list_own_repositories")]
    async fn list_own_repositories(
        &self,
        call: OwnCall,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<OwnRepository>> {
        let own = call.caller.user_name().map(|name| name.to_string()).unwrap_or_default();
        stored(&call, &own, limit.0, cursor.0).await
    }

    /// List an organisation's repositories with what they hold
    ///
    /// Of every kind, private ones too: for its members.
    #[oai(
        path = "/api/organizations/:org_name/settings/repositories",
        method = "get",
        operation_id = "list_organization_repositories"
    )]
    async fn list_organization_repositories(
        &self,
        call: OwnCall,
        org_name: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<OwnRepository>> {
        stored(&call, &org_name, limit.0, cursor.0).await
    }
}

async fn view(repository: &Readable) -> Answer<Json<RepositoryQuotaView>> {
    let quota = repository.quota().await?;
    Ok(Json(RepositoryQuotaView::new(repository.kind(), repository.id(), quota)))
}

async fn stored(
    call: &OwnCall,
    namespace: &str,
    limit: Option<usize>,
    cursor: Option<String>,
) -> Answer<Paged<OwnRepository>> {
    let (_, page) = call.hub.stored_repositories(&call.caller, namespace, cursor.as_deref(), limit).await?;
    let next = call.next(page.next.as_deref());
    Ok(Paged::new(page.items.into_iter().map(OwnRepository::from).collect()).followed_by(next))
}
