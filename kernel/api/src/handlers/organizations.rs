use ballast_services::OrgRole;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::PagedObject;
use crate::wire::{
    Done, MemberItem, MemberList, NewMember, NewOrganization, NewRole, OrganizationInfo, OrganizationItem,
    OrganizationList, OrganizationMade,
};

pub struct Organizations;

#[OpenApi(tag = "Group::Organizations")]
impl Organizations {
    /// Create an organisation
    ///
    /// Its maker is its first super-admin.
    #[oai(path = "/org/create", method = "post", operation_id = "create_organization")]
    async fn create_organization(
        &self,
        call: OwnCall,
        new: JsonBody<NewOrganization>,
    ) -> Answer<Json<OrganizationMade>> {
        let description = new.0.description.unwrap_or_default();
        let made = call.hub.create_organization(&call.caller, &new.0.name, &description).await?;
        Ok(Json(OrganizationMade { success: true, name: made.name.to_string() }))
    }

    /// Get an organisation
    ///
    /// Private repositories are counted for members only.
    #[oai(path = "/org/:org", method = "get", operation_id = "get_organization")]
    async fn get_organization(&self, call: OpenCall, org: Path<String>) -> Answer<Json<OrganizationInfo>> {
        Ok(Json(OrganizationInfo::from(call.hub.organization(&call.caller, &org).await?)))
    }

    /// List an organisation's members
    ///
    /// With the role of each.
    #[oai(path = "/org/:org/members", method = "get", operation_id = "list_members")]
    async fn list_members(
        &self,
        call: OpenCall,
        org: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<MemberList>> {
        let page = call.hub.list_members(&org, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(MemberList { members: page.items.into_iter().map(MemberItem::from).collect() }, next))
    }

    /// Let somebody into an organisation
    ///
    /// Takes an admin, who gives no more than they have.
    #[oai(path = "/org/:org/members", method = "post", operation_id = "add_member")]
    async fn add_member(&self, call: OwnCall, org: Path<String>, new: JsonBody<NewMember>) -> Answer<Json<Done>> {
        let role = OrgRole::from(new.0.role);
        let user = call.hub.members_of(&call.caller, &org).await?.add(&new.0.username, role).await?;
        Ok(Json(Done::new(format!("'{}' is {role} of '{}'", user.name, org.0))))
    }

    /// Change what a member may do
    ///
    /// Takes an admin, who gives no more than they have. The last super-admin stays one.
    #[oai(path = "/org/:org/members/:username", method = "put", operation_id = "change_member")]
    async fn change_member(
        &self,
        call: OwnCall,
        org: Path<String>,
        username: Path<String>,
        new: JsonBody<NewRole>,
    ) -> Answer<Json<Done>> {
        let role = OrgRole::from(new.0.role);
        let user = call.hub.members_of(&call.caller, &org).await?.change_role(&username, role).await?;
        Ok(Json(Done::new(format!("'{}' is {role} of '{}'", user.name, org.0))))
    }

    /// Remove a member, or leave
    ///
    /// The last super-admin stays.
    #[oai(path = "/org/:org/members/:username", method = "delete", operation_id = "remove_member")]
    async fn remove_member(&self, call: OwnCall, org: Path<String>, username: Path<String>) -> Answer<Json<Done>> {
        let user = call.hub.members_of(&call.caller, &org).await?.remove(&username).await?;
        Ok(Json(Done::new(format!("'{}' belongs to '{}' no more", user.name, org.0))))
    }

    /// List a user's organisations
    ///
    /// With the user's role in each.
    #[oai(path = "/org/users/:username/orgs", method = "get", operation_id = "list_user_organizations")]
    async fn list_user_organizations(
        &self,
        call: OpenCall,
        username: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<OrganizationList>> {
        let page = call.hub.list_organizations_of(&username, cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let organizations = page.items.into_iter().map(OrganizationItem::from).collect();
        Ok(PagedObject::new(OrganizationList { organizations }, next))
    }
}
