//! Makes an account for whoever asks for one.

use std::net::IpAddr;

use ballast_catalog::{Clash, NewUser};
use ballast_types::{Name, Secret};
use serde_json::json;

use crate::audit::{By, user_object};
use crate::hub::Registration;
use crate::operation::random_key;
use crate::{Failure, Hub, Result, User};

/// Somebody who wants an account.
#[derive(Clone, Debug)]
pub struct Applicant {
    pub name: String,
    pub email: String,
    pub password: Secret,
    /// The token of an invitation.
    pub invitation: Option<String>,
}

impl Hub {
    /// Makes an account. `Forbidden` where registration is closed or needs an invitation; `Invalid` for a name or
    /// address that is taken, reserved or none, and for a password that is too short. An invitation makes them a member in
    /// the same step.
    pub async fn register(&self, applicant: Applicant, from: Option<IpAddr>) -> Result<User> {
        self.check_registration(applicant.invitation.is_some())?;
        let name: Name = applicant.name.parse().map_err(Failure::invalid)?;
        if name.is_reserved() {
            return Err(Failure::Invalid(format!("The name '{name}' is reserved for the hub's own pages")));
        }
        let email = checked_email(&applicant.email)?;
        self.check_password_rule(&applicant.password)?;
        let invitation = match &applicant.invitation {
            Some(token) => Some(self.invitation_to_register(token, &email).await?),
            None => None,
        };
        // Before the slow hash, and again by the database afterwards.
        if self.catalog().find_similar_namespace(&name).await?.is_some() {
            return Err(taken(&name));
        }
        let new = NewUser {
            name,
            full_name: String::new(),
            email: Some(email),
            email_verified: false,
            administrator: false,
            created_at: self.now(),
        };
        let user = self.make_account(new, &applicant.password, invitation).await?;
        if self.settings().require_email_verification {
            self.send_verification(&user, from);
        }
        Ok(user)
    }

    /// The password comes first, for a subject that nobody is yet: what a crash in between leaves behind lets nobody in,
    /// and holds no name.
    async fn make_account(&self, new: NewUser, password: &Secret, invitation: Option<i64>) -> Result<User> {
        let (instance, credentials) = self.credentials()?;
        let subject = format!("{:016x}{:016x}", random_key()?, random_key()?);
        credentials.set_password(&subject, Some(password)).await?;
        let name = new.name.clone();
        let details = json!({ "invitation": invitation, "email": new.email });
        let noted = self.noting(By::Newcomer(&name), "user.register", user_object(&name), details);
        match noted.register_user(new, instance, &subject, invitation).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => {
                credentials.forget(&subject).await?;
                Err(Failure::Forbidden("The invitation is over: somebody else was faster".to_owned()))
            }
            Err(error) => {
                credentials.forget(&subject).await?;
                Err(match Clash::of(&error) {
                    Some(Clash::Email) => Failure::Invalid("This e-mail address belongs to another user".to_owned()),
                    Some(Clash::Namespace) => taken(&name),
                    _ => error.into(),
                })
            }
        }
    }

    fn check_registration(&self, invited: bool) -> Result<()> {
        match self.settings().registration {
            Registration::Open => Ok(()),
            Registration::Invitation if invited => Ok(()),
            Registration::Invitation => {
                Err(Failure::Forbidden("Registration needs an invitation: ask a member for one".to_owned()))
            }
            Registration::Closed => {
                Err(Failure::Forbidden("Registration is closed: whoever runs this hub makes the accounts".to_owned()))
            }
        }
    }

    pub(crate) fn check_password_rule(&self, password: &Secret) -> Result<()> {
        let least = self.settings().min_password;
        let length = password.expose().chars().count();
        if length < least {
            return Err(Failure::Invalid(format!("The password is too short: it needs at least {least} characters")));
        }
        match length > LONGEST_PASSWORD {
            true => Err(Failure::Invalid(format!("The password is longer than {LONGEST_PASSWORD} characters"))),
            false => Ok(()),
        }
    }
}

/// In characters; a phrase fits, and hashing it costs nothing to speak of.
const LONGEST_PASSWORD: usize = 1024;
/// What SMTP carries, in bytes.
const LONGEST_EMAIL: usize = 254;

fn taken(name: &Name) -> Failure {
    Failure::Invalid(format!("The name '{name}' is taken, perhaps in another spelling"))
}

/// An e-mail address as it is kept: whether it reaches anybody, only a message can tell.
pub(crate) fn checked_email(text: &str) -> Result<String> {
    let text = text.trim();
    let parts = text.rsplit_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty());
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"' | '\\');
    match parts.is_none() || text.contains(odd) || text.len() > LONGEST_EMAIL || text.matches('@').count() > 1 {
        true => Err(Failure::Invalid("This is no e-mail address: it has the form name@example.org".to_owned())),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@b\r\nBcc: x@y", "<a@b>", "a\0@b", &"x".repeat(300)] {
            assert!(checked_email(text).is_err(), "{text:?}");
        }
        assert_eq!(checked_email(" Ada+hub@example.org ").unwrap(), "Ada+hub@example.org");
    }
}
