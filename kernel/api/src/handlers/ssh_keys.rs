use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::Paged;
use crate::wire::{Message, NewSshKey, SshKeyItem};

pub struct SshKeys;

#[OpenApi(tag = "Group::Account")]
impl SshKeys {
    /// List one's SSH keys
    ///
    /// Oldest first.
    #[oai(path = "/api/user/keys", method = "get", operation_id = "list_ssh_keys")]
    async fn list_ssh_keys(
        &self,
        call: OwnCall,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<SshKeyItem>> {
        let page = call.hub.list_ssh_keys(&call.caller, cursor.0, limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(Paged::new(page.items.into_iter().map(SshKeyItem::from).collect()).followed_by(next))
    }

    /// Add an SSH key
    ///
    /// A key is one user's in the whole hub: 409 where anybody has it.
    #[oai(path = "/api/user/keys", method = "post", operation_id = "add_ssh_key")]
    async fn add_ssh_key(&self, call: OwnCall, new: JsonBody<NewSshKey>) -> Answer<Json<SshKeyItem>> {
        let title = new.0.title.unwrap_or_default();
        Ok(Json(SshKeyItem::from(call.hub.add_ssh_key(&call.caller, &title, &new.0.key).await?)))
    }

    /// Get an SSH key
    ///
    /// One of the caller's own.
    #[oai(path = "/api/user/keys/:key_id", method = "get", operation_id = "get_ssh_key")]
    async fn get_ssh_key(
        &self,
        call: OwnCall,
        /// The number of the key.
        key_id: Path<i64>,
    ) -> Answer<Json<SshKeyItem>> {
        Ok(Json(SshKeyItem::from(call.hub.get_ssh_key(&call.caller, key_id.0).await?)))
    }

    /// Remove an SSH key
    ///
    /// At once.
    #[oai(path = "/api/user/keys/:key_id", method = "delete", operation_id = "delete_ssh_key")]
    async fn delete_ssh_key(
        &self,
        call: OwnCall,
        /// The number of the key.
        key_id: Path<i64>,
    ) -> Answer<Json<Message>> {
        call.hub.remove_ssh_key(&call.caller, key_id.0).await?;
        Ok(Json(Message { message: format!("The SSH key {} is removed", key_id.0) }))
    }
}
