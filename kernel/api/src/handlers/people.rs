use ballast_services::NamespaceKind;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::{Answer, ApiError};
use crate::extract::{Flag, JsonBody};
use crate::paged::Paged;
use crate::wire::{
    CheckName, Done, NameChecked, NamespaceType, OrganizationOverview, OrganizationProfile, OrganizationSettings,
    UserItem, UserOverview, UserProfile, UserSettings,
};

pub struct People;

#[OpenApi(tag = "Group::People")]
impl People {
    /// Get what a name stands for
    ///
    /// A user or an organisation: both have names of one kind, and never the same one.
    #[oai(path = "/api/users/:username/type", method = "get", operation_id = "get_namespace_type")]
    async fn get_namespace_type(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// False: what this hub knows itself, and nothing that others say.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Json<NamespaceType>> {
        Ok(Json(match call.hub.namespace_kind(&username).await {
            Ok(kind) => NamespaceType::from(kind),
            Err(failure) => NamespaceType::from(call.known_elsewhere(failure, &username, None, fallback.0).await?),
        }))
    }

    /// Get a user's profile
    ///
    /// What the user shows of themselves, for everybody.
    #[oai(path = "/api/users/:username/profile", method = "get", operation_id = "get_user_profile")]
    async fn get_user_profile(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// False: what this hub knows itself, and nothing that others say.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Json<UserProfile>> {
        let user = Some(NamespaceKind::User);
        Ok(Json(match call.hub.user_profile(&username).await {
            Ok(profile) => UserProfile::from(profile),
            Err(failure) => UserProfile::from(call.known_elsewhere(failure, &username, user, fallback.0).await?),
        }))
    }

    /// Get an overview of a user
    ///
    /// Private repositories are counted for the user alone.
    #[oai(path = "/api/users/:username/overview", method = "get", operation_id = "get_user_overview")]
    async fn get_user_overview(&self, call: OpenCall, username: Path<String>) -> Answer<Json<UserOverview>> {
        let about = call.hub.user_about(&call.caller, &username).await?;
        Ok(Json(UserOverview::new(about, &call.base)))
    }

    /// Change one's settings
    ///
    /// What is absent stays; null takes it away.
    #[oai(path = "/api/users/:username/settings", method = "put", operation_id = "update_user_settings")]
    async fn update_user_settings(
        &self,
        call: OwnCall,
        username: Path<String>,
        settings: JsonBody<UserSettings>,
    ) -> Answer<Json<Done>> {
        let presence = call.hub.presence_of_user(&call.caller, &username).await?;
        presence.update(settings.0.into(), call.origin().address).await?;
        Ok(Json(Done::new("Your settings are changed")))
    }

    /// Get an organisation's profile
    ///
    /// What it says of itself, for everybody.
    #[oai(path = "/api/organizations/:org/profile", method = "get", operation_id = "get_organization_profile")]
    async fn get_organization_profile(
        &self,
        call: OpenCall,
        org: Path<String>,
        /// False: what this hub knows itself, and nothing that others say.
        fallback: Query<Option<Flag>>,
    ) -> Answer<Json<OrganizationProfile>> {
        let organization = Some(NamespaceKind::Organization);
        Ok(Json(match call.hub.organization_profile(&org).await {
            Ok(profile) => OrganizationProfile::from(profile),
            Err(failure) => {
                OrganizationProfile::from(call.known_elsewhere(failure, &org, organization, fallback.0).await?)
            }
        }))
    }

    /// Get an overview of an organisation
    ///
    /// Private repositories are counted for members only.
    #[oai(path = "/api/organizations/:org/overview", method = "get", operation_id = "get_organization_overview")]
    async fn get_organization_overview(&self, call: OpenCall, org: Path<String>) -> Answer<Json<OrganizationOverview>> {
        let about = call.hub.organization(&call.caller, &org).await?;
        Ok(Json(OrganizationOverview::new(about, &call.base)))
    }

    /// List an organisation's members as users
    ///
    /// In the form in which huggingface_hub reads users.
    #[oai(path = "/api/organizations/:org/members", method = "get", operation_id = "list_organization_members")]
    async fn list_organization_members(
        &self,
        call: OpenCall,
        org: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Paged<UserItem>> {
        let page = call.hub.list_members(&org, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let items = page.items.into_iter().map(|member| UserItem::member(member, &call.base)).collect();
        Ok(Paged::new(items).followed_by(next))
    }

    /// Change an organisation's settings
    ///
    /// Takes an admin. What is absent stays; null takes it away.
    #[oai(path = "/api/organizations/:org/settings", method = "put", operation_id = "update_organization_settings")]
    async fn update_organization_settings(
        &self,
        call: OwnCall,
        org: Path<String>,
        settings: JsonBody<OrganizationSettings>,
    ) -> Answer<Json<Done>> {
        let presence = call.hub.presence_of_organization(&call.caller, &org).await?;
        presence.update(settings.0.into(), call.origin().address).await?;
        Ok(Json(Done::new(format!("The settings of '{}' are changed", org.0))))
    }

    /// List a user's followers
    ///
    /// Nobody: following is nothing that this hub does.
    #[oai(path = "/api/users/:username/followers", method = "get", operation_id = "list_user_followers")]
    async fn list_user_followers(&self, call: OpenCall, username: Path<String>) -> Answer<Paged<UserItem>> {
        call.hub.user_profile(&username).await?;
        Ok(Paged::new(vec![]))
    }

    /// List whom a user follows
    ///
    /// Nobody: following is nothing that this hub does.
    #[oai(path = "/api/users/:username/following", method = "get", operation_id = "list_user_following")]
    async fn list_user_following(&self, call: OpenCall, username: Path<String>) -> Answer<Paged<UserItem>> {
        call.hub.user_profile(&username).await?;
        Ok(Paged::new(vec![]))
    }

    /// List an organisation's followers
    ///
    /// Nobody: following is nothing that this hub does.
    #[oai(path = "/api/organizations/:org/followers", method = "get", operation_id = "list_organization_followers")]
    async fn list_organization_followers(&self, call: OpenCall, org: Path<String>) -> Answer<Paged<UserItem>> {
        call.hub.organization_profile(&org).await?;
        Ok(Paged::new(vec![]))
    }

    /// Check whether a name is free
    ///
    /// Always answers with a report; a name that nobody can have is no error of the request.
    #[oai(path = "/api/validate/check-name", method = "post", operation_id = "check_name")]
    async fn check_name(&self, call: OpenCall, asked: JsonBody<CheckName>) -> Answer<Json<NameChecked>> {
        let CheckName { name, namespace, kind } = asked.0;
        let unreadable = |why| ApiError::unreadable(vec!["body".to_owned(), "type".to_owned()], why);
        let kind = kind.map(|word| word.parse()).transpose().map_err(unreadable)?;
        let check = call.hub.check_name(&call.caller, &name, namespace.as_deref(), kind).await?;
        Ok(Json(NameChecked::from(check)))
    }
}
