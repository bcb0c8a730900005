use ballast_services::{Applicant, Failure};
use ballast_types::{Secret, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::Request;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Group;
use crate::call::{OwnCall, Visit, base_url, shared};
use crate::cookie;
use crate::error::Answer;
use crate::extract::{Flag, JsonBody};
use crate::wire::{Done, ForgotPassword, Login, LoginDone, Me, Register, Registered, ResetPassword};

pub struct Sessions;

#[OpenApi(tag = "Group::Account")]
impl Sessions {
    /// Register
    ///
    /// Where the operator lets everybody, or those who hold an invitation; `/api/site-config` says which.
    #[oai(path = "/api/auth/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        request: &Request,
        who: JsonBody<Register>,
        /// Of an invitation.
        invitation_token: Query<Option<String>>,
    ) -> Answer<Json<Registered>> {
        let visit = Visit::read(request)?;
        let Register { username: name, email, password } = who.0;
        let (password, invitation) = (Secret::new(password), invitation_token.0);
        let user = visit.hub.register(Applicant { name, email, password, invitation }, visit.from).await?;
        let waits = visit.hub.settings().require_email_verification;
        let next = if waits { "follow the link that was sent to its address" } else { "log in" };
        let message = format!("The account '{}' is there: {next}", user.name);
        Ok(Json(Registered { success: true, message, email_verified: user.email_verified }))
    }

    /// Log in
    ///
    /// Begins a session, which a browser then shows as the cookie `session_id`. After too many failures for an account
    /// or from an address the answer is 429 for a while, whatever the password.
    #[oai(path = "/api/auth/login", method = "post", operation_id = "login")]
    async fn login(&self, request: &Request, who: JsonBody<Login>) -> Answer<LoggedIn> {
        let visit = Visit::read(request)?;
        let Login { username, password } = who.0;
        let session = visit.hub.login(&username, &Secret::new(password), visit.from).await?;
        let cookie = cookie::set(&session.id, Timestamp::now(), session.expires_at, &visit.base);
        let username = session.user.name.to_string();
        let message = format!("You are logged in as '{username}'");
        Ok(LoggedIn::Yes(Json(LoginDone { success: true, message, username }), cookie))
    }

    /// Log out
    ///
    /// Ends the session of the cookie.
    #[oai(path = "/api/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        call: OwnCall,
        /// Ends every session of the caller.
        all: Query<Option<Flag>>,
    ) -> Answer<LoggedOut> {
        let all = all.0.is_some_and(|all| all.0);
        call.hub.logout(&call.caller, call.session.as_ref(), all).await?;
        let message = if all { "You are logged out everywhere" } else { "You are logged out" }.to_owned();
        Ok(LoggedOut::Yes(Json(Done { success: true, message }), cookie::clear(&call.base)))
    }

    /// Verify an e-mail address
    ///
    /// With the token of the link in a mail: once, and on to the user's page with a session. The link itself leads to
    /// `/login/verify`, which asks first.
    #[oai(path = "/api/auth/verify-email", method = "get", operation_id = "verify_email")]
    async fn verify_email(
        &self,
        request: &Request,
        /// From the link.
        token: Query<String>,
    ) -> Answer<Verified> {
        let shared = shared(request)?;
        let base = base_url(request, &shared.options);
        Ok(match shared.hub.verify_email(&token).await {
            Ok(session) => {
                let cookie = cookie::set(&session.id, Timestamp::now(), session.expires_at, &base);
                Verified::Onward(format!("/{}", session.user.name), Some(cookie))
            }
            Err(Failure::Invalid(why) | Failure::Forbidden(why)) => {
                let why = utf8_percent_encode(&why, NON_ALPHANUMERIC).to_string();
                Verified::Onward(format!("/?error=invalid_token&message={why}"), None)
            }
            Err(failure) => return Err(failure.into()),
        })
    }

    /// Ask for a new password
    ///
    /// A link to set it is sent to the account's address. The answer is the same where there is no such account.
    #[oai(path = "/api/auth/forgot-password", method = "post", operation_id = "forgot_password")]
    async fn forgot_password(&self, request: &Request, who: JsonBody<ForgotPassword>) -> Answer<Json<Done>> {
        let visit = Visit::read(request)?;
        visit.hub.forgot_password(&who.0.username, visit.from);
        Ok(Json(Done::new("If there is such an account, a link to set a new password is on its way to its address")))
    }

    /// Set a new password
    ///
    /// By the token of a link that was sent for it, once. Ends the user's sessions.
    #[oai(path = "/api/auth/reset-password", method = "post", operation_id = "reset_password")]
    async fn reset_password(&self, request: &Request, new: JsonBody<ResetPassword>) -> Answer<Json<Done>> {
        let visit = Visit::read(request)?;
        let ResetPassword { token, password } = new.0;
        visit.hub.reset_password(&token, &Secret::new(password)).await?;
        Ok(Json(Done::new("The password is set: log in with it")))
    }

    /// Get one's own account
    ///
    /// Of whoever calls, by a token, the password or a session.
    #[oai(path = "/api/auth/me", method = "get", operation_id = "get_me")]
    async fn get_me(&self, call: OwnCall) -> Answer<Json<Me>> {
        Ok(Json(Me::from(call.hub.own_account(&call.caller)?)))
    }
}

/// A session that was begun.
#[derive(ApiResponse)]
pub enum LoggedIn {
    /// The session's cookie comes along
    #[oai(status = 200)]
    Yes(Json<LoginDone>, #[oai(header = "Set-Cookie")] String),
}

/// An address that was verified, or a link that is over.
#[derive(ApiResponse)]
pub enum Verified {
    /// On to the user's page with a session; or to the first page, with `error` in the address
    #[oai(status = 302)]
    Onward(#[oai(header = "Location")] String, #[oai(header = "Set-Cookie")] Option<String>),
}

/// A session that was ended.
#[derive(ApiResponse)]
pub enum LoggedOut {
    /// The cookie is taken away
    #[oai(status = 200)]
    Yes(Json<Done>, #[oai(header = "Set-Cookie")] String),
}
