use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OwnCall, shared};
use crate::error::Answer;
use crate::extract::Flag;
use crate::paged::PagedObject;
use crate::wire::{
    AdminOperation, AdminOperationList, AdminPlugin, AdminPluginList, AdminRecalculation, AdminStatistics, AdminStorage,
};

/// Days of downloads where nobody says how many.
const USUAL_DAYS: u32 = 30;

pub struct Administration;

#[OpenApi(tag = "Group::Administration")]
impl Administration {
    /// Get the hub in numbers
    ///
    /// Users, repositories of each kind, bytes, and what was downloaded when.
    #[oai(path = "/api/admin/statistics", method = "get", operation_id = "admin_get_statistics")]
    async fn admin_get_statistics(
        &self,
        call: OwnCall,
        /// Days of downloads, today included: 1 to 365, by default 30.
        days: Query<Option<u32>>,
        /// Repositories among those downloaded most: 1 to 100, by default 10.
        top: Query<Option<usize>>,
    ) -> Answer<Json<AdminStatistics>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.statistics(days.0.unwrap_or(USUAL_DAYS), top.0).await?.into()))
    }

    /// Get what is stored, and for whom
    ///
    /// Adds up everything: on a large hub it takes a while.
    #[oai(path = "/api/admin/storage", method = "get", operation_id = "admin_get_storage")]
    async fn admin_get_storage(&self, call: OwnCall) -> Answer<Json<AdminStorage>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.storage_stats().await?.into()))
    }

    /// List the writes under way
    ///
    /// Oldest first. One whose time is over is ended by recovery.
    #[oai(path = "/api/admin/operations", method = "get", operation_id = "admin_list_operations")]
    async fn admin_list_operations(
        &self,
        call: OwnCall,
        /// Those alone that are past their deadline.
        overdue: Query<Option<Flag>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminOperationList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let overdue = overdue.0.is_some_and(|overdue| overdue.0);
        let page = hub.list_operations(overdue, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let operations = page.items.into_iter().map(AdminOperation::from).collect();
        Ok(PagedObject::new(AdminOperationList { operations }, next))
    }

    /// List the plugins
    ///
    /// Each instance with its state, as it answers now.
    #[oai(path = "/api/admin/plugins", method = "get", operation_id = "admin_list_plugins")]
    async fn admin_list_plugins(&self, call: OwnCall, request: &Request) -> Answer<Json<AdminPluginList>> {
        call.hub.administrator(&call.caller).await?;
        let plugins = shared(request)?.options.status.plugins().await;
        Ok(Json(AdminPluginList { plugins: plugins.into_iter().map(AdminPlugin::from).collect() }))
    }

    /// Count anew what every repository holds
    ///
    /// In the background. One namespace or repository is counted by `/api/quota/…/recalculate`; limits are read and set
    /// at `/api/quota/…`, too.
    #[oai(path = "/api/admin/quotas/recalculate", method = "post", operation_id = "admin_recalculate_quotas")]
    async fn admin_recalculate_quotas(&self, call: OwnCall) -> Answer<Json<AdminRecalculation>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.start_recalculation().await?.into()))
    }

    /// Get how far that is
    ///
    /// Of the last one that was begun, on whatever node.
    #[oai(path = "/api/admin/quotas/recalculate", method = "get", operation_id = "admin_get_recalculation")]
    async fn admin_get_recalculation(&self, call: OwnCall) -> Answer<Json<AdminRecalculation>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.recalculation().await?.into()))
    }
}
