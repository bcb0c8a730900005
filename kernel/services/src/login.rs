//! Sessions: how a browser comes in and goes out.

use std::net::IpAddr;

use ballast_contract::auth::Role;
use ballast_types::{Secret, Timestamp};
use serde_json::json;

use crate::audit::{By, user_object};
use crate::caller::Known;
use crate::{Caller, Failure, Hub, Result, User};

/// A session that was begun.
#[derive(Clone, Debug)]
pub struct Session {
    pub user: User,
    /// What the browser keeps.
    pub id: Secret,
    pub expires_at: Timestamp,
}

impl Hub {
    /// Begins a session for who has this name or e-mail address, and this password.
    ///
    /// `WrongPassword`, whether or not there is such a user; `TooManyAttempts`; `Forbidden` where the password is right
    /// and the account may not come in, or not before its address is verified; then a link to do so is sent anew.
    pub async fn login(&self, name: &str, password: &Secret, from: Option<IpAddr>) -> Result<Session> {
        let (instance, identity) = self.identity_by_password(name, password, from).await?;
        let caller = self.identified(&instance, identity).await?;
        let known = caller.known()?;
        if let Err(failure) = self.check_verified(&known.user) {
            self.send_verification(&known.user, from);
            return Err(failure);
        }
        self.open_session(known).await
    }

    /// `Forbidden` where a password does not let a user in before their address is verified.
    pub(crate) fn check_verified(&self, user: &User) -> Result<()> {
        let waits = self.settings().require_email_verification && !user.email_verified;
        let why = "Verify your e-mail address first: a link to do so is sent to it";
        if waits { Err(Failure::Forbidden(why.to_owned())) } else { Ok(()) }
    }

    /// Begins a session for a caller who has proved themselves in another way.
    pub(crate) async fn open_session(&self, known: &Known) -> Result<Session> {
        let user = User::clone(&known.user);
        self.session_of(user, &known.instance, &known.subject).await
    }

    pub(crate) async fn session_of(&self, user: User, instance: &str, subject: &str) -> Result<Session> {
        let expires_at = self.now().after(self.settings().session);
        let credentials = self.credentials_of(instance)?;
        let id = credentials.open_session(subject, expires_at).await?;
        let object = user_object(&user.name);
        self.put_on_record(By::User(&user), "session.begin", object, json!({ "expires_at": expires_at.to_string() }))
            .await?;
        Ok(Session { user, id, expires_at })
    }

    /// Ends the session that a browser showed, where it showed one, and with `all` every session of the caller.
    /// `CredentialRequired` where there is neither a session nor a caller.
    pub async fn logout(&self, caller: &Caller, session: Option<&Secret>, all: bool) -> Result<()> {
        if session.is_none() {
            caller.known()?;
        }
        if all {
            let known = caller.managing_credentials()?;
            let (subject, credentials) = self.own_credentials(&known.user).await?;
            credentials.close_sessions(&subject).await?;
        }
        for (_, auth) in &self.0.parts.auth {
            if let (Some(credentials), Some(session)) = (auth.credentials(), session) {
                credentials.close_session(session).await?;
            }
        }
        // A session that was over already is nobody's.
        let Ok(known) = caller.known() else { return Ok(()) };
        if !all && session.is_none() {
            return Ok(());
        }
        let object = user_object(&known.user.name);
        self.put_on_record(By::Known(known), "session.end", object, json!({ "all": all })).await
    }
}

impl Caller {
    /// The caller with a credential that may make, see and end credentials: what lets somebody in takes the role admin,
    /// for the whole hub.
    pub(crate) fn managing_credentials(&self) -> Result<&Known> {
        let known = self.known()?;
        let reaches = known.credential.role == Role::Admin && known.credential.repositories.is_none();
        let why = "This token may not manage what lets somebody in: log in, or use a token of role admin without a \
                   repository scope";
        reaches.then_some(known).ok_or_else(|| Failure::Forbidden(why.to_owned()))
    }

    /// The caller with a credential that may change what they show of themselves: role write, for the whole hub.
    pub(crate) fn writing(&self) -> Result<&Known> {
        let known = self.known()?;
        let reaches = known.credential.role >= Role::Write && known.credential.repositories.is_none();
        let why = "This token may not do this: use one with role write and without a repository scope";
        reaches.then_some(known).ok_or_else(|| Failure::Forbidden(why.to_owned()))
    }
}
