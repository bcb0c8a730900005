use ballast_services::{Failure, WebhookRequest};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::wire::{Message, OneWebhook, WebhookBody, WebhookWish};

pub struct Webhooks;

#[OpenApi(tag = "Group::Webhooks")]
impl Webhooks {
    /// List the caller's webhooks
    ///
    /// Oldest first, with their secrets.
    #[oai(path = "/api/settings/webhooks", method = "get", operation_id = "list_webhooks")]
    async fn list_webhooks(&self, call: OwnCall) -> Answer<Json<Vec<WebhookBody>>> {
        let found = call.hub.list_webhooks(&call.caller).await?;
        Ok(Json(found.into_iter().map(Into::into).collect()))
    }

    /// Create a webhook
    ///
    /// What happens to what it watches is sent to its address as the Hub's webhooks are (version 3), signed, and again
    /// until it arrives or three days are over. Private addresses are refused unless the operator allows them.
    #[oai(path = "/api/settings/webhooks", method = "post", operation_id = "create_webhook")]
    async fn create_webhook(&self, call: OwnCall, wish: JsonBody<WebhookWish>) -> Answer<Json<OneWebhook>> {
        let made = call.hub.create_webhook(&call.caller, WebhookRequest::try_from(wish.0)?).await?;
        Ok(Json(OneWebhook { webhook: made.into() }))
    }

    /// Get a webhook
    ///
    /// One of the caller's own.
    #[oai(path = "/api/settings/webhooks/:webhook", method = "get", operation_id = "get_webhook")]
    async fn get_webhook(
        &self,
        call: OwnCall,
        /// The `id` of the webhook.
        webhook: Path<String>,
    ) -> Answer<Json<OneWebhook>> {
        let found = call.hub.webhook(&call.caller, key(&webhook)?).await?;
        Ok(Json(OneWebhook { webhook: found.into() }))
    }

    /// Change a webhook
    ///
    /// What is absent stays as it is.
    #[oai(path = "/api/settings/webhooks/:webhook", method = "post", operation_id = "update_webhook")]
    async fn update_webhook(
        &self,
        call: OwnCall,
        /// The `id` of the webhook.
        webhook: Path<String>,
        wish: JsonBody<WebhookWish>,
    ) -> Answer<Json<OneWebhook>> {
        let mut asked = WebhookRequest::try_from(wish.0)?;
        // Clients send an empty list where nothing is to change.
        asked.watched = asked.watched.filter(|watched| !watched.is_empty());
        let changed = call.hub.update_webhook(&call.caller, key(&webhook)?, asked).await?;
        Ok(Json(OneWebhook { webhook: changed.into() }))
    }

    /// Let a webhook go on
    ///
    /// What happened meanwhile is not told.
    #[oai(path = "/api/settings/webhooks/:webhook/enable", method = "post", operation_id = "enable_webhook")]
    async fn enable_webhook(
        &self,
        call: OwnCall,
        /// The `id` of the webhook.
        webhook: Path<String>,
    ) -> Answer<Json<OneWebhook>> {
        let changed = call.hub.enable_webhook(&call.caller, key(&webhook)?, true).await?;
        Ok(Json(OneWebhook { webhook: changed.into() }))
    }

    /// Stop a webhook
    ///
    /// Messages that are under way are still sent.
    #[oai(path = "/api/settings/webhooks/:webhook/disable", method = "post", operation_id = "disable_webhook")]
    async fn disable_webhook(
        &self,
        call: OwnCall,
        /// The `id` of the webhook.
        webhook: Path<String>,
    ) -> Answer<Json<OneWebhook>> {
        let changed = call.hub.enable_webhook(&call.caller, key(&webhook)?, false).await?;
        Ok(Json(OneWebhook { webhook: changed.into() }))
    }

    /// Delete a webhook
    ///
    /// What was still to be sent to it goes too.
    #[oai(path = "/api/settings/webhooks/:webhook", method = "delete", operation_id = "delete_webhook")]
    async fn delete_webhook(
        &self,
        call: OwnCall,
        /// The `id` of the webhook.
        webhook: Path<String>,
    ) -> Answer<Json<Message>> {
        call.hub.delete_webhook(&call.caller, key(&webhook)?).await?;
        Ok(Json(Message { message: "The webhook is deleted".to_owned() }))
    }
}

fn key(text: &str) -> Result<i64, Failure> {
    i64::from_str_radix(text, 16).map_err(|_| Failure::NotFound("You have no such webhook".to_owned()))
}
