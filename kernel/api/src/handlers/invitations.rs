use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::{OpenCall, OwnCall};
use crate::error::Answer;
use crate::extract::JsonBody;
use crate::paged::PagedObject;
use crate::wire::{
    Done, InvitationAccepted, InvitationInfo, InvitationItem, InvitationList, InvitationMade, NewHubInvitation,
    NewInvitation,
};

pub struct Invitations;

#[OpenApi(tag = "Group::Organizations")]
impl Invitations {
    /// Invite into an organisation
    ///
    /// Takes an admin, who invites to no more than they are.
    #[oai(path = "/api/invitations/org/:org/create", method = "post", operation_id = "create_invitation")]
    async fn create_invitation(
        &self,
        call: OwnCall,
        org: Path<String>,
        new: JsonBody<NewInvitation>,
    ) -> Answer<Json<InvitationMade>> {
        let (role, asked) = new.0.read()?;
        let made = call.hub.members_of(&call.caller, &org).await?.invite(role, asked).await?;
        Ok(Json(InvitationMade::new(made, &call.base)))
    }

    /// Invite into the hub
    ///
    /// Takes an administrator. Lets somebody make an account, where registration is open or needs an invitation.
    #[oai(path = "/api/invitations/create", method = "post", operation_id = "create_hub_invitation")]
    async fn create_hub_invitation(
        &self,
        call: OwnCall,
        new: JsonBody<NewHubInvitation>,
    ) -> Answer<Json<InvitationMade>> {
        let made = call.hub.invite_into_hub(&call.caller, new.0.try_into()?).await?;
        Ok(Json(InvitationMade::new(made, &call.base)))
    }

    /// List an organisation's invitations
    ///
    /// Takes an admin. Newest first.
    #[oai(path = "/api/invitations/org/:org/list", method = "get", operation_id = "list_invitations")]
    async fn list_invitations(
        &self,
        call: OwnCall,
        org: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<InvitationList>> {
        let members = call.hub.members_of(&call.caller, &org).await?;
        let page = members.list_invitations(cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let invitations = page.items.into_iter().map(InvitationItem::from).collect();
        Ok(PagedObject::new(InvitationList { invitations }, next))
    }

    /// Get an invitation
    ///
    /// For whoever has its token.
    #[oai(path = "/api/invitations/:token", method = "get", operation_id = "get_invitation")]
    async fn get_invitation(&self, call: OpenCall, token: Path<String>) -> Answer<Json<InvitationInfo>> {
        Ok(Json(InvitationInfo::from(call.hub.invitation(&token).await?)))
    }

    /// Accept an invitation
    ///
    /// As the user who calls, who is a member from then on; it counts as one use of the invitation.
    #[oai(path = "/api/invitations/:token/accept", method = "post", operation_id = "accept_invitation")]
    async fn accept_invitation(&self, call: OwnCall, token: Path<String>) -> Answer<Json<InvitationAccepted>> {
        let (organization, role) = call.hub.accept_invitation(&call.caller, &token).await?;
        let message = format!("You are {role} of '{organization}' now");
        let (org_name, role) = (organization.to_string(), role.into());
        Ok(Json(InvitationAccepted { success: true, message, org_name, role }))
    }

    /// Withdraw an invitation
    ///
    /// Takes an admin of its organisation, or for one into the hub an administrator.
    #[oai(path = "/api/invitations/:token", method = "delete", operation_id = "delete_invitation")]
    async fn delete_invitation(&self, call: OwnCall, token: Path<String>) -> Answer<Json<Done>> {
        call.hub.withdraw_invitation(&call.caller, &token).await?;
        Ok(Json(Done::new("The invitation is withdrawn")))
    }
}
