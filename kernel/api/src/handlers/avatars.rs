use ballast_services::{Avatar, NamespaceKind, Presence};
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, OpenApi};

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::Picture;
use crate::wire::{AvatarKept, Done};

const DAY: &str = "public, max-age=86400";

pub struct Avatars;

#[OpenApi(tag = "Group::People")]
impl Avatars {
    /// Get a user's avatar
    ///
    /// 404 where the user has none.
    #[oai(path = "/api/users/:username/avatar", method = "get", operation_id = "get_user_avatar")]
    async fn get_user_avatar(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// The `ETag` of the one that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Answer<Shown> {
        shown(&call, &username, NamespaceKind::User, known.0).await
    }

    /// Set a user's avatar
    ///
    /// A JPEG, PNG, WebP or GIF of at most 10 MiB, of which the middle is kept as a JPEG of at most 1024 × 1024 pixels.
    #[oai(path = "/api/users/:username/avatar", method = "post", operation_id = "set_user_avatar")]
    async fn set_user_avatar(&self, call: OwnCall, username: Path<String>, file: Picture) -> Answer<Json<AvatarKept>> {
        kept(call.hub.presence_of_user(&call.caller, &username).await?, file).await
    }

    /// Remove a user's avatar
    ///
    /// One's own. Without one the answer to GET is 404.
    #[oai(path = "/api/users/:username/avatar", method = "delete", operation_id = "delete_user_avatar")]
    async fn delete_user_avatar(&self, call: OwnCall, username: Path<String>) -> Answer<Json<Done>> {
        removed(call.hub.presence_of_user(&call.caller, &username).await?).await
    }

    /// Get an organisation's avatar
    ///
    /// 404 where it has none.
    #[oai(path = "/api/organizations/:org/avatar", method = "get", operation_id = "get_organization_avatar")]
    async fn get_organization_avatar(
        &self,
        call: OpenCall,
        org: Path<String>,
        /// The `ETag` of the one that the caller has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Answer<Shown> {
        shown(&call, &org, NamespaceKind::Organization, known.0).await
    }

    /// Set an organisation's avatar
    ///
    /// Takes an admin; otherwise as for a user.
    #[oai(path = "/api/organizations/:org/avatar", method = "post", operation_id = "set_organization_avatar")]
    async fn set_organization_avatar(
        &self,
        call: OwnCall,
        org: Path<String>,
        file: Picture,
    ) -> Answer<Json<AvatarKept>> {
        kept(call.hub.presence_of_organization(&call.caller, &org).await?, file).await
    }

    /// Remove an organisation's avatar
    ///
    /// Takes an admin. Without one the answer to GET is 404.
    #[oai(path = "/api/organizations/:org/avatar", method = "delete", operation_id = "delete_organization_avatar")]
    async fn delete_organization_avatar(&self, call: OwnCall, org: Path<String>) -> Answer<Json<Done>> {
        removed(call.hub.presence_of_organization(&call.caller, &org).await?).await
    }
}

async fn shown(call: &OpenCall, name: &str, kind: NamespaceKind, known: Option<String>) -> Answer<Shown> {
    let known = known.as_deref().map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let tagged = |tag: &str| (format!("\"{tag}\""), DAY.to_owned());
    Ok(match call.hub.avatar(name, kind, known).await? {
        Some(Avatar { jpeg, tag }) => {
            let (tag, cached) = tagged(&tag);
            Shown::Picture(Binary(jpeg), tag, cached)
        }
        None => {
            let (tag, cached) = tagged(known.unwrap_or_default());
            Shown::Known(tag, cached)
        }
    })
}

async fn kept(presence: Presence, file: Picture) -> Answer<Json<AvatarKept>> {
    let length = presence.set_avatar(file.0).await?;
    let message = "The avatar is changed".to_owned();
    Ok(Json(AvatarKept { success: true, message, size_bytes: length as u64 }))
}

async fn removed(presence: Presence) -> Answer<Json<Done>> {
    presence.remove_avatar().await?;
    Ok(Json(Done::new("The avatar is removed")))
}

/// A picture.
#[derive(ApiResponse)]
pub enum Shown {
    /// A JPEG
    #[oai(status = 200, content_type = "image/jpeg")]
    Picture(Binary<Vec<u8>>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
    /// The caller has it already
    #[oai(status = 304)]
    Known(#[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
}
