//! Users and their credentials, for whoever runs the hub.
//!
//! These verbs ask for no caller: [`Operator`] is the right, and only the command line and the start of the hub have it.

use ballast_catalog::{Clash, NewUser, User, UserPatch};
use ballast_contract::auth::{Credentials, NewToken, TokenInfo};
use ballast_types::{Name, Secret};

use crate::{Failure, Hub, Result};

/// The right to everything, held by whoever can read the hub's own files.
#[derive(Clone)]
pub struct Operator {
    pub(crate) hub: Hub,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: Name,
    pub full_name: String,
    pub email: Option<String>,
    pub password: Option<Secret>,
    pub administrator: bool,
}

/// A token and, this once, its value.
#[derive(Clone, Debug)]
pub struct CreatedToken {
    pub info: TokenInfo,
    pub value: Secret,
}

const PAGE: usize = 1000;

impl Hub {
    /// For the program that runs the hub; no request ever reaches this.
    pub fn operator(&self) -> Operator {
        Operator { hub: self.clone() }
    }

    /// The instance that keeps local credentials.
    fn credentials(&self) -> Result<(&str, &dyn Credentials)> {
        let keeps = |(name, auth): &'_ &(String, std::sync::Arc<dyn ballast_contract::auth::Auth>)| {
            auth.credentials().is_some() && !name.is_empty()
        };
        let found = self.0.parts.auth.iter().find(keeps);
        let found = found.and_then(|(name, auth)| Some((name.as_str(), auth.credentials()?)));
        let why = "No auth plugin of this deployment keeps passwords and tokens of its own";
        found.ok_or_else(|| Failure::Unsupported(why.to_owned()))
    }
}

impl Operator {
    /// Makes a user, who can log in once there is a password or a token.
    pub async fn create_user(&self, new: NewAccount) -> Result<User> {
        match new.name.is_reserved() {
            true => Err(Failure::Invalid(format!("The name '{}' is reserved for the hub's own pages", new.name))),
            false => self.create_account(new).await,
        }
    }

    /// The same without a look at the reserved names: the first administrator has one.
    pub(crate) async fn create_account(&self, new: NewAccount) -> Result<User> {
        let (instance, credentials) = self.hub.credentials()?;
        if let Some(password) = &new.password {
            self.check_password_rule(password)?;
        }
        let row = NewUser {
            name: new.name.clone(),
            full_name: new.full_name,
            email: new.email,
            email_verified: true,
            administrator: new.administrator,
            created_at: self.hub.now(),
        };
        let user = self.hub.catalog().create_user(row).await.map_err(|error| match Clash::of(&error) {
            Some(Clash::Email) => Failure::Conflict("This e-mail address belongs to another user".to_owned()),
            Some(_) => Failure::Conflict(format!("The name '{}' is taken, perhaps in another spelling", new.name)),
            None => error.into(),
        })?;
        let subject = user.key.to_string();
        self.hub.catalog().link_identity(instance, &subject, user.key).await?;
        if let Some(password) = &new.password {
            credentials.set_password(&subject, Some(password)).await?;
        }
        Ok(user)
    }

    /// The user of a name. `NotFound` says which.
    pub async fn get_user(&self, name: &Name) -> Result<User> {
        let found = self.hub.catalog().find_user(name).await?;
        found.ok_or_else(|| Failure::NotFound(format!("There is no user '{name}'")))
    }

    /// Every user, oldest first, page by page; `after` is the last one of the page before.
    pub async fn list_users(&self, after: Option<&User>) -> Result<Vec<User>> {
        Ok(self.hub.catalog().list_users(after.map(|user| user.key), PAGE).await?)
    }

    /// Sets a password, which ends the user's sessions.
    pub async fn set_password(&self, user: &User, password: &Secret) -> Result<()> {
        self.check_password_rule(password)?;
        let (instance, credentials) = self.hub.credentials()?;
        let subject = self.subject(user, instance).await?;
        Ok(credentials.set_password(&subject, Some(password)).await?)
    }

    /// Shuts a user out, or lets them in again; what they own stays.
    pub async fn set_active(&self, user: &User, active: bool) -> Result<()> {
        let patch = UserPatch { active: Some(active), ..UserPatch::default() };
        self.hub.catalog().update_user(user.key, patch).await?;
        Ok(())
    }

    /// Makes a token for a user.
    pub async fn create_token(&self, user: &User, token: &NewToken) -> Result<CreatedToken> {
        let (instance, credentials) = self.hub.credentials()?;
        let subject = self.subject(user, instance).await?;
        let (info, value) = credentials.create_token(&subject, token).await?;
        Ok(CreatedToken { info, value })
    }

    /// A user's tokens, oldest first.
    pub async fn list_tokens(&self, user: &User) -> Result<Vec<TokenInfo>> {
        let (instance, credentials) = self.hub.credentials()?;
        let subject = self.subject(user, instance).await?;
        let (mut tokens, mut after) = (vec![], None);
        loop {
            let page = credentials.tokens(&subject, after, PAGE).await?;
            tokens.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(tokens);
            }
        }
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, user: &User, id: i64) -> Result<()> {
        let (instance, credentials) = self.hub.credentials()?;
        let subject = self.subject(user, instance).await?;
        Ok(credentials.revoke_token(&subject, id).await?)
    }

    pub(crate) async fn is_password(&self, user: &User, password: &Secret) -> Result<bool> {
        let (instance, credentials) = self.hub.credentials()?;
        let subject = self.subject(user, instance).await?;
        Ok(credentials.check_password(Some(&subject), password).await?.is_some())
    }

    async fn subject(&self, user: &User, instance: &str) -> Result<String> {
        let subjects = self.hub.catalog().subjects_of(user.key, instance).await?;
        match subjects.into_iter().next() {
            Some(subject) => Ok(subject),
            // Made while another plugin kept the credentials.
            None => {
                let subject = user.key.to_string();
                self.hub.catalog().link_identity(instance, &subject, user.key).await?;
                Ok(subject)
            }
        }
    }

    fn check_password_rule(&self, password: &Secret) -> Result<()> {
        let least = self.hub.settings().min_password;
        match password.expose().chars().count() < least {
            true => Err(Failure::Invalid(format!("The password is too short: it needs at least {least} characters"))),
            false => Ok(()),
        }
    }
}
