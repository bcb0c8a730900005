use ballast_services::{DirectoryQuery, Failure, NewAccount};
use ballast_types::Secret;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Group;
use crate::call::OwnCall;
use crate::error::Answer;
use crate::extract::{Flag, JsonBody, OptionalJson};
use crate::paged::PagedObject;
use crate::wire::{
    AdminInvitation, AdminInvitationList, AdminNewUser, AdminOrder, AdminOrganization, AdminOrganizationList,
    AdminPassword, AdminPasswordSet, AdminSession, AdminSessionList, AdminUser, AdminUserList, AdminUserPatch, Done,
    TokenItem, TokenList,
};

pub struct Accounts;

#[OpenApi(tag = "Group::Administration")]
impl Accounts {
    /// List users
    ///
    /// All of them, the disabled too.
    #[oai(path = "/api/admin/users", method = "get", operation_id = "admin_list_users")]
    async fn admin_list_users(
        &self,
        call: OwnCall,
        /// Words, each of which must occur in the name or the e-mail address.
        search: Query<Option<String>>,
        /// By age unless it says otherwise.
        sort: Query<Option<AdminOrder>>,
        /// Backwards: the youngest, or the last of the alphabet, first.
        descending: Query<Option<Flag>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminUserList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let page = hub.search_users(&directory(search.0, sort.0, descending.0, limit.0, cursor.0)).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(AdminUserList { users: page.items.into_iter().map(AdminUser::from).collect() }, next))
    }

    /// Make a user
    ///
    /// Whether or not anybody may register. Their address counts as verified.
    #[oai(path = "/api/admin/users", method = "post", operation_id = "admin_create_user")]
    async fn admin_create_user(&self, call: OwnCall, new: JsonBody<AdminNewUser>) -> Answer<Json<AdminUser>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let AdminNewUser { username, email, password, full_name, administrator } = new.0;
        let new = NewAccount {
            name: username.parse().map_err(Failure::invalid)?,
            full_name: full_name.unwrap_or_default(),
            email,
            password: password.map(Secret::new),
            administrator: administrator.unwrap_or(false),
        };
        let made = hub.create_user(new).await?;
        Ok(Json(hub.account(made.name.as_str()).await?.into()))
    }

    /// Get a user
    ///
    /// With what administrators alone see: whether they may come in, and when they began.
    #[oai(path = "/api/admin/users/:username", method = "get", operation_id = "admin_get_user")]
    async fn admin_get_user(&self, call: OwnCall, username: Path<String>) -> Answer<Json<AdminUser>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.account(&username).await?.into()))
    }

    /// Change a user
    ///
    /// The last administrator who may come in stays one, and stays active.
    #[oai(path = "/api/admin/users/:username", method = "patch", operation_id = "admin_change_user")]
    async fn admin_change_user(
        &self,
        call: OwnCall,
        username: Path<String>,
        patch: JsonBody<AdminUserPatch>,
    ) -> Answer<Json<AdminUser>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.change_account(&username, patch.0.into()).await?.into()))
    }

    /// Delete a user
    ///
    /// With all that lets them in. Refused while they have repositories, unless those are to go too; for the last
    /// administrator; and for the last super-admin of an organisation. What they said in discussions stays, without a
    /// name.
    #[oai(path = "/api/admin/users/:username", method = "delete", operation_id = "admin_delete_user")]
    async fn admin_delete_user(
        &self,
        call: OwnCall,
        username: Path<String>,
        /// Deletes the repositories of their own namespace first.
        delete_repositories: Query<Option<Flag>>,
    ) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.delete_user(&username, is_set(delete_repositories.0)).await?;
        Ok(Json(Done::new(format!("The user '{}' is deleted", username.0))))
    }

    /// Reset a user's password
    ///
    /// Which ends their sessions. Without a password in the body a random one is made, and shown this once.
    #[oai(path = "/api/admin/users/:username/password", method = "post", operation_id = "admin_reset_password")]
    async fn admin_reset_password(
        &self,
        call: OwnCall,
        username: Path<String>,
        new: OptionalJson<AdminPassword>,
    ) -> Answer<Json<AdminPasswordSet>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let made = hub.reset_password(&username, new.0.password.map(Secret::new)).await?;
        let message = format!("The user '{}' has another password", username.0);
        Ok(Json(AdminPasswordSet {
            success: true,
            message,
            password: made.map(|password| password.expose().to_owned()),
        }))
    }

    /// List a user's tokens
    ///
    /// Without their values, which nobody can see again.
    #[oai(path = "/api/admin/users/:username/tokens", method = "get", operation_id = "admin_list_tokens")]
    async fn admin_list_tokens(
        &self,
        call: OwnCall,
        username: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<TokenList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let page = hub.tokens_of(&username, cursor.0, limit.0).await?;
        let next = call.next(page.next.as_deref());
        Ok(PagedObject::new(TokenList { tokens: page.items.into_iter().map(TokenItem::from).collect() }, next))
    }

    /// End every token of a user
    ///
    /// At once; their sessions go on.
    #[oai(path = "/api/admin/users/:username/tokens", method = "delete", operation_id = "admin_revoke_tokens")]
    async fn admin_revoke_tokens(&self, call: OwnCall, username: Path<String>) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.revoke_tokens_of(&username).await?;
        Ok(Json(Done::new(format!("Every token of '{}' is over", username.0))))
    }

    /// End a user's token
    ///
    /// At once.
    #[oai(path = "/api/admin/users/:username/tokens/:token_id", method = "delete", operation_id = "admin_revoke_token")]
    async fn admin_revoke_token(
        &self,
        call: OwnCall,
        username: Path<String>,
        /// The number of the token.
        token_id: Path<i64>,
    ) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.revoke_token_of(&username, token_id.0).await?;
        Ok(Json(Done::new(format!("The token {} is over", token_id.0))))
    }

    /// List a user's sessions
    ///
    /// Those that are not over.
    #[oai(path = "/api/admin/users/:username/sessions", method = "get", operation_id = "admin_list_sessions")]
    async fn admin_list_sessions(
        &self,
        call: OwnCall,
        username: Path<String>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminSessionList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let page = hub.sessions_of(&username, cursor.0, limit.0).await?;
        let next = call.next(page.next.as_deref());
        let sessions = page.items.into_iter().map(AdminSession::from).collect();
        Ok(PagedObject::new(AdminSessionList { sessions }, next))
    }

    /// End every session of a user
    ///
    /// At once; their tokens go on.
    #[oai(path = "/api/admin/users/:username/sessions", method = "delete", operation_id = "admin_close_sessions")]
    async fn admin_close_sessions(&self, call: OwnCall, username: Path<String>) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.close_sessions_of(&username).await?;
        Ok(Json(Done::new(format!("Every session of '{}' is over", username.0))))
    }

    /// End a user's session
    ///
    /// At once.
    #[oai(
        path = "/api/admin/users/:username/sessions/:session_id",
        method = "delete",
        operation_id = "admin_close_session"
    )]
    async fn admin_close_session(
        &self,
        call: OwnCall,
        username: Path<String>,
        /// The number of the session.
        session_id: Path<i64>,
    ) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.revoke_session_of(&username, session_id.0).await?;
        Ok(Json(Done::new(format!("The session {} is over", session_id.0))))
    }

    /// List organisations
    ///
    /// All of them.
    #[oai(path = "/api/admin/organizations", method = "get", operation_id = "admin_list_organizations")]
    async fn admin_list_organizations(
        &self,
        call: OwnCall,
        /// Words, each of which must occur in the name.
        search: Query<Option<String>>,
        /// By age unless it says otherwise.
        sort: Query<Option<AdminOrder>>,
        /// Backwards: the youngest, or the last of the alphabet, first.
        descending: Query<Option<Flag>>,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminOrganizationList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let page = hub.search_organizations(&directory(search.0, sort.0, descending.0, limit.0, cursor.0)).await?;
        let next = call.next(page.next.as_deref());
        let organizations = page.items.into_iter().map(AdminOrganization::from).collect();
        Ok(PagedObject::new(AdminOrganizationList { organizations }, next))
    }

    /// Get an organisation
    ///
    /// With the number of its members and repositories.
    #[oai(path = "/api/admin/organizations/:org", method = "get", operation_id = "admin_get_organization")]
    async fn admin_get_organization(&self, call: OwnCall, org: Path<String>) -> Answer<Json<AdminOrganization>> {
        let hub = call.hub.administrator(&call.caller).await?;
        Ok(Json(hub.organization_account(&org).await?.into()))
    }

    /// Delete an organisation
    ///
    /// With its memberships and invitations. Refused while it has repositories, unless those are to go too.
    #[oai(path = "/api/admin/organizations/:org", method = "delete", operation_id = "admin_delete_organization")]
    async fn admin_delete_organization(
        &self,
        call: OwnCall,
        org: Path<String>,
        /// Deletes its repositories first.
        delete_repositories: Query<Option<Flag>>,
    ) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.delete_organization(&org, is_set(delete_repositories.0)).await?;
        Ok(Json(Done::new(format!("The organisation '{}' is deleted", org.0))))
    }

    /// List all invitations
    ///
    /// Newest first.
    #[oai(path = "/api/admin/invitations", method = "get", operation_id = "admin_list_invitations")]
    async fn admin_list_invitations(
        &self,
        call: OwnCall,
        /// 1 to 1000, by default 100.
        limit: Query<Option<usize>>,
        /// From the `Link` header of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<PagedObject<AdminInvitationList>> {
        let hub = call.hub.administrator(&call.caller).await?;
        let page = hub.list_invitations(cursor.0.as_deref(), limit.0).await?;
        let next = call.next(page.next.as_deref());
        let invitations = page.items.into_iter().map(AdminInvitation::from).collect();
        Ok(PagedObject::new(AdminInvitationList { invitations }, next))
    }

    /// Withdraw any invitation
    ///
    /// Whoever made it: nobody can accept it any more.
    #[oai(path = "/api/admin/invitations/:invitation_id", method = "delete", operation_id = "admin_delete_invitation")]
    async fn admin_delete_invitation(
        &self,
        call: OwnCall,
        /// The number of the invitation.
        invitation_id: Path<i64>,
    ) -> Answer<Json<Done>> {
        let hub = call.hub.administrator(&call.caller).await?;
        hub.delete_invitation(invitation_id.0).await?;
        Ok(Json(Done::new(format!("The invitation {} is withdrawn", invitation_id.0))))
    }
}

fn is_set(flag: Option<Flag>) -> bool {
    flag.is_some_and(|flag| flag.0)
}

fn directory(
    search: Option<String>,
    sort: Option<AdminOrder>,
    descending: Option<Flag>,
    limit: Option<usize>,
    cursor: Option<String>,
) -> DirectoryQuery {
    DirectoryQuery {
        search: super::words(search.as_deref()),
        by_name: matches!(sort, Some(AdminOrder::Name)),
        descending: is_set(descending),
        cursor,
        limit,
    }
}
