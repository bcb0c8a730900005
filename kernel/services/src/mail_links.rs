//! Links in mails: one verifies an address, the other makes a forgotten password anew.
//!
//! A link's token is 256 random bits, of which a keyed digest is kept; it is good once, and for a time. Nobody learns from
//! an answer, or from how long it takes, who has an account: whoever it is, is looked for and written to behind it. What
//! is under way when the hub ends is not sent, and its reader asks again.
//!
//! A link leads to a page with a button. What opens links to look for harm behind them presses none, and uses none up.

use std::net::IpAddr;
use std::time::Duration;

use ballast_catalog::{MailPurpose, NewMailToken};
use ballast_contract::{Error, ErrorKind};
use ballast_types::{Name, Secret};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::audit::{By, user_object};
use crate::login::Session;
use crate::random::random_text;
use crate::{Failure, Hub, Result, User};

const VERIFY: Duration = Duration::from_secs(24 * 60 * 60);
const RESET: Duration = Duration::from_secs(60 * 60);

/// Mails that may be on their way to the mail server at the same time; who wants one beyond them is sent none, and asks
/// again.
static UNDER_WAY: Semaphore = Semaphore::const_new(64);

fn behind_the_answer(sending: impl Future<Output = ()> + Send + 'static) {
    match UNDER_WAY.try_acquire() {
        Ok(place) => drop(tokio::spawn(async move {
            sending.await;
            drop(place);
        })),
        Err(_) => tracing::warn!("too many mails are under way; this one is not sent"),
    }
}

impl Hub {
    /// Sends a link that verifies the address of an account, behind the answer. How often is limited as logins are.
    pub(crate) fn send_verification(&self, user: &User, from: Option<IpAddr>) {
        let (hub, user) = (self.clone(), user.clone());
        behind_the_answer(async move { hub.send_link(&user, MailPurpose::Verify, from).await });
    }

    /// Sends whoever has this name or address a link with which to set a new password. Nobody is told whether there is
    /// such a user.
    pub fn forgot_password(&self, account: &str, from: Option<IpAddr>) {
        let (hub, account) = (self.clone(), account.trim().to_owned());
        behind_the_answer(async move {
            let found = match account.parse::<Name>() {
                Ok(name) => hub.catalog().find_user(&name).await,
                Err(_) => hub.catalog().find_user_by_email(&account).await,
            };
            match found {
                Ok(Some(user)) if user.active => hub.send_link(&user, MailPurpose::Reset, from).await,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "who forgot a password could not be looked for"),
            }
        });
    }

    async fn send_link(&self, user: &User, purpose: MailPurpose, from: Option<IpAddr>) {
        match self.try_to_send(user, purpose, from).await {
            Ok(()) => {}
            Err(Failure::TooManyAttempts { .. }) => tracing::info!(user = %user.name, "too many mails; none is sent"),
            Err(error) => tracing::warn!(%error, user = %user.name, "a mail was not sent"),
        }
    }

    async fn try_to_send(&self, user: &User, purpose: MailPurpose, from: Option<IpAddr>) -> Result<()> {
        let Some(email) = user.email.clone() else { return Ok(()) };
        // Never taken back: each mail counts.
        self.attempt(&format!("mail to {}", user.key), from).await?;
        let token = random_text()?;
        let lifetime = if purpose == MailPurpose::Verify { VERIFY } else { RESET };
        let new = NewMailToken {
            digest: self.0.tickets.digest("mail", &token),
            user: user.key,
            purpose,
            email: email.clone(),
            expires_at: self.now().after(lifetime),
        };
        self.catalog().create_mail_token(new).await?;
        let (site, base) = (&self.settings().site_name, &self.settings().link_base);
        let (subject, text) = match purpose {
            MailPurpose::Verify => (
                format!("{site}: verify your e-mail address"),
                format!(
                    "Hello {},\n\nthis link verifies your e-mail address, once and within a day:\n\n\
                     {base}/login/verify?token={token}\n\nIf you have no account at {base}, leave it aside.\n",
                    user.name
                ),
            ),
            MailPurpose::Reset => (
                format!("{site}: a new password"),
                format!(
                    "Hello {},\n\nwith this link you set a new password, once and within an hour:\n\n\
                     {base}/login/reset?token={token}\n\nIf you did not ask for it, leave it aside.\n",
                    user.name
                ),
            ),
        };
        let sent = self.0.parts.mail.send(&email, &subject, &text).await;
        sent.map_err(|why| Failure::Unavailable(Error::new(ErrorKind::Unavailable, "mail", why)))
    }

    /// Verifies an address by the link that was sent there, and begins a session for its user. `Invalid` where the link
    /// is over.
    pub async fn verify_email(&self, token: &str) -> Result<Session> {
        let user = self.take_link(token, MailPurpose::Verify).await?;
        let (object, details) = (user_object(&user.name), json!({ "email_verified": true }));
        self.put_on_record(By::User(&user), "user.change", object, details).await?;
        if !user.active {
            return Err(Failure::Forbidden(format!("The account '{}' is disabled", user.name)));
        }
        let (instance, _) = self.credentials()?;
        let instance = instance.to_owned();
        let (subject, _) = self.own_credentials(&user).await?;
        self.session_of(user, &instance, &subject).await
    }

    /// Sets a new password by the link that was sent for it, which ends the user's sessions. `Invalid` where the link is
    /// over or the password too short.
    pub async fn reset_password(&self, token: &str, password: &Secret) -> Result<User> {
        self.check_password_rule(password)?;
        let user = self.take_link(token, MailPurpose::Reset).await?;
        let (subject, credentials) = self.own_credentials(&user).await?;
        credentials.set_password(&subject, Some(password)).await?;
        let object = user_object(&user.name);
        self.put_on_record(By::User(&user), "password.set", object, json!({ "by": "mail" })).await?;
        Ok(user)
    }

    async fn take_link(&self, token: &str, purpose: MailPurpose) -> Result<User> {
        let digest = self.0.tickets.digest("mail", token);
        let taken = self.catalog().take_mail_token(digest, purpose, self.now()).await?;
        taken.ok_or_else(|| Failure::Invalid("This link is over, or was used already: ask for another".to_owned()))
    }

    /// Removes links that nobody can use any more.
    pub async fn sweep_mail_links(&self) -> Result<usize> {
        Ok(self.catalog().sweep_mail_tokens(self.now()).await?)
    }
}
